//! The streaming reader: one record after the other, nothing copied.

use core::iter::FusedIterator;

use super::token::{Left, Tokens};
use crate::{
    DecodeError, Limits, Record,
    record::Resolver,
    source::{Source as _, Unresolved},
};

/// Reads the records of a pack, in order.
///
/// Accepted though we never write it: arrays, maps and strings of indefinite length, floats of any
/// width, decimal fractions, keys in any order, and the text labels of JSON in place of integers.
///
/// After the first `Err` the iterator ends. Records come before the rest of the payload was looked
/// at, so whoever must not act on half of a pack collects them first.
///
/// ```
/// use senml::{Value, cbor::Reader};
///
/// // [{-2: "/3/0/", 0: "9", 2: 100}]
/// let pack = b"\x81\xa3\x21\x65/3/0/\x00\x619\x02\x18\x64";
/// let record = Reader::new(pack).next().unwrap()?;
/// assert_eq!(record.name, "/3/0/9");
/// assert_eq!(record.value, Some(Value::from(100_i64)));
/// # Ok::<(), senml::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    tokens: Tokens<'a>,
    resolver: Resolver<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the array.
    Start,
    /// In the array.
    Records(Left),
    Ended,
}

impl<'a> Reader<'a> {
    /// Reads a payload under the default [`Limits`].
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Self {
        Self::with_limits(payload, Limits::default())
    }

    /// Reads a payload.
    #[must_use]
    pub fn with_limits(payload: &'a [u8], limits: Limits) -> Self {
        Self {
            tokens: Tokens::new(payload),
            resolver: Resolver::new(limits),
            state: State::Start,
        }
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<Record<'a>>, DecodeError> {
        loop {
            let mut left = match self.state {
                State::Start => {
                    self.resolver.check_len(self.tokens.bytes())?;
                    self.tokens.array("an array of records")?
                }
                State::Records(left) => left,
                State::Ended => return Ok(None),
            };
            if !self.tokens.more(&mut left)? {
                self.state = State::Ended;
                self.tokens.end()?;
                return Ok(None);
            }
            self.state = State::Records(left);
            let record = self.record()?;
            if let Some(record) = self.resolver.resolve(&record)? {
                return Ok(Some(record));
            }
        }
    }

    #[inline]
    fn record(&mut self) -> Result<Unresolved<'a>, DecodeError> {
        let tokens = &mut self.tokens;
        let mut record = Unresolved::at(tokens.offset());
        self.resolver.count(record.offset)?;
        let mut left = tokens.map("a record")?;
        while tokens.more(&mut left)? {
            let label_offset = tokens.offset();
            let label = tokens.label()?;
            record.field(label, label_offset, tokens)?;
        }
        Ok(record)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Record<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(record) => Some(Ok(record?)),
            Err(error) => {
                self.state = State::Ended;
                Some(Err(error))
            }
        }
    }
}

impl FusedIterator for Reader<'_> {}
