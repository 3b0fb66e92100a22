//! Chromium through `tls` and `http`, which is how the pages of an upstream reach people.

use crate::support::pki::Pki;
use crate::support::yaml::{binding, server_with};
use serde_json::json;
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

/// A page that can open sockets at `/echo` of its origin, and say how they echo and how they close.
const SOCKETS: &str = r#"<!doctype html><title>sockets</title><script>
const event = (socket, name) => new Promise((resolve, reject) => {
  socket.addEventListener(name, resolve, {once: true});
  if (name === "close") return;
  socket.addEventListener("close", ({code}) => reject(Error(`${name}: closed, ${code}`)), {once: true});
});

async function connect(...protocols) {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo", protocols);
  socket.binaryType = "arraybuffer";
  await event(socket, "open");
  return socket;
}

function random(size) {
  const bytes = new Uint8Array(size);
  for (let start = 0; start < size; start += 65536) crypto.getRandomValues(bytes.subarray(start, start + 65536));
  return bytes;
}

// Each size in octets, as text and as binary: what comes back that is not what went out.
async function changed(socket, sizes) {
  const found = [];
  for (const size of sizes) {
    const text = "é".repeat(size / 2) + "x".repeat(size % 2), bytes = random(size);
    socket.send(text);
    if ((await event(socket, "message")).data !== text) found.push(`text of ${size}`);
    socket.send(bytes);
    const {data} = await event(socket, "message");
    const came = data instanceof ArrayBuffer ? new Uint8Array(data) : [];
    const same = came.byteLength === size && came.every((octet, at) => octet === bytes[at]);
    if (!same) found.push(`binary of ${size}`);
  }
  return found;
}

async function close(socket, code, reason) {
  const closed = event(socket, "close");
  socket.close(code, reason);
  const end = await closed;
  return [end.code, end.reason, end.wasClean];
}
</script>"#;

/// A browser with that page, from a host whose `http` speaks one version alone, over TLS.
#[track_caller]
fn sockets(version: &str) -> (Host, Browser) {
    let (pki, port) = (Pki::new(), Ports::one());
    pki.issue("a", &["localhost"]);
    let origin = pages::serve(|path| (path == "/").then(|| ("text/html", SOCKETS.to_owned())));
    let web = format!(
        "options: {{versions: [{version}], upgrade: [websocket]}}
routes: [{{when: [{{headers: {{':path': /echo}}}}], exit: sockets}}]
exit: origins"
    );
    let yaml = [
        // The echo at the end is the exit of the sockets.
        server_with(
            &pki,
            port.first(),
            &["a"],
            &format!("options: {{keys: [a], alpn: [{version}]}}\nexit: web"),
        ),
        binding("web", "http", "server", &web),
        binding(
            "sockets",
            "ws",
            "server",
            "options: {permessage-deflate: {}, limits: {message-bytes: 2097152}}\nexit: south",
        ),
        binding("origins", "http", "client", "options: {versions: [http/1.1]}\nexit: plain"),
        binding("plain", "tcp", "client", &format!("options: {{host: 127.0.0.1, port: {origin}}}")),
    ]
    .concat();
    let host = Host::start(&yaml);
    let browser = Browser::open(&format!("https://localhost:{port}/"));
    (host, browser)
}

/// Opens `one` and `other` in the page, and has messages of every size class come back.
#[track_caller]
fn expect_messages(browser: &mut Browser) {
    browser.evaluate("connect().then(socket => { one = socket })");
    assert_eq!(
        browser.evaluate("one.extensions"),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    );
    assert_eq!(browser.evaluate("changed(one, [0, 1, 125, 126, 65535, 65536, 1048576])"), json!([]));
    browser.evaluate("connect('echo').then(socket => { other = socket })");
    assert_eq!(browser.evaluate("other.protocol"), "echo");
    assert_eq!(browser.evaluate("changed(other, [3])"), json!([]));
}

/// Closes `other` and then `one`, and has the page told what it said, and what the gateway says of its own accord.
#[track_caller]
fn expect_closes(browser: &mut Browser) {
    assert_eq!(browser.evaluate("close(other, 4000, 'énough')"), json!([4000, "énough", true]));
    // The other one goes on.
    assert_eq!(browser.evaluate("changed(one, [3])"), json!([]));
    assert_eq!(browser.evaluate("close(one, 1000, 'done')"), json!([1000, "done", true]));
    // And again, from the page that has closed all it had.
    browser.evaluate("connect().then(socket => { one = socket })");
    assert_eq!(browser.evaluate("changed(one, [3])"), json!([]));
    assert_eq!(browser.evaluate("close(one)"), json!([1005, "", true]));
    // With much on its way in both directions. (A page that closes is given no more messages.)
    browser.evaluate("connect().then(socket => { one = socket })");
    let last = "for (let number = 0; number < 1000; number++) one.send(random(1000)); close(one, 4001)";
    assert_eq!(browser.evaluate(last), json!([4001, "", true]));
    browser.evaluate("connect().then(socket => { one = socket })");
    let long = "end = event(one, 'close'); one.send(new Uint8Array(2097153)); end.then(end => [end.code, end.reason])";
    assert_eq!(browser.evaluate(long), json!([1009, "a message that is too long"]));
}

#[test]
fn sockets_of_a_page_are_upgraded_connections_over_http_1_1() {
    let (_host, mut browser) = sockets("http/1.1");
    expect_messages(&mut browser);
    expect_closes(&mut browser);
}

#[test]
fn sockets_of_a_page_are_streams_over_http_2() {
    // Nothing else is spoken here, so that a socket that opens is an extended CONNECT (RFC 8441).
    let (_host, mut browser) = sockets("h2");
    expect_messages(&mut browser);
    expect_closes(&mut browser);
}
