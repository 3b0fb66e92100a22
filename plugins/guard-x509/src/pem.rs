//! Chains of certificates as text (RFC 7468).

use base64::prelude::{BASE64_STANDARD, Engine as _};
use zilla_sdk::Refused;

/// Octets of a chain: as many as the host hands to a guard.
pub(crate) const CHAIN_OCTETS_MAX: usize = 65_536;

/// Certificates of a chain: more than anybody puts between a client and whom it is trusted by.
pub(crate) const CERTIFICATES_MAX: usize = 16;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The first certificate of a chain, in DER. Nothing but certificates may be there, and blank lines.
pub(crate) fn first(chain: &[u8]) -> Result<Vec<u8>, Refused> {
    if chain.len() > CHAIN_OCTETS_MAX {
        return Err(format!("the chain has more than {CHAIN_OCTETS_MAX} octets").into());
    }
    let text = std::str::from_utf8(chain).map_err(|_| "the chain is no text")?;
    let (mut count, mut first) = (0, String::new());
    let mut is_inside = false;
    for line in text.lines().map(str::trim_ascii_end) {
        match (is_inside, line) {
            (_, "") => {}
            (false, BEGIN) => {
                (count, is_inside) = (count + 1, true);
                if count > CERTIFICATES_MAX {
                    return Err(format!("the chain has more than {CERTIFICATES_MAX} certificates").into());
                }
            }
            (true, END) => is_inside = false,
            (true, line) if count == 1 => first.push_str(line),
            (true, _) => {}
            (false, _) => return Err("the chain has something else than certificates".into()),
        }
    }
    if is_inside || count == 0 {
        return Err("the chain has no certificate, or one without an end".into());
    }
    BASE64_STANDARD.decode(first).map_err(|_| "the first certificate is no base64".into())
}
