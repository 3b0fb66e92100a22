//! Options that bound connections: each is met, does what it says, and is told.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use zilla_tests::client::End;
use zilla_tests::{Client, Host, Ports, Upstream, config, until};

/// `tcp` to `echo`, with more options of the server.
fn echo_with(port: &Ports, options: &str) -> String {
    config::chain(&[
        ("north", "tcp", "server", &format!("{}, {options}", config::loopback(port))),
        ("south", "echo", "server", ""),
    ])
}

/// Waits for the line that says that a limit of a binding was met.
#[track_caller]
fn wait_for_limit(host: &Host, binding: &str, limit: &str) {
    host.log().wait_for(&format!("{limit} of {binding}"), |line| {
        line.is("WARN", "a limit was met") && line.field("binding") == binding && line.field("limit") == limit
    });
}

/// Whether a client is served: it is echoed, or waits.
fn is_echoed_within(client: &mut Client, patience: Duration) -> bool {
    let (mut writer, mut octets) = (client.share(), [0; 1]);
    assert!(writer.try_send("?"));
    client.set_read_patience(patience);
    let is_echoed = client.recv_some(&mut octets).is_ok_and(|some| some == 1);
    client.set_read_patience(zilla_tests::PATIENCE);
    is_echoed
}

#[test]
fn connections_over_the_limit_wait_until_one_has_ended() {
    for workers in ["--workers=1", "--workers=4"] {
        let port = Ports::one();
        let host = Host::with(&[workers]).start(&echo_with(&port, "connections: 3"));
        let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(port.first())).collect();
        clients.iter_mut().for_each(|client| client.echo("served"));
        let limits = host.log().matching(|line| line.is("WARN", "a limit was met"));
        assert_eq!(limits, [], "{workers}: three of three are no excess");
        let mut fourth = Client::connect(port.first());
        assert!(!is_echoed_within(&mut fourth, Duration::from_millis(400)), "a fourth of three is served");
        wait_for_limit(&host, "test:north", "connections");
        clients.iter_mut().for_each(|client| client.echo("still served"));
        drop(clients.pop());
        assert_eq!(fourth.recv(1), b"?");
        // And so on: each that ends lets one in.
        drop((clients, fourth));
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| Client::connect(port.first()).echo("served at last"));
            }
        });
        until("all are closed", || host.connections() == 0);
    }
}

#[test]
fn connections_over_the_limit_are_reset_if_the_options_say_so() {
    let port = Ports::one();
    let host = Host::start(&echo_with(&port, "excess: reset, connections: 2"));
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(port.first())).collect();
    clients.iter_mut().for_each(|client| client.echo("served"));
    (0..5).for_each(|_| Client::expect_reset_at(Ipv4Addr::LOCALHOST.into(), port.first()));
    wait_for_limit(&host, "test:north", "connections");
    clients.iter_mut().for_each(|client| client.echo("still served"));
    drop(clients);
    until("they are closed", || host.connections() == 0);
    host.expect_echo(port.first());
}

#[test]
fn streams_over_the_limit_of_a_client_are_reset() {
    let (port, upstream) = (Ports::one(), Upstream::echo());
    let client = format!("options: {{host: 127.0.0.1, port: {upstream}, connections: 2}}");
    let host = Host::start(&config::tcp_proxy_with(&port, "{}", &client));
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(port.first())).collect();
    clients.iter_mut().for_each(|client| client.echo("served"));
    Client::expect_reset_at(Ipv4Addr::LOCALHOST.into(), port.first());
    wait_for_limit(&host, "test:south", "connections");
    drop(clients.pop());
    until("it is closed", || host.connections() == 2);
    host.expect_echo(port.first());
}

#[test]
fn no_more_connections_are_accepted_in_a_second_than_the_rate() {
    const RATE: usize = 50;
    for workers in ["--workers=1", "--workers=3"] {
        let port = Ports::one();
        let host = Host::with(&[workers]).start(&echo_with(&port, &format!("accept-rate: {RATE}")));
        let start = Instant::now();
        let mut clients: Vec<Client> = (0..2 * RATE).map(|_| Client::connect(port.first())).collect();
        clients.iter_mut().for_each(|client| client.echo("served"));
        // All of them in two seconds, less what may come at once.
        let (least, most) = (Duration::from_millis(1_750), Duration::from_secs(10));
        assert!((least..most).contains(&start.elapsed()), "{workers}: {:?}", start.elapsed());
        wait_for_limit(&host, "test:north", "accept-rate");
    }
}

