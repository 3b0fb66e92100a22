//! The request target (RFC 9112, 3.2) and the authority (RFC 3986, 3.2).

use crate::fields;
use crate::status::Refusal;
use std::net::Ipv6Addr;

/// Longest host in octets: longer than any name in the DNS. A longer one is answered with 400.
const HOST_OCTETS_MAX: usize = 255;
/// Room for a host, a colon and a port.
const AUTHORITY_OCTETS_MAX: usize = HOST_OCTETS_MAX + 6;

/// How the client's stream is secured, which decides `:scheme` and the port that is meant by none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Plain octets.
    Http,
    /// Through TLS.
    Https,
}

impl Scheme {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> &'static [u8] {
        match self {
            Self::Http => b"80",
            Self::Https => b"443",
        }
    }
}

/// What the request line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The authority of an absolute target; it replaces `host`.
    pub(crate) authority: Option<Authority<'a>>,
    /// Path and query as sent, or `*`.
    path: &'a [u8],
    /// Whether an absolute target has a query and no path, so that a `/` goes first.
    rootless: bool,
}

impl<'a> Target<'a> {
    /// Reads a target. `CONNECT` is refused before.
    pub(crate) fn parse(method: &str, target: &'a [u8], scheme: Scheme) -> Result<Self, Refusal> {
        if !target.iter().all(|octet| (b'!'..=b'~').contains(octet) && *octet != b'#') {
            return Err(Refusal::bad_request("the request target has a character that it must not have"));
        }
        match target {
            [b'/', ..] => Ok(Self { authority: None, path: target, rootless: false }),
            b"*" if method == "OPTIONS" => Ok(Self { authority: None, path: target, rootless: false }),
            b"*" => Err(Refusal::bad_request("the request target * is for OPTIONS")),
            _ => Self::absolute(method, target, scheme),
        }
    }

    fn absolute(method: &str, target: &'a [u8], scheme: Scheme) -> Result<Self, Refusal> {
        const FORM: Refusal = Refusal::bad_request("the request target is neither a path nor an http URI");
        let colon = target.iter().position(|octet| *octet == b':').ok_or(FORM)?;
        let (name, rest) = target.split_at(colon);
        let rest = rest.strip_prefix(b"://").ok_or(FORM)?;
        if !name.eq_ignore_ascii_case(b"http") && !name.eq_ignore_ascii_case(b"https") {
            return Err(FORM);
        }
        if !name.eq_ignore_ascii_case(scheme.as_str().as_bytes()) {
            return Err(Refusal::new(421, "the request target's scheme is not that of the connection"));
        }
        let end = rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = Some(Authority::parse(authority)?);
        match path {
            // RFC 9112, 3.2.4: how a proxy says `OPTIONS *` for a server behind it.
            [] if method == "OPTIONS" => Ok(Self { authority, path: b"*", rootless: false }),
            [] => Ok(Self { authority, path: b"/", rootless: false }),
            _ => Ok(Self { authority, path, rootless: path.starts_with(b"?") }),
        }
    }

    /// Hands the value of `:path` to `take`.
    pub(crate) fn with_path<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        if self.rootless { take(&[b"/", self.path].concat()) } else { take(self.path) }
    }
}

/// A host that is a name or an address, with a port or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    written: &'a [u8],
    /// It was written as it is handed on.
    is_normal: bool,
    host: &'a [u8],
    /// Without leading zeros.
    port: Option<&'a [u8]>,
}

impl<'a> Authority<'a> {
    /// Reads the value of `host`, or the authority of a target.
    pub(crate) fn parse(authority: &'a [u8]) -> Result<Self, Refusal> {
        const HOST: Refusal = Refusal::bad_request("the host is neither a name nor an address");
        let host_octets = match authority {
            [b'[', ..] => literal_octets(authority),
            _ => name_octets(authority),
        };
        match authority.split_at(host_octets) {
            (host, port @ ([] | [b':', ..])) if (1..=HOST_OCTETS_MAX).contains(&host.len()) => {
                let digits = port.len().saturating_sub(1);
                let port = parse_port(port)?;
                let is_normal =
                    port.is_some_and(|port| port.len() == digits) && !host.iter().any(u8::is_ascii_uppercase);
                Ok(Self { written: authority, is_normal, host, port })
            }
            _ if authority.contains(&b'@') => Err(Refusal::bad_request("the authority has user information")),
            _ => Err(HOST),
        }
    }

    /// Hands `host:port` in lower case to `take`, with the scheme's port if there is none.
    pub(crate) fn with_normalised<R>(&self, scheme: Scheme, take: impl FnOnce(&[u8]) -> R) -> R {
        if self.is_normal {
            return take(self.written);
        }
        let mut octets = [0; AUTHORITY_OCTETS_MAX];
        let port = self.port.unwrap_or_else(|| scheme.port());
        let (host_end, end) = (self.host.len(), self.host.len() + 1 + port.len());
        octets[..host_end].copy_from_slice(self.host);
        octets[..host_end].make_ascii_lowercase();
        octets[host_end] = b':';
        octets[host_end + 1..end].copy_from_slice(port);
        take(&octets[..end])
    }
}

