//! Its file is called `binding_lie`, and it says that it is of type `truth`.

use zilla_sdk::prelude::*;

/// `type: truth`, `kind: server`.
pub struct Lie;

/// A stream that closes.
pub struct Nothing;

impl Binding for Lie {
    const TYPE: &'static str = "truth";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Nothing;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn accept(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<Nothing, Reset> {
        Ok(Nothing)
    }
}

impl Stream for Nothing {}

zilla_sdk::export!(Lie);
