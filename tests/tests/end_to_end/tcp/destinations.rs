//! Where a `tcp` client connects to, what it may not, and what is said if nobody is there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use zilla_tests::client::End;
use zilla_tests::upstream::{Refusing, Silent};
use zilla_tests::{Client, Host, Names, Ports, Upstream, config, until};

/// A host with one worker, a client as given, and some names.
fn with_names(names: &Names, yaml: &str) -> Host {
    names.with(Host::with(&["--workers=1", "--log-level=debug"])).start(yaml)
}

/// `tcp` to a guest that opens streams as its peer says, to a `tcp` client with the keys as given.
fn dialled(port: &Ports, client: &str) -> String {
    let dial = "  dial:\n    type: dial\n    kind: proxy\n    exit: south\n";
    config::tcp_proxy_with(port, "{}", client).replacen("exit: south", "exit: dial", 1) + dial
}

/// Dials through a host, and says what comes of it.
#[track_caller]
fn dial(port: u16, line: &str) -> String {
    let mut client = Client::connect(port);
    client.send(format!("{line}\n"));
    let mut octets = [0; 512];
    let some = client.recv_some(&mut octets).unwrap_or_else(|error| panic!("{line}: {error}"));
    String::from_utf8_lossy(&octets[..some]).trim_end().to_owned()
}

#[test]
fn an_upstream_that_refuses_resets_the_client_at_once() {
    let (port, refusing) = (Ports::one(), Refusing::new());
    let host = Host::start(&config::tcp_proxy(&port, refusing.port()));
    let start = Instant::now();
    Client::expect_reset_at(Ipv4Addr::LOCALHOST.into(), port.first());
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(host.connections(), 0);
}

#[test]
fn each_failure_has_its_close_code() {
    let (port, refusing, silent) = (Ports::one(), Refusing::new(), Silent::new());
    let names = Names::new("here 127.0.0.1");
    let client = "options: {connect-timeout: 400ms}\n    routes: [{when: [{cidr: 127.0.0.0/8}, {cidr: 255.255.255.255/32}]}]";
    let host = with_names(&names, &dialled(&port, client));
    for (line, code) in [
        (format!("destination 127.0.0.1:{}", refusing.port()), "CloseCode::Refused"),
        (format!("authority here:{}", refusing.port()), "CloseCode::Refused"),
        (format!("destination 127.0.0.1:{}", silent.port()), "CloseCode::Timeout"),
        ("destination 255.255.255.255:9".to_owned(), "CloseCode::Unreachable"),
        ("authority nowhere:80".to_owned(), "CloseCode::Unreachable"),
        ("authority here".to_owned(), "CloseCode::NoRoute"),
        ("destination here:80".to_owned(), "CloseCode::NoRoute"),
        ("destination 192.0.2.1:80".to_owned(), "CloseCode::NoRoute"),
        ("colour green".to_owned(), "CloseCode::NoRoute"),
    ] {
        assert_eq!(dial(port.first(), &line), code, "{line}");
    }
    let met = host.log().wait_for_event("WARN", "a limit was met");
    assert_eq!((met.field("binding"), met.field("limit")), ("test:south".into(), "connect-timeout".into()));
}

#[test]
fn a_stream_is_answered_with_where_it_was_connected_to() {
    let (port, upstream) = (Ports::one(), Upstream::echo());
    let names = Names::new("somewhere 127.0.0.1");
    let host = with_names(&names, &dialled(&port, "routes: [{}]"));
    for (line, name) in [
        (format!("authority SomeWhere:{upstream}"), " authority=somewhere"),
        (format!("destination 127.0.0.1:{upstream}"), ""),
    ] {
        let answer = dial(port.first(), &line);
        let rest = answer.strip_prefix("source=127.0.0.1:").unwrap_or_else(|| panic!("{answer}"));
        let (_, rest) = rest.split_once(' ').unwrap();
        assert_eq!(rest, format!("destination=127.0.0.1:{upstream}{name}"));
    }
    drop(host);
}

