//! Chromium through `tls` and `http`, which is how the pages of an upstream reach people.

use crate::support::pki::Pki;
use crate::support::yaml::{binding, server_with};
use zilla_tests::{Browser, Host, Ports, pages};

const SCRIPTS: usize = 200;

/// A page that refers to as many scripts, and such a script, which says that it came.
fn page(path: &str) -> Option<pages::Page> {
    if path == "/" {
        let script = |number| format!("<script async src='/{number}.js'></script>");
        let scripts: String = (0..SCRIPTS).map(script).collect();
        let start = "<!doctype html><title>scripts</title><script>came = []</script>";
        return Some(("text/html", format!("{start}{scripts}")));
    }
    let number: usize = path.strip_prefix('/')?.strip_suffix(".js")?.parse().ok()?;
    Some(("text/javascript", format!("came.push({number})")))
}

#[test]
fn a_page_of_two_hundred_scripts_is_loaded_over_http_2() {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["localhost"]);
    let origin = pages::serve(page);
    let rest = "options: {keys: [a], alpn: [h2, http/1.1]}\nexit: web";
    let yaml = [
        server_with(&pki, port.first(), &["a"], rest),
        binding("web", "http", "server", "exit: origins"),
        binding("origins", "http", "client", "exit: plain"),
        binding("plain", "tcp", "client", &format!("options: {{host: 127.0.0.1, port: {origin}}}")),
    ]
    .concat();
    let _host = Host::start(&yaml);
    let mut browser = Browser::open(&format!("https://localhost:{port}/"));
    let came = browser.evaluate("came.sort((one, other) => one - other).join()");
    let all: Vec<String> = (0..SCRIPTS).map(|number| number.to_string()).collect();
    assert_eq!(came, all.join(","));
    let versions = browser.evaluate(
        "performance.getEntries()
            .filter(entry => entry.entryType === 'navigation' || entry.initiatorType === 'script')
            .map(entry => entry.nextHopProtocol).join()",
    );
    assert_eq!(versions, vec!["h2"; 1 + SCRIPTS].join(","), "of the page and its scripts");
}
