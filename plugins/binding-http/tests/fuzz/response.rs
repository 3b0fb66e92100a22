//! Responses of an origin that speaks HTTP/1.1.

use crate::corpus::fuzz;
use crate::opener::{accept, ask_with, client, request};
use crate::outcome::{expect_over_in_time, joined};
use zilla_sdk::testing::*;

/// What an opener gets when these pieces come, and nothing more, or the end of the connection.
fn outcome(method: &str, pieces: &[&[u8]], ends: bool) -> Vec<Frame> {
    let harness = client(
        "limits: {header-bytes: 120, header-count: 4}, \
         timeouts: {response-ms: 500, body-read-ms: 500}",
    );
    let mut opener = ask_with(&harness, request(method));
    let mut origin = accept(&harness);
    opener.auto_window();
    for piece in pieces {
        if origin.can_send() {
            origin.send(data(piece));
        }
    }
    if ends && origin.can_send() {
        origin.send(end());
    }
    expect_over_in_time(&harness, [&opener, &origin]);
    joined(opener.recv_all())
}

#[test]
fn responses() {
    fuzz("response", |pieces| {
        ["GET", "HEAD"].map(|method| {
            // A head that cannot become one is noticed with its next line end, with the end, or when its time is
            // over: what the opener gets without an end depends on the pieces, and only is to be over.
            outcome(method, pieces, false);
            outcome(method, pieces, true)
        })
    });
}
