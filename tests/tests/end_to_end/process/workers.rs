//! More than one worker.

use zilla_tests::http::HttpClient;
use zilla_tests::{Client, Host, Ports, config};

#[test]
fn connections_are_spread_over_the_workers() {
    let port = Ports::one();
    let host = Host::with(&["-w2"]).start(&config::tcp_echo(&port));
    let names = ["zilla-0", "zilla-1"];
    let before = names.map(|name| host.waits_of_threads(name)[0]);
    let mut clients: Vec<Client> = (0..200).map(|_| Client::connect(port.first())).collect();
    clients.iter_mut().for_each(|client| client.echo("who serves me?"));
    for (name, before) in names.into_iter().zip(before) {
        // Each answer is waited for, so a worker that serves half of them has had to wait about as often.
        let waits = host.waits_of_threads(name)[0] - before;
        assert!(waits > 20, "{name} has waited {waits} times");
    }
}

#[test]
fn requests_are_answered_by_any_worker() {
    let port = Ports::one();
    let yaml = config::http_echo_with(&port, "{timeouts: {drain-idle-ms: 10}}");
    let mut host = Host::with(&["-w4"]).start(&yaml);
    let mut clients: Vec<HttpClient> = (0..100).map(|_| HttpClient::connect(port.first())).collect();
    for client in &mut clients {
        assert_eq!(client.ask(super::super::http::post("hello")).text(), "hello");
    }
    host.signal("TERM");
    clients.iter_mut().for_each(HttpClient::expect_end);
    assert_eq!(host.wait().code(), Some(0));
}
