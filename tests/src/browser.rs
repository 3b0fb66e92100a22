//! Chromium, told what to do over its DevTools protocol: pages as people see them, and scripts in them.

use crate::{Folder, PATIENCE};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

/// Each keeps a browser from what it does on its own, or from what needs more than a test has.
const OPTIONS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    // A proxy of the environment is not asked for what is on the loopback.
    "--no-proxy-server",
    // Certificates of tests have no known issuer.
    "--ignore-certificate-errors",
    // Commands come in descriptor 3, answers go out of 4, each with a zero octet behind it.
    "--remote-debugging-pipe",
    "about:blank",
];

/// A browser with one page, which ends when it goes out of scope.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    /// The page that commands are for, by the protocol's name for a connection to it.
    page: Option<String>,
    /// The last command.
    last: u64,
    /// Its profile.
    _folder: Folder,
}

impl Browser {
    /// Opens a page and waits until it has loaded, all that it refers to included.
    ///
    /// # Panics
    /// If there is no Chromium, or the page does not load.
    #[track_caller]
    pub fn open(url: &str) -> Self {
        let mut browser = Self::start();
        browser.visit(url);
        browser
    }

    /// Starts one with an empty page.
    #[track_caller]
    fn start() -> Self {
        let folder = Folder::new();
        // Of a child, only the first three descriptors can be set from here.
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 >/dev/null </dev/null", "chromium"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .args(OPTIONS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be started");
        let commands = child.stdin.take().expect("stdin is a pipe");
        let answers = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for answer in answers.split(0).map_while(Result::ok) {
                let answer = serde_json::from_slice(&answer).expect("DevTools answer with JSON");
                if sender.send(answer).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { child, commands, answers: receiver, page: None, last: 0, _folder: folder };
        let targets = browser.command("Target.getTargets", json!({}));
        let is_page = |target: &&Value| target["type"] == "page";
        let page = targets["targetInfos"].as_array().and_then(|all| all.iter().find(is_page));
        let page = page.expect("it starts with a page")["targetId"].clone();
        let attached = browser.command("Target.attachToTarget", json!({"targetId": page, "flatten": true}));
        browser.page = attached["sessionId"].as_str().map(str::to_owned);
        browser
    }

    /// Goes to another page and waits until it has loaded, all that it refers to included.
    ///
    /// # Panics
    /// If it does not load.
    #[track_caller]
    pub fn visit(&mut self, url: &str) {
        let went = self.command("Page.navigate", json!({"url": url}));
        assert!(went.get("errorText").is_none(), "{url}: {}", went["errorText"]);
        let start = Instant::now();
        // The answer may be of the page that is left.
        while self.evaluate("document.readyState + ' ' + location.href") != format!("complete {url}") {
            assert!(start.elapsed() < PATIENCE, "{url} has not loaded within {PATIENCE:?}");
            std::thread::sleep(crate::GLANCE);
        }
    }

    /// The value of an expression of JavaScript in the page, as JSON; of a promise, what it is resolved with.
    ///
    /// # Panics
    /// If it throws, or a promise is not resolved within [`PATIENCE`].
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.command("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer:#}");
        answer["result"]["value"].take()
    }

    /// The page as it is now, as HTML.
    #[track_caller]
    pub fn html(&mut self) -> String {
        let html = self.evaluate("document.documentElement.outerHTML");
        html.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a command of DevTools, for the page if there is one.
    #[track_caller]
    fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(page) = &self.page {
            command["sessionId"] = json!(page);
        }
        let written = self.commands.write_all(format!("{command}\0").as_bytes());
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.answers.recv_timeout(left).map(|mut answer| (answer["id"].take(), answer)) {
                Ok((id, mut answer)) if id == self.last => {
                    assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                    return answer["result"].take();
                }
                // An event, which nobody asked for.
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("{method} is not done within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("Chromium has ended ({written:?}); to install it: apt-get install chromium")
                }
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already. Otherwise all its processes have, and write no more to its profile, when nobody
        // can answer any more.
        let _ = self.commands.write_all(b"{\"id\": 0, \"method\": \"Browser.close\"}\0");
        while self.answers.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
