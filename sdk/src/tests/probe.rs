//! A binding for tests whose behaviour is one function.

use crate::prelude::*;
use std::marker::PhantomData;

/// What happened to a stream.
#[derive(Debug)]
pub(super) enum Event<'a> {
    Accept(Begin<'a>),
    Begin,
    Data(Data<'a>),
    End,
    Abort,
    Window,
    Reset,
    Signal(u32),
    Forwarded(u64),
    Drain,
}

/// What a test makes of it; `kept` is what the stream keeps from event to event.
pub(super) trait Act: Sized + 'static {
    fn act(event: Event<'_>, kept: &mut Vec<u8>, cx: &mut Context<'_>);
}

/// A binding that acts as `A` does. It refuses a stream that `A` leaves an `x` for.
pub(super) struct Probe<A>(PhantomData<A>);

pub(super) struct ProbeStream<A>(Vec<u8>, PhantomData<A>);

impl<A: Act> Binding for Probe<A> {
    const TYPE: &'static str = "probe";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = ProbeStream<A>;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self(PhantomData))
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<ProbeStream<A>, Reset> {
        let mut kept = Vec::new();
        A::act(Event::Accept(begin), &mut kept, cx);
        if kept == b"x" { Err(Reset(CloseCode::Limit)) } else { Ok(ProbeStream(kept, PhantomData)) }
    }
}

impl<A: Act> Stream for ProbeStream<A> {
    fn on_begin(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) {
        A::act(Event::Begin, &mut self.0, cx);
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        A::act(Event::Data(data), &mut self.0, cx);
    }

    fn on_end(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        A::act(Event::End, &mut self.0, cx);
    }

    fn on_abort(&mut self, _code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        A::act(Event::Abort, &mut self.0, cx);
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        A::act(Event::Window, &mut self.0, cx);
    }

    fn on_reset(&mut self, _code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        A::act(Event::Reset, &mut self.0, cx);
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        A::act(Event::Signal(token), &mut self.0, cx);
    }

    fn on_forwarded(&mut self, missing: u64, cx: &mut Context<'_>) {
        A::act(Event::Forwarded(missing), &mut self.0, cx);
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        A::act(Event::Drain, &mut self.0, cx);
    }
}
