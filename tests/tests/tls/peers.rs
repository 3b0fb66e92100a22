//! HTTP/2 over TLS, spoken by clients that others have written.

use crate::support::pki::Pki;
use crate::support::yaml::{binding, echo, server_with};
use std::path::Path;
use std::process::Command;
use zilla_tests::{Host, Ports, command, files};

/// A host that echoes over HTTP/2 and TLS, as `localhost`.
struct Site {
    pki: Pki,
    port: Ports,
    _host: Host,
}

impl Site {
    #[track_caller]
    fn start() -> Self {
        let (pki, port) = (Pki::new(), Ports::one());
        pki.issue("a", &["localhost"]);
        let secure = server_with(&pki, port.first(), &["a"], "options: {keys: [a], alpn: [h2]}\nexit: web");
        // The echo at the end of `server_with` is the exit.
        let web = binding("web", "http", "server", "options: {upgrade: [websocket]}\nexit: south");
        assert!(secure.contains(&echo("south")));
        let host = Host::start(&(secure + &web));
        Self { pki, port, _host: host }
    }

    /// What a client prints, who is run with these arguments.
    #[track_caller]
    fn run(&self, program: &Path, arguments: &[&str]) -> String {
        let mut client = Command::new(program);
        client.args(arguments).current_dir(self.pki.path());
        let output = command::run(&mut client);
        assert_eq!(output.code, Some(0), "{} {arguments:?}: {output:?}", program.display());
        output.stdout
    }

    /// Runs a script of `peers/` with the port and the CA, and expects that all is well.
    #[track_caller]
    fn run_python(&self, script: &str) {
        let python = files::root().join("target/venv/bin/python");
        let install = "python3 -m venv target/venv && target/venv/bin/pip install h2 'httpx[http2]'";
        assert!(python.is_file(), "there is no {}; to install it: {install}", python.display());
        let script = files::root().join("tests/tests/tls/peers").join(script);
        let said = self.run(&python, &[&script.display().to_string(), &self.port.to_string(), "ca.pem"]);
        assert_eq!(said, "well\n");
    }
}

#[test]
fn curl_asks_for_a_hundred_things_at_a_time() {
    let site = Site::start();
    let address = format!("https://localhost:{}/[1-300]", site.port);
    let each = "%{http_version} %{response_code} %{num_connects}\n";
    let arguments =
        ["--silent", "--show-error", "--cacert", "ca.pem", "--noproxy", "*", "--http2", "--parallel"];
    let more =
        ["--parallel-max", "100", "--max-time", "25", "--output", "/dev/null", "--write-out", each, &address];
    let said = site.run(Path::new("curl"), &[&arguments[..], &more].concat());
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    let expected = [&["2 200 0"; 299][..], &["2 200 1"]].concat();
    assert_eq!(lines, expected, "one connection for all");
}

#[test]
fn httpx_asks_for_a_hundred_things_at_a_time() {
    Site::start().run_python("httpx_many.py");
}

#[test]
fn hyper_h2_speaks_another_protocol_beside_a_request() {
    Site::start().run_python("h2_tunnel.py");
}

#[test]
fn h2load_is_answered_over_tls() {
    let site = Site::start();
    let address = format!("https://localhost:{}/", site.port);
    let found = site.run(Path::new("h2load"), &["-n", "2000", "-c", "10", "-m", "100", &address]);
    assert!(found.contains("2000 succeeded, 0 failed, 0 errored"), "{found}");
}
