//! Reflects its payload, until one says how to trap.

use zilla_sdk::prelude::*;

/// `type: trap`, `kind: server`.
pub struct Trap;

/// One reflected stream.
pub struct Reflection;

/// Octets of `random` that a call may ask for, and one more.
const TOO_MUCH_RANDOM_OCTETS: u32 = 4097;

impl Binding for Trap {
    const TYPE: &'static str = "trap";
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

    fn detach(self) {
        panic!("detached in a panic");
    }
}

impl Stream for Reflection {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        match data.payload.as_slice() {
            b"panic" => panic!("the payload said so"),
            b"recurse" => drop(recurse(u64::from(cx.stream()))),
            b"random" => drop(zilla_sdk::host::random(TOO_MUCH_RANDOM_OCTETS)),
            b"bounds" => drop(beyond(cx.stream() as usize)),
            _ => drop(cx.reply().pass(&data)),
        }
    }
}

/// Goes down until the stack is full.
fn recurse(depth: u64) -> u64 {
    if std::hint::black_box(depth) == u64::MAX { 0 } else { recurse(depth + 1) + depth }
}

/// Reads where there is no memory.
fn beyond(id: usize) -> u8 {
    let none: Vec<u8> = std::hint::black_box(Vec::new());
    none[id]
}

zilla_sdk::export!(Trap);
