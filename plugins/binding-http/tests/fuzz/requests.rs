//! Requests of HTTP/1.1: heads, and bodies in chunks.

use crate::corpus::fuzz;
use crate::outcome::{expect_over_in_time, joined};
use crate::server::{connect, http};
use zilla_sdk::testing::*;

/// What exits were asked, and what the client got, when pieces come, and nothing more or the end of the connection,
/// and exits echo whole requests.
fn outcome(head: &[u8], pieces: &[&[u8]], ends: bool) -> (Vec<Vec<Frame>>, String) {
    let harness = http(
        "versions: [http/1.1], limits: {request-line-bytes: 60, header-bytes: 200, header-count: 6, body-bytes: 90}",
    );
    let mut client = connect(&harness);
    client.auto_window();
    let (mut asked, mut exits) = (Vec::new(), Vec::<(Vec<Frame>, Peer)>::new());
    let last = ends.then(end);
    for frame in [head].iter().chain(pieces).map(data).chain(last) {
        if client.can_send() {
            client.send(frame);
        }
        loop {
            exits.extend(harness.opened().map(|exit| (Vec::new(), exit)));
            let Some((frames, exit)) = exits.last_mut() else { break };
            frames.extend(exit.recv_all());
            if !exit.can_send() || frames.last().is_none_or(|last| last.kind != FrameKind::End) {
                break;
            }
            let frames = joined(std::mem::take(frames));
            exit.send_all(frames.clone());
            asked.push(frames);
        }
    }
    // A client is told to go on if its body has not come with the head (RFC 9110, 10.1.1).
    let answered = client.recv_text().replace("HTTP/1.1 100 Continue\r\n\r\n", "");
    let peers = exits.iter().map(|(_, exit)| exit).chain([&client]);
    expect_over_in_time(&harness, peers);
    (asked, answered)
}

/// The same with the end of the connection, which is compared, and without. A head that cannot become one is
/// noticed with its next line end, with the end, or when its time is over: what the client is told without an end
/// depends on the pieces, and the connection only is to be over.
fn outcome_of_both(head: &[u8], pieces: &[&[u8]]) -> (Vec<Vec<Frame>>, String) {
    outcome(head, pieces, false);
    outcome(head, pieces, true)
}

#[test]
fn heads() {
    fuzz("head", |pieces| outcome_of_both(b"", pieces));
}

#[test]
fn chunks() {
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    fuzz("chunks", |pieces| outcome_of_both(head, pieces));
}
