//! Interim responses, and expectations that an exit answers.

use crate::script::*;
use zilla_sdk::testing::*;

const PUT: &str = "PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
const CREATED: &str = "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";

fn created() -> [(&'static str, &'static str); 2] {
    [(":status", "201"), ("content-length", "0")]
}

#[test]
fn interim_responses_pass_before_the_final_one() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send(begun_with([(":status", "103"), ("link", "x"), ("connection", "x"), ("content-length", "5")]));
    client.recv(data("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"));
    exit.send(flush([(":status", "102")]));
    client.recv(data("HTTP/1.1 102 Processing\r\n\r\n"));
    exit.send(flush(created()));
    client.recv(data(CREATED));
    // What is no head is an advisory as ever.
    exit.send(flush([("x", "y")]));
    exit.send(end());
    client.recv_nothing();
    expect_kept(&harness, &mut client);
}

#[test]
fn a_client_of_http_1_0_gets_no_interim_response() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, "GET / HTTP/1.0\r\n\r\n");
    exit.send_all([begun_with([(":status", "100")]), flush([(":status", "103")]), flush(created()), end()]);
    client.recv(data("HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    expect_closed(&mut client);
}

#[test]
fn an_exit_that_gives_only_an_interim_response_is_a_bad_gateway() {
    for frames in [vec![end()], vec![abort(CloseCode::Unspecified)]] {
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, GET);
        exit.send(begun_with([(":status", "103")]));
        exit.send_all(frames);
        let text = client.recv_text();
        assert!(text.starts_with("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 502 "), "{text}");
        expect_closed(&mut client);
    }
}

#[test]
fn an_interim_response_cannot_split_the_response() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, GET);
    exit.send(begun_with([(":status", "103"), ("link", "x\r\n\r\nHTTP/1.1 200 OK")]));
    assert!(client.recv_text().starts_with("HTTP/1.1 502 "));
}

#[test]
fn an_expectation_is_the_exits_where_the_options_say_so() {
    let harness = http("expect: pass");
    let (mut client, mut exit) = ask(&harness, PUT);
    assert_eq!(exit.attribute("expect").as_deref(), Some("100-continue"));
    exit.send(window(1));
    harness.advance(1_000_000);
    client.recv_nothing();
    exit.send(begun_with([(":status", "100")]));
    client.recv(data("HTTP/1.1 100 Continue\r\n\r\n"));
    client.send(data("ab"));
    exit.recv_begin();
    exit.recv(data("ab"));
    exit.recv(end());
    exit.send_all([flush(created()), end()]);
    client.recv(data(CREATED));
    expect_kept(&harness, &mut client);
}

#[test]
fn a_client_need_not_wait_for_the_exit() {
    let harness = http("expect: pass");
    let (mut client, mut exit) = ask(&harness, PUT);
    client.send(data("ab"));
    exit.recv_begin();
    exit.recv(data("ab"));
    exit.recv(end());
    exit.send_all([begun_with(created()), end()]);
    client.recv(data(CREATED));
    expect_kept(&harness, &mut client);
}

#[test]
fn an_exit_that_does_not_want_the_body_ends_the_connection() {
    let harness = http("expect: pass");
    let (mut client, mut exit) = ask(&harness, PUT);
    exit.send_all([begun_with([(":status", "401"), ("content-length", "0")]), end()]);
    client.recv(data("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    expect_closed(&mut client);
    exit.recv_begin();
    exit.recv_kind(FrameKind::Abort);
}

#[test]
fn without_that_option_the_exit_does_not_see_it() {
    let (_client, exit) = ask(&http(""), PUT);
    assert_eq!(exit.attribute("expect"), None);
}
