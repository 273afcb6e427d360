//! The value type Objlnk: a reference from one object instance to another.

use core::{fmt, str::FromStr};

/// A reference to an object instance, written `66:1`.
///
/// # Specification
/// LwM2M Core 1.2 Appendix C, data type Objlnk.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectLink {
    /// The object, or 65535 for none.
    pub object: u16,
    /// Its instance, or 65535 for the object as such.
    pub instance: u16,
}

impl ObjectLink {
    /// The link to nothing, `65535:65535`.
    pub const NULL: Self = Self::new(u16::MAX, u16::MAX);

    /// The link to `object`:`instance`.
    #[must_use]
    pub const fn new(object: u16, instance: u16) -> Self {
        Self { object, instance }
    }

    /// True for the link to nothing.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.object == u16::MAX && self.instance == u16::MAX
    }
}

impl FromStr for ObjectLink {
    type Err = ObjectLinkError;

    /// Reads `66:1`: two decimal numbers up to 65535 with a colon between them.
    fn from_str(text: &str) -> Result<Self, ObjectLinkError> {
        let number = |digits: &str| {
            if digits.is_empty() || digits.bytes().any(|byte| !byte.is_ascii_digit()) {
                return Err(ObjectLinkError);
            }
            digits.parse().map_err(|_| ObjectLinkError)
        };
        let (object, instance) = text.split_once(':').ok_or(ObjectLinkError)?;
        Ok(Self::new(number(object)?, number(instance)?))
    }
}

impl fmt::Display for ObjectLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object, self.instance)
    }
}

impl fmt::Debug for ObjectLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectLink({self})")
    }
}

/// A text is no object link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ObjectLinkError;

impl fmt::Display for ObjectLinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object link is two numbers up to 65535 with a colon, such as 66:1")
    }
}

impl core::error::Error for ObjectLinkError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::ObjectLink;

    #[test]
    fn texts() {
        assert_eq!("66:1".parse(), Ok(ObjectLink::new(66, 1)));
        assert_eq!(ObjectLink::NULL.to_string(), "65535:65535");
        assert_eq!("65535:65535".parse(), Ok(ObjectLink::NULL));
        for wrong in [
            "", ":", "66", "66:", ":1", "66:65536", "66:1:2", "66/1", " 66:1", "+6:1",
        ] {
            assert!(wrong.parse::<ObjectLink>().is_err(), "{wrong}");
        }
    }
}
