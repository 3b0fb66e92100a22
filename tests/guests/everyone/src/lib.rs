//! Has one instance for the streams of all workers, and reflects them. A payload asks who it is and how many streams
//! it has been given, or how its stream is to end, or for a panic.

use zilla_sdk::prelude::*;

/// `type: everyone`, `kind: server`.
pub struct Everyone {
    /// Random: which instance it is.
    origin: [u8; 8],
    /// Streams so far.
    count: u64,
}

impl Binding for Everyone {
    const TYPE: &'static str = "everyone";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Reflection;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        let random = zilla_sdk::host::random(8);
        Ok(Self { origin: random.try_into().expect("as many octets as were asked for"), count: 0 })
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::none().on_one_worker()
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Reflection, Reset> {
        cx.reply().pass_begin(&begin);
        self.count += 1;
        let line = format!("{:016x} {:06}\n", u64::from_be_bytes(self.origin), self.count);
        Ok(Reflection { line, has_begun: false })
    }
}

impl State for Everyone {
    fn save(&self) -> Vec<u8> {
        self.count.to_be_bytes().to_vec()
    }

    fn restore(&mut self, _version: &str, state: &[u8]) -> Result<(), String> {
        let count = state.try_into().map_err(|_| format!("a count of {} octets", state.len()))?;
        self.count = u64::from_be_bytes(count);
        Ok(())
    }
}

/// One reflected stream.
pub struct Reflection {
    /// Which instance it came to, and as the how manieth.
    line: String,
    has_begun: bool,
}

impl Stream for Reflection {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        match data.payload.as_slice() {
            b"who?" => {
                cx.reply().data_slice(self.line.as_bytes());
            }
            b"close" => cx.close(CloseCode::Refused),
            b"panic" => panic!("the payload said so"),
            _ => {
                cx.reply().pass(&data);
            }
        }
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        cx.reply().flush_with(|reflected| reflected.append(attributes));
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        cx.reply().end_with(|reflected| reflected.append(attributes));
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        cx.reply().abort(code);
    }

    fn on_window(&mut self, octets: u64, cx: &mut Context<'_>) {
        // Both directions start with the same credit, which is not to be granted again.
        if std::mem::replace(&mut self.has_begun, true) {
            cx.request().window(octets);
        }
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        cx.request().reset(code);
    }
}

zilla_sdk::export!(Everyone: State);
