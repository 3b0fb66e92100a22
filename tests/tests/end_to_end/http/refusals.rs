//! What is refused, with which status code; and that nothing of a refused connection is taken for a request.

use super::Web;

/// A request that a refused one could smuggle in.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\nsmuggled: yes\r\n\r\n";

/// What is sent, and the status code of the only answer.
const REFUSED: &[(&str, u16)] = &[
    // The request line.
    ("\0\r\n\r\n", 400),
    ("GET\r\n\r\n", 400),
    ("GET /\r\n\r\n", 400),
    ("GET / HTTP/1.1\nhost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET /  HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET / a HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("G\0T / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET a HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET / http/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET / HTTP/1.2\r\nhost: a\r\n\r\n", 505),
    ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
    ("GET / HTTP/1.11\r\nhost: a\r\n\r\n", 400),
    ("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", 505),
    ("CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n", 501),
    // The host.
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", 400),
    // Fields.
    ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n host: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\n: y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\n(x): y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nexpect: more\r\n\r\n", 417),
    // Where the body ends.
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1 1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
];

/// Chunked bodies that are none. The response has begun, so they break it off.
const BROKEN_BODIES: &[&str] = &[
    "x\r\n",
    "-1\r\n",
    "+1\r\na\r\n",
    "0x1\r\na\r\n",
    " 1\r\na\r\n",
    "1\r\nab\r\n",
    "1\na\n",
    "1\r\na\r\n\r\n",
    "fffffffffffffffff\r\n",
    "1;\x00\r\na\r\n",
    "0\r\nx\r\n\r\n",
    "0\r\nx : y\r\n\r\n",
    "0\n\n",
];

#[test]
fn what_is_ambiguous_or_malformed_is_refused_and_nothing_behind_it_is_read() {
    let web = Web::start();
    for (request, status) in REFUSED {
        let mut client = web.connect();
        client.send(format!("{request}{SMUGGLED}"));
        let response = client.response();
        assert_eq!(response.head.status, *status, "{request:?}: {}", response.text());
        assert_eq!(response.head.field("connection"), Some("close"), "{request:?}");
        // The reason is ours, whatever was sent.
        assert!(!response.text().contains("smuggled"), "{request:?}: {}", response.text());
        client.expect_end();
    }
    web.expect_well();
}

#[test]
fn a_body_that_is_malformed_breaks_its_response_off() {
    let web = Web::start();
    for body in BROKEN_BODIES {
        let mut client = web.connect();
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        client.send(format!("{head}{body}{SMUGGLED}"));
        let (received, _) = client.client().recv_to_end();
        let received = String::from_utf8_lossy(&received);
        assert!(!received.contains("\r\n0\r\n") && !received.contains("smuggled"), "{body:?}: {received}");
    }
    web.expect_well();
}

#[test]
fn what_is_odd_but_allowed_is_served() {
    let web = Web::start();
    for request in [
        "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHOST: a:80\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx:\r\n\r\n",
        "ANYTHING / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 000\r\n\r\n",
    ] {
        let mut client = web.connect();
        client.send(format!("{request}{SMUGGLED}"));
        assert_eq!(client.response().head.status, 200, "{request:?}");
        assert_eq!(client.response().head.field("smuggled"), Some("yes"), "{request:?}");
    }
}

#[test]
fn what_is_too_long_is_refused_by_its_part() {
    let web = Web::with(
        "{limits: {body-bytes: 1000, header-bytes: 4000, header-count: 20, request-line-bytes: 500}}",
    );
    let fields = |count: usize| (0..count).map(|number| format!("x{number}: y\r\n")).collect::<String>();
    for (request, status) in [
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(1_000)), 414),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(5_000)), 431),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", fields(21)), 431),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n".to_owned(), 413),
        (format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(400)), 200),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(3_000)), 200),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", fields(19)), 200),
        (format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{}", "x".repeat(1_000)), 200),
    ] {
        let response = web.connect().ask(&request);
        assert_eq!(response.head.status, status, "{}: {}", &request[..50], response.text());
    }
}
