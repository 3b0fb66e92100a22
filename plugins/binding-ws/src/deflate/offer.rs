//! What the two sides of a handshake say of compression (RFC 7692, 7.1).

use super::WsDeflate;
use crate::handshake;

const NAME: &[u8] = b"permessage-deflate";

/// What both sides have agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) keeps_own_context: bool,
    pub(crate) keeps_peer_context: bool,
    /// None if it is smaller than what the coder knows: then nothing is deflated.
    pub(crate) own_window_bits: Option<u8>,
    pub(crate) peer_window_bits: u8,
}

/// Parameters of an offer or of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer, it may be there without a value.
    client_max_window_bits: Option<Option<u8>>,
}

/// Smallest window of the coder. RFC 7692 has one smaller.
const WINDOW_BITS_MIN: u8 = 9;
const WINDOW_BITS_MAX: u8 = 15;

impl Parameters {
    /// Reads what is behind the name; none if something there is unknown, wrong or twice.
    fn read<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut read = Self::default();
        for parameter in parameters {
            let (name, value) = match parameter.iter().position(|octet| *octet == b'=') {
                Some(at) => (parameter[..at].trim_ascii(), Some(parameter[at + 1..].trim_ascii())),
                None => (parameter, None),
            };
            let bits = match value {
                Some(value) => Some(window_bits(value)?),
                None => None,
            };
            let is_new = match name {
                b"server_no_context_takeover" if value.is_none() => {
                    !std::mem::replace(&mut read.server_no_context_takeover, true)
                }
                b"client_no_context_takeover" if value.is_none() => {
                    !std::mem::replace(&mut read.client_no_context_takeover, true)
                }
                b"server_max_window_bits" => read.server_max_window_bits.replace(bits?).is_none(),
                b"client_max_window_bits" => read.client_max_window_bits.replace(bits).is_none(),
                _ => return None,
            };
            if !is_new {
                return None;
            }
        }
        Some(read)
    }
}

/// A number from 8 to 15, which may be quoted.
fn window_bits(value: &[u8]) -> Option<u8> {
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// The name of an extension, and its parameters.
fn parts(extension: &[u8]) -> impl Iterator<Item = &[u8]> {
    extension.split(|octet| *octet == b';').map(<[u8]>::trim_ascii)
}

/// As a server: takes the first of a client's offers that can be met, and says what the answer is.
pub(crate) fn answer(options: &WsDeflate, offers: &[&[u8]]) -> Option<(Agreed, String)> {
    let offers = offers.iter().flat_map(|value| handshake::items(value));
    let parameters = offers.filter_map(|offer| {
        let mut parts = parts(offer);
        (parts.next() == Some(NAME)).then(|| Parameters::read(parts)).flatten()
    });
    for offer in parameters {
        let own_bits = options.window_bits.min(offer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX));
        if own_bits < WINDOW_BITS_MIN {
            continue;
        }
        let agreed = Agreed {
            keeps_own_context: options.context_takeover && !offer.server_no_context_takeover,
            keeps_peer_context: options.context_takeover && !offer.client_no_context_takeover,
            own_window_bits: Some(own_bits),
            peer_window_bits: WINDOW_BITS_MAX,
        };
        let mut answer = String::from("permessage-deflate");
        if !agreed.keeps_own_context {
            answer += "; server_no_context_takeover";
        }
        if !agreed.keeps_peer_context {
            answer += "; client_no_context_takeover";
        }
        if offer.server_max_window_bits.is_some() || own_bits < WINDOW_BITS_MAX {
            answer += &format!("; server_max_window_bits={own_bits}");
        }
        return Some((agreed, answer));
    }
    None
}

/// As a client: what is offered.
pub(crate) fn offer(options: &WsDeflate) -> String {
    let mut offer = String::from("permessage-deflate");
    if !options.context_takeover {
        offer += "; server_no_context_takeover; client_no_context_takeover";
    }
    offer += "; client_max_window_bits";
    if options.window_bits < WINDOW_BITS_MAX {
        offer += &format!("={}", options.window_bits);
    }
    offer
}

/// As a client: what a server has answered to [`offer`]. None if that is nothing that was offered.
pub(crate) fn agree(options: &WsDeflate, answers: &[&[u8]]) -> Option<Agreed> {
    let mut extensions = answers.iter().flat_map(|value| handshake::items(value));
    let mut answer = parts(extensions.next()?);
    if answer.next() != Some(NAME) || extensions.next().is_some() {
        return None;
    }
    let answer = Parameters::read(answer)?;
    let own_bits = match answer.client_max_window_bits {
        None => options.window_bits,
        Some(bits) => options.window_bits.min(bits?),
    };
    // A server that was asked to forget each message says that it does (RFC 7692, 7.1.1.1).
    if !options.context_takeover && !answer.server_no_context_takeover {
        return None;
    }
    Some(Agreed {
        keeps_own_context: options.context_takeover && !answer.client_no_context_takeover,
        keeps_peer_context: !answer.server_no_context_takeover,
        own_window_bits: Some(own_bits).filter(|bits| *bits >= WINDOW_BITS_MIN),
        peer_window_bits: WINDOW_BITS_MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(options: WsDeflate, offers: &str) -> Option<String> {
        answer(&options, &[offers.as_bytes()]).map(|(_, answer)| answer)
    }

    #[test]
    fn the_first_offer_that_can_be_met_is_taken() {
        let keeps = WsDeflate { context_takeover: true, ..WsDeflate::default() };
        for (offers, expected) in [
            ("permessage-deflate", Some("permessage-deflate")),
            ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
            (
                "x, permessage-deflate;x, permessage-deflate ; server_no_context_takeover",
                Some("permessage-deflate; server_no_context_takeover"),
            ),
            (
                "permessage-deflate; client_no_context_takeover",
                Some("permessage-deflate; client_no_context_takeover"),
            ),
            (
                "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=\"9\"",
                Some("permessage-deflate; server_max_window_bits=9"),
            ),
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=16", None),
            ("permessage-deflate; server_max_window_bits=08", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
            ("permessage-bzip2", None),
            ("", None),
        ] {
            assert_eq!(answered(keeps, offers).as_deref(), expected, "{offers}");
        }
    }

    #[test]
    fn what_is_configured_is_what_is_answered() {
        let small = WsDeflate { window_bits: 10, ..WsDeflate::default() };
        let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10";
        assert_eq!(answered(small, "permessage-deflate").as_deref(), Some(expected));
    }

    #[test]
    fn a_client_takes_what_it_offered_and_nothing_else() {
        let (forgets, keeps) =
            (WsDeflate::default(), WsDeflate { context_takeover: true, ..WsDeflate::default() });
        let agreed = |options: WsDeflate, answer: &str| agree(&options, &[answer.as_bytes()]);
        assert!(agreed(keeps, "permessage-deflate").is_some_and(|agreed| agreed.keeps_own_context));
        assert!(agreed(forgets, "permessage-deflate").is_none());
        assert!(agreed(forgets, "permessage-deflate; server_no_context_takeover").is_some());
        let small = agreed(keeps, "permessage-deflate; client_max_window_bits=8").unwrap();
        assert_eq!(small.own_window_bits, None);
        for answer in [
            "x",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; x",
        ] {
            assert!(agreed(keeps, answer).is_none(), "{answer}");
        }
    }
}