#[test]
fn connections_over_the_rate_are_reset_if_the_options_say_so() {
    let port = Ports::one();
    let host = Host::start(&echo_with(&port, "excess: reset, accept-rate: 1"));
    let mut first = Client::connect(port.first());
    first.echo("served");
    Client::expect_reset_at(Ipv4Addr::LOCALHOST.into(), port.first());
    wait_for_limit(&host, "test:north", "accept-rate");
    first.echo("still served");
}

#[test]
fn an_idle_connection_is_reset_and_one_that_is_not_goes_on() {
    let port = Ports::one();
    let host = Host::start(&echo_with(&port, "idle-timeout: 600ms"));
    let (mut idle, mut busy) = (Client::connect(port.first()), Client::connect(port.first()));
    idle.echo("once");
    let start = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| idle.recv_to_end());
        while !waiting.is_finished() || start.elapsed() < Duration::from_millis(1_500) {
            busy.echo("busy");
        }
        assert_eq!(waiting.join().unwrap(), (Vec::new(), End::Reset));
    });
    assert!(start.elapsed() >= Duration::from_millis(550), "{:?}", start.elapsed());
    busy.echo("still busy");
    wait_for_limit(&host, "test:north", "idle-timeout");
    assert_eq!(host.connections(), 1);
    busy.expect_reset();
    until("all are closed", || host.connections() == 0);
}

#[test]
fn a_connection_that_never_says_anything_is_idle_too() {
    let port = Ports::one();
    let host = Host::start(&echo_with(&port, "idle-timeout: 300ms"));
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(port.first())).collect();
    clients.iter_mut().for_each(Client::expect_reset);
    until("all are closed", || host.connections() == 0);
}

#[test]
fn an_upstream_that_is_idle_is_reset_with_its_client() {
    let (port, upstream) = (Ports::one(), Upstream::new());
    let client = format!("options: {{host: 127.0.0.1, port: {}, idle-timeout: 300ms}}", upstream.port());
    let host = Host::start(&config::tcp_proxy_with(&port, "{}", &client));
    let mut client = Client::connect(port.first());
    let mut server = upstream.accept();
    server.expect_reset();
    client.expect_reset();
    wait_for_limit(&host, "test:south", "idle-timeout");
}

#[test]
fn a_peer_that_reads_nothing_is_idle_once_nothing_moves() {
    let port = Ports::one();
    let host = Host::start(&echo_with(&port, "idle-timeout: 1s"));
    let mut client = Client::connect_narrow(port.first());
    let octets = vec![7; 1 << 20];
    // Until the host takes no more, and then breaks the connection.
    while client.try_send(&octets) {}
    wait_for_limit(&host, "test:north", "idle-timeout");
    until("it is closed", || host.connections() == 0);
}

#[test]
fn a_client_without_descriptors_resets_streams_and_goes_on() {
    let (port, upstream) = (Ports::one(), Upstream::echo());
    let yaml = config::tcp_proxy(&port, upstream);
    let host = Host::with(&["--workers=1"]).after("ulimit -n 64").start(&yaml);
    let mut served = Client::connect(port.first());
    served.echo("served");
    // Accepting takes all that are left.
    let clients: Vec<_> = (0..100).map(|_| Client::try_connect(port.first())).collect();
    wait_for_limit(&host, "test:south", "file descriptors");
    served.echo("still served");
    drop((clients, served));
    // Connections that still wait to be accepted take descriptors once more, though their clients have left.
    until("it serves again", || {
        let Ok(mut client) = Client::try_connect(port.first()) else { return false };
        client.try_send(b"again") && client.recv_some(&mut [0; 5]).is_ok_and(|octets| octets > 0)
    });
}

/// The timer of the connections of a port, as the kernel tells it: 2 is that of keep-alive.
fn timers(host: &Host, port: u16) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", host.pid())).unwrap();
    let columns = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let local = format!("0100007F:{port:04X}");
    let is_established = |columns: &Vec<&str>| columns.get(1) == Some(&local.as_str()) && columns[3] == "01";
    columns.filter(is_established).map(|columns| columns[5][..2].to_owned()).collect()
}

#[test]
fn keepalive_is_on_where_the_options_say_so() {
    for (options, timer) in
        [("keepalive: false", "00"), ("keepalive: {idle: 30s}", "02"), ("nodelay: false", "00")]
    {
        let port = Ports::one();
        let host = Host::start(&echo_with(&port, options));
        let mut client = Client::connect(port.first());
        client.echo("a");
        until("the kernel has its acknowledgement", || timers(&host, port.first()) == [timer]);
    }
}
