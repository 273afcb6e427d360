//! Owned options.

use alloc::vec::Vec;

use crate::encoder::OptionHeader;
use crate::options::MAX_VALUE;
use crate::{Block, EncodeError, OptionNumber, Options, uint};

/// Owned options: always sorted, always encoded, so that reading them is reading a message.
///
/// # Examples
/// ```
/// use coap_codec::{OptionNumber, OptionsBuf};
///
/// let mut options = OptionsBuf::new();
/// options.insert_uint(OptionNumber::ACCEPT, 112);
/// options.insert_str(OptionNumber::URI_PATH, "rd")?; // comes before Accept all the same
/// assert_eq!(options.as_options().as_bytes(), b"\xb2rd\x61\x70");
/// # Ok::<(), coap_codec::EncodeError>(())
/// ```
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct OptionsBuf {
    bytes: Vec<u8>,
    /// The greatest number, 0 where there is none.
    last: u16,
}

impl OptionsBuf {
    /// No options; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            last: 0,
        }
    }

    /// The view with all accessors.
    #[must_use]
    pub fn as_options(&self) -> Options<'_> {
        Options::trusted(&self.bytes)
    }

    /// Whether there is no option at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that the options take in a message.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an option in its place, after those of the same number. The bounds of the definition
    /// are not checked; [`OptionsBuf::check`] does.
    ///
    /// # Errors
    /// [`EncodeError::OptionTooLong`] for more than 65 804 bytes, which no option can hold.
    pub fn insert(&mut self, number: OptionNumber, value: &[u8]) -> Result<(), EncodeError> {
        if value.len() > MAX_VALUE {
            return Err(EncodeError::OptionTooLong(number));
        }
        self.insert_bounded(number, value);
        Ok(())
    }

    /// Adds an option whose value is an integer, in its shortest form.
    pub fn insert_uint(&mut self, number: OptionNumber, value: u32) {
        self.insert_bounded(number, uint::encode(value, &mut [0; 4]));
    }

    /// Adds an option whose value is text.
    ///
    /// # Errors
    /// As [`OptionsBuf::insert`].
    pub fn insert_str(&mut self, number: OptionNumber, value: &str) -> Result<(), EncodeError> {
        self.insert(number, value.as_bytes())
    }

    /// Puts this option in place of all of the same number.
    ///
    /// # Errors
    /// As [`OptionsBuf::insert`]; nothing is removed then.
    pub fn set(&mut self, number: OptionNumber, value: &[u8]) -> Result<(), EncodeError> {
        if value.len() > MAX_VALUE {
            return Err(EncodeError::OptionTooLong(number));
        }
        self.remove(number);
        self.insert_bounded(number, value);
        Ok(())
    }

    /// Puts this option, an integer in its shortest form, in place of all of the same number.
    pub fn set_uint(&mut self, number: OptionNumber, value: u32) {
        self.remove(number);
        self.insert_uint(number, value);
    }

    /// Puts a Block1 or Block2 in place of all of the same number.
    pub fn set_block(&mut self, number: OptionNumber, block: Block) {
        self.set_uint(number, block.to_uint());
    }

    /// Removes every option `number`; returns how many there were.
    pub fn remove(&mut self, number: OptionNumber) -> usize {
        let count = self.as_options().all(number).count();
        if count != 0 {
            let mut kept = Self {
                bytes: Vec::with_capacity(self.bytes.len()),
                last: 0,
            };
            for option in self.as_options() {
                if option.number != number {
                    kept.insert_bounded(option.number, option.value);
                }
            }
            *self = kept;
        }
        count
    }

    /// Checks every option that the registry defines against its bounds and its multiplicity,
    /// so that no peer refuses the message for them.
    ///
    /// # Errors
    /// [`EncodeError::OptionTooLong`], [`EncodeError::OptionTooShort`],
    /// [`EncodeError::OptionOrder`] for one that stands twice and may not.
    pub fn check(&self) -> Result<(), EncodeError> {
        let mut previous = None;
        for option in self.as_options() {
            let Some(definition) = option.number.definition() else {
                continue;
            };
            let len = option.value.len();
            if len > usize::from(definition.max_len) {
                return Err(EncodeError::OptionTooLong(option.number));
            }
            if len < usize::from(definition.min_len) {
                return Err(EncodeError::OptionTooShort(option.number));
            }
            if previous == Some(option.number) && !definition.repeatable {
                return Err(EncodeError::OptionOrder(option.number));
            }
            previous = Some(option.number);
        }
        Ok(())
    }

    /// Adds a value of any length: what no option can hold is cut to 65 804 bytes, which is over
    /// what any option may have, so that [`OptionsBuf::check`] and every peer still refuse it.
    pub(crate) fn insert_cut(&mut self, number: OptionNumber, value: &[u8]) {
        self.insert_bounded(number, value.get(..MAX_VALUE).unwrap_or(value));
    }

    /// `value` is at most [`MAX_VALUE`] bytes.
    fn insert_bounded(&mut self, number: OptionNumber, value: &[u8]) {
        if let Some(delta) = number.0.checked_sub(self.last) {
            let header = OptionHeader::new(delta, value.len());
            self.bytes.extend_from_slice(header.as_bytes());
            self.bytes.extend_from_slice(value);
            self.last = number.0;
            return;
        }
        // Before some option: its delta shrinks, so its header is written anew.
        let mut iter = self.as_options().iter();
        let (mut place, mut previous) = (0, 0);
        while let Some(next) = iter.next() {
            if next.number > number {
                let after = iter.rest().len();
                let value_at = self.bytes.len() - after - next.value.len();
                let mut patch = Vec::with_capacity(10 + value.len());
                let header = OptionHeader::new(number.0 - previous, value.len());
                patch.extend_from_slice(header.as_bytes());
                patch.extend_from_slice(value);
                let header = OptionHeader::new(next.number.0 - number.0, next.value.len());
                patch.extend_from_slice(header.as_bytes());
                self.bytes.splice(place..value_at, patch);
                return;
            }
            previous = next.number.0;
            place = self.bytes.len() - iter.rest().len();
        }
    }
}

impl core::fmt::Debug for OptionsBuf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_options().fmt(f)
    }
}

impl From<Options<'_>> for OptionsBuf {
    fn from(options: Options<'_>) -> Self {
        Self {
            bytes: options.as_bytes().to_vec(),
            last: options.iter().last().map_or(0, |option| option.number.0),
        }
    }
}
