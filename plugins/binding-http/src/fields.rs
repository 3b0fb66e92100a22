//! Field names and values (RFC 9110, 5): what is a token, what is framing, what must not be a trailer.

/// What a field is to this binding. Names are compared without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// `host`, which becomes `:authority`.
    Host,
    /// `connection`, which names options and further hop-by-hop fields.
    Connection,
    /// `content-length`.
    ContentLength,
    /// `transfer-encoding`.
    TransferEncoding,
    /// `expect`.
    Expect,
    /// `te`.
    Te,
    /// `upgrade`.
    Upgrade,
    /// `date`.
    Date,
    /// Another field that says something of one connection only (RFC 9110, 7.6.1).
    HopByHop,
    /// A field that is passed on as it is.
    EndToEnd,
}

impl Field {
    /// What the field of that name is. The length alone decides for most.
    pub(crate) fn of(name: &[u8]) -> Self {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            2 if is(b"te") => Self::Te,
            4 if is(b"host") => Self::Host,
            4 if is(b"date") => Self::Date,
            6 if is(b"expect") => Self::Expect,
            7 if is(b"upgrade") => Self::Upgrade,
            10 if is(b"connection") => Self::Connection,
            10 if is(b"keep-alive") => Self::HopByHop,
            14 if is(b"content-length") => Self::ContentLength,
            16 if is(b"proxy-connection") => Self::HopByHop,
            17 if is(b"transfer-encoding") => Self::TransferEncoding,
            _ => Self::EndToEnd,
        }
    }
}

/// Fields that are dropped from trailers: framing, routing, authentication, request modifiers and what
/// says how to read the content (RFC 9110, 6.5.1).
const NOT_IN_TRAILERS: [&[u8]; 40] = [
    b"accept",
    b"accept-charset",
    b"accept-encoding",
    b"accept-language",
    b"age",
    b"authorization",
    b"cache-control",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-location",
    b"content-range",
    b"content-type",
    b"cookie",
    b"date",
    b"expect",
    b"expires",
    b"forwarded",
    b"host",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"keep-alive",
    b"location",
    b"max-forwards",
    b"origin",
    b"pragma",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"range",
    b"retry-after",
    b"set-cookie",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"www-authenticate",
];

/// Whether a field may be a trailer.
pub(crate) fn is_trailer(name: &[u8]) -> bool {
    !NOT_IN_TRAILERS.iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// The protocols of an `upgrade` (RFC 9110, 7.8) that are among those, as a field value; none if there is none.
pub(crate) fn offered(upgrade: &[u8], protocols: &[String]) -> Option<Vec<u8>> {
    let is_known =
        |offer: &&[u8]| protocols.iter().any(|protocol| offer.eq_ignore_ascii_case(protocol.as_bytes()));
    let offers: Vec<&[u8]> = upgrade.split(|octet| *octet == b',').map(trim).filter(is_known).collect();
    (!offers.is_empty()).then(|| offers.join(&b", "[..]))
}

/// Whether the octets are a token (RFC 9110, 5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|octet| TOKEN[usize::from(*octet)])
}

/// Whether the octets may be a field value: no control character but HTAB (RFC 9110, 5.5).
pub(crate) fn is_value(octets: &[u8]) -> bool {
    let is_good = |octet: &u8| (*octet >= b' ' && *octet != 0x7f) || *octet == b'\t';
    let (words, rest) = octets.as_chunks::<8>();
    let is_good_word = |word: &[u8; 8]| {
        let word_at_once = u64::from_le_bytes(*word);
        is_above_controls(word_at_once) || word.iter().all(is_good)
    };
    words.iter().all(is_good_word) && rest.iter().all(is_good)
}

/// Whether no octet of eight is a control character.
fn is_above_controls(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let without_delete = word ^ (ONES * 0x7f);
    let is_delete = without_delete.wrapping_sub(ONES) & !without_delete;
    (below_space | is_delete) & HIGHS == 0
}

/// The octets without spaces and tabs around them.
pub(crate) fn trim(octets: &[u8]) -> &[u8] {
    let blank = |octet: &u8| *octet == b' ' || *octet == b'\t';
    let start = octets.iter().position(|octet| !blank(octet)).unwrap_or(octets.len());
    let end = octets.iter().rposition(|octet| !blank(octet)).map_or(start, |last| last + 1);
    &octets[start..end]
}

/// A decimal number without sign (`1*DIGIT`) that fits 64 bits.
pub(crate) fn number(octets: &[u8]) -> Option<u64> {
    // So many digits fit in any case; a check of each product costs much where the machine has 64 bits.
    const SAFE_DIGITS: usize = 19;
    if octets.is_empty() || !octets.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (safe, rest) = octets.split_at(octets.len().min(SAFE_DIGITS));
    let number = safe.iter().fold(0_u64, |number, octet| number * 10 + u64::from(octet - b'0'));
    let append = |number: u64, octet: &u8| number.checked_mul(10)?.checked_add(u64::from(octet - b'0'));
    rest.iter().try_fold(number, append)
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = matches!(
            octet as u8,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-'
                | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        octet += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_fields_are_known_in_any_case() {
        for (name, field) in [
            ("TE", Field::Te),
            ("hOSt", Field::Host),
            ("Date", Field::Date),
            ("Expect", Field::Expect),
            ("UPGRADE", Field::Upgrade),
            ("Connection", Field::Connection),
            ("Keep-Alive", Field::HopByHop),
            ("Content-Length", Field::ContentLength),
            ("Proxy-Connection", Field::HopByHop),
            ("Transfer-Encoding", Field::TransferEncoding),
            ("user-agent", Field::EndToEnd),
            ("content-lengti", Field::EndToEnd),
            ("", Field::EndToEnd),
        ] {
            assert_eq!(Field::of(name.as_bytes()), field, "{name}");
        }
    }

    #[test]
    fn a_number_is_digits_that_fit() {
        for (text, value) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("9999999999999999999", Some(9_999_999_999_999_999_999)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
            ("00000000000000000000000000000001", Some(1)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("0x1", None),
            ("1,1", None),
        ] {
            assert_eq!(number(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn values_have_no_control_characters() {
        assert!(is_value(b"a\tb \x80\xff"));
        for octet in 0..=0xff_u8 {
            for at in 0..20 {
                let mut octets = [b'a'; 20];
                octets[at] = octet;
                let good = octet == b'\t' || !octet.is_ascii_control();
                assert_eq!(is_value(&octets), good, "{octet} at {at}");
            }
        }
    }

    #[test]
    fn trimming_leaves_what_is_within() {
        for (text, trimmed) in [(" a b\t", "a b"), ("", ""), (" \t ", ""), ("a", "a")] {
            assert_eq!(trim(text.as_bytes()), trimmed.as_bytes());
        }
    }

    #[test]
    fn framing_and_credentials_are_no_trailers() {
        for name in ["Content-Length", "transfer-encoding", "Host", "authorization", "Set-Cookie", "trailer"]
        {
            assert!(!is_trailer(name.as_bytes()), "{name}");
        }
        assert!(is_trailer(b"grpc-status"));
        assert!(NOT_IN_TRAILERS.is_sorted());
    }
}
