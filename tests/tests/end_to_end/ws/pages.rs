//! The page of the example `ws.echo`, in Chromium.

use serde_json::json;
use zilla_tests::files::root;
use zilla_tests::{Browser, Host, Ports, config, until};

/// The page, with a gateway of its own that goes away within a second.
struct Page {
    browser: Browser,
    host: Host,
}

impl Page {
    #[track_caller]
    fn open(options: &str) -> Self {
        let port = Ports::one();
        let host = Host::with(&["-w1", "--drain-ms=1000"]).start(&config::ws_echo(&port, options));
        let path = root().join("examples/ws.echo/index.html");
        let mut browser = Browser::open(&format!("file://{}", path.display()));
        browser.evaluate(&format!("byId('url').value = 'ws://127.0.0.1:{port}/'"));
        Self { browser, host }
    }

    /// Clicks a button, and waits until the page says this.
    #[track_caller]
    fn click(&mut self, form: &str, says: &str) {
        self.browser.evaluate(&format!("byId('{form}').querySelector('button').click()"));
        self.expect(says);
    }

    /// Waits until the page says this.
    #[track_caller]
    fn expect(&mut self, says: &str) {
        let log = "byId('log').firstChild?.textContent";
        until(says, || self.browser.evaluate(log) == json!(says));
    }
}

#[test]
fn the_page_of_the_example_echoes_closes_and_opens_again() {
    let mut page = Page::open("");
    for _ in 0..3 {
        page.click("open", "open");
        page.click("send", "← Hello, world");
        page.click("open", "closed: 1000 enough");
    }
    page.click("send", "open it first");
}

#[test]
fn the_page_of_the_example_is_told_why_the_gateway_closes() {
    let mut page = Page::open("limits: {message-bytes: 1000}");
    page.click("open", "open");
    page.browser.evaluate("byId('message').value = 'x'.repeat(1001)");
    page.click("send", "closed: 1009 a message that is too long");
    page.browser.evaluate("byId('message').value = 'é'");
    page.click("open", "open");
    page.click("send", "← é");
    page.host.signal("TERM");
    page.expect("closed: 1001 ");
    assert_eq!(page.host.wait().code(), Some(0));
    page.click("open", "closed: 1006 ");
    page.host.start_again();
    page.host.log().wait_for_event("INFO", "started");
    page.click("open", "open");
    page.click("send", "← é");
}
