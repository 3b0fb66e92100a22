//! Reflects its payload, until one says to never return.

use zilla_sdk::prelude::*;

/// `type: spin`, `kind: server`.
pub struct Spin;

/// One reflected stream.
pub struct Reflection;

impl Binding for Spin {
    const TYPE: &'static str = "spin";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Reflection;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Reflection, Reset> {
        cx.reply().begin();
        Ok(Reflection)
    }
}

impl Stream for Reflection {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        if data.payload.as_slice() == b"spin" {
            loop {
                std::hint::spin_loop();
            }
        }
        cx.reply().pass(&data);
    }
}

zilla_sdk::export!(Spin);
