//! The streaming reader: one record after the other, nothing copied.

use core::iter::FusedIterator;

use super::token::{Left, Tokens};
use crate::{
    DecodeError, Limits, Record,
    record::Resolver,
    source::{Seen, Source as _},
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
    pub const fn with_limits(payload: &'a [u8], limits: Limits) -> Self {
        Self {
            tokens: Tokens::new(payload),
            resolver: Resolver::new(limits),
            state: State::Start,
        }
    }

    /// Reads the next record into one that is there already, in place of what was in it; `false` at
    /// the end. A record is large enough for this to be quicker than the iterator, which moves each.
    ///
    /// ```
    /// use senml::{Record, cbor::Reader};
    ///
    /// let mut reader = Reader::new(b"\x82\xa2\x00\x63/a/\x02\x01\xa2\x00\x63/b/\x02\x02");
    /// let (mut record, mut sum) = (Record::default(), 0.0);
    /// while reader.read(&mut record)? {
    ///     if let Some(senml::Value::Number(number)) = record.value {
    ///         sum += number.to_f64();
    ///     }
    /// }
    /// assert_eq!(sum, 3.0);
    /// # Ok::<(), senml::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// As the iterator; then there is nothing more to read, and what is in `record` means nothing.
    #[inline]
    pub fn read(&mut self, record: &mut Record<'a>) -> Result<bool, DecodeError> {
        *record = Record::default();
        let read = self.advance(record);
        if read.is_err() {
            self.state = State::Ended;
        }
        read
    }

    /// Reads the next record into `record`, which is empty; `false` at the end.
    fn advance(&mut self, record: &mut Record<'a>) -> Result<bool, DecodeError> {
        loop {
            let mut left = match self.state {
                State::Start => {
                    self.resolver.check_len(self.tokens.len())?;
                    self.tokens.array("an array of records")?
                }
                State::Records(left) => left,
                State::Ended => return Ok(false),
            };
            if !self.tokens.more(&mut left)? {
                self.state = State::Ended;
                self.tokens.end()?;
                return Ok(false);
            }
            self.state = State::Records(left);
            let seen = self.record(record)?;
            if self.resolver.resolve(record, seen)? {
                return Ok(true);
            }
            *record = Record::default();
        }
    }

    #[inline]
    fn record(&mut self, record: &mut Record<'a>) -> Result<Seen, DecodeError> {
        let tokens = &mut self.tokens;
        record.offset = tokens.offset();
        record.value_offset = record.offset;
        self.resolver.count(record.offset)?;
        let mut seen = Seen::default();
        let mut left = tokens.map("a record")?;
        while tokens.more(&mut left)? {
            let label_offset = tokens.offset();
            let label = (tokens.label()?, label_offset);
            self.resolver.field(record, &mut seen, label, tokens)?;
        }
        Ok(seen)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Record<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut record = Record::default();
        match self.read(&mut record) {
            Ok(true) => Some(Ok(record)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl FusedIterator for Reader<'_> {}
