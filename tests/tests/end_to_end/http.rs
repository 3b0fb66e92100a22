//! HTTP over real sockets: `tcp` to `http` to `echo`, each response with what its request brought.

mod bodies;
mod curl;
mod h2;
mod hostile;
mod proxy;
mod refusals;
mod requests;
mod timeouts;
mod upstreams;

use zilla_tests::http::HttpClient;
use zilla_tests::{Host, Ports, config};

/// A host, and the port that it serves HTTP on.
struct Web {
    host: Host,
    port: Ports,
}

impl Web {
    #[track_caller]
    fn start() -> Self {
        Self::with("{}")
    }

    /// With `options` of the binding, in one line.
    #[track_caller]
    fn with(options: &str) -> Self {
        let port = Ports::one();
        Self { host: Host::start(&config::http_echo_with(&port, options)), port }
    }

    #[track_caller]
    fn connect(&self) -> HttpClient {
        HttpClient::connect(self.port.first())
    }

    /// Expects that a new client is answered.
    #[track_caller]
    fn expect_well(&self) {
        assert_eq!(self.connect().ask(post("are you well?")).text(), "are you well?");
    }
}

/// A request with a body.
pub(crate) fn post(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A request without one.
pub(crate) const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
