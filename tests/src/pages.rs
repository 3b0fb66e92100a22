//! An origin that browsers are sent to: pages by their paths, over HTTP/1.1.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A page: its content type and its content.
pub type Page = (&'static str, String);

/// Answers each request for a path with its page, and with 404 where there is none, for as long as the test runs.
/// The answer is its port of 127.0.0.1.
///
/// # Panics
/// If it cannot listen there.
pub fn serve(page: impl Fn(&str) -> Option<Page> + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has free ports");
    let port = listener.local_addr().expect("a listener has an address").port();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let page = page.clone();
            // A client that leaves ends its thread alone.
            std::thread::spawn(move || answer(socket, page));
        }
    });
    port
}

fn answer(mut socket: TcpStream, page: impl Fn(&str) -> Option<Page>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut lines = BufReader::new(socket.try_clone()?).lines();
    while let Some(line) = lines.next().transpose()? {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let (status, (kind, content)) = match page(path) {
            Some(page) => ("200 OK", page),
            None => ("404 Not Found", ("text/plain", String::new())),
        };
        // Browsers ask for pages without a body: what follows the head is the next request.
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let length = content.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
        socket.write_all((head + &content).as_bytes())?;
    }
    Ok(())
}
