//! The answer to a request for keys, as it comes.

use super::DOCUMENT_OCTETS_MAX;
use zilla_sdk::Attributes;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    is_begun: bool,
    document: Vec<u8>,
}

impl Answer {
    /// Takes a head, which may be an interim one (RFC 9110, section 15.2). The error is why it is no answer with keys.
    pub(super) fn head(&mut self, head: Attributes<'_>) -> Result<(), String> {
        if self.is_begun {
            return Ok(());
        }
        let status = head.get_str(":status").unwrap_or("200");
        match status {
            "200" => {}
            "101" => return Err("the status 101, expected 200".to_owned()),
            interim if interim.len() == 3 && interim.starts_with('1') => return Ok(()),
            moved if moved.starts_with('3') => {
                return Err(format!("the status {moved}, expected 200: redirections are not followed"));
            }
            other => return Err(format!("the status {other}, expected 200")),
        }
        let media_type = head.get_str("content-type").unwrap_or("nothing");
        if !is_json(media_type) {
            return Err(format!("the content type `{}`, expected JSON", shown(media_type)));
        }
        if let Some(coding) =
            head.get("content-encoding").filter(|coding| !coding.eq_ignore_ascii_case(b"identity"))
        {
            return Err(format!("the coding `{}`, expected none", shown(&String::from_utf8_lossy(coding))));
        }
        self.is_begun = true;
        Ok(())
    }

    /// Takes a piece. The error is why it is too much.
    pub(super) fn piece(&mut self, octets: &[u8]) -> Result<(), String> {
        if self.document.len() + octets.len() > DOCUMENT_OCTETS_MAX {
            return Err(format!("a document of more than {DOCUMENT_OCTETS_MAX} octets"));
        }
        self.document.extend_from_slice(octets);
        Ok(())
    }

    /// The whole document, once all has come.
    pub(super) fn whole(self) -> Result<Vec<u8>, String> {
        match self.is_begun {
            true => Ok(self.document),
            false => Err("the end of the answer, expected its head".to_owned()),
        }
    }
}

/// Whether a media type is one of JSON: itself, or with the suffix of RFC 6839, section 3.1, as `jwk-set+json`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

/// A field's value for a log.
fn shown(value: &str) -> String {
    value.chars().take(80).collect()
}
