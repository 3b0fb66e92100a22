//! A matcher of one's own: `type: time_window` fits at some hours of some days, by a clock so many minutes from UTC. A
//! plugin has no clock: it is told the date with each question.

use zilla_sdk::prelude::*;

/// Minutes of a day.
const DAY_MINUTES: i64 = 24 * 60;
/// How far a clock may be from UTC, in minutes: all that there are on earth are nearer.
const OFFSET_MINUTES_MAX: i64 = 14 * 60;

/// `options:` of the matcher in `zilla.yaml`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeWindowOptions {
    /// How far the clock is ahead of UTC, in minutes; negative to the west. There is no daylight saving time.
    #[schemars(range(min = -840, max = 840))]
    utc_offset_minutes: i64,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday
    Mon,
    /// Tuesday
    Tue,
    /// Wednesday
    Wed,
    /// Thursday
    Thu,
    /// Friday
    Fri,
    /// Saturday
    Sat,
    /// Sunday
    Sun,
}

/// What a route says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeWindowArguments {
    /// On which days it begins; on all, unless given.
    #[serde(default)]
    days: Option<Vec<Day>>,
    /// When it begins, as `08:30`.
    #[schemars(regex(pattern = "^[0-2][0-9]:[0-5][0-9]$"))]
    from: String,
    /// When it ends, as `17:00`; before `from` on the next day. `24:00` is the end of the day.
    #[schemars(regex(pattern = "^[0-2][0-9]:[0-5][0-9]$"))]
    to: String,
}

/// One use of the matcher.
pub struct Window {
    days: Option<Vec<Day>>,
    from: i64,
    /// More than `from`; more than a day's minutes if it ends on the next day.
    to: i64,
}

/// The matcher.
pub struct TimeWindow(TimeWindowOptions);

impl Matcher for TimeWindow {
    const TYPE: &'static str = "time_window";
    type Options = TimeWindowOptions;
    type Arguments = TimeWindowArguments;
    type Use = Window;

    fn attach(config: MatcherConfig<TimeWindowOptions>) -> Result<Self, ConfigError> {
        let minutes = config.options.utc_offset_minutes;
        match (-OFFSET_MINUTES_MAX..=OFFSET_MINUTES_MAX).contains(&minutes) {
            true => Ok(Self(config.options)),
            false => {
                let pointer = "/options/utc_offset_minutes";
                Err(config_error(pointer, "a number from -840 to 840", minutes.to_string()))
            }
        }
    }

    fn prepare(&self, arguments: TimeWindowArguments) -> Result<Window, ConfigError> {
        let minutes = |pointer: &str, text: &str| {
            minutes(text).ok_or_else(|| config_error(pointer, "a time, as 08:30", format!("{text:?}")))
        };
        let (from, to) = (minutes("/from", &arguments.from)?, minutes("/to", &arguments.to)?);
        if from == to {
            return Err(config_error("/to", "another time than `from`", &arguments.to));
        }
        let to = if to < from { to + DAY_MINUTES } else { to };
        Ok(Window { days: arguments.days, from, to })
    }

    fn evaluate(&mut self, window: &Window, _query: Query<'_>, now: Instant) -> Option<Match> {
        let minutes = (now.unix_ms / 60_000) as i64 + self.0.utc_offset_minutes;
        let (day, minute) = (minutes.div_euclid(DAY_MINUTES), minutes.rem_euclid(DAY_MINUTES));
        // It may have begun the day before.
        let is_within = window.fits(day, minute) || window.fits(day - 1, minute + DAY_MINUTES);
        is_within.then(Match::new)
    }
}

impl Window {
    /// Whether a minute, counted from the start of a day since 1970, is in the window that begins on that day.
    fn fits(&self, day: i64, minute: i64) -> bool {
        let is_on = |days: &Vec<Day>| days.contains(&weekday(day));
        (self.from..self.to).contains(&minute) && self.days.as_ref().is_none_or(is_on)
    }
}

/// The first of January 1970 was a Thursday.
fn weekday(day: i64) -> Day {
    use Day::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    [Thu, Fri, Sat, Sun, Mon, Tue, Wed][day.rem_euclid(7) as usize]
}

/// Minutes since midnight of a time as `08:30`, at most `24:00`.
fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| -> Option<i64> {
        let is_number = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    Some(hours * 60 + minutes).filter(|total| *total <= DAY_MINUTES)
}

zilla_sdk::export!(TimeWindow: Matcher);

#[cfg(test)]
mod tests {
    use super::*;
    use zilla_sdk::testing::*;

    /// Whether a window is open at a time of a day, counted from Thursday, the first of January 2026.
    fn is_open(options: &str, arguments: &str, day: u64, hour: u64, minute: u64) -> bool {
        const THURSDAY_UNIX_MS: u64 = 1_767_225_600_000;
        let mut matcher = MatcherHarness::<TimeWindow>::attach(options, &[arguments]).unwrap();
        matcher.set_unix_ms(THURSDAY_UNIX_MS + ((day * 24 + hour) * 60 + minute) * 60_000);
        matcher.ask(0, &query([(":path", "/")])).is_some()
    }

    #[test]
    fn it_is_open_from_its_first_minute_to_the_one_before_its_last() {
        let window = "{from: '08:30', to: '17:00'}";
        let times = [(8, 29), (8, 30), (16, 59), (17, 0)];
        let open = times.map(|(hour, minute)| is_open("", window, 0, hour, minute));
        assert_eq!(open, [false, true, true, false]);
        assert!(is_open("", "{from: '00:00', to: '24:00'}", 0, 23, 59));
    }

    #[test]
    fn days_are_those_of_the_week() {
        let window = "{days: [mon, fri], from: '08:00', to: '09:00'}";
        // Thursday to Wednesday.
        let open: Vec<bool> = (0..7).map(|day| is_open("", window, day, 8, 0)).collect();
        assert_eq!(open, [false, true, false, false, true, false, false]);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let window = "{days: [fri], from: '22:00', to: '06:00'}";
        let times = [(0, 23), (1, 5), (1, 22), (2, 5), (2, 6), (2, 22)];
        let open = times.map(|(day, hour)| is_open("", window, day, hour, 0));
        assert_eq!(open, [false, false, true, true, false, false]);
    }

    #[test]
    fn a_clock_may_be_ahead_of_utc_or_behind() {
        let window = "{days: [fri], from: '00:00', to: '01:00'}";
        assert!(is_open("options: {utc_offset_minutes: 60}", window, 0, 23, 0));
        assert!(is_open("options: {utc_offset_minutes: -300}", window, 1, 5, 0));
        assert!(!is_open("", window, 0, 23, 0));
    }

    #[test]
    fn times_that_there_are_not_are_refused() {
        for (arguments, path) in [
            ("{from: '24:01', to: '01:00'}", "/uses/0/from"),
            ("{from: '08:60', to: '09:00'}", "/uses/0/from"),
            ("{from: '08:00', to: '9:00'}", "/uses/0/to"),
            ("{from: '08:00', to: '+9:00'}", "/uses/0/to"),
            ("{from: '08:00', to: '08:00'}", "/uses/0/to"),
            ("{days: [someday], from: '08:00', to: '09:00'}", "/uses/0"),
        ] {
            let errors = MatcherHarness::<TimeWindow>::attach("", &[arguments]).err().unwrap();
            assert_eq!(errors[0].path, path, "{arguments}");
        }
        let errors = MatcherHarness::<TimeWindow>::attach("options: {utc_offset_minutes: 841}", &[]);
        assert_eq!(errors.err().unwrap()[0].path, "/options/utc_offset_minutes");
    }
}
