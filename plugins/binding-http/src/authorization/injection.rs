//! `options.authorization` of a client: what a guard has to show goes where the template says, in the place of what came.

use super::{Authorization, Place, Template, named, percent_decoded};
use crate::fields;
use base64ct::{Base64, Encoding as _};
use zilla_sdk::host::{self, Level, Refusal};
use zilla_sdk::{Attributes, AttributesWriter, CloseCode};

/// Why a request cannot have credentials: what its opener is told.
const NONE_FOR_IT: CloseCode = CloseCode::Unauthorized;
/// The guard trapped, or did not answer in time.
const GUARD_FAILED: CloseCode = CloseCode::Crashed;
/// What the guard has cannot be written.
const UNWRITABLE: CloseCode = CloseCode::Violation;

impl Authorization {
    /// Rewrites a request, for whom that authorization stands: attributes of which names and values are checked.
    pub(crate) fn show(&self, authorization: u64, request: &mut Vec<u8>) -> Result<(), CloseCode> {
        let credentials = host::credentials(&self.guard, authorization).map_err(|refusal| match refusal {
            Refusal::Rejected | Refusal::UnknownGuard => NONE_FOR_IT,
            Refusal::Unavailable => GUARD_FAILED,
        })?;
        for place in &self.places {
            *request = place.put(&credentials, Attributes::new(request)).ok_or_else(|| {
                // Which characters these are would say something of a secret.
                host::log(
                    Level::Warn,
                    "the guard's credentials cannot be written where `authorization` says",
                );
                UNWRITABLE
            })?;
        }
        Ok(())
    }

    /// Whether a field has credentials that are shown. A pseudo-header has if they are in the query.
    pub(crate) fn shows(&self, name: &[u8]) -> bool {
        self.places.iter().any(|place| match place {
            Place::Cookie(..) => name == b"cookie",
            Place::Header(header, _) => name == header.as_bytes(),
            Place::Query(..) => name == b":path",
        })
    }
}

impl Template {
    /// The value that has these credentials; none if they are not of its form.
    fn render(&self, credentials: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Around { before, behind } => {
                Some([before.as_bytes(), credentials, behind.as_bytes()].concat())
            }
            Self::Basic if !credentials.contains(&b':') => None,
            Self::Basic => Some([b"Basic ", Base64::encode_string(credentials).as_bytes()].concat()),
        }
    }
}

impl Place {
    /// A request with these credentials here, in the place of any others.
    fn put(&self, credentials: &[u8], request: Attributes<'_>) -> Option<Vec<u8>> {
        let mut block = Vec::with_capacity(request.block().len() + credentials.len());
        let mut said = AttributesWriter::new(&mut block);
        match self {
            Self::Header(header, template) => {
                let value = template.render(credentials).filter(|value| fields::is_value(value))?;
                for (name, value) in request.iter().filter(|(name, _)| *name != header.as_bytes()) {
                    said.push(name, value);
                }
                said.push(header, value);
            }
            Self::Cookie(cookie, template) => {
                let value = template.render(credentials).filter(|value| value.iter().all(is_cookie_octet))?;
                let mut cookies = Vec::new();
                for (name, value) in request {
                    match name {
                        b"cookie" => cookies.extend(value.split(|octet| *octet == b';').map(fields::trim)),
                        _ => said.push(name, value),
                    }
                }
                cookies.retain(|pair| !pair.is_empty() && named(pair, cookie).is_none());
                let own = [cookie.as_bytes(), b"=", &value].concat();
                cookies.push(&own);
                said.push("cookie", cookies.join(&b"; "[..]));
            }
            Self::Query(param, template) => {
                let value = template.render(credentials)?;
                for (name, value_of) in request {
                    match name {
                        // `OPTIONS *` has no query.
                        b":path" if value_of == b"*" => return None,
                        b":path" => said.push(name, with_param(value_of, param, &value)),
                        _ => said.push(name, value_of),
                    }
                }
            }
        }
        Some(block)
    }
}

/// A path with a parameter of that name, once.
fn with_param(path: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let (path, query) = match path.iter().position(|octet| *octet == b'?') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (path, &[][..]),
    };
    let is_other = |pair: &&[u8]| {
        let of = pair.split(|octet| *octet == b'=').next().unwrap_or_default();
        percent_decoded(of) != name.as_bytes()
    };
    let mut pairs: Vec<Vec<u8>> = match query {
        [] => Vec::new(),
        query => query.split(|octet| *octet == b'&').filter(is_other).map(<[u8]>::to_vec).collect(),
    };
    pairs.push([&percent_encoded(name.as_bytes())[..], b"=", &percent_encoded(value)].concat());
    [path, b"?", &pairs.join(&b'&')].concat()
}

/// With all but what is unreserved (RFC 3986, 2.3) as percent and two digits.
fn percent_encoded(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len());
    for octet in text {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(*octet),
            other => encoded.extend_from_slice(format!("%{other:02X}").as_bytes()),
        }
    }
    encoded
}

/// RFC 6265, 4.1.1.
fn is_cookie_octet(octet: &u8) -> bool {
    matches!(octet, b'!' | b'#'..=b'+' | b'-'..=b':' | b'<'..=b'[' | b']'..=b'~')
}
