//! HTTP to upstreams over TLS: which version is spoken, ALPN decides.

use crate::support::pki::Pki;
use crate::support::yaml::{binding, tcp, vault};
use std::process::Command;
use zilla_tests::{Host, Ports, Server, command};

/// `tcp` to `http` to a `http` client over TLS, with options of the client and of TLS.
fn before(pki: &Pki, port: u16, upstream: u16, client: &str, tls: &str) -> String {
    let tls = format!("vault: own\noptions: {{trust: [ca], sni: [a.test]{tls}}}\nexit: south");
    [
        vault(pki, &[]),
        tcp("north", port, "web"),
        binding("web", "http", "server", "exit: origins"),
        binding("origins", "http", "client", &format!("options: {{{client}}}\nexit: secure")),
        binding("secure", "tls", "client", &tls),
        binding("south", "tcp", "client", &format!("options: {{host: 127.0.0.1, port: {upstream}}}")),
    ]
    .concat()
}

/// nginx over TLS, with or without HTTP/2.
fn nginx(pki: &Pki, listen: &str) -> Server {
    pki.issue("a", &["a.test"]);
    let path = pki.path().display();
    let nginx =
        Server::nginx(listen, &format!("ssl_certificate {path}/a.crt;\nssl_certificate_key {path}/a.key;"));
    nginx.folder().write("www/file", "hello");
    nginx
}

/// What curl gets of the file, and the status.
#[track_caller]
fn ask(port: u16) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "30", "--write-out", " %{http_code}"]);
    curl.arg(format!("http://127.0.0.1:{port}/file"));
    command::run(&mut curl).stdout
}

#[test]
fn alpn_decides_which_version_is_spoken() {
    for (listen, client, tls, version) in [
        ("ssl http2", "", "", "HTTP/2.0"),
        ("ssl", "", "", "HTTP/1.1"),
        ("ssl http2", "versions: [http/1.1]", "", "HTTP/1.1"),
        ("ssl http2", "versions: [h2]", "", "HTTP/2.0"),
        ("ssl http2", "", ", alpn: [http/1.1]", "HTTP/1.1"),
        ("ssl http2", "", ", alpn: [h2, http/1.1]", "HTTP/2.0"),
    ] {
        let (pki, port) = (Pki::new(), Ports::one());
        let nginx = nginx(&pki, listen);
        let _host = Host::start(&before(&pki, port.first(), nginx.port(), client, tls));
        for _ in 0..2 {
            assert_eq!(ask(port.first()), "hello 200", "{listen}, {client}{tls}");
        }
        zilla_tests::until("both are logged", || nginx.requests().len() == 2);
        for [.., logged, _, _] in nginx.requests() {
            assert_eq!(logged, version, "{listen}, {client}{tls}");
        }
    }
}

#[test]
fn what_tls_has_agreed_on_and_is_not_spoken_is_in_the_log() {
    for (client, tls, why) in [
        ("versions: [h2]", ", alpn: [http/1.1]", "`versions` has h2 alone"),
        ("versions: [http/1.1]", ", alpn: [h2]", "`versions` has http/1.1 alone"),
    ] {
        let (pki, port) = (Pki::new(), Ports::one());
        let nginx = nginx(&pki, "ssl http2");
        let host = Host::start(&before(&pki, port.first(), nginx.port(), client, tls));
        assert!(ask(port.first()).ends_with(" 502"));
        host.log().wait_for(why, |line| line.message().contains(why));
    }
}
