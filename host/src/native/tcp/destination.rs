//! Where a `tcp` client connects to: its options, the attributes of a stream, and which destinations are allowed.
//!
//! `options.host` decides, else the stream does. Since a stream's attributes may come from outside, a client
//! without `options.host` has to have routes, which are a list of what is allowed: else it would be an open relay.

use super::super::options::{OptionsError, Reader, ms, ports};
use super::super::permits::Permits;
use super::options::{IDLE_TIMEOUT, condition, permits};
use super::socket::SocketOptions;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use zilla_config::{Binding, Quantity};
use zilla_engine::{CloseCode, Condition, Route, Test, attributes};

/// What `connect-timeout` may be.
const CONNECT_TIMEOUT: Quantity = ms(10, 10 * 60_000);

const CONNECT_TIMEOUT_MS_DEFAULT: u64 = 10_000;

/// Characters of a name (RFC 1035, 2.3.4, as text). A longer one names nothing.
const NAME_OCTETS_MAX: usize = 253;

/// `options` and `routes` of a client, read.
#[derive(Clone, Debug)]
pub(super) struct ClientOptions {
    host: Option<Host>,
    ports: Vec<RangeInclusive<u16>>,
    allowed: AllowList,
    pub(super) connect_timeout_ms: u64,
    pub(super) socket: SocketOptions,
    pub(super) connections: Option<Permits>,
    pub(super) idle_timeout_ms: Option<u64>,
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// An address, or a name that is to be resolved, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    Name(Arc<str>),
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse() {
            return Some(Self::Address(address));
        }
        let is_of_names = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        let is_name = !text.is_empty() && text.len() <= NAME_OCTETS_MAX && text.bytes().all(is_of_names);
        is_name.then(|| Self::Name(text.to_ascii_lowercase().into()))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Address(_) => None,
            Self::Name(name) => Some(name),
        }
    }
}

impl ClientOptions {
    /// Reads a binding that fits the schemas, with the conditions of its routes.
    pub(super) fn read(binding: &Binding) -> Result<(Self, Vec<Vec<Condition>>), Vec<OptionsError>> {
        let options = &binding.options;
        let mut reader = Reader::new(options, "/options");
        let host = options["host"].as_str().and_then(|text| {
            let host = Host::read(text);
            if host.is_none() {
                let expected = "an address, or a name of letters, digits, `-`, `_` and dots";
                reader.error("host", expected, format!("`{text}`"));
            }
            host
        });
        let given = |key: &str| !options[key].is_null();
        if given("host") && !given("port") {
            reader.error("host", "a `port` beside the `host`", "no `port`");
        }
        let ports = match given("port") {
            true => reader.keep(ports(&options["port"], "/options/port")).unwrap_or_default(),
            false => Vec::new(),
        };
        let socket = reader.keep(SocketOptions::read(options));
        let connect_timeout_ms = reader.ms("connect-timeout", &CONNECT_TIMEOUT);
        let idle_timeout_ms = reader.ms("idle-timeout", &IDLE_TIMEOUT);
        let compile = |when: &Value, pointer: &str| condition(&with_lower_case_name(when), pointer);
        let conditions = reader.keep(super::super::options::conditions(binding, compile));
        if !given("host") && binding.routes.is_empty() {
            let expected = "`options.host`, or `routes` that say which destinations are allowed: a stream could \
                            ask for any";
            reader.errors.push(OptionsError {
                pointer: String::new(),
                expected: expected.into(),
                found: "neither".into(),
            });
        }
        let made = socket.zip(conditions).map(|(socket, conditions)| {
            let options = Self {
                host,
                ports,
                allowed: AllowList::of(&conditions),
                connect_timeout_ms: connect_timeout_ms.unwrap_or(CONNECT_TIMEOUT_MS_DEFAULT),
                socket,
                connections: permits(options),
                idle_timeout_ms,
            };
            (options, conditions)
        });
        reader.finish(made)
    }

    /// Where a stream with a block of attributes goes, as far as it is known without resolving a name.
    pub(super) fn destination(&self, block: &[u8]) -> Result<Destination, CloseCode> {
        let found = match &self.host {
            Some(host) => self.first_port().map(|port| Destination { host: host.clone(), port }),
            None => self.asked_for(block),
        };
        let found = found.ok_or(CloseCode::NoRoute)?;
        match self.allowed.may_allow(&found) {
            true => Ok(found),
            false => Err(CloseCode::NoRoute),
        }
    }

    /// Whether an address of the destination is allowed.
    pub(super) fn allows(&self, destination: &Destination, address: IpAddr) -> bool {
        self.allowed.allows(destination, address)
    }

    fn first_port(&self) -> Option<u16> {
        self.ports.first().map(|range| *range.start())
    }

