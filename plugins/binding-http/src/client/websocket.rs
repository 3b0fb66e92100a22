//! The handshake of WebSocket, which HTTP/1.1 has (RFC 6455, 4) and HTTP/2 has not (RFC 8441, 5): what one side
//! lacks is made here.

use base64ct::{Base64, Encoding};
use sha1::{Digest, Sha1};
use zilla_sdk::host;

/// Octets of a key before it is written as Base64.
const KEY_OCTETS: u32 = 16;
/// What is hashed behind the key (RFC 6455, 1.3).
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A key that nobody can guess.
pub(super) fn key() -> String {
    Base64::encode_string(&host::random(KEY_OCTETS))
}

/// What an end that has read the key answers with.
pub(super) fn accept(key: &[u8]) -> String {
    Base64::encode_string(&Sha1::new().chain_update(key).chain_update(SUFFIX).finalize())
}

/// Whether a field is of the handshake alone.
pub(super) fn is_handshake(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"sec-websocket-key") || name.eq_ignore_ascii_case(b"sec-websocket-accept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_differ() {
        let (one, other) = (key(), key());
        assert_eq!((one.len(), other.len()), (24, 24));
        assert_ne!(one, other);
    }
}
