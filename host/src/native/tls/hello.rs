//! The first message of a client, read before there is a session: what it asks for decides who answers.
//!
//! It comes in any number of TLS records and any number of pieces. Only what routes and the choice of a protocol
//! need is read of it; whoever answers reads all of it, and checks it.

use std::borrow::Cow;
use std::fmt;

/// Octets of a ClientHello with its records, which bounds what is held for a peer of which nothing is known. Those
/// of browsers have 2 KiB. A longer one is refused.
pub(super) const HELLO_OCTETS_MAX: usize = 16 << 10;

/// Octets of a plaintext record (RFC 8446, 5.1).
const FRAGMENT_OCTETS_MAX: usize = 1 << 14;

/// Octets of a name in the DNS (RFC 1035, 2.3.4).
const NAME_OCTETS_MAX: usize = 255;

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_ALPN: u16 = 16;

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    /// The name that it expects, in lower case (RFC 6066, 3).
    pub(super) server_name: Option<String>,
    /// The application protocols that it offers, in its order (RFC 7301).
    pub(super) protocols: Vec<Vec<u8>>,
}

/// Why octets are not the beginning of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotHello {
    /// They are something else.
    NotTls,
    /// They begin as TLS does, but are not a ClientHello.
    Malformed,
    /// There are more than [`HELLO_OCTETS_MAX`].
    TooLong,
}

impl fmt::Display for NotHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls => f.write_str("not TLS"),
            Self::Malformed => f.write_str("a malformed ClientHello"),
            Self::TooLong => write!(f, "a ClientHello of more than {HELLO_OCTETS_MAX} octets"),
        }
    }
}

/// Reads a hello from the octets that have come. `None`: more have to.
pub(super) fn parse(octets: &[u8]) -> Result<Option<Hello>, NotHello> {
    match message(octets)? {
        Some(message) => read(&message).map(Some).ok_or(NotHello::Malformed),
        None if octets.len() >= HELLO_OCTETS_MAX => Err(NotHello::TooLong),
        None => Ok(None),
    }
}

/// The body of the ClientHello, once it is whole, put together from its records.
fn message(octets: &[u8]) -> Result<Option<Cow<'_, [u8]>>, NotHello> {
    let (mut rest, mut gathered) = (octets, Cow::Borrowed(&[][..]));
    loop {
        if rest.first().is_some_and(|kind| *kind != RECORD_HANDSHAKE)
            || rest.get(1).is_some_and(|major| *major != 3)
        {
            // In the middle of a hello, another record is against RFC 8446, 5.1.
            return Err(if gathered.is_empty() { NotHello::NotTls } else { NotHello::Malformed });
        }
        let Some((head, after)) = rest.split_first_chunk::<5>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
        if length == 0 || length > FRAGMENT_OCTETS_MAX {
            return Err(NotHello::Malformed);
        }
        let (fragment, after) = after.split_at(length.min(after.len()));
        match gathered.is_empty() {
            true => gathered = Cow::Borrowed(fragment),
            false => gathered.to_mut().extend_from_slice(fragment),
        }
        if let Some((head, body)) = gathered.split_first_chunk::<4>() {
            let octets = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
            if head[0] != CLIENT_HELLO {
                return Err(NotHello::Malformed);
            }
            if octets > HELLO_OCTETS_MAX {
                return Err(NotHello::TooLong);
            }
            if body.len() >= octets {
                return Ok(Some(match gathered {
                    Cow::Borrowed(all) => Cow::Borrowed(&all[4..4 + octets]),
                    Cow::Owned(mut all) => {
                        all.truncate(4 + octets);
                        Cow::Owned(all.split_off(4))
                    }
                }));
            }
        }
        if fragment.len() < length {
            return Ok(None);
        }
        rest = after;
    }
}

/// Reads the body of a ClientHello (RFC 8446, 4.1.2).
fn read(body: &[u8]) -> Option<Hello> {
    let mut body = Reader(body);
    body.take(2 + 32)?;
    body.short_vector()?;
    body.vector()?;
    body.short_vector()?;
    let mut hello = Hello::default();
    if body.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Reader(body.vector()?);
    let (mut has_name, mut has_protocols) = (false, false);
    while !extensions.0.is_empty() {
        let (kind, content) = (extensions.u16()?, extensions.vector()?);
        let seen = match kind {
            EXTENSION_SERVER_NAME => {
                hello.server_name = server_name(content)?;
                &mut has_name
            }
            EXTENSION_ALPN => {
                hello.protocols = protocols(content)?;
                &mut has_protocols
            }
            _ => continue,
        };
        if std::mem::replace(seen, true) {
            return None;
        }
    }
    body.0.is_empty().then_some(hello)
}

/// RFC 6066, 3: a list of names, of which only those of hosts are defined, and one of each type.
fn server_name(content: &[u8]) -> Option<Option<String>> {
    const HOST_NAME: u8 = 0;
    let mut content = Reader(content);
    let mut names = Reader(content.vector()?);
    let mut found = None;
    while !names.0.is_empty() {
        let (kind, name) = (names.take(1)?[0], names.vector()?);
        if kind != HOST_NAME {
            continue;
        }
        let is_name = (1..=NAME_OCTETS_MAX).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
        if !is_name || found.is_some() {
            return None;
        }
        found = Some(String::from_utf8(name.to_ascii_lowercase()).ok()?);
    }
    Some(found)
}

