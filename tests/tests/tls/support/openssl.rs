//! `openssl s_client`.

use super::pki::Pki;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use zilla_tests::until;

/// A running `openssl s_client`, which is told what to do as by hand.
pub(crate) struct Openssl {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Openssl {
    /// Connects to a port of 127.0.0.1.
    pub(crate) fn connect(pki: &Pki, port: u16, arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-CAfile"])
            .arg(pki.path().join("ca.pem"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl is installed");
        let said = Arc::new(Mutex::new(Vec::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let sources: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
        for mut source in sources {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                let mut octets = [0; 4096];
                while let Ok(some @ 1..) = source.read(&mut octets) {
                    said.lock().unwrap().extend_from_slice(&octets[..some]);
                }
            });
        }
        Self { child, said }
    }

    /// Types a line.
    pub(crate) fn say(&mut self, line: &str) {
        // It may have ended, which whoever waits for an answer sees.
        let _ = self.child.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes());
    }

    /// Everything that it has said.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) {
        until(&format!("openssl says {words:?}"), || self.said().contains(words));
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn wait(&mut self) {
        until("the end of openssl", || self.child.try_wait().is_ok_and(|status| status.is_some()));
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("openssl said:\n{}", self.said());
        }
    }
}
