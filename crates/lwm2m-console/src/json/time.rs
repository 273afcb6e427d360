use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::Value as Json;

/// A moment of the server's clock, to the millisecond.
pub(crate) fn system_time(time: SystemTime) -> Json {
    let Ok(time) = Timestamp::try_from(time) else {
        return Json::Null;
    };
    Timestamp::from_millisecond(time.as_millisecond())
        .map_or(Json::Null, |time| time.to_string().into())
}

/// Seconds since 1970 as RFC 3339, if a four-digit year can hold them.
pub(crate) fn seconds(seconds: i64) -> Option<String> {
    // RFC 3339 §5.6 writes years 0000 to 9999 and nothing else.
    (YEAR_0..=YEAR_9999)
        .contains(&seconds)
        .then(|| Timestamp::from_second(seconds).ok())?
        .map(|time| time.to_string())
}

/// Whole seconds since 1970 of an RFC 3339 text.
///
/// # Errors
/// `Err(true)` when only the fraction of a second is in the way.
pub(crate) fn from_rfc3339(text: &str) -> Result<i64, bool> {
    let time: Timestamp = text.parse().map_err(|_| false)?;
    if time.subsec_nanosecond() != 0 {
        Err(true)
    } else {
        Ok(time.as_second())
    }
}

/// 0000-01-01T00:00:00Z
const YEAR_0: i64 = -62_167_219_200;
/// 9999-12-30T22:00:00Z, where jiff's range ends
const YEAR_9999: i64 = 253_402_207_200;

#[cfg(test)]
mod tests {
    use super::*;

    /// K21 (RUSTSEC-2026-0009): one fixed grammar. What other grammars would follow deep is refused at its first letter.
    #[test]
    fn hostile_k21_only_rfc_3339_is_a_time() {
        assert_eq!(from_rfc3339("2013-05-02T10:40:15Z"), Ok(1_367_491_215));
        let comments = format!(
            "Thu, 02 May 2013 10:40:15 {}{}",
            "(".repeat(100_000),
            ")".repeat(100_000)
        );
        let digits = format!("2013-05-02T10:40:15.{}Z", "9".repeat(100_000));
        for text in [
            "",
            "Thu, 02 May 2013 10:40:15 +0000",
            "2013-05-02",
            "2013-W18-4T10:40:15Z",
            "1367491215",
            &comments,
            &digits,
        ] {
            assert!(from_rfc3339(text).is_err(), "{:.40}", text);
        }
    }
}
