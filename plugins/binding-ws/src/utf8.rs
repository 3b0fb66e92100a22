//! UTF-8 that comes in pieces (RFC 6455, 8.1).

/// Checks text piece by piece. What can no longer become UTF-8 is found with the octet that makes it so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8 {
    /// A sequence that is not complete.
    begun: [u8; 3],
    /// Its octets so far.
    octets: u8,
}

impl Utf8 {
    /// Whether a piece goes on with UTF-8; as the last one, whether it ends with a whole sequence too.
    #[inline]
    pub(crate) fn goes_on(&mut self, piece: &[u8], is_last: bool) -> bool {
        let rest = if self.octets == 0 { Some(piece) } else { self.complete(piece) };
        let Some(rest) = rest else { return false };
        if let Err(error) = std::str::from_utf8(rest) {
            let begun = &rest[error.valid_up_to()..];
            if error.error_len().is_some() || begun.len() > self.begun.len() {
                return false;
            }
            self.begun[..begun.len()].copy_from_slice(begun);
            self.octets = begun.len() as u8;
        }
        !is_last || self.octets == 0
    }

    /// Completes the sequence that is begun. What is behind it, nothing if it is still not complete; none if
    /// it is wrong.
    fn complete<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = piece;
        while let Some((octet, behind)) = rest.split_first() {
            rest = behind;
            let known = usize::from(self.octets);
            let mut sequence = [0; 4];
            sequence[..known].copy_from_slice(&self.begun[..known]);
            sequence[known] = *octet;
            match std::str::from_utf8(&sequence[..=known]) {
                Ok(_) => {
                    self.octets = 0;
                    break;
                }
                Err(error) if error.error_len().is_some() => return None,
                // Four octets are whole or wrong, so there is room for a third.
                Err(_) => self.begun[known] = *octet,
            }
            self.octets += 1;
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_may_be_cut_anywhere() {
        let text = "a\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}κόσμε\u{0}";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut utf8 = Utf8::default();
                let (head, rest) = text.as_bytes().split_at(first);
                let (middle, tail) = rest.split_at(second - first);
                assert!(utf8.goes_on(head, false) && utf8.goes_on(middle, false) && utf8.goes_on(tail, true));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_found_with_the_octet_that_makes_it_so() {
        let wrong: [&[u8]; 9] = [
            b"\x80",
            b"\xc0",
            b"\xc2\x20",
            b"\xe0\x80",
            b"\xed\xa0",
            b"\xf0\x80",
            b"\xf4\x90",
            b"\xf5",
            b"\xf0\x90\x80\x20",
        ];
        for octets in wrong {
            for cut in 0..octets.len() {
                let mut utf8 = Utf8::default();
                assert!(utf8.goes_on(&octets[..cut], false), "{octets:x?} is not wrong before {cut}");
                assert!(!utf8.goes_on(&octets[cut..], false), "{octets:x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn text_does_not_end_within_a_sequence() {
        let mut utf8 = Utf8::default();
        assert!(utf8.goes_on("€".as_bytes().split_at(2).0, false));
        assert!(!utf8.goes_on(b"", true));
        assert!(!Utf8::default().goes_on(b"\xe2\x82", true));
    }
}