    /// What a stream asks for: by `destination`, an address and port, else by `authority`, a name or address with
    /// or without a port.
    fn asked_for(&self, block: &[u8]) -> Option<Destination> {
        let attribute = |name: &[u8]| {
            let (_, value) = attributes::entries(block).find(|(found, _)| *found == name)?;
            std::str::from_utf8(value).ok()
        };
        let asked = match attribute(b"destination") {
            Some(text) => {
                let address: SocketAddr = text.parse().ok()?;
                Destination { host: Host::Address(address.ip()), port: address.port() }
            }
            None => {
                let (host, port) = split_port(attribute(b"authority")?);
                let port = match port {
                    Some(port) => port.parse().ok().filter(|port| *port > 0)?,
                    None => self.first_port()?,
                };
                Destination { host: Host::read(host)?, port }
            }
        };
        let is_listed = self.ports.is_empty() || self.ports.iter().any(|range| range.contains(&asked.port));
        is_listed.then_some(asked)
    }
}

/// `name:80`, `name`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    }
}

/// Names are compared without case (RFC 4343).
fn with_lower_case_name(when: &Value) -> Value {
    let mut when = when.clone();
    if let Some(Value::String(name)) = when.get_mut("authority") {
        name.make_ascii_lowercase();
    }
    when
}

/// Routes of a client: a destination that fits one of them is allowed. Without any, `options.host` is.
#[derive(Clone, Debug)]
struct AllowList {
    routes: Vec<Route>,
    /// The same without their blocks of addresses: for what is known before a name is resolved.
    by_name: Vec<Route>,
}

impl AllowList {
    fn of(conditions: &[Vec<Condition>]) -> Self {
        let route =
            |conditions: &Vec<Condition>| Route { conditions: conditions.clone(), ..Route::default() };
        let routes: Vec<Route> = conditions.iter().map(route).collect();
        let mut by_name = routes.clone();
        let conditions = by_name.iter_mut().flat_map(|route| &mut route.conditions);
        for all in conditions.flat_map(|condition| &mut condition.any) {
            all.retain(|predicate| !matches!(predicate.test, Test::Cidr(_)));
        }
        Self { routes, by_name }
    }

    /// False if no address of it can be allowed: then its name need not even be resolved.
    fn may_allow(&self, destination: &Destination) -> bool {
        match &destination.host {
            Host::Address(address) => self.allows(destination, *address),
            Host::Name(_) => fits(&self.by_name, destination, &destination.port.to_string()),
        }
    }

    fn allows(&self, destination: &Destination, address: IpAddr) -> bool {
        fits(&self.routes, destination, &SocketAddr::new(address, destination.port).to_string())
    }
}

fn fits(routes: &[Route], destination: &Destination, address: &str) -> bool {
    let mut block = Vec::new();
    attributes::push(&mut block, b"destination", address.as_bytes());
    if let Some(name) = destination.host.name() {
        attributes::push(&mut block, b"authority", name.as_bytes());
    }
    routes.is_empty() || routes.iter().any(|route| route.fits(&block))
}

