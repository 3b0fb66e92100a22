//! PEM (RFC 7468): the sections of a file, and the text around them that is passed over.

use crate::error::Fault;
use crate::pkcs12::ENTRIES_MAX;
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// One `BEGIN … END`.
pub(crate) struct Section<'a> {
    /// Such as `CERTIFICATE`.
    pub(crate) label: &'a str,
    /// Line of its `BEGIN`, from 1.
    pub(crate) line: usize,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// All sections of a file, in order.
pub(crate) fn sections(content: &[u8]) -> Result<Vec<Section<'_>>, Fault> {
    let Ok(text) = std::str::from_utf8(content) else {
        let found = if content.first() == Some(&0x30) { "DER, which is not text" } else { "not text" };
        return Err(Fault::file("a PEM file", found));
    };
    let mut sections = Vec::new();
    let mut lines = text.lines().map(str::trim).zip(1..);
    while let Some((begin, line)) = lines.next() {
        let Some(label) = begin.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"))
        else {
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
        loop {
            match lines.next() {
                Some((inner, _)) if inner == end => break,
                // RFC 1421, section 4.6.1.1: the private format of OpenSSL before PKCS#8.
                Some((inner, _)) if inner.starts_with("Proc-Type:") && inner.ends_with("ENCRYPTED") => {
                    let found =
                        format!("line {line}: OpenSSL's old format; `openssl pkcs8 -topk8` converts it");
                    return Err(Fault::file("an encrypted key in PKCS#8", found));
                }
                Some((inner, _)) if !inner.starts_with("-----") => base64.push_str(inner),
                _ => return Err(Fault::file(format!("`{end}`"), format!("none after line {line}"))),
            }
        }
        let Ok(der) = Base64::decode_vec(&base64) else {
            return Err(Fault::file("base64", format!("line {line}: a {label} that is something else")));
        };
        if sections.len() == ENTRIES_MAX {
            return Err(Fault::file(
                format!("a PEM file of at most {ENTRIES_MAX} sections"),
                "one with more",
            ));
        }
        sections.push(Section { label, line, der: Zeroizing::new(der) });
    }
    Ok(sections)
}

/// What a file has, in words.
pub(crate) fn summary(sections: &[Section<'_>]) -> String {
    if sections.is_empty() {
        return "a file without any `-----BEGIN`".to_owned();
    }
    let mut labels: Vec<&str> = sections.iter().map(|section| section.label).collect();
    labels.sort_unstable();
    let counted: Vec<String> = labels
        .chunk_by(|one, other| one == other)
        .map(|same| format!("{} × {}", same.len(), same[0]))
        .collect();
    counted.join(", ")
}
