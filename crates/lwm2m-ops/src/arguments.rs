use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use nom::{
    IResult, Parser,
    bytes::complete::take_while,
    character::complete::{char, satisfy},
    combinator::{cut, opt},
    sequence::{delimited, preceded, terminated},
};

/// The arguments of an [`Execute`](crate::Execute): up to ten, each a digit and perhaps a text.
///
/// ```
/// use lwm2m_ops::Arguments;
///
/// let arguments: Arguments = "0='U',5".parse()?;
/// assert_eq!(arguments.value(0), Some("U"));
/// assert!(arguments.contains(5) && arguments.value(5).is_none());
/// assert_eq!("10".parse::<Arguments>().unwrap_err().offset, 1);
/// # Ok::<(), lwm2m_ops::ArgumentsError>(())
/// ```
///
/// # Specification
/// LwM2M 1.2 core, Execute: `arg = DIGIT / DIGIT "=" "'" *CHAR "'"`, separated by commas. Spaces
/// are let pass, inside a text and around the rest, because the specification's own example has
/// them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Arguments(Vec<Argument>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Argument {
    digit: u8,
    value: Option<String>,
}

impl Arguments {
    /// No arguments.
    pub const NONE: Self = Self(Vec::new());

    /// Reads the text form; the empty text is no arguments.
    ///
    /// # Errors
    /// [`ArgumentsErrorKind::Syntax`] where the grammar is broken,
    /// [`ArgumentsErrorKind::Repeated`] for a digit that came before.
    pub fn parse(text: &str) -> Result<Self, ArgumentsError> {
        let mut arguments = Self::NONE;
        let mut rest = spaces(text);
        if rest.is_empty() {
            return Ok(arguments);
        }
        loop {
            let at = |rest: &str| text.len().saturating_sub(rest.len());
            let syntax = |rest: &str| ArgumentsError {
                offset: at(rest),
                kind: ArgumentsErrorKind::Syntax,
            };
            let (after, argument) = argument(rest).map_err(|error| match error {
                nom::Err::Error(error) | nom::Err::Failure(error) => syntax(error.input),
                nom::Err::Incomplete(_) => syntax(""),
            })?;
            if arguments.contains(argument.digit) {
                let kind = ArgumentsErrorKind::Repeated(argument.digit);
                return Err(ArgumentsError {
                    offset: at(rest),
                    kind,
                });
            }
            arguments.0.push(argument);
            rest = match after.strip_prefix(',') {
                Some(next) => spaces(next),
                None if after.is_empty() => return Ok(arguments),
                None => return Err(syntax(after)),
            };
        }
    }

    /// Adds an argument without a text.
    ///
    /// # Errors
    /// [`ArgumentsError`] when `digit` is not 0 to 9 or is there already.
    pub fn with_flag(self, digit: u8) -> Result<Self, ArgumentsError> {
        self.with(digit, None)
    }

    /// Adds an argument with a text.
    ///
    /// # Errors
    /// [`ArgumentsError`] when `digit` is not 0 to 9 or is there already, or the text holds a
    /// character that the grammar does not have (quotes, backslash, anything but printable
    /// ASCII).
    pub fn with_value(self, digit: u8, value: &str) -> Result<Self, ArgumentsError> {
        self.with(digit, Some(value))
    }

    fn with(mut self, digit: u8, value: Option<&str>) -> Result<Self, ArgumentsError> {
        let bad = value.and_then(|value| value.find(|character| !is_text(character)));
        let kind = match digit {
            10.. => ArgumentsErrorKind::Syntax,
            _ if bad.is_some() => ArgumentsErrorKind::Syntax,
            digit if self.contains(digit) => ArgumentsErrorKind::Repeated(digit),
            digit => {
                self.0.push(Argument {
                    digit,
                    value: value.map(ToString::to_string),
                });
                return Ok(self);
            }
        };
        Err(ArgumentsError {
            offset: bad.unwrap_or(0),
            kind,
        })
    }

    /// Whether the argument is there.
    #[must_use]
    pub fn contains(&self, digit: u8) -> bool {
        self.0.iter().any(|argument| argument.digit == digit)
    }

    /// The text of an argument; `None` when it is absent or has none.
    #[must_use]
    pub fn value(&self, digit: u8) -> Option<&str> {
        self.iter()
            .find_map(|(known, value)| (known == digit).then_some(value))
            .flatten()
    }

    /// The digits and texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Option<&str>)> {
        self.0
            .iter()
            .map(|argument| (argument.digit, argument.value.as_deref()))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromStr for Arguments {
    type Err = ArgumentsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The text form, without spaces around the arguments.
impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (digit, value)) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
            if let Some(value) = value {
                write!(f, "='{value}'")?;
            }
        }
        Ok(())
    }
}

/// Why a text is no argument list, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ArgumentsError {
    /// Bytes from the start of the text.
    pub offset: usize,
    /// What is wrong there.
    pub kind: ArgumentsErrorKind,
}

/// What is wrong with an argument list.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ArgumentsErrorKind {
    /// It breaks the grammar.
    Syntax,
    /// This digit came before.
    Repeated(u8),
}

impl fmt::Display for ArgumentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ArgumentsErrorKind::Syntax => write!(f, "not an argument list at byte {}", self.offset),
            ArgumentsErrorKind::Repeated(digit) => {
                write!(f, "argument {digit} is repeated at byte {}", self.offset)
            }
        }
    }
}

impl core::error::Error for ArgumentsError {}

/// `DIGIT [ "=" "'" *CHAR "'" ]`, with the spaces that follow its parts.
fn argument(input: &str) -> IResult<&str, Argument> {
    let digit = satisfy(|character| character.is_ascii_digit());
    let text = delimited(char('\''), take_while(is_text), char('\''));
    let value = opt(preceded(
        token('='),
        cut(terminated(text, take_while(is_space))),
    ));
    (terminated(digit, take_while(is_space)), value)
        .map(|(digit, value): (char, Option<&str>)| Argument {
            digit: digit
                .to_digit(10)
                .and_then(|digit| u8::try_from(digit).ok())
                .unwrap_or(0),
            value: value.map(ToString::to_string),
        })
        .parse(input)
}

/// A character and the spaces that follow it.
fn token<'a>(
    character: char,
) -> impl Parser<&'a str, Output = char, Error = nom::error::Error<&'a str>> {
    terminated(char(character), take_while(is_space))
}

fn spaces(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

const fn is_space(character: char) -> bool {
    character == ' '
}

/// `CHAR = "!" / %x23-26 / %x28-5B / %x5D-7E`, and the space.
const fn is_text(character: char) -> bool {
    matches!(character, ' ' | '!' | '\x23'..='\x26' | '\x28'..='\x5b' | '\x5d'..='\x7e')
}
