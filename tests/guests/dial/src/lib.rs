//! Opens a stream with an attribute that its peer names in a first line, as `authority example.com:80`, and tells it
//! what comes of that: a line with the attributes of the answer and whatever follows, or one with the close code.

use zilla_sdk::prelude::*;

/// `type: dial`, `kind: proxy`.
pub struct Dial;

/// One peer, and what it dialled.
#[derive(Default)]
pub struct Call {
    opened: Option<StreamId>,
    is_over: bool,
}

impl Binding for Dial {
    const TYPE: &'static str = "dial";
    const KINDS: &'static [Kind] = &[Kind::Proxy];
    type Options = NoOptions;
    type Stream = Call;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Opened)
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Call, Reset> {
        cx.reply().begin();
        Ok(Call::default())
    }
}

impl Call {
    fn dial(&mut self, line: &str, cx: &mut Context<'_>) {
        let (name, value) = line.trim_end().split_once(' ').unwrap_or(("", ""));
        let opened = cx.open(|attributes| {
            if !name.is_empty() {
                attributes.push(name, value);
            }
        });
        self.opened = opened.ok();
    }

    fn tell_close(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.is_over, true) {
            cx.reply().data_slice(format!("{code:?}\n").as_bytes());
            cx.reply().end();
        }
    }
}

impl Stream for Call {
    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        let text = |(name, value): (&[u8], &[u8])| {
            format!("{}={} ", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        let line: String = begin.attributes.iter().map(text).collect();
        cx.reply().data_slice(format!("{}\n", line.trim_end()).as_bytes());
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        match self.opened {
            None => self.dial(&String::from_utf8_lossy(&data.payload), cx),
            Some(opened) if cx.stream() == opened => drop(cx.reply().pass(&data)),
            Some(opened) => drop(cx.to(opened).pass(&data)),
        }
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match cx.stream() == cx.accepted() {
            true => cx.close(CloseCode::Cancelled),
            false => self.tell_close(code, cx),
        }
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match cx.stream() == cx.accepted() {
            true => cx.close(CloseCode::Cancelled),
            false => self.tell_close(code, cx),
        }
    }

    fn on_end(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        match self.opened {
            Some(opened) if cx.stream() == opened => cx.reply().end(),
            Some(opened) => cx.to(opened).end(),
            None => cx.reply().end(),
        }
    }
}

zilla_sdk::export!(Dial);
