//! The `tcp` binding, kind `server`: listens, accepts, and turns connections into streams.
//!
//! It describes a stream by `source` and `destination`, each an address and port, and by `authority`, the
//! name in `options.host` if it is one. Its routes test the address that was connected *to*.

mod connection;
mod listen;
mod server;

use crate::plugin::{Description, KindDescription, Routing};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use zilla_engine::{Cidr, Condition, Pattern, Predicate, Test};

pub(crate) use listen::{Listening, listen};
pub(crate) use server::TcpServer;

/// Sockets that one binding may listen on; more are refused when the file is checked.
const LISTENERS_MAX: usize = 1024;

/// Connections that the kernel keeps for a listener until they are accepted.
const BACKLOG_DEFAULT: u32 = 4096;

/// `options` of a server, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerOptions {
    pub(crate) addresses: Vec<Address>,
    pub(crate) backlog: u32,
}

/// An address to listen on, and the name that it was given by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) socket: SocketAddr,
    pub(crate) authority: Option<String>,
}

/// A value that is not accepted: where below the binding, what was expected, what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionsError {
    pub(crate) pointer: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// What the binding says of itself, as a plugin would.
pub(crate) fn describe() -> Description {
    let port = |what: &str| {
        json!({
            "description": what,
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 65535, "title": "a port"},
                {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$", "title": "text such as \"7114\" or \"7000-7010\""},
                {"type": "array", "minItems": 1, "title": "a list of those", "items": {"anyOf": [
                    {"type": "integer", "minimum": 1, "maximum": 65535, "title": "a port"},
                    {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$", "title": "text such as \"7114\" or \"7000-7010\""}
                ]}}
            ]
        })
    };
    let options = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["port"],
        "properties": {
            "host": {
                "description": "address or name to listen on; default 0.0.0.0",
                "anyOf": [
                    {"type": "string", "minLength": 1, "title": "an address or a name"},
                    {"type": "array", "minItems": 1, "title": "a list of those", "items": {"type": "string", "minLength": 1}}
                ]
            },
            "port": port("port, range of ports, or list of those, to listen on"),
            "backlog": {"description": "connections that wait to be accepted", "type": "integer", "minimum": 1, "maximum": 65535}
        }
    });
    let when = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "authority": {"description": "name that was connected to; `*` stands for anything", "type": "string"},
            "cidr": {
                "description": "block of addresses, such as 127.0.0.0/8, that was connected to",
                "type": "string",
                "pattern": "^[0-9a-fA-F:.]+/[0-9]{1,3}$"
            },
            "port": port("port that was connected to")
        }
    });
    Description {
        type_name: "tcp".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        kinds: vec![KindDescription {
            kind: "server".into(),
            options_schema: options.to_string(),
            when_schema: Some(when.to_string()),
            with_schema: None,
            routes: Routing::Opened,
        }],
    }
}

impl ServerOptions {
    /// Reads options that fit the schema. Names are resolved now, so that a wrong one is found before the start.
    pub(crate) fn read(options: &Value) -> Result<Self, OptionsError> {
        let hosts = match &options["host"] {
            Value::Null => vec![("0.0.0.0".to_owned(), "/options/host".to_owned())],
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(index, host)| {
                    (host.as_str().unwrap_or_default().to_owned(), format!("/options/host/{index}"))
                })
                .collect(),
            host => vec![(host.as_str().unwrap_or_default().to_owned(), "/options/host".to_owned())],
        };
        let ports = ports(&options["port"], "/options/port")?;
        let count = hosts.len() * ports.iter().map(|range| range.clone().count()).sum::<usize>();
        if count > LISTENERS_MAX {
            let expected = format!("at most {LISTENERS_MAX} ports to listen on");
            return Err(OptionsError { pointer: "/options/port".into(), expected, found: count.to_string() });
        }
        let mut addresses = Vec::new();
        for (host, pointer) in hosts {
            for ip in resolve(&host, &pointer)? {
                let authority = host.parse::<IpAddr>().is_err().then(|| host.clone());
                let bind = |port| Address { socket: SocketAddr::new(ip, port), authority: authority.clone() };
                addresses.extend(ports.iter().flat_map(|range| range.clone().map(bind)));
            }
        }
        let backlog = options["backlog"].as_u64().map_or(BACKLOG_DEFAULT, |backlog| backlog as u32);
        Ok(Self { addresses, backlog })
    }
}

/// Compiles one item of a route's `when` that fits the schema.
pub(crate) fn condition(when: &Value, pointer: &str) -> Result<Condition, OptionsError> {
    let mut all = Vec::new();
    if let Some(authority) = when["authority"].as_str() {
        let pattern = Pattern::wildcard(authority).map_err(|error| OptionsError {
            pointer: format!("{pointer}/authority"),
            expected: "a name in which `*` stands for anything".into(),
            found: error.to_string(),
        })?;
        all.push(Predicate { attribute: "authority".into(), test: Test::Pattern(pattern) });
    }
    if let Some(text) = when["cidr"].as_str() {
        let cidr = Cidr::parse(text).ok_or_else(|| OptionsError {
            pointer: format!("{pointer}/cidr"),
            expected: "a block of addresses, such as 127.0.0.0/8 or 2001:db8::/32".into(),
            found: text.into(),
        })?;
        all.push(Predicate { attribute: "destination".into(), test: Test::Cidr(cidr) });
    }
    let ports = match &when["port"] {
        Value::Null => return Ok(Condition { any: vec![all] }),
        port => ports(port, &format!("{pointer}/port"))?,
    };
    let alternative = |range: &RangeInclusive<u16>| {
        let port = Predicate { attribute: "destination".into(), test: Test::PortRange(range.clone()) };
        all.iter().cloned().chain([port]).collect()
    };
    Ok(Condition { any: ports.iter().map(alternative).collect() })
}

fn ports(value: &Value, pointer: &str) -> Result<Vec<RangeInclusive<u16>>, OptionsError> {
    if let Value::Array(list) = value {
        let ranges = list.iter().enumerate().map(|(index, item)| ports(item, &format!("{pointer}/{index}")));
        return Ok(ranges.collect::<Result<Vec<_>, _>>()?.concat());
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(vec![first..=last]),
        _ => Err(OptionsError {
            pointer: pointer.into(),
            expected: "a port from 1 to 65535, or a range of them from low to high".into(),
            found: text,
        }),
    }
}

fn resolve(host: &str, pointer: &str) -> Result<Vec<IpAddr>, OptionsError> {
    if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse() {
        return Ok(vec![ip]);
    }
    let resolved =
        (host, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
    let error = match resolved {
        Ok(mut found) if !found.is_empty() => {
            found.sort();
            found.dedup();
            return Ok(found);
        }
        Ok(_) => "no address".to_owned(),
        Err(error) => error.to_string(),
    };
    let expected = "an address, or a name that resolves to one".into();
    Err(OptionsError { pointer: pointer.into(), expected, found: format!("{host} ({error})") })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(ServerOptions::read(&options).unwrap_err().pointer, pointer, "{options}");
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
        assert_eq!(condition(&json!({"cidr": "300.0.0.0/8"}), "/w").unwrap_err().pointer, "/w/cidr");
    }
}
