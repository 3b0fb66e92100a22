//! Options of `tcp` servers, and conditions of both kinds, read.

use super::super::options::{OptionsError, Reader, each, ms, ports};
use super::super::permits::Permits;
use super::super::rate::Rate;
use super::socket::SocketOptions;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use zilla_config::Quantity;
use zilla_engine::{Cidr, Condition, Pattern, Predicate, Test};

/// Sockets that one binding may listen on; more are refused when the file is checked.
const LISTENERS_MAX: usize = 1024;

/// Connections that the kernel keeps for a listener until they are accepted.
pub(super) const BACKLOG_DEFAULT: u32 = 4096;

/// What `idle-timeout` may be. Less than a round trip to clients far away would end what is not idle.
pub(super) const IDLE_TIMEOUT: Quantity = ms(100, 7 * 24 * 3_600_000);

/// `options` of a server, read.
#[derive(Clone, Debug)]
pub(super) struct ServerOptions {
    pub(super) addresses: Vec<Address>,
    pub(super) backlog: u32,
    pub(super) socket: SocketOptions,
    /// `connections`: at a time.
    pub(super) connections: Option<Permits>,
    /// `accept-rate`: in a second.
    pub(super) accept_rate: Option<Rate>,
    pub(super) excess: Excess,
    pub(super) idle_timeout_ms: Option<u64>,
}

/// An address to listen on, and the name that it was given by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) socket: SocketAddr,
    pub(super) authority: Option<String>,
}

/// What becomes of connections over `connections` or `accept-rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// They wait in the kernel.
    Wait,
    /// They are accepted and reset.
    Reset,
}

impl ServerOptions {
    /// Reads options that fit the schema. Names are resolved now, so that a wrong one is found before the start.
    pub(super) fn read(options: &Value) -> Result<Self, Vec<OptionsError>> {
        let mut reader = Reader::new(options, "/options");
        let ports = reader.keep(ports(&options["port"], "/options/port"));
        let hosts = reader.keep(resolve_all(&options["host"], "/options/host"));
        let socket = reader.keep(SocketOptions::read(options));
        let idle_timeout_ms = reader.ms("idle-timeout", &IDLE_TIMEOUT);
        let (Some(ports), Some(hosts), Some(socket)) = (ports, hosts, socket) else {
            return reader.finish(None);
        };
        let count = hosts.len() * ports.iter().map(|range| range.clone().count()).sum::<usize>();
        if count > LISTENERS_MAX {
            let expected = format!("at most {LISTENERS_MAX} addresses to listen on");
            reader.error("port", expected, count.to_string());
            return reader.finish(None);
        }
        let bind = |(host, authority): &(IpAddr, Option<String>), port| Address {
            socket: SocketAddr::new(*host, port),
            authority: authority.clone(),
        };
        let on = |host| ports.iter().flat_map(|range| range.clone()).map(move |port| bind(host, port));
        reader.finish(Some(Self {
            addresses: hosts.iter().flat_map(on).collect(),
            backlog: options["backlog"].as_u64().map_or(BACKLOG_DEFAULT, |backlog| backlog as u32),
            socket,
            connections: permits(options),
            accept_rate: options["accept-rate"].as_u64().map(Rate::new),
            excess: if options["excess"] == "reset" { Excess::Reset } else { Excess::Wait },
            idle_timeout_ms,
        }))
    }
}

/// `connections` of options that fit the schema.
pub(super) fn permits(options: &Value) -> Option<Permits> {
    options["connections"].as_u64().map(|max| Permits::new(usize::try_from(max).unwrap_or(usize::MAX)))
}