/// `":" port` or nothing; the port is at most 65,535, and no digits mean none.
fn parse_port(port: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    const PORT: Refusal = Refusal::bad_request("the authority's port is not a number up to 65535");
    let digits = match port {
        [] | [b':'] => return Ok(None),
        [b':', digits @ ..] => digits,
        _ => return Err(PORT),
    };
    fields::number(digits).filter(|port| *port <= u64::from(u16::MAX)).ok_or(PORT)?;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count().min(digits.len() - 1);
    Ok(Some(&digits[zeros..]))
}

/// Octets at the start that are a `reg-name` (RFC 3986, 3.2.2), which IPv4 addresses are as well.
fn name_octets(authority: &[u8]) -> usize {
    let mut rest = authority;
    loop {
        rest = match rest {
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            [octet, tail @ ..] if NAME[usize::from(*octet)] => tail,
            _ => return authority.len() - rest.len(),
        };
    }
}

/// `unreserved` and `sub-delims` (RFC 3986, 2).
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = matches!(
            octet as u8,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~'
                | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        );
        octet += 1;
    }
    table
};

/// Octets at the start that are an IPv6 address in brackets, or 0. Zones and addresses of the future are
/// not served.
fn literal_octets(authority: &[u8]) -> usize {
    let Some(end) = authority.iter().position(|octet| *octet == b']') else { return 0 };
    let text = std::str::from_utf8(&authority[1..end]).unwrap_or_default();
    if text.parse::<Ipv6Addr>().is_ok() { end + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(authority: &str, scheme: Scheme) -> Option<String> {
        let authority = Authority::parse(authority.as_bytes()).ok()?;
        Some(authority.with_normalised(scheme, |octets| String::from_utf8(octets.to_vec()).unwrap()))
    }

    #[test]
    fn an_authority_is_normalised_to_host_and_port_in_lower_case() {
        for (written, plain, secure) in [
            ("Example.COM", "example.com:80", "example.com:443"),
            ("a:", "a:80", "a:443"),
            ("a:8080", "a:8080", "a:8080"),
            ("a:0080", "a:80", "a:80"),
            ("a:0", "a:0", "a:0"),
            ("192.0.2.1:1", "192.0.2.1:1", "192.0.2.1:1"),
            ("[2001:DB8::1]", "[2001:db8::1]:80", "[2001:db8::1]:443"),
            ("[::1]:65535", "[::1]:65535", "[::1]:65535"),
            ("a%2Db_c~d", "a%2db_c~d:80", "a%2db_c~d:443"),
        ] {
            assert_eq!(normalised(written, Scheme::Http).as_deref(), Some(plain));
            assert_eq!(normalised(written, Scheme::Https).as_deref(), Some(secure));
        }
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for written in [
            "",
            ":80",
            "a:65536",
            "a:-1",
            "a:8a",
            "a:80:80",
            "user@a",
            "user:pw@a:80",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "[::1",
            "::1",
            "[::1]80",
            "[]",
            "[fe80::1%25eth0]",
            "[v1.x]",
            "a%2",
            "a%zz",
            "\u{e9}",
            "a,\"b",
            "[::1]x:80",
            "a<b",
            "99999999999999999999:1:",
        ] {
            assert_eq!(normalised(written, Scheme::Http), None, "{written:?}");
        }
        assert_eq!(normalised(&"a".repeat(HOST_OCTETS_MAX + 1), Scheme::Http), None);
        assert!(normalised(&"a".repeat(HOST_OCTETS_MAX), Scheme::Http).is_some());
    }

    fn path(method: &str, target: &str) -> Result<String, u16> {
        Target::parse(method, target.as_bytes(), Scheme::Http)
            .map(|target| target.with_path(|path| String::from_utf8(path.to_vec()).unwrap()))
            .map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_target_has_the_forms_of_the_rfc() {
        for (method, target, expected) in [
            ("GET", "/", Ok("/")),
            ("GET", "/a//b/../c?d=e&f", Ok("/a//b/../c?d=e&f")),
            ("OPTIONS", "*", Ok("*")),
            ("GET", "*", Err(400)),
            ("GET", "http://a", Ok("/")),
            ("GET", "HTTP://a:80/b?c", Ok("/b?c")),
            ("GET", "http://a?c", Ok("/?c")),
            ("OPTIONS", "http://a", Ok("*")),
            ("OPTIONS", "http://a/", Ok("/")),
            ("GET", "https://a/", Err(421)),
            ("GET", "ftp://a/", Err(400)),
            ("GET", "http:/a/", Err(400)),
            ("GET", "http://user@a/", Err(400)),
            ("GET", "http:///b", Err(400)),
            ("GET", "a:80", Err(400)),
            ("GET", "a", Err(400)),
            ("GET", "", Err(400)),
            ("GET", "/a#b", Err(400)),
            ("GET", "/\u{e9}", Err(400)),
            ("GET", "/\u{7f}", Err(400)),
        ] {
            assert_eq!(
                path(method, target).as_deref(),
                expected.as_ref().map(|path| *path),
                "{method} {target}"
            );
        }
    }
}
