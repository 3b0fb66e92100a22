//! Routes: which exit a stream takes, decided by its attributes and by whom it is open for.
//!
//! A [`Route`] fits if all of its guards let the stream pass, and any of its conditions holds, or if it has none;
//! the first that fits is taken. A condition is a list of alternatives, and an alternative holds if all of its
//! predicates do.

use crate::attributes;
use crate::frame::CloseCode;
use crate::matched::{Use, Verdicts};
use crate::pattern::Pattern;
use crate::session::{Guarded, Session, Shortfall};
use crate::template::{Params, Template};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Index of a binding in its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingIndex(pub u32);

/// Which streams the routes of a binding decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// The binding opens no streams.
    None,
    /// Streams that it opens, each by the attributes of its `begin`.
    Opened,
    /// Streams that it accepts; what it opens on behalf of one takes that one's exit.
    Accepted,
}

/// One route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// All of them; looked at first. One that does not let a stream pass leaves it to the routes that follow.
    pub guarded: Vec<Guarded>,
    /// Any of them; empty: always.
    pub conditions: Vec<Condition>,
    /// Attributes to set, in order.
    pub set: Vec<Assignment>,
    /// Where the stream goes.
    pub exit: Option<BindingIndex>,
}

/// One item of `when`: any of these lists of predicates, of which all must hold, and then all of these matchers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The alternatives.
    pub any: Vec<Vec<Predicate>>,
    /// Asked once an alternative holds. Their parameters go before those of the alternative.
    pub matched: Vec<Use>,
}

/// A test on the attributes of a name; it holds if any of them passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    /// The name.
    pub attribute: String,
    /// The test.
    pub test: Test,
}

/// A test on a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The same octets.
    Equals(Vec<u8>),
    /// A pattern over the whole value; its captures become parameters.
    Pattern(Pattern),
    /// An address, or address and port, within a block.
    Cidr(Cidr),
    /// A port, or the port of an address and port.
    PortRange(RangeInclusive<u16>),
}

/// An attribute that a route sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The name.
    pub attribute: String,
    /// The value.
    pub template: Template,
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u32,
}

/// The first route that fits, with the attributes as it leaves them: unchanged if `None`.
pub(crate) struct Resolved {
    pub(crate) route: usize,
    pub(crate) attributes: Option<Vec<u8>>,
}

/// Why there is no route.
pub(crate) enum Unresolved {
    Refused(CloseCode),
    /// Not before matchers have said this.
    Asks(Vec<Use>),
}

/// Finds the first route that fits a block of attributes and sessions. What matchers are to say of any route before the
/// first that fits without is asked for at once. Where no route fits, the code says whether one would have but for its
/// guards, matchers aside.
pub(crate) fn resolve(
    routes: &[Route],
    block: &[u8],
    sessions: &[Arc<Session>],
    verdicts: &Verdicts,
) -> Result<Resolved, Unresolved> {
    let mut asks = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        if route.check(sessions).is_err() {
            continue;
        }
        match route.params(block, verdicts, &mut asks) {
            Some(_) if !asks.is_empty() => break,
            Some(params) => {
                let attributes = (!route.set.is_empty()).then(|| route.assign(block, &params, sessions));
                return Ok(Resolved { route: index, attributes });
            }
            None => {}
        }
    }
    if !asks.is_empty() {
        return Err(Unresolved::Asks(asks));
    }
    let shortfalls = routes.iter().filter(|route| route.fits(block)).filter_map(|r| r.check(sessions).err());
    Err(Unresolved::Refused(match shortfalls.max() {
        Some(Shortfall::Session) => CloseCode::Unauthorized,
        Some(Shortfall::Role) => CloseCode::Forbidden,
        None => CloseCode::NoRoute,
    }))
}

impl Route {
    /// Whether it always fits.
    pub fn is_unconditional(&self) -> bool {
        self.guarded.is_empty() && self.conditions.is_empty()
    }

    /// Whether it fits a block of attributes, guards and matchers aside.
    pub fn fits(&self, block: &[u8]) -> bool {
        self.conditions.is_empty()
            || self.conditions.iter().any(|condition| condition.params(block).is_some())
    }

