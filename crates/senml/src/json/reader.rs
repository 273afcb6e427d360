//! The streaming reader: one record after the other, nothing copied.

use core::iter::FusedIterator;

use super::token::Tokens;
use crate::{
    DecodeError, DecodeErrorKind, Limits, Record,
    label::Label,
    record::Resolver,
    source::{Source as _, Unresolved},
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

    #[inline]
    fn advance(&mut self) -> Result<Option<Record<'a>>, DecodeError> {
        loop {
            let ended = match self.state {
                State::Start => {
                    self.resolver.check_len(self.tokens.bytes())?;
                    self.tokens.open(b'[', "an array of records")?;
                    self.tokens.close(b']')
                }
                State::Between => !self.tokens.comma(b']')?,
                State::Ended => return Ok(None),
            };
            if ended {
                self.state = State::Ended;
                self.tokens.end()?;
                return Ok(None);
            }
            self.state = State::Between;
            let record = self.record()?;
            if let Some(record) = self.resolver.resolve(&record)? {
                return Ok(Some(record));
            }
        }
    }

    #[inline]
    fn record(&mut self) -> Result<Unresolved<'a>, DecodeError> {
        let tokens = &mut self.tokens;
        tokens.space();
        let mut record = Unresolved::at(tokens.offset());
        self.resolver.count(record.offset)?;
        tokens.open(b'{', "a record")?;
        if tokens.close(b'}') {
            return Ok(record);
        }
        loop {
            tokens.space();
            let label_offset = tokens.offset();
            let label = Label::from_text(&tokens.text()?);
            tokens.colon()?;
            record.field(label, label_offset, tokens)?;
            if !tokens.comma(b'}')? {
                return Ok(record);
            }
        }
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
