//! One entry, and its value read as one of the LwM2M data types.

use core::fmt;

use crate::{DecodeError, DecodeErrorKind, Reader};

/// What an entry is: bits 7 and 6 of its type byte.
#[allow(clippy::exhaustive_enums)] // two bits: the set is closed
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Kind {
    /// An Object Instance, holding Resources and Multiple Resources.
    ObjectInstance,
    /// One instance of a multiple Resource, holding a value.
    ResourceInstance,
    /// A Resource with several instances, holding Resource Instances.
    MultipleResource,
    /// A Resource with a value.
    Resource,
}

impl Kind {
    /// Whether entries of this kind hold entries, not a value.
    #[must_use]
    pub const fn is_container(self) -> bool {
        matches!(self, Self::ObjectInstance | Self::MultipleResource)
    }

    #[inline]
    pub(crate) const fn from_head(head: u8) -> Self {
        match head >> 6 {
            0 => Self::ObjectInstance,
            1 => Self::ResourceInstance,
            2 => Self::MultipleResource,
            _ => Self::Resource,
        }
    }

    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::ObjectInstance => 0x00,
            Self::ResourceInstance => 0x40,
            Self::MultipleResource => 0x80,
            Self::Resource => 0xc0,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ObjectInstance => "object instance",
            Self::ResourceInstance => "resource instance",
            Self::MultipleResource => "multiple resource",
            Self::Resource => "resource",
        })
    }
}

/// Which kinds may stand side by side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Level {
    /// Nothing seen yet at the top of a payload.
    Any,
    ObjectInstances,
    Resources,
    ResourceInstances,
}

impl Level {
    /// The level at which `kind` stands.
    #[inline]
    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::ObjectInstance => Self::ObjectInstances,
            Kind::Resource | Kind::MultipleResource => Self::Resources,
            Kind::ResourceInstance => Self::ResourceInstances,
        }
    }

    /// The level inside an entry of this kind; `None` if it holds a value.
    #[inline]
    pub(crate) const fn inside(kind: Kind) -> Option<Self> {
        match kind {
            Kind::ObjectInstance => Some(Self::Resources),
            Kind::MultipleResource => Some(Self::ResourceInstances),
            Kind::Resource | Kind::ResourceInstance => None,
        }
    }

    /// Takes note of `kind`; `false` if it may not stand here.
    #[inline]
    pub(crate) fn admit(&mut self, kind: Kind) -> bool {
        let level = Self::of(kind);
        match *self {
            Self::Any => {
                *self = level;
                true
            }
            expected => expected as u8 == level as u8,
        }
    }
}

/// One entry. TLV carries no data types: the caller knows from its object model which of
/// the value readers is the right one.
///
/// # Specification
/// LwM2M 1.0 §6.4.3, LwM2M 1.1 and 1.2 Core §7.4.3; data types: LwM2M 1.2 Core Appendix C.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tlv<'a> {
    /// What the entry is.
    pub kind: Kind,
    /// The identifier, of an Object Instance, Resource or Resource Instance. All 16-bit numbers
    /// pass; that LwM2M reserves 65535 is the caller's rule.
    pub id: u16,
    /// The value, or the encoded entries inside.
    pub value: &'a [u8],
    /// Where the entry begins, in bytes from the start of the payload.
    pub offset: usize,
    pub(crate) value_offset: usize,
}

