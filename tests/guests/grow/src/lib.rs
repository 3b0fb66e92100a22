//! Reflects its payload, until one says to take all the memory there is.

use zilla_sdk::prelude::*;

/// `type: grow`, `kind: server`.
pub struct Grow(Vec<Vec<u8>>);

/// One reflected stream.
pub struct Reflection {
    hoard: Vec<Vec<u8>>,
}

/// Octets of one allocation.
const PIECE_OCTETS: usize = 1 << 20;

impl Binding for Grow {
    const TYPE: &'static str = "grow";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Reflection;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self(Vec::new()))
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Reflection, Reset> {
        cx.reply().begin();
        Ok(Reflection { hoard: self.0.clone() })
    }
}

impl Stream for Reflection {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        if data.payload.as_slice() == b"grow" {
            loop {
                // Untouched, or touching it would take longer than a call may.
                self.hoard.push(std::hint::black_box(Vec::with_capacity(PIECE_OCTETS)));
            }
        }
        cx.reply().pass(&data);
    }
}

zilla_sdk::export!(Grow);
