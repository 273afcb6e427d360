//! The streaming reader: one record after the other, nothing copied.

use core::iter::FusedIterator;

use super::token::Tokens;
use crate::{
    DecodeError, DecodeErrorKind, Limits, Record,
    record::Resolver,
    source::{Seen, Source as _},
};

/// Reads the records of a pack, in order.
///
/// After the first `Err` the iterator ends. Records come before the rest of the payload was looked
/// at, so whoever must not act on half of a pack collects them first.
///
/// ```
/// use senml::json::Reader;
///
/// let pack = br#"[{"bn":"/3303/0/","bt":1700000000,"n":"5700","v":22.5},{"n":"5701","vs":"Cel"}]"#;
/// let records: Vec<_> = Reader::new(pack).collect::<Result<_, _>>()?;
/// assert_eq!(records[1].name, "/3303/0/5701");
/// assert_eq!(records[1].time.and_then(|time| time.to_i64()), Some(1_700_000_000));
/// # Ok::<(), senml::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    tokens: Tokens<'a>,
    resolver: Resolver<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Before the array.
    Start,
    /// After a record.
    Between,
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
    /// use senml::{Record, json::Reader};
    ///
    /// let mut reader = Reader::new(br#"[{"n":"a","v":1},{"n":"b","v":2}]"#);
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
            let ended = match self.state {
                State::Start => {
                    self.resolver.check_len(self.tokens.len())?;
                    self.tokens.open(b'[', "an array of records")?;
                    self.tokens.close(b']')
                }
                State::Between => !self.tokens.comma(b']')?,
                State::Ended => return Ok(false),
            };
            if ended {
                self.state = State::Ended;
                self.tokens.end()?;
                return Ok(false);
            }
            self.state = State::Between;
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
        tokens.space();
        record.offset = tokens.offset();
        record.value_offset = record.offset;
        self.resolver.count(record.offset)?;
        let mut seen = Seen::default();
        tokens.open(b'{', "a record")?;
        if tokens.close(b'}') {
            return Ok(seen);
        }
        loop {
            tokens.space();
            let label_offset = tokens.offset();
            let label = (tokens.label()?, label_offset);
            tokens.colon()?;
            self.resolver.field(record, &mut seen, label, tokens)?;
            if !tokens.comma(b'}')? {
                return Ok(seen);
            }
        }
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

impl DecodeErrorKind {
    /// What a token that does not fit is, seen from what was expected.
    pub(super) const fn unexpected(byte: Option<u8>, expected: &'static str) -> Self {
        match byte {
            None => Self::Truncated,
            Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                Self::Expected(expected)
            }
            Some(_) => Self::Syntax,
        }
    }
}