impl<'a> Tlv<'a> {
    /// Reads the entries inside: those of an Object Instance or of a Multiple Resource.
    ///
    /// The nesting ends by grammar after three levels (Object Instance, Multiple Resource,
    /// Resource Instance), so a caller that recurses needs no depth limit of its own.
    ///
    /// # Errors
    /// [`DecodeErrorKind::NotAContainer`] for the two kinds that hold a value.
    #[inline]
    pub const fn nested(&self) -> Result<Reader<'a>, DecodeError> {
        match Level::inside(self.kind) {
            Some(level) => Ok(Reader::at(self.value, self.value_offset, level)),
            None => Err(DecodeError::at(self.offset, DecodeErrorKind::NotAContainer)),
        }
    }

    /// Where the value begins, in bytes from the start of the payload.
    #[must_use]
    pub const fn value_offset(&self) -> usize {
        self.value_offset
    }

    /// Reads an Integer: two's complement of 1, 2, 4 or 8 bytes, need not be the shortest.
    ///
    /// ```
    /// # use lwm2m_tlv::Reader;
    /// let entry = Reader::new(&[0xc2, 1, 0xfd, 0x12]).next().unwrap()?;
    /// assert_eq!(entry.integer()?, -750);
    /// # Ok::<(), lwm2m_tlv::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`DecodeErrorKind::Length`] for other lengths, [`DecodeErrorKind::NotAValue`] for a container.
    #[inline]
    pub fn integer(&self) -> Result<i64, DecodeError> {
        match *self.scalar()? {
            [a] => Ok(i64::from(i8::from_be_bytes([a]))),
            [a, b] => Ok(i64::from(i16::from_be_bytes([a, b]))),
            [a, b, c, d] => Ok(i64::from(i32::from_be_bytes([a, b, c, d]))),
            [a, b, c, d, e, f, g, h] => Ok(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
            _ => Err(self.wrong_length()),
        }
    }

    /// Reads an Unsigned Integer (LwM2M 1.1 and later) of 1, 2, 4 or 8 bytes: `FF` is 255 here,
    /// and −1 by [`integer`](Self::integer).
    ///
    /// # Errors
    /// [`DecodeErrorKind::Length`] for other lengths, [`DecodeErrorKind::NotAValue`] for a container.
    #[inline]
    pub fn unsigned(&self) -> Result<u64, DecodeError> {
        match *self.scalar()? {
            [a] => Ok(u64::from(a)),
            [a, b] => Ok(u64::from(u16::from_be_bytes([a, b]))),
            [a, b, c, d] => Ok(u64::from(u32::from_be_bytes([a, b, c, d]))),
            [a, b, c, d, e, f, g, h] => Ok(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            _ => Err(self.wrong_length()),
        }
    }

    /// Reads a Float: IEEE 754 of 4 or 8 bytes. Infinities and NaN pass.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Length`] for other lengths, [`DecodeErrorKind::NotAValue`] for a container.
    #[inline]
    pub fn float(&self) -> Result<f64, DecodeError> {
        match *self.scalar()? {
            [a, b, c, d] => Ok(f64::from(f32::from_be_bytes([a, b, c, d]))),
            [a, b, c, d, e, f, g, h] => Ok(f64::from_be_bytes([a, b, c, d, e, f, g, h])),
            _ => Err(self.wrong_length()),
        }
    }

    /// Reads a Boolean: one byte, 0 or 1.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Length`], [`DecodeErrorKind::Boolean`] for another number,
    /// [`DecodeErrorKind::NotAValue`] for a container.
    #[inline]
    pub fn boolean(&self) -> Result<bool, DecodeError> {
        match *self.scalar()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(DecodeError::at(
                self.value_offset,
                DecodeErrorKind::Boolean(byte),
            )),
            _ => Err(self.wrong_length()),
        }
    }

    /// Reads an Objlnk: object and object instance id of two bytes each; the null link is
    /// `(65535, 65535)`.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Length`] for other lengths, [`DecodeErrorKind::NotAValue`] for a container.
    #[inline]
    pub fn object_link(&self) -> Result<(u16, u16), DecodeError> {
        match *self.scalar()? {
            [a, b, c, d] => Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
            _ => Err(self.wrong_length()),
        }
    }

    /// Reads a Time: seconds since 1 January 1970 UTC, encoded as an Integer.
    ///
    /// # Errors
    /// As [`integer`](Self::integer).
    #[inline]
    pub fn time(&self) -> Result<i64, DecodeError> {
        self.integer()
    }

    /// Reads a String or Corelnk. Empty is legal.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Utf8`] with the offset of the first bad byte,
    /// [`DecodeErrorKind::NotAValue`] for a container.
    #[inline]
    pub fn text(&self) -> Result<&'a str, DecodeError> {
        core::str::from_utf8(self.scalar()?).map_err(|error| {
            let offset = self.value_offset.saturating_add(error.valid_up_to());
            DecodeError::at(offset, DecodeErrorKind::Utf8)
        })
    }

    /// Reads an Opaque: the bytes as they are.
    ///
    /// # Errors
    /// [`DecodeErrorKind::NotAValue`] for a container.
    #[inline]
    pub fn opaque(&self) -> Result<&'a [u8], DecodeError> {
        self.scalar()
    }

    #[inline]
    fn scalar(&self) -> Result<&'a [u8], DecodeError> {
        if self.kind.is_container() {
            return Err(DecodeError::at(self.offset, DecodeErrorKind::NotAValue));
        }
        Ok(self.value)
    }

    #[cold]
    fn wrong_length(&self) -> DecodeError {
        DecodeError::at(self.value_offset, DecodeErrorKind::Length(self.value.len()))
    }
}
