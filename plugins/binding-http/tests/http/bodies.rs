//! Bodies of requests: lengths, chunks and trailers.

use crate::script::*;
use zilla_sdk::testing::*;

const CHUNKED: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn a_body_of_known_length_is_handed_on_as_it_comes() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe");
    exit.recv_begin();
    exit.recv(data("he"));
    exit.recv_nothing();
    client.send(data("ll"));
    exit.recv(data("ll"));
    client.send(data("o"));
    exit.recv(data("o"));
    exit.recv(end());
}

#[test]
fn chunks_are_handed_on_without_their_framing() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, CHUNKED);
    exit.recv_begin();
    client.send(data("3;ext=1\r\nabc\r\n0F \t; y\r\n0123456789abcde\r\n"));
    exit.recv(data("abc0123456789abcde"));
    client.send(data("0;last\r\n\r\n"));
    exit.recv(end());
    exit.recv_nothing();
}

#[test]
fn trailers_are_attributes_of_the_end() {
    let harness = http("");
    let body = "0\r\nDigest: x\r\nContent-Length: 9\r\nauthorization: y\r\nGrpc-Status: 0\r\nHost: z\r\n\r\n";
    let (mut client, mut exit) = ask(&harness, format!("{CHUNKED}{body}"));
    exit.recv_begin();
    exit.recv(end_with([("digest", "x"), ("grpc-status", "0")]));
    exit.send_all([begun(), end()]);
    client.recv_kind(FrameKind::Data);
    expect_kept(&harness, &mut client);
}

#[test]
fn a_malformed_chunk_is_refused_and_what_was_handed_on_is_aborted() {
    let long_extension = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300));
    let long_blank = format!("1{};\r\na\r\n0\r\n\r\n", " ".repeat(300));
    for body in [
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        " 1\r\na\r\n",
        "0x1\r\na\r\n",
        "1 \r\na\r\n",
        "1 a\r\na\r\n",
        "1\na\n0\n\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\nab\r\n",
        "1\r\na0\r\n",
        "1\r\na\r0\r\n",
        "1\rx",
        "1;\n\r\n",
        "1;a\nb\r\n",
        "1;a\rb\r\n",
        "1;\0\r\n",
        "00000000000000001\r\na\r\n",
        "10000000000000000\r\n",
        ";x\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\n x: y\r\n\r\n",
        "0\r\nx y: z\r\n\r\n",
        "0\r\nx : z\r\n\r\n",
        "0\r\nx: y\n\r\n",
        "0\r\nx: y\r\n z\r\n\r\n",
        "0\r\nx: \0\r\n\r\n",
        "0\r\nx: a\rb\r\n\r\n",
        "0\r\nx\r\n\r\n",
        "0\r\n: x\r\n\r\n",
        "0\r\nGET / HTTP/1.1\r\n\r\n",
        &long_extension,
        &long_blank,
    ] {
        for pieces in [vec![body.as_bytes()], body.as_bytes().chunks(1).collect()] {
            let harness = http("");
            let (mut client, mut exit) = ask(&harness, CHUNKED);
            exit.recv_begin();
            for piece in pieces.into_iter() {
                if client.can_send() {
                    client.send(data(piece));
                }
            }
            let response = client.recv_text();
            assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{body:?}: {response}");
            expect_closed(&mut client);
            exit.recv_data_all();
            exit.recv(abort(CloseCode::Cancelled));
            exit.recv(reset(CloseCode::Cancelled));
            harness.expect_no_open();
        }
    }
}

#[test]
fn a_malformed_chunk_after_the_response_began_aborts_it() {
    let harness = http("");
    let (mut client, mut exit) = ask(&harness, CHUNKED);
    exit.send(begun());
    client.send(data("x\r\n"));
    expect_aborted(&mut client);
    exit.recv_begin();
    exit.recv_kind(FrameKind::Abort);
}

#[test]
fn the_longest_extension_is_read_over() {
    let harness = http("");
    let (_client, mut exit) = ask(&harness, format!("{CHUNKED}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(256)));
    exit.recv_begin();
    exit.recv(data("a"));
    exit.recv(end());
}

#[test]
fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    for (body, good) in [
        ("content-length: 5\r\n\r\nhello", true),
        ("content-length: 6\r\n\r\nhello!", false),
        ("transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", true),
        ("transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n4\r\nllo!\r\n0\r\n\r\n", false),
        ("transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", false),
        ("transfer-encoding: chunked\r\n\r\n1\r\nx\r\nffffffffffffffff\r\n", false),
    ] {
        let harness = http("limits: {body-bytes: 5}");
        let mut client = connect(&harness);
        client.send(data(format!("POST / HTTP/1.1\r\nhost: a\r\n{body}")));
        if good {
            echo(&mut harness.expect_open());
            assert!(client.recv_text().starts_with("HTTP/1.1 200 OK\r\n"), "{body:?}");
        } else {
            client.recv(data(refusal("413 Content Too Large", "the body is too long")));
            expect_closed(&mut client);
        }
    }
}

#[test]
fn sizes_that_overflow_together_are_too_long() {
    let harness = http("");
    let (mut client, _exit) = ask(&harness, format!("{CHUNKED}1\r\nx\r\nffffffffffffffff\r\n"));
    client.recv(data(refusal("413 Content Too Large", "the body is too long")));
}

#[test]
fn trailers_have_the_limits_of_a_head() {
    for (trailers, good) in [
        ("a:\r\nb:\r\n".to_owned(), true),
        ("a:\r\nb:\r\nc:\r\n".to_owned(), false),
        (format!("a:{}\r\n", "x".repeat(60)), true),
        (format!("a:{}\r\n", "x".repeat(61)), false),
    ] {
        let harness = http("limits: {header-bytes: 64, header-count: 2}");
        let mut client = connect(&harness);
        client.send(data("POST / HTTP/1.1\r\nhost:a\r\ntransfer-encoding:chunked\r\n\r\n0\r\n"));
        client.send(data(trailers + "\r\n"));
        let mut exit = harness.expect_open();
        exit.recv_begin();
        if good {
            exit.recv_kind(FrameKind::End);
        } else {
            exit.recv_kind(FrameKind::Abort);
            assert!(client.recv_text().starts_with("HTTP/1.1 431 "));
        }
    }
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    let harness = http("");
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: 2\r\n\r\n";
    let (mut client, mut exit) = ask(&harness, head);
    client.recv(data("HTTP/1.1 100 Continue\r\n\r\n"));
    client.recv_nothing();
    client.send(data("hi"));
    echo(&mut exit);
    client.recv(data("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"));
    expect_kept(&harness, &mut client);
}

#[test]
fn a_client_that_did_not_wait_is_not_told_to_continue() {
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi",
        "POST / HTTP/1.0\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi",
        "GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\r\n",
    ] {
        let harness = http("");
        let (mut client, mut exit) = ask(&harness, request);
        client.recv_nothing();
        echo(&mut exit);
        assert!(client.recv_text().starts_with("HTTP/1.1 200 OK\r\n"));
    }
}