#[cfg(test)]
impl ClientOptions {
    /// Those of a client whose other keys are as given.
    pub(super) fn of_yaml(keys: &str) -> Result<Self, Vec<OptionsError>> {
        let file = format!("name: test\nbindings:\n  out:\n    type: tcp\n    kind: client\n    {keys}\n");
        let outcome = zilla_config::parse(&zilla_config::Source::new("zilla.yaml", file), &mut |_| None);
        let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.problems));
        Self::read(&config.bindings[0]).map(|(options, _)| options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(options: &ClientOptions, pairs: &[(&str, &str)]) -> Result<String, CloseCode> {
        let mut block = Vec::new();
        pairs
            .iter()
            .for_each(|(name, value)| attributes::push(&mut block, name.as_bytes(), value.as_bytes()));
        options.destination(&block).map(|found| match found.host {
            Host::Address(address) => SocketAddr::new(address, found.port).to_string(),
            Host::Name(name) => format!("{name}:{}", found.port),
        })
    }

    const NO_ROUTE: Result<String, CloseCode> = Err(CloseCode::NoRoute);

    #[test]
    fn the_options_decide_whatever_a_stream_asks_for() {
        let asked = [("destination", "192.0.2.1:1"), ("authority", "other:2")];
        for (host, found) in
            [("Example.com", "example.com:80"), ("127.0.0.1", "127.0.0.1:80"), ("'[::1]'", "[::1]:80")]
        {
            let options =
                ClientOptions::of_yaml(&format!("options: {{host: {host}, port: [80-90, 443]}}")).unwrap();
            assert_eq!(destination(&options, &asked).as_deref(), Ok(found));
            assert_eq!(destination(&options, &[]).as_deref(), Ok(found));
        }
    }

    #[test]
    fn without_a_host_a_stream_decides_by_destination_and_else_by_authority() {
        let options = ClientOptions::of_yaml("routes: [{}]").unwrap();
        for (asked, found) in [
            (&[("destination", "192.0.2.1:1"), ("authority", "other:2")][..], Ok("192.0.2.1:1")),
            (&[("authority", "Other.Example:2")], Ok("other.example:2")),
            (&[("authority", "192.0.2.1:2")], Ok("192.0.2.1:2")),
            (&[("authority", "[2001:db8::1]:2")], Ok("[2001:db8::1]:2")),
            (&[("authority", "no-port")], Err(CloseCode::NoRoute)),
            (&[("authority", "2001:db8::1")], Err(CloseCode::NoRoute)),
            (&[("authority", "name:0")], Err(CloseCode::NoRoute)),
            (&[("authority", "name:65536")], Err(CloseCode::NoRoute)),
            (&[("authority", "a name:80")], Err(CloseCode::NoRoute)),
            (&[("authority", "a\0b:80")], Err(CloseCode::NoRoute)),
            (&[("authority", ":80")], Err(CloseCode::NoRoute)),
            (&[("destination", "somewhere"), ("authority", "other:2")], Err(CloseCode::NoRoute)),
            (&[("source", "192.0.2.1:1")], Err(CloseCode::NoRoute)),
        ] {
            assert_eq!(destination(&options, asked), found.map(str::to_owned), "{asked:?}");
        }
        let long = format!("{}:80", "a".repeat(NAME_OCTETS_MAX + 1));
        assert_eq!(destination(&options, &[("authority", &long)]), NO_ROUTE);
    }

    #[test]
    fn ports_without_a_host_are_those_that_may_be_asked_for() {
        let options = ClientOptions::of_yaml("options: {port: [80, 8000-8010]}\n    routes: [{}]").unwrap();
        assert_eq!(destination(&options, &[("authority", "name")]).as_deref(), Ok("name:80"));
        assert_eq!(destination(&options, &[("authority", "2001:db8::1")]).as_deref(), Ok("[2001:db8::1]:80"));
        assert_eq!(destination(&options, &[("authority", "name:8005")]).as_deref(), Ok("name:8005"));
        assert_eq!(destination(&options, &[("authority", "name:81")]), NO_ROUTE);
        assert_eq!(destination(&options, &[("destination", "192.0.2.1:81")]), NO_ROUTE);
    }

    #[test]
    fn routes_are_a_list_of_what_is_allowed() {
        let options = ClientOptions::of_yaml(
            "routes:
      - when: [{authority: '*.Example.com', port: 443}, {cidr: 192.0.2.0/24}]
      - when: [{authority: inner, cidr: 10.0.0.0/8}]",
        )
        .unwrap();
        for (asked, is_allowed) in [
            (("authority", "www.example.COM:443"), true),
            (("authority", "www.example.com:80"), true), // its address may be in the block
            (("destination", "192.0.2.7:80"), true),
            (("destination", "192.0.3.7:80"), false),
            (("destination", "10.0.0.1:80"), false),
        ] {
            assert_eq!(destination(&options, &[asked]).is_ok(), is_allowed, "{asked:?}");
        }
        let to = |name: &str, port| Destination { host: Host::Name(name.into()), port };
        for (destination, address, is_allowed) in [
            (to("www.example.com", 443), "198.51.100.1", true),
            (to("www.example.com", 80), "198.51.100.1", false),
            (to("www.example.com", 80), "192.0.2.1", true),
            (to("inner", 1), "10.1.2.3", true),
            (to("inner", 1), "11.1.2.3", false),
            (to("outer", 1), "10.1.2.3", false),
        ] {
            let found = options.allows(&destination, address.parse().unwrap());
            assert_eq!(found, is_allowed, "{destination:?} {address}");
        }
    }

    #[test]
    fn a_name_that_no_route_allows_is_not_resolved() {
        let options =
            ClientOptions::of_yaml("routes: [{when: [{authority: '*.example.com', cidr: 10.0.0.0/8}]}]")
                .unwrap();
        assert!(destination(&options, &[("authority", "a.example.com:1")]).is_ok());
        assert_eq!(destination(&options, &[("authority", "example.org:1")]), NO_ROUTE);
    }

    #[test]
    fn the_host_of_the_options_has_to_be_allowed_where_there_are_routes() {
        let routes = "routes: [{when: [{cidr: 127.0.0.0/8, port: 80}]}]";
        let allowed =
            ClientOptions::of_yaml(&format!("options: {{host: 127.0.0.1, port: 80}}\n    {routes}")).unwrap();
        assert_eq!(destination(&allowed, &[]).as_deref(), Ok("127.0.0.1:80"));
        let other =
            ClientOptions::of_yaml(&format!("options: {{host: 127.0.0.1, port: 81}}\n    {routes}")).unwrap();
        assert_eq!(destination(&other, &[]), NO_ROUTE);
    }

    #[test]
    fn what_would_be_an_open_relay_or_lead_nowhere_is_refused() {
        for (yaml, pointer) in [
            ("options: {}", ""),
            ("options: {port: 80}", ""),
            ("options: {host: example.com}", "/options/host"),
            ("options: {host: 'a b', port: 80}", "/options/host"),
            ("options: {host: a, port: 0}", "/options/port"),
            ("options: {host: a, port: 80, connect-timeout: 1}", "/options/connect-timeout"),
            ("options: {host: a, port: 80, idle-timeout: 1 day}", "/options/idle-timeout"),
        ] {
            let errors = ClientOptions::of_yaml(yaml).unwrap_err();
            assert_eq!(errors.iter().map(|error| &error.pointer).collect::<Vec<_>>(), [pointer], "{yaml}");
        }
    }
}
