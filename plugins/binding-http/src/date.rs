//! The `date` field (RFC 9110, 6.6.1), written once a second.

/// Octets of `date: Sun, 06 Nov 1994 08:49:37 GMT` and its line end.
const LINE_OCTETS: usize = 37;
/// Octets of the name with its colon and its blank, and of the value.
const NAME_OCTETS: usize = 6;
const VALUE_OCTETS: usize = 29;
const SECONDS_A_DAY: u64 = 86_400;
const DAY_NAMES: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTH_NAMES: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// The field line of the current second, kept until the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateLine {
    second: u64,
    line: [u8; LINE_OCTETS],
}

impl DateLine {
    pub(crate) fn new() -> Self {
        Self { second: 0, line: written(0) }
    }

    /// The field line for a time in ms since 1970, name and line end included.
    pub(crate) fn at(&mut self, unix_ms: u64) -> &[u8; LINE_OCTETS] {
        let second = unix_ms / 1_000;
        if second != self.second {
            *self = Self { second, line: written(second) };
        }
        &self.line
    }

    /// The value of the field for a time in ms since 1970.
    pub(crate) fn value_at(&mut self, unix_ms: u64) -> &[u8; VALUE_OCTETS] {
        self.at(unix_ms)[NAME_OCTETS..].first_chunk().expect("the value is behind the name")
    }
}

/// An IMF-fixdate (RFC 9110, 5.6.7).
fn written(unix_seconds: u64) -> [u8; LINE_OCTETS] {
    let (days, second) = (unix_seconds / SECONDS_A_DAY, unix_seconds % SECONDS_A_DAY);
    let (year, month, day) = civil(days);
    let mut line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    line[6..9].copy_from_slice(DAY_NAMES[(days % 7) as usize]);
    line[11..13].copy_from_slice(&two_digits(day));
    line[14..17].copy_from_slice(MONTH_NAMES[month as usize]);
    line[18..20].copy_from_slice(&two_digits(year / 100 % 100));
    line[20..22].copy_from_slice(&two_digits(year % 100));
    line[23..25].copy_from_slice(&two_digits(second / 3_600));
    line[26..28].copy_from_slice(&two_digits(second / 60 % 60));
    line[29..31].copy_from_slice(&two_digits(second % 60));
    line
}

/// Year, month (0 is January) and day of the month (from 1) of a day since 1970 in the Gregorian calendar.
/// Years are counted from March, so that the leap day is the last of its year, in eras of 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let january = month >= 10;
    (era * 400 + year + u64::from(january), if january { month - 10 } else { month + 2 }, day)
}

fn two_digits(number: u64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_seconds, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (1_709_251_200, "Fri, 01 Mar 2024 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
        ] {
            let line = format!("date: {date}\r\n");
            assert_eq!(DateLine::new().at(unix_seconds * 1_000 + 999), line.as_bytes());
        }
    }

    #[test]
    fn the_line_changes_with_the_second() {
        let mut date = DateLine::new();
        assert_eq!(date.at(999).to_vec(), date.at(0).to_vec());
        assert_ne!(date.at(1_000).to_vec(), date.at(0).to_vec());
    }
}
