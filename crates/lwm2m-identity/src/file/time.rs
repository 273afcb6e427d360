//! Moments as a security file writes them.

use toml::value::{Datetime, Offset};

/// The Unix seconds of a moment with its distance from UTC, from 1970 on; a fraction of a second is left out.
///
/// # Specification
/// RFC 3339 §5.6.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let Datetime {
        date: Some(date),
        time: Some(time),
        offset: Some(offset),
    } = text.parse().ok()?
    else {
        return None;
    };
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    // Days are counted from March on, so that the day that comes and goes is the last of a year.
    let (year, month) = (i64::from(date.year), i64::from(date.month));
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leaps = year / 4 - year / 100 + year / 400;
    let days = 365 * year + leaps + (153 * month + 2) / 5 + i64::from(date.day) - 1;
    let hours = 24 * (days - DAYS_TO_1970) + i64::from(time.hour);
    let seconds = 60 * (60 * hours + i64::from(time.minute) - minutes)
        + i64::from(time.second.unwrap_or_default());
    u64::try_from(seconds).ok()
}

/// From the first of March of the year 0 to 1970.
const DAYS_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn moments_of_rfc_3339() {
        // The last column is what `date -u -d TEXT +%s` of GNU coreutils says.
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2000-03-01T00:00:00Z", Some(951_868_800)),
            ("2026-11-28T10:00:00Z", Some(1_795_860_000)),
            ("2026-11-28T10:00:00.75+05:30", Some(1_795_840_200)),
            ("2100-03-01T00:00:00-01:00", Some(4_107_546_000)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            // Not of this count, or not a moment.
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-28T10:00:00", None),
            ("2026-11-28", None),
            ("10:00:00Z", None),
            ("2026-02-30T10:00:00Z", None),
            ("1795860000", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
