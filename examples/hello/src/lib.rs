//! A binding of one's own: greets every client, then ends.

use zilla_sdk::prelude::*;

/// `options` of the binding in `zilla.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HelloOptions {
    /// Text sent to each client, at most 1 KiB.
    #[schemars(length(max = 1024))]
    greeting: String,
}

/// `type: hello`, `kind: server`.
pub struct Hello(HelloOptions);

impl Binding for Hello {
    const TYPE: &'static str = "hello";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = HelloOptions;
    type Stream = Greeting;

    fn attach(config: BindingConfig<HelloOptions>) -> Result<Self, ConfigError> {
        Ok(Self(config.options))
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Greeting, Reset> {
        cx.reply().begin();
        Ok(Greeting(self.0.greeting.clone().into_bytes()))
    }
}

/// What is left of the greeting: sent as the peer grants credit.
pub struct Greeting(Vec<u8>);

impl Stream for Greeting {
    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        cx.reply().data(&mut self.0); // takes what the credit allows, leaves the rest
        if self.0.is_empty() {
            cx.reply().end();
        }
    }
}

zilla_sdk::export!(Hello);

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_sdk::testing::*;

    #[test]
    fn sends_the_greeting_as_credit_allows() {
        let limits = Limits { initial_credit: 0, ..Limits::default() };
        let hello = Harness::<Hello>::attach_with("kind: server\noptions: {greeting: Hello!}", limits);
        let mut client = hello.unwrap().open(begin());
        client.recv(begun());
        client.recv_nothing();
        client.send(window(4));
        client.recv(data("Hell"));
        client.recv_nothing();
        client.send(window(8));
        client.recv(data("o!"));
        client.recv(end());
    }

    #[test]
    fn forgets_a_client_that_leaves() {
        let hello = Harness::<Hello>::attach("kind: server\noptions: {greeting: Hello!}").unwrap();
        let mut client = hello.open(begin());
        client.recv(begun());
        client.recv(data("Hello!"));
        client.recv(end());
        client.send(end());
        assert!(client.is_over());
        assert_eq!(hello.streams(), 0);
    }

    #[test]
    fn refuses_what_a_client_says() {
        let mut client =
            Harness::<Hello>::attach("kind: server\noptions: {greeting: Hi}").unwrap().open(begin());
        client.send(data("Who is there?"));
        client.recv(begun());
        client.recv(data("Hi"));
        client.recv(end());
        client.recv(reset(CloseCode::Refused));
    }

    #[test]
    fn needs_a_greeting() {
        let errors = Harness::<Hello>::attach("kind: server").unwrap_err();
        assert_eq!(errors[0].path, "/options");
        assert_eq!(errors[0].found, "missing field `greeting`");
    }
}
