//! Certificates as text: the strict form of RFC 7468.

use base64ct::{Base64, Encoding};

/// Characters of a line of base64.
const LINE_CHARS: usize = 64;

/// One certificate, with the end of its last line.
pub(super) fn pem(certificate: &[u8]) -> String {
    let base64 = Base64::encode_string(certificate);
    let mut text = String::with_capacity(base64.len() + base64.len() / LINE_CHARS + 64);
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_CHARS));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    #[test]
    fn what_is_written_is_read_again() {
        for octets in [1, 47, 48, 49, 96, 1000] {
            let certificate = vec![7; octets];
            let text = pem(&certificate);
            assert_eq!(CertificateDer::from_pem_slice(text.as_bytes()).unwrap().as_ref(), certificate);
            assert!(text.lines().all(|line| line.len() <= LINE_CHARS) && text.ends_with("-----\n"));
        }
    }
}
