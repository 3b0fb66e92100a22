//! A host with a binding that asks guards, and clients that tell it what to ask.

use std::fmt::Write as _;
use zilla_tests::host::Start;
use zilla_tests::{Client, Host, Ports};

/// A host whose `ask` binding has these routes, as items of `routes` in one line each, which may exit to `echo`, and
/// these lines of the file besides.
pub(crate) struct Site {
    pub(crate) host: Host,
    pub(crate) ports: Ports,
}

/// The lines of a file.
pub(crate) fn yaml(port: u16, more: &str, routes: &[&str]) -> String {
    let mut yaml = format!("name: test\n{more}\nbindings:\n");
    let tcp = format!("{{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: ask}}");
    let _ = write!(yaml, "  north: {tcp}\n  echo: {{type: echo, kind: server}}\n");
    yaml += "  ask:\n    type: ask\n    kind: server\n    routes:\n";
    for route in routes {
        let _ = writeln!(yaml, "      - {{exit: echo{}{route}}}", if route.is_empty() { "" } else { ", " });
    }
    yaml
}

impl Site {
    #[track_caller]
    pub(crate) fn new(more: &str, routes: &[&str]) -> Self {
        Self::with(Host::with(&["--workers", "1"]), more, routes)
    }

    #[track_caller]
    pub(crate) fn with(start: Start, more: &str, routes: &[&str]) -> Self {
        let ports = Ports::range(1);
        Self { host: start.start(&yaml(ports.first(), more, routes)), ports }
    }

    /// With these options of `ask`, and one route for everybody.
    #[track_caller]
    pub(crate) fn with_options(more: &str, options: &str) -> Self {
        let ports = Ports::range(1);
        let yaml = yaml(ports.first(), more, &[""]);
        let yaml = yaml.replacen("    type: ask\n", &format!("    type: ask\n    options: {options}\n"), 1);
        Self { host: Host::with(&["--workers", "1"]).start(&yaml), ports }
    }

    #[track_caller]
    pub(crate) fn client(&self) -> Asker {
        Asker(Client::connect(self.ports.first()))
    }
}

/// A client of `ask`.
pub(crate) struct Asker(pub(crate) Client);

impl Asker {
    /// The next line that it is told.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            match self.0.recv(1)[0] {
                b'\n' => return String::from_utf8(line).expect("a line of text"),
                octet => line.push(octet),
            }
        }
    }

    /// Says a line and waits for the answer.
    #[track_caller]
    pub(crate) fn tell(&mut self, line: &str) -> String {
        self.0.send(format!("{line}\n"));
        self.line()
    }

    /// Says a line and expects that answer.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str, answer: &str) {
        assert_eq!(self.tell(line), answer, "{line}");
    }

    /// Expects that the last stream that was opened is open.
    #[track_caller]
    pub(crate) fn expect_open(&mut self) {
        self.expect("say well", "said well");
    }
}
