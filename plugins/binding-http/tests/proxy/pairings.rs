//! Each version in front of each.

use crate::chain::Chain;
use crate::origin::{Origin, frame, headers};
use crate::visitor::{self, Client};
use zilla_sdk::testing::*;

/// `versions` of a client, and its origin.
const HTTP1: &str = "versions: [http/1.1]";
const HTTP2: &str = "versions: [h2]";

/// One request with a body and trailers, and what its origin gets: method, path, some fields, content, trailers.
const SENT: &str = "POST /a?b x-one=1 abcdef x-sum=7";
/// One response with an interim one before it, and trailers.
const ANSWERED: &str = "103 link=</x> 201 x-two=2 hello x-end=8";

/// A client of a version that sends that request.
enum Visitor {
    Http1(Peer),
    Http2(Client),
}

impl Visitor {
    fn ask(chain: &mut Chain, is_http2: bool) -> Self {
        if !is_http2 {
            let mut client = chain.connect();
            client.send(data(
                "POST /a?b HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nTE: trailers\r\nConnection: te\r\n\
                 Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            ));
            chain.pump();
            client.send(data("3\r\ndef\r\n0\r\nX-Sum: 7\r\n\r\n"));
            chain.pump();
            return Self::Http1(client);
        }
        let mut client = Client::connect(&chain.server);
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/a?b"),
            ("x-one", "1"),
            ("te", "trailers"),
        ];
        client.send(headers(visitor::END_HEADERS, 1, fields));
        client.send(frame(visitor::DATA, 0, 1, "abc"));
        chain.pump();
        client.send(frame(visitor::DATA, 0, 1, "def"));
        client.send(headers(visitor::WHOLE, 1, [("x-sum", "7")]));
        chain.pump();
        Self::Http2(client)
    }

    /// What it got, in the form of [`ANSWERED`].
    fn answered(&mut self) -> String {
        match self {
            Self::Http1(client) => {
                let text = client.recv_text();
                let (interim, rest) = text.split_once("\r\n\r\n").unwrap();
                let (head, rest) = rest.split_once("\r\n\r\n").unwrap();
                format!("{} {} {}", of_head(interim), of_head(head), of_chunks(rest))
            }
            Self::Http2(client) => {
                client.read();
                in_words(client.frames.drain(..).map(|it| (it.kind, it.fields, it.payload)), &[":status"])
            }
        }
    }
}

/// An origin of a version that got a request.
enum Behind {
    Http1(Peer),
    Http2(Origin),
}

impl Behind {
    fn accept(chain: &Chain, is_http2: bool) -> Self {
        match is_http2 {
            false => Self::Http1(chain.accept()),
            true => Self::Http2(Origin::accept(&chain.client)),
        }
    }

    /// What it got, in the form of [`SENT`].
    fn sent(&mut self) -> String {
        match self {
            Self::Http1(origin) => {
                let text = origin.recv_text();
                let (head, rest) = text.split_once("\r\n\r\n").unwrap();
                assert!(head.contains("\r\nhost: a\r\n") && head.contains("\r\nte: trailers\r\n"), "{head}");
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
                format!("{line} {} {}", of_fields(head), of_chunks(rest))
            }
            Self::Http2(origin) => {
                origin.read();
                let frames = origin.frames.drain(..).map(|it| (it.kind, it.fields, it.payload));
                in_words(frames, &[":method", ":path"])
            }
        }
    }

