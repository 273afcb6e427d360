//! Version numbers: of an object, and of the enabler (LwM2M itself).

use core::{fmt, str::FromStr};

/// The version of an object, `major.minor`.
///
/// # Specification
/// LwM2M Core 1.1 and 1.2 §7.2 (object versioning).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// Changes when old and new cannot understand each other.
    pub major: u16,
    /// Changes when something is added.
    pub minor: u16,
}

impl Version {
    /// 1.0: what an object outside the core set has when nothing is said.
    pub const V1_0: Self = Self::new(1, 0);

    /// The version `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads `1.0`: digits, one dot, digits, each number at most 65535.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let number = |digits: &str| {
            if digits.is_empty() || digits.bytes().any(|byte| !byte.is_ascii_digit()) {
                return Err(VersionError);
            }
            digits.parse().map_err(|_| VersionError)
        };
        let (major, minor) = text.split_once('.').ok_or(VersionError)?;
        Ok(Self::new(number(major)?, number(minor)?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

/// A version of LwM2M that this project speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Lwm2mVersion {
    /// 1.0 (and 1.0.1, 1.0.2).
    V1_0,
    /// 1.1 (and 1.1.1).
    V1_1,
    /// 1.2 (and 1.2.1, 1.2.2).
    V1_2,
}

impl Lwm2mVersion {
    /// Every version, the oldest first.
    pub const ALL: &'static [Self] = &[Self::V1_0, Self::V1_1, Self::V1_2];

    /// The version to speak with a peer that announces `announced`: the same, or the highest one known here of the
    /// same major when the peer is newer. None for another major.
    #[must_use]
    pub const fn for_announced(announced: Version) -> Option<Self> {
        match (announced.major, announced.minor) {
            (1, 0) => Some(Self::V1_0),
            (1, 1) => Some(Self::V1_1),
            (1, _) => Some(Self::V1_2),
            _ => None,
        }
    }

    /// As a pair of numbers.
    #[must_use]
    pub const fn version(self) -> Version {
        match self {
            Self::V1_0 => Version::new(1, 0),
            Self::V1_1 => Version::new(1, 1),
            Self::V1_2 => Version::new(1, 2),
        }
    }
}

impl FromStr for Lwm2mVersion {
    type Err = VersionError;

    /// Reads `1.0`, `1.1` or `1.2` and nothing else; see [`Lwm2mVersion::for_announced`] for a peer's announcement.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::ALL
            .iter()
            .copied()
            .find(|version| version.as_str() == text)
            .ok_or(VersionError)
    }
}

impl Lwm2mVersion {
    /// As it stands in the parameter `lwm2m=` of a registration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }
}

impl fmt::Display for Lwm2mVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is no version number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct VersionError;

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version is two numbers with a dot, such as 1.0")
    }
}

impl core::error::Error for VersionError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Lwm2mVersion, Version};

    #[test]
    fn texts() {
        assert_eq!("1.10".parse(), Ok(Version::new(1, 10)));
        assert!(Version::new(1, 10) > Version::new(1, 9));
        for wrong in [
            "", "1", "1.", ".1", "1.0.2", "v1.0", "1.-1", "1.65536", "1 .0", "+1.0",
        ] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
        for version in Lwm2mVersion::ALL {
            assert_eq!(version.to_string().parse(), Ok(*version));
            assert_eq!(
                Lwm2mVersion::for_announced(version.version()),
                Some(*version)
            );
        }
        assert!("1.3".parse::<Lwm2mVersion>().is_err());
    }

    /// Ruling 1: a newer minor is taken as the highest one known, another major is refused.
    #[test]
    fn announced() {
        assert_eq!(
            Lwm2mVersion::for_announced(Version::new(1, 7)),
            Some(Lwm2mVersion::V1_2)
        );
        assert_eq!(Lwm2mVersion::for_announced(Version::new(2, 0)), None);
        assert_eq!(Lwm2mVersion::for_announced(Version::new(0, 9)), None);
    }
}
