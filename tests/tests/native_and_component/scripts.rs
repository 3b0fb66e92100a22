//! Scripts of the plugins' own tests, now through the component.

use crate::stage::{CLIENT, EXIT, Got, Stage};
use zilla_engine::{CloseCode, Frame, FrameKind, Routing};

fn echo() -> Stage {
    Stage::attach::<binding_echo::Echo>("binding_echo.wasm", "{}", Routing::None)
}

fn http() -> Stage {
    Stage::attach::<binding_http::Http>("binding_http.wasm", "{\"date\":false}", Routing::Opened)
}

fn frame(stream: u32, kind: FrameKind) -> Frame {
    Frame::new(stream, kind)
}

/// The kinds of frames, and their payloads together.
fn summary(got: &[Got]) -> (Vec<FrameKind>, String) {
    let payload: Vec<u8> = got.iter().flat_map(|got| got.payload.clone()).collect();
    (got.iter().map(|got| got.kind).collect(), String::from_utf8_lossy(&payload).into_owned())
}

#[test]
fn echo_reflects_a_stream_with_its_attributes() {
    let mut stage = echo();
    stage.send(CLIENT, frame(2, FrameKind::Begin), &[("a", "1"), ("a", "2")], b"");
    stage.send(CLIENT, frame(2, FrameKind::Data), &[("type", "text")], b"Hello");
    stage.send(CLIENT, frame(2, FrameKind::Flush), &[("id", "7")], b"");
    stage.send(CLIENT, frame(2, FrameKind::End), &[("checksum", "1")], b"");
    stage.settle();
    let got = stage.take(CLIENT);
    let (kinds, payload) = summary(&got);
    assert_eq!(kinds, [FrameKind::Begin, FrameKind::Data, FrameKind::Flush, FrameKind::End]);
    assert_eq!(payload, "Hello");
    let names =
        |index: usize| got[index].attributes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(
        [names(0), names(1), names(2), names(3)],
        [vec!["a", "a"], vec!["type"], vec!["id"], vec!["checksum"]]
    );
    assert_eq!(stage.streams(), 0);
}

#[test]
fn echo_reflects_how_a_stream_ends() {
    for (kind, code) in [(FrameKind::Abort, CloseCode::Timeout), (FrameKind::Reset, CloseCode::Limit)] {
        let mut stage = echo();
        stage.send(CLIENT, frame(2, FrameKind::Begin), &[], b"");
        stage.settle();
        stage.send(CLIENT, Frame { value: code.value(), ..frame(2, kind) }, &[], b"");
        stage.settle();
        let got = stage.take(CLIENT);
        let last = got.last().map(|got| (got.kind, got.value));
        assert_eq!(last, Some((kind, code.value())), "{got:?}");
    }
}

#[test]
fn echo_grants_the_credit_that_it_is_granted() {
    let mut stage = echo();
    stage.send(CLIENT, frame(2, FrameKind::Begin), &[], b"");
    stage.send(CLIENT, frame(2, FrameKind::Data), &[], &[b'x'; 1 << 10]);
    stage.settle();
    stage.take(CLIENT);
    stage.send(CLIENT, Frame { value: 10, ..frame(2, FrameKind::Window) }, &[], b"");
    stage.settle();
    let got = stage.take(CLIENT);
    assert_eq!((got[0].kind, got[0].value), (FrameKind::Window, 10));
}

#[test]
fn echo_reflects_a_thousand_streams_of_one_batch() {
    let mut stage = echo();
    for stream in (2..=2_000).step_by(2) {
        stage.send(CLIENT, frame(stream, FrameKind::Begin), &[], b"");
        stage.send(CLIENT, frame(stream, FrameKind::Data), &[], stream.to_string().as_bytes());
        stage.send(CLIENT, frame(stream, FrameKind::End), &[], b"");
    }
    stage.settle();
    let got = stage.take(CLIENT);
    for stream in (2..=2_000).step_by(2) {
        let own: Vec<Got> = got.iter().filter(|got| got.stream == stream).cloned().collect();
        let expected = vec![FrameKind::Begin, FrameKind::Data, FrameKind::End];
        assert_eq!(summary(&own), (expected, stream.to_string()));
    }
    assert_eq!(stage.streams(), 0);
}

/// Sends a request to http, answers it at the exit, and returns what the client got.
fn exchange(stage: &mut Stage, request: &str, answer: &[(&str, &str)], body: &[u8]) -> (Vec<Got>, String) {
    stage.send(CLIENT, frame(2, FrameKind::Begin), &[], b"");
    stage.send(CLIENT, frame(2, FrameKind::Data), &[], request.as_bytes());
    stage.settle();
    let arrived = stage.take(EXIT);
    if let Some(begin) = arrived.first() {
        stage.send(EXIT, frame(begin.stream, FrameKind::Begin), answer, b"");
        stage.send(EXIT, frame(begin.stream, FrameKind::Data), &[], body);
        stage.send(EXIT, frame(begin.stream, FrameKind::End), &[], b"");
    }
    stage.settle();
    (arrived, summary(&stage.take(CLIENT)).1)
}

#[test]
fn http_hands_a_request_on_and_its_response_back() {
    let mut stage = http();
    let request = "POST /a?b HTTP/1.1\r\nHost: c\r\nContent-Length: 5\r\nX-Y: z\r\n\r\nHello";
    let (arrived, response) =
        exchange(&mut stage, request, &[(":status", "201"), ("content-length", "2")], b"ok");
    assert_eq!(response, "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok");
    let names: Vec<&str> = arrived[0].attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [":method", ":scheme", ":authority", ":path", "content-length", "x-y"]);
    let (kinds, payload) = summary(&arrived);
    assert_eq!((kinds.first(), kinds.last()), (Some(&FrameKind::Begin), Some(&FrameKind::End)));
    assert_eq!(payload, "Hello");
}

#[test]
fn http_refuses_what_is_malformed() {
    let mut stage = http();
    let (arrived, response) = exchange(&mut stage, "GET / HTTP/1.1\r\nhost : a\r\n\r\n", &[], b"");
    assert!(arrived.is_empty());
    assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{response}");
}

#[test]
fn http_tells_the_time_that_it_is_told() {
    let mut stage = Stage::attach::<binding_http::Http>("binding_http.wasm", "{}", Routing::Opened);
    stage.advance(61_000);
    let (_, response) =
        exchange(&mut stage, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", &[("content-length", "0")], b"");
    assert!(response.contains("\r\ndate: Thu, 01 Jan 2026 00:01:01 GMT\r\n"), "{response}");
}

#[test]
fn http_sets_timers_that_are_signalled() {
    let mut stage = http();
    stage.send(CLIENT, frame(2, FrameKind::Begin), &[], b"");
    stage.send(CLIENT, frame(2, FrameKind::Data), &[], b"GET / HT");
    stage.settle();
    stage.take(CLIENT);
    stage.advance(60_000);
    let got = stage.take(CLIENT);
    assert!(summary(&got).1.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{got:?}");
}

#[test]
fn http_lets_clients_leave_when_it_is_drained() {
    let mut stage = http();
    let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    exchange(&mut stage, request, &[("content-length", "0")], b"");
    stage.drain();
    stage.advance(1_000);
    let kinds = summary(&stage.take(CLIENT)).0;
    assert!(kinds.contains(&FrameKind::End), "{kinds:?}");
}