    fn answer(&mut self) {
        match self {
            Self::Http1(origin) => origin.send(data(
                "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\nX-Two: 2\r\n\
                 Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-End: 8\r\n\r\n",
            )),
            Self::Http2(origin) => origin.send(
                [
                    headers(visitor::END_HEADERS, 1, [(":status", "103"), ("link", "</x>")]),
                    headers(visitor::END_HEADERS, 1, [(":status", "201"), ("x-two", "2")]),
                    frame(visitor::DATA, 0, 1, "he"),
                    frame(visitor::DATA, 0, 1, "llo"),
                    headers(visitor::WHOLE, 1, [("x-end", "8")]),
                ]
                .concat(),
            ),
        }
    }
}

/// Status and fields of a head of HTTP/1.1.
fn of_head(head: &str) -> String {
    format!("{} {}", &head[9..12], of_fields(head))
}

fn of_fields(head: &str) -> String {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let told = fields.filter(|(name, _)| name.starts_with("x-") || *name == "link");
    told.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// Content and trailers of a chunked body.
fn of_chunks(mut rest: &str) -> String {
    let mut content = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").unwrap();
        let octets = usize::from_str_radix(size, 16).unwrap();
        if octets == 0 {
            return format!("{content} {}", of_fields(after));
        }
        content.push_str(&after[..octets]);
        rest = &after[octets + 2..];
    }
}

/// Fields and content of frames, with these pseudo-headers.
fn in_words(frames: impl Iterator<Item = (u8, Vec<(String, String)>, Vec<u8>)>, pseudo: &[&str]) -> String {
    let (mut words, mut content) = (Vec::new(), String::new());
    for (kind, fields, payload) in frames {
        match kind {
            visitor::DATA => content.push_str(&String::from_utf8(payload).unwrap()),
            visitor::HEADERS => {
                if !content.is_empty() {
                    words.push(std::mem::take(&mut content));
                }
                for (name, value) in fields {
                    if pseudo.contains(&&*name) {
                        words.push(value);
                    } else if name.starts_with("x-") || name == "link" {
                        words.push(format!("{name}={value}"));
                    }
                }
            }
            _ => {}
        }
    }
    words.join(" ")
}

#[test]
fn whole_exchanges_go_through_each_pairing() {
    for (front, back) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut chain = Chain::new("", if back { HTTP2 } else { HTTP1 });
        let mut client = Visitor::ask(&mut chain, front);
        let mut origin = Behind::accept(&chain, back);
        chain.pump();
        assert_eq!(origin.sent(), SENT, "{front} {back}");
        origin.answer();
        chain.pump();
        assert_eq!(client.answered(), ANSWERED, "{front} {back}");
        chain.client.expect_no_open();
    }
}

#[test]
fn requests_of_many_clients_share_a_connection_of_http2() {
    let mut chain = Chain::new("", HTTP2);
    let mut clients: Vec<Peer> = (0..50).map(|_| chain.connect()).collect();
    for client in &mut clients {
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    }
    chain.pump();
    let mut origin = Origin::accept(&chain.client);
    chain.client.expect_no_open();
    for index in (0..50).rev() {
        origin.send(headers(
            visitor::END_HEADERS,
            index * 2 + 1,
            [(":status", "200"), ("content-length", "2")],
        ));
        origin.send(frame(visitor::DATA, visitor::END_STREAM, index * 2 + 1, format!("{index:02}")));
    }
    chain.pump();
    for (index, client) in clients.iter_mut().enumerate() {
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{index:02}");
        assert_eq!(client.recv_text(), text);
    }
}

#[test]
fn an_origin_of_http2_that_fails_is_a_502_and_one_that_is_busy_a_503() {
    for (answer, status) in [
        (frame(visitor::RST_STREAM, 0, 1, 8_u32.to_be_bytes()), "502"),
        (frame(visitor::RST_STREAM, 0, 1, 11_u32.to_be_bytes()), "503"),
        (frame(visitor::DATA, 0, 1, "x"), "502"),
        (frame(visitor::PUSH_PROMISE, 4, 1, [0, 0, 0, 2]), "502"),
        (headers(visitor::WHOLE, 1, [(":status", "101")]), "502"),
        (headers(visitor::WHOLE, 1, [(":status", "200"), ("content-length", "1")]), "502"),
    ] {
        let mut chain = Chain::new("", HTTP2);
        let mut client = chain.connect();
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        let mut origin = Origin::accept(&chain.client);
        origin.send(answer);
        chain.pump();
        assert!(client.recv_text().starts_with(&format!("HTTP/1.1 {status} ")), "{status}");
    }
}