/// RFC 7301, 3.1.
fn protocols(content: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut content = Reader(content);
    let mut list = Reader(content.vector()?);
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        let protocol = list.short_vector()?;
        if protocol.is_empty() {
            return None;
        }
        protocols.push(protocol.to_vec());
    }
    Some(protocols)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let octets = self.take(2)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// A vector of which the length has one octet.
    fn short_vector(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    /// A vector of which the length has two octets.
    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(content: &[u8]) -> Vec<u8> {
        [&(content.len() as u16).to_be_bytes()[..], content].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &vector(content)].concat()
    }

    fn names(names: &[&str]) -> Vec<u8> {
        let list: Vec<u8> =
            names.iter().flat_map(|name| [&[0][..], &vector(name.as_bytes())].concat()).collect();
        extension(EXTENSION_SERVER_NAME, &vector(&list))
    }

    fn offers(protocols: &[&str]) -> Vec<u8> {
        let list: Vec<u8> = protocols
            .iter()
            .flat_map(|protocol| [&[protocol.len() as u8][..], protocol.as_bytes()].concat())
            .collect();
        extension(EXTENSION_ALPN, &vector(&list))
    }

    /// The handshake message with these extensions.
    fn handshake(extensions: &[u8]) -> Vec<u8> {
        let body = [&[3, 3][..], &[7; 32], &[0], &vector(&[0x13, 1]), &[1, 0], &vector(extensions)].concat();
        [&[CLIENT_HELLO][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
    }

    /// In records of at most so many octets.
    fn records(message: &[u8], fragment: usize) -> Vec<u8> {
        message
            .chunks(fragment)
            .flat_map(|part| [&[RECORD_HANDSHAKE, 3, 1][..], &vector(part)].concat())
            .collect()
    }

    fn hello() -> Vec<u8> {
        handshake(
            &[extension(0x0a0a, &[]), names(&["WWW.Example.com"]), offers(&["h2", "http/1.1"])].concat(),
        )
    }

    #[test]
    fn name_and_protocols_are_read_however_the_hello_is_cut() {
        let expected = Hello {
            server_name: Some("www.example.com".into()),
            protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        for fragment in [1, 2, 5, 40, 1 << 14] {
            let octets = records(&hello(), fragment);
            for cut in 0..octets.len() {
                assert_eq!(parse(&octets[..cut]), Ok(None), "{fragment} cut at {cut}");
            }
            assert_eq!(parse(&octets), Ok(Some(expected.clone())), "{fragment}");
            let followed = [&octets[..], b"\x14\x03\x03\x00\x01\x01"].concat();
            assert_eq!(parse(&followed), Ok(Some(expected.clone())), "{fragment}, followed");
        }
    }

    #[test]
    fn a_hello_without_extensions_asks_for_nothing() {
        let body = [&[3, 3][..], &[7; 32], &[0], &vector(&[0, 1]), &[1, 0]].concat();
        let message = [&[CLIENT_HELLO][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
        assert_eq!(parse(&records(&message, 99)), Ok(Some(Hello::default())));
        assert_eq!(parse(&records(&handshake(&[]), 99)), Ok(Some(Hello::default())));
    }

    #[test]
    fn what_is_not_tls_is_told_at_its_first_octets() {
        for octets in ["GET / HTTP/1.1", "SSH-2.0", "\u{0}", "\u{16}\u{2}"] {
            assert_eq!(parse(octets.as_bytes()), Err(NotHello::NotTls), "{octets:?}");
        }
    }

    #[test]
    fn a_hello_against_the_rules_is_refused() {
        let other_message = [&[2][..], &hello()[1..]].concat();
        let interrupted = [&records(&hello(), 9)[..14], &[21, 3, 3, 0, 2, 1, 0]].concat();
        let cut_within = |octets: usize| {
            let extensions = &names(&["a"])[..octets];
            records(&handshake(extensions), 999)
        };
        for (what, octets) in [
            ("an empty record", vec![RECORD_HANDSHAKE, 3, 1, 0, 0]),
            ("an oversized record", vec![RECORD_HANDSHAKE, 3, 1, 0x40, 1]),
            ("another message", records(&other_message, 999)),
            ("another record within", interrupted),
            ("two names", records(&handshake(&names(&["a", "b"])), 999)),
            ("an empty name", records(&handshake(&names(&[""])), 999)),
            ("a name with a space", records(&handshake(&names(&["a b"])), 999)),
            ("a name of 256 octets", records(&handshake(&names(&["a".repeat(256).as_str()])), 999)),
            ("an empty protocol", records(&handshake(&offers(&[""])), 999)),
            ("names twice", records(&handshake(&[names(&["a"]), names(&["a"])].concat()), 999)),
            ("an extension cut in its head", cut_within(3)),
            ("an extension cut in its content", cut_within(8)),
        ] {
            assert_eq!(parse(&octets), Err(NotHello::Malformed), "{what}");
        }
    }

    #[test]
    fn a_hello_over_the_limit_is_refused_before_it_is_whole() {
        let message = handshake(&extension(21, &vec![0; HELLO_OCTETS_MAX]));
        assert_eq!(parse(&records(&message, 1 << 14)[..9]), Err(NotHello::TooLong));
        // Of a length that is allowed, but in records that are not.
        let message = handshake(&extension(21, &vec![0; HELLO_OCTETS_MAX / 2]));
        let octets = records(&message, 1);
        assert_eq!(parse(&octets[..HELLO_OCTETS_MAX - 1]), Ok(None));
        assert_eq!(parse(&octets[..HELLO_OCTETS_MAX]), Err(NotHello::TooLong));
    }
}
