//! A binding for tests that opens a stream for each that it accepts, and relays between the two.

use crate::prelude::*;
use std::collections::BTreeMap;

/// `type: relay`. An advisory `run: <octets>` makes it forward that many octets of the same direction.
pub(super) struct Relay;

impl Binding for Relay {
    const TYPE: &'static str = "relay";
    const KINDS: &'static [Kind] = &[Kind::Proxy];
    type Options = NoOptions;
    type Stream = Pair;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Accepted)
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Pair, Reset> {
        let exit = cx.open(|attributes| attributes.append(begin.attributes));
        let exit = exit.map_err(|_| Reset(CloseCode::Limit))?;
        Ok(Pair { exit, lanes: BTreeMap::new() })
    }
}

/// Two streams, and what each is yet to be sent.
pub(super) struct Pair {
    exit: StreamId,
    lanes: BTreeMap<StreamId, Lane>,
}

/// One direction, by the stream that it is sent on.
#[derive(Default)]
struct Lane {
    pending: Vec<u8>,
    ended: bool,
}

impl Pair {
    fn other(&self, cx: &Context<'_>) -> StreamId {
        if cx.stream() == self.exit { cx.accepted() } else { self.exit }
    }

    fn send(&mut self, from: StreamId, to: StreamId, cx: &mut Context<'_>) {
        let lane = self.lanes.entry(to).or_default();
        let before = lane.pending.len();
        cx.to(to).data(&mut lane.pending);
        cx.from(from).consume((before - lane.pending.len()) as u64);
        if lane.ended && lane.pending.is_empty() {
            cx.to(to).end();
        }
    }
}

impl Stream for Pair {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        cx.reply().begin_with(|attributes| attributes.append(begin.attributes));
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let (from, to) = (cx.stream(), self.other(cx));
        let lane = self.lanes.entry(to).or_default();
        let passed = if lane.pending.is_empty() { cx.to(to).pass_payload(data.payload) } else { 0 };
        lane.pending.extend_from_slice(&data.payload[passed..]);
        cx.from(from).consume(passed as u64);
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let (from, to) = (cx.stream(), self.other(cx));
        let is_free = self.lanes.get(&to).is_none_or(|lane| lane.pending.is_empty());
        match attributes.get_str("run").and_then(|octets| octets.parse().ok()) {
            Some(octets) if is_free => {
                cx.forward(from, to, octets);
            }
            Some(_) => {}
            None => cx.to(to).flush_with(|advisory| advisory.append(attributes)),
        }
    }

    fn on_forwarded(&mut self, missing: u64, cx: &mut Context<'_>) {
        let to = self.other(cx);
        if missing == 0 {
            cx.to(to).flush_with(|attributes| attributes.push("run", "done"));
        }
    }

    fn on_end(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let (from, to) = (cx.stream(), self.other(cx));
        self.lanes.entry(to).or_default().ended = true;
        self.send(from, to, cx);
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let to = self.other(cx);
        cx.to(to).abort(code);
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        let (from, to) = (self.other(cx), cx.stream());
        self.send(from, to, cx);
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let from = self.other(cx);
        cx.from(from).reset(code);
    }

    fn on_challenge(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let from = self.other(cx);
        cx.from(from).challenge_with(|challenge| challenge.append(attributes));
    }
}