#[test]
fn half_a_response_of_http2_does_not_look_whole() {
    for fields in [vec![(":status", "200")], vec![(":status", "200"), ("content-length", "9")]] {
        let mut chain = Chain::new("", HTTP2);
        let mut client = chain.connect();
        client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        chain.pump();
        let mut origin = Origin::accept(&chain.client);
        origin.send(headers(visitor::END_HEADERS, 1, fields));
        origin.send(frame(visitor::DATA, 0, 1, "half"));
        origin.send(frame(visitor::RST_STREAM, 0, 1, 2_u32.to_be_bytes()));
        chain.pump();
        let text = client.recv_text();
        assert!(text.contains("half") && !text.ends_with("0\r\n\r\n"), "{text}");
        client.recv_kind(FrameKind::Abort);
    }
}

#[test]
fn a_long_body_enters_the_side_of_http2_alone() {
    const OCTETS: usize = 1_000_000;
    let mut chain = Chain::new("", HTTP2);
    let mut client = chain.connect();
    client.send(data(format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {OCTETS}\r\n\r\n")));
    chain.pump();
    let mut origin = Origin::with(&chain.client, &crate::origin::setting(4, 10_000_000));
    origin.peer.grant_all();
    origin.send(crate::origin::window_update(0, 10_000_000));
    for _ in 0..OCTETS / 10_000 {
        client.send(data("x".repeat(10_000)));
        chain.pump();
    }
    origin.read();
    let got: usize =
        origin.frames.iter().filter(|it| it.kind == visitor::DATA).map(|it| it.payload.len()).sum();
    assert_eq!(got, OCTETS);
    let entered = |harness: &Harness<binding_http::Http>| {
        let transcript = harness.transcript();
        transcript.lines().filter(|line| !line.contains('⇒') && line.contains(" data ")).count()
    };
    assert!(entered(&chain.server) < 8, "{}", entered(&chain.server));
    origin.send(headers(visitor::END_HEADERS, 1, [(":status", "200"), ("content-length", "1000000")]));
    for _ in 0..OCTETS / 10_000 {
        origin.send(frame(visitor::DATA, 0, 1, "y".repeat(10_000)));
        chain.pump();
    }
    assert_eq!(client.recv_data_all().iter().filter(|octet| **octet == b'y').count(), OCTETS);
    assert!(entered(&chain.server) < 16, "{}", entered(&chain.server));
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let mut chain = Chain::new("", HTTP2);
    let mut client = chain.connect();
    client.send(data("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    chain.pump();
    let mut origin = Origin::accept(&chain.client);
    origin.recv();
    client.send_all([abort(CloseCode::Cancelled), reset(CloseCode::Cancelled)]);
    chain.pump();
    origin.expect_reset(1, 8);
    origin.expect_well();
}

#[test]
fn an_upgrade_goes_through_an_origin_of_http2() {
    let mut chain = Chain::new("upgrade: [websocket]", "versions: [h2], upgrade: [websocket]");
    let mut client = chain.connect();
    client.send(data(
        "GET /chat HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
    ));
    chain.pump();
    let mut origin = Origin::with(&chain.client, &crate::origin::setting(8, 1));
    origin.peer.grant_all();
    let head = origin.recv();
    assert_eq!(head.fields[0], (":method".to_owned(), "CONNECT".to_owned()));
    assert!(!head.ends());
    origin.send(headers(visitor::END_HEADERS, 1, [(":status", "200")]));
    chain.pump();
    assert_eq!(
        client.recv_text(),
        "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         connection: upgrade\r\nupgrade: websocket\r\n\r\n"
    );
    client.send(data("\u{1}"));
    chain.pump();
    origin.expect(visitor::DATA, 0, 1, "\u{1}");
    origin.send(frame(visitor::DATA, 0, 1, "\u{2}"));
    chain.pump();
    client.recv(data("\u{2}"));
    client.send(end());
    chain.pump();
    origin.expect(visitor::DATA, visitor::END_STREAM, 1, "");
    origin.send(frame(visitor::DATA, visitor::END_STREAM, 1, ""));
    chain.pump();
    client.recv(end());
    assert_eq!(chain.server.streams(), 0);
}

/// The head of an extended `CONNECT`.
const CONNECT: [(&str, &str); 6] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":authority", "a"),
    (":path", "/chat"),
    ("sec-websocket-version", "13"),
];

#[test]
fn an_extended_connect_goes_through_an_origin_of_http1() {
    use base64ct::{Base64, Encoding};
    use sha1::{Digest, Sha1};
    let mut chain = Chain::new("upgrade: [websocket]", "versions: [http/1.1], upgrade: [websocket]");
    let mut client = Client::connect(&chain.server);
    client.send(headers(visitor::END_HEADERS, 1, CONNECT));
    client.send(frame(visitor::DATA, 0, 1, "early"));
    chain.pump();
    let mut origin = chain.accept();
    let sent = origin.recv_text();
    let key = sent.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap().to_owned();
    let expected = format!(
        "GET /chat HTTP/1.1\r\nhost: a\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\
         upgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    );
    assert_eq!(sent, expected);
    let digest =
        Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = Base64::encode_string(&digest);
    origin.send(data(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: x\r\n\r\nhi"
    )));
    chain.pump();
    assert_eq!(origin.recv_text(), "early");
    let head = client.expect_head(1, "200");
    assert!(!head.ends() && head.field("sec-websocket-protocol") == Some("x"), "{head:?}");
    assert!(head.field("sec-websocket-accept").is_none() && head.field("upgrade").is_none(), "{head:?}");
    client.expect(visitor::DATA, 0, 1, "hi");
    client.send(frame(visitor::DATA, visitor::END_STREAM, 1, "bye"));
    chain.pump();
    assert_eq!(origin.recv_text(), "bye");
    origin.recv(end());
    origin.send(end());
    chain.pump();
    client.expect(visitor::DATA, visitor::END_STREAM, 1, "");
}

#[test]
fn an_extended_connect_goes_through_an_origin_of_http2() {
    let mut chain = Chain::new("upgrade: [websocket]", "versions: [h2], upgrade: [websocket]");
    for answer in ["200", "403"] {
        let mut client = Client::connect(&chain.server);
        client.send(headers(visitor::END_HEADERS, 1, CONNECT));
        chain.pump();
        let mut origin = Origin::with(&chain.client, &crate::origin::setting(8, 1));
        origin.peer.grant_all();
        let head = origin.recv();
        let fields: Vec<&str> = head.fields.iter().map(|(name, _)| &**name).collect();
        let expected = [":method", ":scheme", ":authority", ":path", ":protocol", "sec-websocket-version"];
        assert_eq!(fields, expected);
        origin.send(headers(visitor::END_HEADERS, 1, [(":status", answer)]));
        chain.pump();
        assert!(!client.expect_head(1, answer).ends());
        origin.send(frame(visitor::DATA, visitor::END_STREAM, 1, "bye"));
        chain.pump();
        client.expect(visitor::DATA, 0, 1, "bye");
        client.expect(visitor::DATA, visitor::END_STREAM, 1, "");
        if answer == "200" {
            client.send(frame(visitor::DATA, visitor::END_STREAM, 1, "bye"));
            chain.pump();
            origin.expect(visitor::DATA, 0, 1, "bye");
        }
        origin.expect(visitor::DATA, visitor::END_STREAM, 1, "");
        origin.peer.send(end());
        chain.pump();
    }
}

#[test]
fn an_origin_without_another_protocol_is_a_502() {
    for client in ["versions: [h2], upgrade: [websocket]", "versions: [h2]"] {
        let mut chain = Chain::new("upgrade: [websocket]", client);
        let mut client = Client::connect(&chain.server);
        client.send(headers(visitor::END_HEADERS, 1, CONNECT));
        chain.pump();
        if let Some(mut peer) = chain.client.opened() {
            peer.recv_begin();
            peer.send(begun());
            peer.send(data(frame(visitor::SETTINGS, 0, 0, [])));
            chain.pump();
        }
        client.expect_head(1, "502");
    }
}
