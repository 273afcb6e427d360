//! What the grammar forbids and devices send all the same.

/// A deviation from the grammar that the reader accepts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Quirk {
    /// Whitespace around `,`, `;` or `=`, or at an end of the document.
    Whitespace,
    /// Whitespace inside a target, as in `</lwm2m /1/0>`.
    TargetWhitespace,
    /// A target that ends with a slash, as in `</3/0/>`.
    TrailingSlash,
    /// A list outside quotes: `ct=110,112` or `ct=60 110`.
    UnquotedList,
    /// A character outside quotes that has no place there.
    TokenCharacter,
    /// An attribute that may stand once stands again on the same link; the first one counts.
    DuplicateAttribute,
    /// `name=` with nothing after it.
    EmptyValue,
    /// A `;` with no attribute after it.
    EmptyAttribute,
    /// A `,` with no link after it, or before the first one.
    EmptyLink,
}

impl Quirk {
    /// Every quirk.
    pub const ALL: &'static [Self] = &[
        Self::Whitespace,
        Self::TargetWhitespace,
        Self::TrailingSlash,
        Self::UnquotedList,
        Self::TokenCharacter,
        Self::DuplicateAttribute,
        Self::EmptyValue,
        Self::EmptyAttribute,
        Self::EmptyLink,
    ];

    /// A stable name for logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whitespace => "whitespace",
            Self::TargetWhitespace => "target_whitespace",
            Self::TrailingSlash => "trailing_slash",
            Self::UnquotedList => "unquoted_list",
            Self::TokenCharacter => "token_character",
            Self::DuplicateAttribute => "duplicate_attribute",
            Self::EmptyValue => "empty_value",
            Self::EmptyAttribute => "empty_attribute",
            Self::EmptyLink => "empty_link",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl core::fmt::Display for Quirk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(match self {
            Self::Whitespace => "whitespace between the parts of a link",
            Self::TargetWhitespace => "whitespace inside a target",
            Self::TrailingSlash => "a target that ends with a slash",
            Self::UnquotedList => "a list outside quotes",
            Self::TokenCharacter => "a character that must be quoted",
            Self::DuplicateAttribute => "an attribute that stands twice",
            Self::EmptyValue => "an attribute with an empty value",
            Self::EmptyAttribute => "an empty attribute",
            Self::EmptyLink => "an empty link",
        })
    }
}

/// A set of quirks.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Quirks(u16);

impl Quirks {
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `quirk` is among them.
    #[must_use]
    pub const fn contains(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    /// Adds one.
    pub const fn insert(&mut self, quirk: Quirk) {
        self.0 |= quirk.bit();
    }

    /// Those of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them, in the order of [`Quirk::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL
            .iter()
            .copied()
            .filter(move |quirk| self.contains(*quirk))
    }
}

impl core::fmt::Debug for Quirks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