/// Compiles one item of a route's `when` that fits the schema.
pub(super) fn condition(when: &Value, pointer: &str) -> Result<Condition, Vec<OptionsError>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    if let Some(authority) = when["authority"].as_str() {
        match Pattern::wildcard(authority) {
            Ok(pattern) => {
                all.push(Predicate { attribute: "authority".into(), test: Test::Pattern(pattern) });
            }
            Err(error) => errors.push(OptionsError {
                pointer: format!("{pointer}/authority"),
                expected: "a name in which `*` stands for anything".into(),
                found: error.to_string(),
            }),
        }
    }
    if let Some(text) = when["cidr"].as_str() {
        match Cidr::parse(text) {
            Some(cidr) => all.push(Predicate { attribute: "destination".into(), test: Test::Cidr(cidr) }),
            None => errors.push(OptionsError {
                pointer: format!("{pointer}/cidr"),
                expected: "a block of addresses, such as 127.0.0.0/8 or 2001:db8::/32".into(),
                found: format!("`{text}`"),
            }),
        }
    }
    let mut any = vec![all];
    if !when["port"].is_null() {
        match ports(&when["port"], &format!("{pointer}/port")) {
            Ok(ranges) => {
                let port =
                    |range| Predicate { attribute: "destination".into(), test: Test::PortRange(range) };
                let all = std::mem::take(&mut any[0]);
                any = ranges
                    .into_iter()
                    .map(|range| all.iter().cloned().chain([port(range)]).collect())
                    .collect();
            }
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(Condition { any, matched: Vec::new() }) } else { Err(errors) }
}

/// Addresses of a host or a list of those, each with its name if it was given by one.
fn resolve_all(value: &Value, pointer: &str) -> Result<Vec<(IpAddr, Option<String>)>, Vec<OptionsError>> {
    if value.is_null() {
        return Ok(vec![(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), None)]);
    }
    each(value, pointer, |item, pointer| {
        let host = item.as_str().unwrap_or_default();
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(vec![(address, None)]);
        }
        let resolved =
            (host, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
        let error = match resolved {
            Ok(mut found) if !found.is_empty() => {
                found.sort();
                found.dedup();
                return Ok(found.into_iter().map(|address| (address, Some(host.to_owned()))).collect());
            }
            Ok(_) => "no address".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(OptionsError {
            pointer: pointer.into(),
            expected: "an address, or a name that resolves to one".into(),
            found: format!("`{host}`: {error}"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hosts_times_ports_are_listened_on() {
        let options = json!({"host": ["127.0.0.1", "::1"], "port": [80, "90-91", "99"]});
        let read = ServerOptions::read(&options).unwrap();
        let listed: Vec<String> = read.addresses.iter().map(|address| address.socket.to_string()).collect();
        assert_eq!(
            listed,
            [
                "127.0.0.1:80",
                "127.0.0.1:90",
                "127.0.0.1:91",
                "127.0.0.1:99",
                "[::1]:80",
                "[::1]:90",
                "[::1]:91",
                "[::1]:99"
            ]
        );
    }

    #[test]
    fn wrong_ports_and_hosts_are_refused_at_their_place() {
        for (options, pointer) in [
            (json!({"port": "91-90"}), "/options/port"),
            (json!({"port": [80, "70000"]}), "/options/port/1"),
            (json!({"port": 0}), "/options/port"),
            (json!({"port": "1-65535"}), "/options/port"),
            (json!({"host": "no-such-host.invalid", "port": 80}), "/options/host"),
        ] {
            assert_eq!(ServerOptions::read(&options).unwrap_err()[0].pointer, pointer, "{options}");
        }
    }

    #[test]
    fn a_name_is_kept_as_authority() {
        let read = ServerOptions::read(&json!({"host": "localhost", "port": 80})).unwrap();
        assert_eq!(read.addresses[0].authority.as_deref(), Some("localhost"));
    }

    #[test]
    fn each_port_of_a_condition_is_an_alternative() {
        let compiled = condition(&json!({"cidr": "127.0.0.0/8", "port": [1, "2-3"]}), "/when/0").unwrap();
        assert_eq!(compiled.any.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(condition(&json!({"cidr": "300.0.0.0/8"}), "/w").unwrap_err()[0].pointer, "/w/cidr");
    }
}
