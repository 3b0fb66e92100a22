//! A plugin that is told to loop again and again, beside what is measured.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Where the plugin listens that loops; the port is that of the one that is measured.
pub(crate) const LOOPING_HOST: &str = "127.0.0.2";

/// How long a call may take to be stopped, with a machine that is busy.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Until a stream is tried again that was refused: the breaker is open.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// A client of that plugin. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Looping {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Looping {
    pub(crate) fn start(port: u16) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let work = move || {
            while !told.load(Ordering::Relaxed) {
                if spin(port).is_err() {
                    std::thread::sleep(REFUSED_PAUSE);
                }
            }
        };
        Self { is_over, thread: Some(std::thread::spawn(work)) }
    }
}

/// Has one call loop, until it is stopped: the connection ends with an error then.
fn spin(port: u16) -> std::io::Result<()> {
    let mut socket = TcpStream::connect((LOOPING_HOST, port))?;
    socket.set_read_timeout(Some(STOP_LIMIT))?;
    socket.write_all(b"spin")?;
    socket.read_exact(&mut [0; 1])
}

impl Drop for Looping {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it is over.
            let _ = thread.join();
        }
    }
}
