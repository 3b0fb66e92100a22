//! Where keys are fetched from: a URL with `http` or `https` (RFC 3986), read strictly.

use std::fmt;

/// Octets of a URL; a longer one is no place of keys.
const URL_OCTETS_MAX: usize = 2_048;

/// A URL in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_secure: bool,
    /// A name or an address, the latter without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port, as requests have them.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
}

impl Url {
    /// Reads a URL. The error is what was found instead.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.len() > URL_OCTETS_MAX {
            return Err(format!("{} octets, more than {URL_OCTETS_MAX}", text.len()));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("`{text}`"))?;
        let (is_secure, default_port) = match scheme {
            "https" => (true, 443),
            "http" => (false, 80),
            other => return Err(format!("the scheme `{other}`")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if path.contains('#') {
            return Err("a fragment".to_owned());
        }
        if authority.contains('@') {
            return Err("a user in it".to_owned());
        }
        if !path.bytes().all(|octet| octet.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&octet)) {
            return Err("a path with characters that are to be escaped".to_owned());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (host, port) = read_authority(authority, default_port)?;
        let authority = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        Ok(Self { is_secure, host, port, authority, path })
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.path)
    }
}

fn read_authority(authority: &str, default_port: u16) -> Result<(String, u16), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or("an address without `]`")?;
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| format!("`[{address}]`"))?;
            (address.to_string(), port)
        }
        None => {
            let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
            if name.is_empty() || name.len() > 253 || !name.bytes().all(is_name) {
                return Err(format!("the host `{name}`"));
            }
            (name.to_ascii_lowercase(), port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default_port,
        // A sign is none of a port's characters.
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or_else(|| format!("the port `{digits}`"))?
        }
        Some(_) | None => return Err(format!("the port `{port}`")),
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_in_parts() {
        for (text, expected) in [
            ("https://a.example", "https://a.example:443/"),
            ("http://A.example:8080/x/y?z=1", "http://a.example:8080/x/y?z=1"),
            ("https://[::1]:7443?x", "https://[::1]:7443/?x"),
            ("http://127.0.0.1/jwks.json", "http://127.0.0.1:80/jwks.json"),
        ] {
            assert_eq!(Url::read(text).map(|url| url.to_string()), Ok(expected.to_owned()), "{text}");
        }
        assert_eq!(Url::read("https://[0::1]/").map(|url| url.host), Ok("::1".to_owned()));
    }

    #[test]
    fn what_is_none_is_refused() {
        assert_eq!(Url::read("https://u:p@a/"), Err("a user in it".to_owned()));
        let long = format!("https://a/{}", "a".repeat(URL_OCTETS_MAX));
        for text in [
            "",
            "a",
            "ftp://a",
            "HTTPS//a",
            "https://",
            "https:///x",
            "https://a b/",
            "https://u@a/",
            "https://u:p@a/",
            "https://a/#x",
            "https://a:0/",
            "https://a:65536/",
            "https://a:+1/",
            "https://a:/",
            "https://[::1",
            "https://[x]/",
            "https://a/\r\nx: y",
            "https://a/ x",
            "https://a/\u{e4}",
            "https://\u{e4}/",
            &long,
        ] {
            assert!(Url::read(text).is_err(), "{text}");
        }
    }
}
