//! The writer: entries in their shortest form into a buffer of the caller.

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

use crate::{
    EncodeError, Kind,
    header::{Header, header_len},
    tlv::Level,
};

/// Writes entries into a buffer of the caller, in the shortest form of identifier, length and
/// Integer.
///
/// A call that fails leaves what was written before it as it was, so the caller may ask for
/// [`len`](Self::len), or write something else. Bytes of the buffer beyond `len` are scratch.
///
/// ```
/// use lwm2m_tlv::{EncodeError, Kind, Writer};
///
/// let mut buffer = [0; 64];
/// let mut writer = Writer::new(&mut buffer);
/// writer.integer(Kind::Resource, 9, 100)?;
/// writer.multiple_resource(6, |sources| {
///     sources.integer(Kind::ResourceInstance, 0, 1)?;
///     sources.integer(Kind::ResourceInstance, 1, 5)
/// })?;
/// assert_eq!(writer.finish(), [0xc1, 9, 100, 0x86, 6, 0x41, 0, 1, 0x41, 1, 5]);
/// # Ok::<(), EncodeError>(())
/// ```
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut [u8],
    len: usize,
    level: Level,
}

impl<'b> Writer<'b> {
    /// Writes from the start of `out`. The first entry decides which kinds may follow, as for
    /// [`Reader::new`](crate::Reader::new).
    #[must_use]
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self {
            out,
            len: 0,
            level: Level::Any,
        }
    }

    /// The bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends writing and returns the payload.
    #[must_use]
    pub fn finish(self) -> &'b [u8] {
        self.out.get(..self.len).unwrap_or_default()
    }

    /// Writes an Object Instance around the Resources that `entries` writes.
    ///
    /// # Errors
    /// Those of `entries`; [`EncodeError::NoRoom`], [`EncodeError::TooLong`],
    /// [`EncodeError::Nesting`]. Nothing of the instance is then kept.
    pub fn object_instance<F>(&mut self, id: u16, entries: F) -> Result<(), EncodeError>
    where
        F: FnOnce(&mut Self) -> Result<(), EncodeError>,
    {
        self.container(Kind::ObjectInstance, id, entries)
    }

    /// Writes a Multiple Resource around the Resource Instances that `entries` writes.
    ///
    /// # Errors
    /// As [`object_instance`](Self::object_instance).
    pub fn multiple_resource<F>(&mut self, id: u16, entries: F) -> Result<(), EncodeError>
    where
        F: FnOnce(&mut Self) -> Result<(), EncodeError>,
    {
        self.container(Kind::MultipleResource, id, entries)
    }

    /// Writes an Integer in 1, 2, 4 or 8 bytes, the fewest that hold it.
    ///
    /// `kind` is here and below [`Kind::Resource`] or, inside a Multiple Resource,
    /// [`Kind::ResourceInstance`].
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::Nesting`].
    #[inline]
    pub fn integer(&mut self, kind: Kind, id: u16, value: i64) -> Result<(), EncodeError> {
        self.number(kind, id, value.cast_unsigned(), integer_width(value))
    }

    /// Writes an Unsigned Integer (LwM2M 1.1 and later) in 1, 2, 4 or 8 bytes, the fewest that
    /// hold it.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::Nesting`].
    #[inline]
    pub fn unsigned(&mut self, kind: Kind, id: u16, value: u64) -> Result<(), EncodeError> {
        self.number(kind, id, value, unsigned_width(value))
    }

    /// Writes a Float in 8 bytes.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::Nesting`].
    #[inline]
    pub fn float(&mut self, kind: Kind, id: u16, value: f64) -> Result<(), EncodeError> {
        self.value(kind, id, &value.to_be_bytes())
    }

    /// Writes a Float in 4 bytes.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::Nesting`].
    #[inline]
    pub fn float32(&mut self, kind: Kind, id: u16, value: f32) -> Result<(), EncodeError> {
        self.value(kind, id, &value.to_be_bytes())
    }

    /// Writes a Boolean.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::Nesting`].
    #[inline]
    pub fn boolean(&mut self, kind: Kind, id: u16, value: bool) -> Result<(), EncodeError> {
        self.value(kind, id, &[u8::from(value)])
    }

    /// Writes an Objlnk; the null link is `65535, 65535`.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::Nesting`].
    #[inline]
    pub fn object_link(
        &mut self,
        kind: Kind,
        id: u16,
        object: u16,
        instance: u16,
    ) -> Result<(), EncodeError> {
        let ([a, b], [c, d]) = (object.to_be_bytes(), instance.to_be_bytes());
        self.value(kind, id, &[a, b, c, d])
    }

    /// Writes a Time: seconds since 1 January 1970 UTC, as an Integer.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::Nesting`].
    #[inline]
    pub fn time(&mut self, kind: Kind, id: u16, seconds: i64) -> Result<(), EncodeError> {
        self.integer(kind, id, seconds)
    }

    /// Writes a String or Corelnk.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::TooLong`], [`EncodeError::Nesting`].
    #[inline]
    pub fn text(&mut self, kind: Kind, id: u16, value: &str) -> Result<(), EncodeError> {
        self.value(kind, id, value.as_bytes())
    }

    /// Writes an Opaque: the bytes as they are.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], [`EncodeError::TooLong`], [`EncodeError::Nesting`].
    #[inline]
    pub fn opaque(&mut self, kind: Kind, id: u16, value: &[u8]) -> Result<(), EncodeError> {
        self.value(kind, id, value)
    }

    /// Writes the last `len` bytes of `value`: 1, 2, 4 or 8.
    #[inline]
    fn number(&mut self, kind: Kind, id: u16, value: u64, len: u8) -> Result<(), EncodeError> {
        let mut level = self.level;
        if kind.is_container() || !level.admit(kind) {
            return Err(EncodeError::Nesting(kind));
        }
        let bytes = (value << 64_u8.saturating_sub(len << 3)).to_be_bytes();
        let room = self.out.get_mut(self.len..).ok_or(EncodeError::NoRoom)?;
        // Eight bytes are written in one go where there is room for them, and `len` of them count.
        if let (1..=4, Ok(id), [head, low, body @ ..]) = (len, u8::try_from(id), room)
            && let Some(body) = body.first_chunk_mut()
        {
            (*head, *low, *body) = (kind.bits() | len, id, bytes);
            self.level = level;
            self.len += 2 + usize::from(len); // within `out`
            return Ok(());
        }
        self.value(kind, id, bytes.get(..usize::from(len)).unwrap_or_default())
    }

    #[inline]
    fn value(&mut self, kind: Kind, id: u16, value: &[u8]) -> Result<(), EncodeError> {
        let mut level = self.level;
        if kind.is_container() || !level.admit(kind) {
            return Err(EncodeError::Nesting(kind));
        }
        let room = self.out.get_mut(self.len..).ok_or(EncodeError::NoRoom)?;
        // A header of two or three bytes is nearly all that ever stands there.
        let [high, low] = id.to_be_bytes();
        let header_len = match (high, u8::try_from(value.len()), room) {
            (0, Ok(len @ 0..=7), [head, id, body @ ..]) => {
                fill(body, value)?;
                (*head, *id) = (kind.bits() | len, low);
                2
            }
            (0, Ok(len @ 8..), [head, id, length, body @ ..]) => {
                fill(body, value)?;
                (*head, *id, *length) = (kind.bits() | 0x08, low, len);
                3
            }
            (_, _, room) => {
                let header = Header::new(kind, id, value.len())?;
                let (head, body) = room
                    .split_at_mut_checked(header.len)
                    .ok_or(EncodeError::NoRoom)?;
                fill(body, value)?;
                head.copy_from_slice(header.as_bytes());
                header.len
            }
        };
        self.len += header_len + value.len(); // within `out`
        self.level = level;
        Ok(())
    }

    /// Leaves room for the shortest header, writes the content behind it, then moves the content
    /// by up to three bytes if its length needs them. Content moves at most once per level, and
    /// no more room is needed on the way than in the end.
    fn container<F>(&mut self, kind: Kind, id: u16, entries: F) -> Result<(), EncodeError>
    where
        F: FnOnce(&mut Self) -> Result<(), EncodeError>,
    {
        let mut outer = self.level;
        let (true, Some(inside)) = (outer.admit(kind), Level::inside(kind)) else {
            return Err(EncodeError::Nesting(kind));
        };
        let (start, before) = (self.len, self.level);
        let written = self.enclose(kind, id, inside, entries);
        match written {
            Ok(()) => self.level = outer,
            Err(_) => (self.len, self.level) = (start, before),
        }
        written
    }

    fn enclose<F>(
        &mut self,
        kind: Kind,
        id: u16,
        inside: Level,
        entries: F,
    ) -> Result<(), EncodeError>
    where
        F: FnOnce(&mut Self) -> Result<(), EncodeError>,
    {
        let start = self.len;
        let content = start.saturating_add(header_len(id, 0));
        if content > self.out.len() {
            return Err(EncodeError::NoRoom);
        }
        self.len = content;
        self.level = inside;
        entries(self)?;
        let value_len = self.len.saturating_sub(content);
        // A header of two bytes is there already, but for what is in it.
        if let (Ok(id), Ok(len @ 0..=7), Some([head, low, ..])) = (
            u8::try_from(id),
            u8::try_from(value_len),
            self.out.get_mut(start..),
        ) {
            (*head, *low) = (kind.bits() | len, id);
            return Ok(());
        }
        let header = Header::new(kind, id, value_len)?;
        let value = start.saturating_add(header.len);
        let end = value.saturating_add(value_len);
        if end > self.out.len() {
            return Err(EncodeError::NoRoom);
        }
        if value != content {
            self.out.copy_within(content..self.len, value);
        }
        let head = self.out.get_mut(start..value).ok_or(EncodeError::NoRoom)?;
        head.copy_from_slice(header.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Copies `value` to the start of `room`, or nothing.
#[inline]
fn fill(room: &mut [u8], value: &[u8]) -> Result<(), EncodeError> {
    room.get_mut(..value.len())
        .ok_or(EncodeError::NoRoom)?
        .copy_from_slice(value);
    Ok(())
}

/// The bytes of an Integer in its shortest form: 1, 2, 4 or 8.
#[inline]
#[must_use]
pub const fn integer_len(value: i64) -> usize {
    integer_width(value) as usize
}

/// The bytes of an Unsigned Integer in its shortest form: 1, 2, 4 or 8.
#[inline]
#[must_use]
pub const fn unsigned_len(value: u64) -> usize {
    unsigned_width(value) as usize
}

#[inline]
const fn integer_width(value: i64) -> u8 {
    // A negative number needs as many bits as its complement, and both need a sign bit.
    match (value ^ value >> 63).leading_zeros() {
        57.. => 1,
        49.. => 2,
        33.. => 4,
        _ => 8,
    }
}

#[inline]
const fn unsigned_width(value: u64) -> u8 {
    match value.leading_zeros() {
        56.. => 1,
        48.. => 2,
        32.. => 4,
        _ => 8,
    }
}

/// Writes a payload of unknown length into a `Vec`. `entries` is called again with a buffer of
/// twice the size as long as it runs out of room, so it must write the same each time.
///
/// ```
/// use lwm2m_tlv::{EncodeError, Kind, to_vec};
///
/// let payload = to_vec(|writer| writer.text(Kind::Resource, 3, "1.0"))?;
/// assert_eq!(payload, b"\xc3\x031.0");
/// # Ok::<(), EncodeError>(())
/// ```
///
/// # Errors
/// Those of `entries`; [`EncodeError::NoRoom`] if the payload is longer than 64 MiB.
#[cfg(feature = "alloc")]
pub fn to_vec<F>(mut entries: F) -> Result<Vec<u8>, EncodeError>
where
    F: FnMut(&mut Writer<'_>) -> Result<(), EncodeError>,
{
    let mut size = 256_usize;
    loop {
        let mut out = vec![0; size];
        let mut writer = Writer::new(&mut out);
        match entries(&mut writer) {
            Ok(()) => {
                let len = writer.len();
                out.truncate(len);
                return Ok(out);
            }
            Err(EncodeError::NoRoom) if size < 0x0400_0000 => size = size.saturating_mul(2),
            Err(error) => return Err(error),
        }
    }
}
