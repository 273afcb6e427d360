use core::{fmt, time::Duration};

/// How long a registration lasts without an Update.
///
/// Whole seconds from 1 to 4 294 967 295, or infinite (`lt=0`, LwM2M 1.1 and later).
///
/// # Specification
/// LwM2M 1.2 core, client registration interface; Server object resource /1/x/1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Lifetime(u32);

impl Lifetime {
    /// Never expires.
    pub const INFINITE: Self = Self(0);

    /// 86 400 s, what a registration without `lt` gets.
    pub const DEFAULT: Self = Self(86_400);

    /// A lifetime of so many seconds; 0 is infinite.
    #[must_use]
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The seconds, or `None` for infinite.
    #[must_use]
    pub const fn seconds(self) -> Option<u32> {
        match self.0 {
            0 => None,
            seconds => Some(seconds),
        }
    }

    /// The same as a duration, or `None` for infinite.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        match self.0 {
            0 => None,
            seconds => Some(Duration::from_secs(seconds as u64)),
        }
    }

    /// Whether it never ends.
    #[must_use]
    pub const fn is_infinite(self) -> bool {
        self.0 == 0
    }

    /// The number that stands in `lt` and in /1/x/1: 0 for infinite.
    #[must_use]
    pub const fn to_wire(self) -> u32 {
        self.0
    }

    /// Reads the value of `lt`: decimal digits only, at most 2³²−1.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // `u32::from_str` would take a leading plus sign.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().map(Self)
    }
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds() {
            Some(seconds) => write!(f, "{seconds} s"),
            None => f.write_str("infinite"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_digits_only() {
        for (text, expected) in [
            ("0", Some(Lifetime::INFINITE)),
            ("300", Some(Lifetime(300))),
            ("0300", Some(Lifetime(300))),
            ("4294967295", Some(Lifetime(u32::MAX))),
            ("4294967296", None),
            ("99999999999999999999999", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("1.5", None),
            ("1e3", None),
            ("٣", None),
        ] {
            assert_eq!(Lifetime::parse(text), expected, "{text:?}");
        }
    }
}