    /// Whether its guards let a stream pass; if several do not, what tells most.
    fn check(&self, sessions: &[Arc<Session>]) -> Result<(), Shortfall> {
        self.guarded.iter().filter_map(|guarded| guarded.check(sessions).err()).max().map_or(Ok(()), Err)
    }

    /// Parameters of the condition that holds. What matchers are to say before that is known is added to `asks`.
    fn params<'a>(
        &'a self,
        block: &'a [u8],
        verdicts: &'a Verdicts,
        asks: &mut Vec<Use>,
    ) -> Option<Params<'a>> {
        if self.conditions.is_empty() {
            return Some(Params::new());
        }
        self.conditions.iter().find_map(|condition| {
            let captures = condition.params(block)?;
            condition.matched_params(captures, verdicts, asks)
        })
    }

    fn assign(&self, block: &[u8], params: &Params<'_>, sessions: &[Arc<Session>]) -> Vec<u8> {
        self.set.iter().fold(block.to_vec(), |block, Assignment { attribute, template }| {
            attributes::set(&block, attribute.as_bytes(), &template.render(params, sessions))
        })
    }
}

impl Condition {
    /// Parameters of the first alternative that holds.
    fn params<'a>(&'a self, block: &'a [u8]) -> Option<Params<'a>> {
        self.any.iter().find_map(|all| {
            let mut params = Params::new();
            all.iter().all(|predicate| predicate.holds(block, &mut params)).then_some(params)
        })
    }

    /// Those of the matchers, then these. None as long as one has not said that it fits.
    fn matched_params<'a>(
        &self,
        captures: Params<'a>,
        verdicts: &'a Verdicts,
        asks: &mut Vec<Use>,
    ) -> Option<Params<'a>> {
        if self.matched.is_empty() {
            return Some(captures);
        }
        let known = self.matched.iter().map(|of| verdicts.get(*of).ok_or(*of));
        let unknown = known.clone().filter_map(Result::err);
        let before = asks.len();
        asks.extend(unknown);
        if asks.len() > before {
            return None;
        }
        let mut params = Params::new();
        for verdict in known.flatten() {
            let matched = verdict.as_ref()?.iter();
            params.extend(matched.map(|(name, value)| (name.as_str(), value.as_bytes())));
        }
        params.extend(captures);
        Some(params)
    }
}

impl Predicate {
    fn holds<'a>(&'a self, block: &'a [u8], params: &mut Params<'a>) -> bool {
        attributes::entries(block)
            .filter(|(name, _)| *name == self.attribute.as_bytes())
            .any(|(_, value)| self.test.passes(value, params))
    }
}

impl Test {
    fn passes<'a>(&'a self, value: &'a [u8], params: &mut Params<'a>) -> bool {
        match self {
            Self::Equals(octets) => octets == value,
            Self::Pattern(pattern) => pattern.matches(value, |name, octets| params.push((name, octets))),
            Self::Cidr(cidr) => host_port(value).0.is_some_and(|address| cidr.contains(address)),
            Self::PortRange(ports) => host_port(value).1.is_some_and(|port| ports.contains(&port)),
        }
    }
}

/// The address and the port that a value names: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `80`.
fn host_port(value: &[u8]) -> (Option<IpAddr>, Option<u16>) {
    let Ok(text) = std::str::from_utf8(value) else { return (None, None) };
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return (Some(address.ip()), Some(address.port()));
    }
    (text.parse().ok(), text.parse().ok())
}