#[test]
fn routes_allow_by_name_block_and_port_and_nothing_else() {
    let (port, one, two) = (Ports::one(), Upstream::echo(), Upstream::echo());
    let names = Names::new("in.example 127.0.0.1\nout.example 127.0.0.1\nelsewhere.example 127.0.0.2");
    for (when, allowed) in [
        ("{authority: '*.example'}", [true, true, true, true, false]),
        ("{authority: IN.example}", [true, true, false, false, false]),
        ("{authority: in.example, port: ONE}", [true, false, false, false, false]),
        ("{cidr: 127.0.0.1/32}", [true, true, true, false, true]),
        ("{cidr: 127.0.0.2/32}", [false, false, false, true, false]),
        ("{port: TWO}", [false, true, false, false, false]),
        ("{authority: in.example, cidr: 127.0.0.2/32}", [false, false, false, false, false]),
    ] {
        let when = when.replace("ONE", &one.to_string()).replace("TWO", &two.to_string());
        let host = with_names(&names, &dialled(&port, &format!("routes: [{{when: [{when}]}}]")));
        for (line, is_allowed) in [
            (format!("authority in.example:{one}"), allowed[0]),
            (format!("authority In.Example:{two}"), allowed[1]),
            (format!("authority out.example:{one}"), allowed[2]),
            (format!("authority elsewhere.example:{one}"), allowed[3]),
            (format!("destination 127.0.0.1:{one}"), allowed[4]),
        ] {
            let answer = dial(port.first(), &line);
            // Nobody listens at 127.0.0.2: it is allowed to be told so.
            let is_tried = answer.starts_with("source=") || answer == "CloseCode::Refused";
            assert_eq!(is_tried, is_allowed, "{when}: {line}: {answer}");
            assert!(is_tried || answer == "CloseCode::NoRoute", "{when}: {line}: {answer}");
        }
        drop(host);
    }
}

#[test]
fn a_name_that_no_route_allows_is_not_even_looked_up() {
    let (port, names) = (Ports::one(), Names::new(""));
    let _host = with_names(&names, &dialled(&port, "routes: [{when: [{authority: a.example}]}]"));
    assert_eq!(dial(port.first(), "authority secret.example:80"), "CloseCode::NoRoute");
    assert_eq!(dial(port.first(), "authority a.example:80"), "CloseCode::Unreachable");
    assert_eq!((names.lookups("secret.example"), names.lookups("a.example")), (0, 1));
}

#[test]
fn the_options_host_has_to_be_allowed_too() {
    let (port, upstream) = (Ports::one(), Upstream::echo());
    let client = |route: &str| {
        format!("options: {{host: 127.0.0.1, port: {upstream}}}\n    routes: [{{when: [{route}]}}]")
    };
    let host = Host::start(&config::tcp_proxy_with(&port, "{}", &client("{cidr: 127.0.0.0/8}")));
    host.expect_echo(port.first());
    drop(host);
    let _host = Host::start(&config::tcp_proxy_with(&port, "{}", &client("{cidr: 10.0.0.0/8}")));
    Client::expect_reset_at(Ipv4Addr::LOCALHOST.into(), port.first());
}

/// A host in front of a name.
fn named(names: &Names, name: &str, port: &Ports, upstream: u16, more: &str) -> Host {
    let client = format!("options: {{host: {name}, port: {upstream}{more}}}");
    with_names(names, &config::tcp_proxy_with(port, "{}", &client))
}

#[test]
fn addresses_of_a_name_are_tried_until_one_answers() {
    let (port, upstream) = (Ports::one(), Upstream::echo());
    // Nobody listens at ::1, and 127.0.0.3 and 127.0.0.4 refuse or do not exist.
    let names = Names::new("many ::1\nmany 127.0.0.3\nmany 127.0.0.4\nmany 127.0.0.1");
    let host = named(&names, "many", &port, upstream, "");
    (0..8).for_each(|_| host.expect_echo(port.first()));
    assert_eq!(names.lookups("many"), 1, "its addresses are kept");
}

#[test]
fn an_address_that_says_nothing_holds_up_a_connection_for_an_attempt_only() {
    let (port, upstream) = (Ports::one(), Upstream::new());
    let silent = Silent::at(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), upstream.port());
    let names = Names::new("half 127.0.0.2\nhalf 127.0.0.1");
    let _host = named(&names, "half", &port, upstream.port(), ", connect-timeout: 20s");
    // Two connections begin with one address each.
    for _ in 0..2 {
        let start = Instant::now();
        let mut client = Client::connect(port.first());
        let mut server = upstream.accept();
        client.send("a");
        assert_eq!(server.recv(1), b"a");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    drop(silent);
}

