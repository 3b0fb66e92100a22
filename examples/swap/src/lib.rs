//! A binding to swap: tells every client which version greets it, then ends.

use zilla_sdk::prelude::*;

/// What the next version changes.
const GREETING: &str = "greetings from version one\n";

/// `type: greet`, `kind: server`.
pub struct Greet;

impl Binding for Greet {
    const TYPE: &'static str = "greet";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Greeting;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Greeting, Reset> {
        cx.reply().begin();
        Ok(Greeting(GREETING.as_bytes()))
    }
}

/// What is left of the greeting: sent as the peer grants credit.
pub struct Greeting(&'static [u8]);

impl Stream for Greeting {
    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        let sent = cx.reply().data_slice(self.0); // takes what the credit allows
        self.0 = &self.0[sent..];
        if self.0.is_empty() {
            cx.reply().end();
        }
    }
}

zilla_sdk::export!(Greet);

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_sdk::testing::*;

    #[test]
    fn says_its_version_as_credit_allows() {
        let limits = Limits { initial_credit: 0, ..Limits::default() };
        let mut client = Harness::<Greet>::attach_with("kind: server", limits).unwrap().open(begin());
        client.recv(begun());
        client.recv_nothing();
        client.send(window(10));
        client.recv(data("greetings "));
        client.recv_nothing();
        client.send(window(64));
        client.recv(data("from version one\n"));
        client.recv(end());
    }

    #[test]
    fn forgets_a_client_that_leaves() {
        let greet = Harness::<Greet>::attach("kind: server").unwrap();
        let mut client = greet.open(begin());
        client.recv(begun());
        client.recv(data(GREETING));
        client.recv(end());
        client.send(end());
        assert!(client.is_over());
        assert_eq!(greet.streams(), 0);
    }
}
