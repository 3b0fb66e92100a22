//! Where it listens, and what its routes test.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zilla_tests::ports::has_address;
use zilla_tests::{Client, Host, Ports, config};

const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

#[test]
fn every_port_of_a_list_of_ranges_is_served() {
    let ports = Ports::range(6);
    let list = format!("[{}, \"{}-{}\", \"{}\"]", ports.at(0), ports.at(2), ports.at(4), ports.at(5));
    let host = Host::start(&config::tcp_echo(list));
    for index in [0, 2, 3, 4, 5] {
        host.expect_echo(ports.at(index));
    }
    assert!(Client::try_connect(ports.at(1)).is_err(), "a port that is not listed is served");
}

#[test]
fn every_address_of_a_list_is_served() {
    let ports = Ports::range_of(&[FIRST, SECOND], 1);
    let yaml = config::tcp_echo(ports.first()).replace("127.0.0.1", "[127.0.0.1, 127.0.0.2]");
    let _host = Host::start(&yaml);
    Client::connect(ports.first()).echo("one");
    Client::connect_to(SECOND, ports.first()).echo("two");
}

#[test]
fn ipv6_is_served_and_is_not_ipv4() {
    let address = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if !has_address(address) {
        eprintln!("left out: this machine has no ::1");
        return;
    }
    let ports = Ports::range_of(&[address], 1);
    let _host = Host::start(&config::tcp_echo(ports.first()).replace("127.0.0.1", "'::1'"));
    Client::connect_to(address, ports.first()).echo("six");
    assert!(Client::try_connect(ports.first()).is_err(), "IPv4 is served, too");
}

#[test]
fn a_name_is_resolved_and_is_the_authority_that_routes_test() {
    let ports = Ports::one();
    let yaml = |authority: &str| {
        let yaml = config::tcp_echo(ports.first()).replace("127.0.0.1", "localhost");
        yaml.replacen(
            "exit: south",
            &format!("routes: [{{when: [{{authority: {authority}}}], exit: south}}]"),
            1,
        )
    };
    let host = Host::start(&yaml("local*"));
    host.expect_echo(ports.first());
    drop(host);
    let _host = Host::start(&yaml("other*"));
    Client::expect_reset_at(FIRST, ports.first());
}

/// Two addresses and two ports, with routes as given, in one line.
fn routed(ports: &Ports, routes: &str) -> Host {
    let yaml = config::tcp_echo(format!("\"{}-{}\"", ports.first(), ports.last()));
    let yaml = yaml.replace("host: 127.0.0.1", "host: [127.0.0.1, 127.0.0.2]");
    Host::start(&yaml.replacen("exit: south", &format!("routes: {routes}"), 1))
}

fn two_by_two() -> Ports {
    Ports::range_of(&[FIRST, SECOND], 2)
}

#[test]
fn a_port_without_a_route_is_closed_at_once() {
    let ports = Ports::range(2);
    let yaml = config::tcp_echo(format!("\"{}-{}\"", ports.first(), ports.last()));
    let routes = format!("routes: [{{when: [{{port: {}}}], exit: south}}]", ports.last());
    let host = Host::start(&yaml.replacen("exit: south", &routes, 1));
    Client::expect_reset_at(FIRST, ports.first());
    host.expect_echo(ports.last());
}

#[test]
fn a_condition_on_the_port_takes_numbers_ranges_and_lists() {
    let ports = two_by_two();
    let (one, two) = (ports.first(), ports.last());
    for (condition, reached) in [
        (format!("{two}"), [false, true]),
        (format!("\"{one}-{two}\""), [true, true]),
        (format!("[1, \"2-3\", \"{one}\"]"), [true, false]),
    ] {
        let _host = routed(&ports, &format!("[{{when: [{{port: {condition}}}], exit: south}}]"));
        for (port, is_reached) in [one, two].into_iter().zip(reached) {
            if is_reached {
                Client::connect(port).echo(&condition);
            } else {
                Client::expect_reset_at(FIRST, port);
            }
        }
    }
}

#[test]
fn a_condition_on_the_block_tests_the_address_that_was_connected_to() {
    let ports = two_by_two();
    let _host = routed(&ports, "[{when: [{cidr: 127.0.0.2/32}], exit: south}]");
    Client::connect_to(SECOND, ports.first()).echo("in the block");
    Client::expect_reset_at(FIRST, ports.first());
}

#[test]
fn all_parts_of_a_condition_hold_and_any_condition_does() {
    let ports = two_by_two();
    let (one, two) = (ports.first(), ports.last());
    let routes = format!(
        "[{{when: [{{cidr: 127.0.0.2/32, port: {one}}}, {{cidr: 127.0.0.1/32, port: {two}}}], exit: south}}]"
    );
    let _host = routed(&ports, &routes);
    Client::connect_to(SECOND, one).echo("the first condition");
    Client::connect(two).echo("the second condition");
    Client::expect_reset_at(FIRST, one);
    Client::expect_reset_at(SECOND, two);
}

#[test]
fn the_first_route_that_fits_is_taken() {
    let ports = Ports::range(2);
    let routes = format!("routes: [{{when: [{{port: {}}}], exit: hello}}, {{exit: south}}]", ports.first());
    let yaml = config::tcp_echo(format!("\"{}-{}\"", ports.first(), ports.last()));
    let hello = "  hello:\n    type: hello\n    kind: server\n    options: {greeting: Hi}\n";
    let host = Host::start(&(yaml.replacen("exit: south", &routes, 1) + hello));
    assert_eq!(Client::connect(ports.first()).recv_to_end().0, b"Hi");
    host.expect_echo(ports.last());
}
