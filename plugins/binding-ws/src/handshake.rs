//! What both sides of a handshake share (RFC 6455, 4): keys, and lists of names.

use base64ct::{Base64, Encoding};
use sha1::{Digest, Sha1};

/// The version of the protocol (RFC 6455, 4.1).
pub(crate) const VERSION: &str = "13";

/// Octets of a key.
const KEY_OCTETS: usize = 16;

/// What is appended to a key before it is hashed (RFC 6455, 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Length in octets of a SHA-1 hash in base64.
const ACCEPT_OCTETS: usize = 28;

/// Whether a field value is a key: 16 octets in base64.
pub(crate) fn is_key(value: &[u8]) -> bool {
    let mut key = [0; KEY_OCTETS + 2];
    Base64::decode(value, &mut key).is_ok_and(|key| key.len() == KEY_OCTETS)
}

/// A key of these octets.
pub(crate) fn key(octets: &[u8]) -> String {
    Base64::encode_string(octets)
}

/// The `sec-websocket-accept` that answers a key.
pub(crate) fn accept(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    let accept = Base64::encode_string(&hash.finalize());
    debug_assert_eq!(accept.len(), ACCEPT_OCTETS);
    accept
}

/// Whether a name is a token (RFC 9110, 5.6.2).
pub(crate) fn is_token(name: &[u8]) -> bool {
    let is_tchar = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    !name.is_empty() && name.iter().all(is_tchar)
}

/// Names that streams of messages have a meaning for, and fields of one connection alone (RFC 9110, 7.6.1) or of a body.
const OWN: [&[u8]; 14] = [
    b"protocol",
    b"scheme",
    b"authority",
    b"path",
    b"connection",
    b"content-length",
    b"expect",
    b"host",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
];

/// Whether an attribute is a field of a request that says something of who asks: none of the handshake itself.
pub(crate) fn is_field(name: &[u8]) -> bool {
    !name.starts_with(b":") && !name.starts_with(b"sec-websocket-") && !OWN.contains(&name)
}

/// The items of a list (RFC 9110, 5.6.1), without the empty ones.
pub(crate) fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn fields_are_neither_of_the_handshake_nor_of_the_connection() {
        for name in ["cookie", "origin", "authorization", "x-path", "type", "sec-fetch-mode", "forwarded"] {
            assert!(is_field(name.as_bytes()), "{name}");
        }
        for name in [":path", ":x", "path", "scheme", "host", "upgrade", "sec-websocket-key", "te", "expect"]
        {
            assert!(!is_field(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_key_is_sixteen_octets_in_base64() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        for other in
            [&b""[..], b"dGhlIHNhbXBsZSBub25jZQ", b"dGhlIHNhbXBsZSBub25j", b"dGhlIHNhbXBsZSBub25jZWU=", b"x"]
        {
            assert!(!is_key(other), "{}", other.escape_ascii());
        }
    }
}
