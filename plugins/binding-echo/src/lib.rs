#![doc = include_str!("../README.md")]

use zilla_sdk::prelude::*;

/// `type: echo`, `kind: server`. It has no options and no routes.
pub struct Echo;

impl Binding for Echo {
    const TYPE: &'static str = "echo";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Reflection;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Reflection, Reset> {
        cx.reply().pass_begin(&begin);
        Ok(Reflection { begun: false })
    }
}

/// One reflected stream.
pub struct Reflection {
    /// Whether the initial credit was seen: both directions start with it, so it is not granted again.
    begun: bool,
}

impl Stream for Reflection {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        cx.reply().pass(&data);
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
        if std::mem::replace(&mut self.begun, true) {
            cx.request().window(octets);
        }
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        cx.request().reset(code);
    }
}

zilla_sdk::export!(Echo);

#[cfg(test)]
mod tests;
