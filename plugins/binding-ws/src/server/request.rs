//! The client's side of a handshake (RFC 6455, 4.1 and 4.2.1; RFC 8441, 5).

use crate::handshake::{self, VERSION};
use crate::routes::Asked;
use zilla_sdk::Attributes;

/// A request that is a handshake.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) asked: Asked<'a>,
    /// None over HTTP/2.
    pub(crate) key: Option<&'a [u8]>,
    /// Subprotocols in the order in which the client prefers them.
    pub(crate) protocols: Vec<&'a [u8]>,
    /// Values of `sec-websocket-extensions`.
    pub(crate) extensions: Vec<&'a [u8]>,
}

/// Why a request is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
}

/// Most subprotocols that one client offers: each may be asked for on a stream of its own.
const PROTOCOLS_MAX: usize = 32;

impl<'a> Request<'a> {
    pub(crate) fn read(attributes: Attributes<'a>) -> Result<Self, Refusal> {
        let bad = |reason| Refusal { status: 400, reason };
        let (mut method, mut asked) = (&b""[..], Asked { scheme: b"", authority: b"", path: b"" });
        let (mut connect, mut upgrade) = (None, None);
        let (mut keys, mut versions, mut protocols, mut extensions) = (vec![], vec![], vec![], vec![]);
        for (name, value) in attributes {
            match name {
                b":method" => method = value,
                b":protocol" => connect = Some(value),
                b":scheme" => asked.scheme = value,
                b":authority" => asked.authority = value,
                b":path" => asked.path = value,
                b"upgrade" => upgrade = Some(value),
                b"sec-websocket-key" => keys.push(value),
                b"sec-websocket-version" => versions.push(value),
                b"sec-websocket-extensions" => extensions.push(value),
                b"sec-websocket-protocol" => protocols.extend(handshake::items(value)),
                _ => {}
            }
        }
        let is_websocket =
            |value: &[u8]| handshake::items(value).any(|item| item.eq_ignore_ascii_case(b"websocket"));
        match (method, connect) {
            (b"CONNECT", Some(protocol)) if protocol.eq_ignore_ascii_case(b"websocket") => {}
            (b"CONNECT", _) => return Err(bad("expected :protocol websocket")),
            (b"GET", _) if upgrade.is_some_and(is_websocket) => {}
            (b"GET", _) => return Err(bad("expected connection: upgrade and upgrade: websocket")),
            _ => return Err(bad("expected the method GET")),
        }
        match versions[..] {
            [] => return Err(bad("expected sec-websocket-version: 13")),
            [version] if version == VERSION.as_bytes() => {}
            _ => return Err(Refusal { status: 426, reason: "expected sec-websocket-version: 13" }),
        }
        let key = match (keys[..].as_ref(), method) {
            (_, b"CONNECT") => None,
            ([key], _) if handshake::is_key(key) => Some(*key),
            ([_], _) => return Err(bad("expected 16 octets in base64 as sec-websocket-key")),
            _ => return Err(bad("expected one sec-websocket-key")),
        };
        if protocols.len() > PROTOCOLS_MAX {
            return Err(bad("expected at most 32 subprotocols"));
        }
        for (index, protocol) in protocols.iter().enumerate() {
            if !handshake::is_token(protocol) {
                return Err(bad("expected tokens in sec-websocket-protocol"));
            }
            if protocols[..index].contains(protocol) {
                return Err(bad("expected each subprotocol once"));
            }
        }
        Ok(Self { asked, key, protocols, extensions })
    }
}