#[test]
fn connections_are_spread_over_the_addresses_of_a_name() {
    let one = Upstream::new();
    let address = |last| SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), one.port()));
    let (two, three) = (Upstream::at(address(2)), Upstream::at(address(3)));
    let (port, names) = (Ports::one(), Names::new("three 127.0.0.1\nthree 127.0.0.2\nthree 127.0.0.3"));
    let _host = named(&names, "three", &port, one.port(), "");
    for _ in 0..4 {
        let clients: Vec<Client> = (0..3).map(|_| Client::connect(port.first())).collect();
        drop((one.accept(), two.accept(), three.accept()));
        drop(clients);
    }
}

#[test]
fn a_name_is_looked_up_once_for_all_that_wait_and_holds_up_nobody_else() {
    let (port, upstream) = (Ports::one(), Upstream::echo());
    let names = Names::new("slow ~700\nslow 127.0.0.1\nfast 127.0.0.1");
    let _host = with_names(&names, &dialled(&port, "routes: [{}]"));
    std::thread::scope(|scope| {
        let slow: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| dial(port.first(), &format!("authority slow:{upstream}"))))
            .collect();
        until("the slow name is asked for", || names.lookups("slow") > 0);
        let start = Instant::now();
        let mut fast = 0;
        while slow.iter().any(|thread| !thread.is_finished()) {
            assert!(dial(port.first(), &format!("authority fast:{upstream}")).starts_with("source="));
            fast += 1;
        }
        assert!(fast > 1, "{fast} connections to another name in {:?}", start.elapsed());
        for thread in slow {
            assert!(thread.join().unwrap().starts_with("source="));
        }
    });
    assert_eq!((names.lookups("slow"), names.lookups("fast")), (1, 1));
}

#[test]
fn a_lookup_that_takes_too_long_is_a_connection_that_does() {
    let (port, names) = (Ports::one(), Names::new("slow ~3000\nslow 127.0.0.1"));
    let client = "options: {connect-timeout: 300ms}\n    routes: [{}]";
    let mut host = with_names(&names, &dialled(&port, client));
    assert_eq!(dial(port.first(), "authority slow:80"), "CloseCode::Timeout");
    // Nor does it hold up the end of the host.
    let start = Instant::now();
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_client_that_goes_while_the_upstream_is_connected_to_takes_the_attempt_with_it() {
    let (port, silent) = (Ports::one(), Silent::new());
    let host = Host::start(&config::tcp_proxy(&port, silent.port()));
    let clients: Vec<Client> = (0..20).map(|_| Client::connect(port.first())).collect();
    until("attempts are under way", || host.connections() == 2 * clients.len());
    clients.into_iter().for_each(Client::reset);
    until("they are dropped", || host.connections() == 0);
}

#[test]
fn what_a_client_says_before_the_upstream_is_there_waits_for_it() {
    let (port, upstream) = (Ports::one(), Upstream::new());
    let names = Names::new("slow ~300\nslow 127.0.0.1");
    let _host = named(&names, "slow", &port, upstream.port(), "");
    let mut client = Client::connect(port.first());
    let sent = zilla_tests::random::Random::new(7).octets(300_000);
    let mut writer = client.share();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.send(&sent);
            writer.end();
        });
        let mut server = upstream.accept();
        assert!(server.recv_to_end() == (sent.clone(), End::InOrder));
        server.send("heard");
    });
    assert_eq!(client.recv(5), b"heard");
}

#[test]
fn a_client_that_says_nothing_but_its_end_is_passed_on() {
    let (port, upstream) = (Ports::one(), Upstream::new());
    let names = Names::new("slow ~300\nslow 127.0.0.1");
    let _host = named(&names, "slow", &port, upstream.port(), "");
    let mut client = Client::connect(port.first());
    client.end();
    let mut server = upstream.accept();
    assert_eq!(server.recv_to_end(), (Vec::new(), End::InOrder));
    server.send("still here");
    assert_eq!(client.recv(10), b"still here");
}
