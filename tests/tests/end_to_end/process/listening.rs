//! Addresses that cannot be listened on.

use std::net::TcpListener;
use zilla_tests::{Host, Ports, config};

/// The error of a host that does not start.
#[track_caller]
fn refusal(yaml: &str) -> String {
    let mut host = Host::with(&["-w2"]).start_unseen(yaml);
    assert_eq!(host.wait().code(), Some(1), "{}", host.log());
    assert_eq!(host.log().matching(|line| line.text.contains("started")), []);
    host.log().to_string().trim().to_owned()
}

#[test]
fn an_address_that_another_process_has_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let expected = format!(
        "error: test:north: cannot listen on {address}: Address already in use (os error 98) (another process listens there)"
    );
    assert_eq!(refusal(&config::tcp_echo(address.port())), expected);
}

#[test]
fn one_address_that_cannot_be_had_keeps_all_others_closed() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let free = Ports::one();
    let refusal = refusal(&config::tcp_echo(format!("[{free}, {port}]")));
    assert!(refusal.contains(&format!("127.0.0.1:{port}")), "{refusal}");
    assert!(zilla_tests::Client::try_connect(free.first()).is_err());
}

#[test]
fn an_address_of_no_interface_is_named() {
    // RFC 5737: addresses for documentation are nobody's.
    let refusal = refusal(&config::tcp_echo(1234).replace("127.0.0.1", "192.0.2.1"));
    assert!(refusal.contains("cannot listen on 192.0.2.1:1234: "), "{refusal}");
    assert!(refusal.contains("(no interface of this machine has that address)"), "{refusal}");
}
