//! Requests one after another, and many at once.

use super::{GET, Web, post};
use zilla_tests::http::HttpClient;
use zilla_tests::{Client, Host, Ports, config};

#[test]
fn a_connection_is_kept_for_any_number_of_requests() {
    let web = Web::start();
    let mut client = web.connect();
    for number in 0..1_000 {
        let body = number.to_string();
        let response = client.ask(post(&body));
        assert_eq!((response.head.status, response.text()), (200, body));
    }
}

#[test]
fn ten_thousand_pipelined_requests_are_answered_in_order() {
    const REQUESTS: usize = 10_000;
    let web = Web::start();
    let mut client = web.connect();
    let mut writer = client.client().share();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let ask = |number: usize| {
                let body = "x".repeat(number % 50);
                let length = body.len();
                format!("POST /{number} HTTP/1.1\r\nhost: a\r\nnumber: {number}\r\ncontent-length: {length}\r\n\r\n{body}")
            };
            // Pieces of any length: a request ends where it ends.
            let all: String = (0..REQUESTS).map(ask).collect();
            all.as_bytes().chunks(7_777).for_each(|piece| writer.send(piece));
        });
        for number in 0..REQUESTS {
            let response = client.response();
            assert_eq!(response.head.field("number"), Some(number.to_string().as_str()));
            assert_eq!(response.body.len(), number % 50);
        }
    });
}

#[test]
fn a_request_that_comes_octet_by_octet_is_one_request() {
    let web = Web::start();
    let mut client = web.connect();
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\na: b\r\n\r\n";
    for request in [post("abcde"), chunked.to_owned()] {
        request.as_bytes().iter().for_each(|octet| client.send([*octet]));
        assert_eq!(client.response().text(), "abcde");
    }
}

#[test]
fn a_client_that_ends_after_its_request_is_answered() {
    let web = Web::start();
    for request in [GET.to_owned(), post("last words"), GET.repeat(50)] {
        let mut client = web.connect();
        client.send(&request);
        client.client().end();
        for _ in 0..request.matches("HTTP/1.1").count() {
            assert_eq!(client.response().head.status, 200);
        }
        client.expect_end();
    }
}

#[test]
fn a_client_that_ends_within_its_request_leaves_nothing_behind() {
    let web = Web::start();
    let connections = web.host.connections();
    let request = post("0123456789");
    for cut in 1..request.len() {
        let mut client = Client::connect(web.port.first());
        client.send(&request[..cut]);
        client.end();
        client.recv_to_end();
    }
    zilla_tests::until("the host closes them all", || web.host.connections() <= connections);
    web.expect_well();
}

#[test]
fn a_client_that_asks_to_close_is_answered_and_closed() {
    let web = Web::start();
    for request in ["GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
        let mut client = web.connect();
        let response = client.ask(request);
        assert_eq!(response.head.status, 200);
        client.expect_end();
    }
}

#[test]
fn head_has_no_body_and_the_next_response_follows() {
    let web = Web::start();
    let mut client = web.connect();
    client.send(format!("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n{}", post("next")));
    assert_eq!(client.head().status, 200);
    assert_eq!(client.response().text(), "next");
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    let web = Web::start();
    let mut client = web.connect();
    client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    assert_eq!(client.head().status, 100);
    client.send("ok");
    assert_eq!(client.response().text(), "ok");
    assert_eq!(client.ask(post("next")).text(), "next");
}

#[test]
fn requests_go_where_the_routes_say_and_nowhere_else() {
    let port = Ports::one();
    let routes = "routes:\n      - when: [{headers: {\":path\": \"/echo/*\"}}]\n        exit: south";
    let yaml = config::http_echo(&port);
    let (north, rest) = yaml.split_once("  web:").unwrap();
    let yaml = format!("{north}  web:{}", rest.replacen("exit: south", routes, 1));
    let _host = Host::start(&yaml);
    let mut client = HttpClient::connect(port.first());
    assert_eq!(client.ask("GET /echo/1 HTTP/1.1\r\nhost: a\r\n\r\n").head.status, 200);
    assert_eq!(client.ask("GET /other HTTP/1.1\r\nhost: a\r\n\r\n").head.status, 404);
    let mut client = HttpClient::connect(port.first());
    assert_eq!(client.ask("GET /echo/2 HTTP/1.1\r\nhost: a\r\n\r\n").head.status, 200);
}

#[test]
fn a_thousand_clients_at_once_get_their_own_answers() {
    let web = Web::start();
    let mut clients: Vec<HttpClient> = (0..1_000).map(|_| web.connect()).collect();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(post(&format!("{round} {number}")));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.response().text(), format!("{round} {number}"));
        }
    }
}