impl Cidr {
    /// Reads `address/prefix`. Host bits are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (network, prefix) = (address.parse::<IpAddr>().ok()?, prefix.parse().ok()?);
        let bits = if network.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then_some(Self { network, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        // An IPv4 peer of a dual-stack listener shows as `::ffff:a.b.c.d`.
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut octets = Vec::new();
        for (name, value) in pairs {
            attributes::push(&mut octets, name.as_bytes(), value.as_bytes());
        }
        octets
    }

    fn when(alternatives: &[&[(&str, Test)]]) -> Route {
        let predicates = |all: &&[(&str, Test)]| {
            all.iter()
                .map(|(name, test)| Predicate { attribute: (*name).into(), test: test.clone() })
                .collect()
        };
        Route {
            conditions: vec![Condition {
                any: alternatives.iter().map(predicates).collect(),
                matched: Vec::new(),
            }],
            ..Route::default()
        }
    }

    fn equals(text: &str) -> Test {
        Test::Equals(text.into())
    }

    fn taken(routes: &[Route], pairs: &[(&str, &str)]) -> Option<usize> {
        resolve(routes, &block(pairs), &[], Verdicts::NONE).ok().map(|resolved| resolved.route)
    }

    #[test]
    fn the_first_route_that_fits_is_taken() {
        let routes = [
            when(&[&[("a", equals("1"))]]),
            when(&[&[("a", equals("1")), ("b", equals("2"))]]),
            Route::default(),
        ];
        assert_eq!(taken(&routes, &[("a", "1"), ("b", "2")]), Some(0));
        assert_eq!(taken(&routes, &[("b", "2")]), Some(2));
        assert_eq!(taken(&routes[..2], &[("b", "2")]), None);
    }

    #[test]
    fn a_condition_is_any_of_all() {
        let route = [when(&[&[("a", equals("1")), ("b", equals("2"))], &[("c", equals("3"))]])];
        assert_eq!(taken(&route, &[("a", "1")]), None);
        assert_eq!(taken(&route, &[("b", "2"), ("a", "1")]), Some(0));
        assert_eq!(taken(&route, &[("c", "3")]), Some(0));
    }

    #[test]
    fn any_attribute_of_a_repeated_name_may_pass() {
        let route = [when(&[&[("a", equals("2"))]])];
        assert_eq!(taken(&route, &[("a", "1"), ("a", "2")]), Some(0));
    }

    #[test]
    fn a_condition_without_alternatives_never_holds() {
        assert_eq!(taken(&[when(&[])], &[]), None);
        assert_eq!(taken(&[when(&[&[]])], &[]), Some(0));
    }

    #[test]
    fn addresses_and_ports_are_read_alone_and_together() {
        let cidr = |text| Test::Cidr(Cidr::parse(text).unwrap());
        for (test, value, passes) in [
            (cidr("127.0.0.0/8"), "127.1.2.3:80", true),
            (cidr("127.0.0.0/8"), "127.1.2.3", true),
            (cidr("127.0.0.0/8"), "128.0.0.1:80", false),
            (cidr("0.0.0.0/0"), "128.0.0.1:80", true),
            (cidr("10.0.0.1/32"), "10.0.0.1:1", true),
            (cidr("127.0.0.0/8"), "[::ffff:127.0.0.1]:80", true),
            (cidr("2001:db8::/32"), "[2001:db8::1]:80", true),
            (cidr("::/0"), "[2001:db8::1]:80", true),
            (cidr("2001:db8::/32"), "[2001:db9::1]:80", false),
            (cidr("::/0"), "127.0.0.1:80", false),
            (Test::PortRange(80..=81), "[::1]:81", true),
            (Test::PortRange(80..=81), "127.0.0.1:82", false),
            (Test::PortRange(80..=81), "80", true),
            (Test::PortRange(80..=81), "name", false),
        ] {
            assert_eq!(test.passes(value.as_bytes(), &mut Params::new()), passes, "{test:?} {value}");
        }
    }

    #[test]
    fn broken_blocks_of_addresses_are_refused() {
        for broken in ["127.0.0.1", "127.0.0.1/33", "::/129", "x/8", "127.0.0.1/", "/8"] {
            assert_eq!(Cidr::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_route_sets_attributes_from_the_captures_of_the_condition_that_held() {
        let mut route = when(&[
            &[(":path", Test::Pattern(Pattern::template("/{x}/none").unwrap()))],
            &[(":path", Test::Pattern(Pattern::template("/items/{x}").unwrap()))],
        ]);
        route.set = vec![
            Assignment {
                attribute: ":path".into(),
                template: Template::parse("/v2/${params.x}?y=${ params.y }${other}", ""),
            },
            Assignment { attribute: "n".into(), template: Template::parse("${unclosed", "") },
        ];
        let resolved = resolve(&[route], &block(&[("m", "GET"), (":path", "/items/7")]), &[], Verdicts::NONE)
            .ok()
            .unwrap();
        assert_eq!(
            resolved.attributes.unwrap(),
            block(&[("m", "GET"), (":path", "/v2/7?y="), ("n", "${unclosed")])
        );
    }
}
