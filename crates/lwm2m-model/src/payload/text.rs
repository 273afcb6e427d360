//! Plain text (0): one value as characters.

use alloc::{string::ToString, vec::Vec};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Decoded, EncodeError, EncodeErrorKind, PayloadError, PayloadErrorKind, QuirkKind,
    incoming::{Judge, one_value},
};
use crate::{Context, Level, Path, Value, ValueType};

pub(super) fn decode(
    cx: &Context<'_>,
    path: &Path,
    payload: &[u8],
) -> Result<Decoded, PayloadError> {
    let mut judge = Judge::new(cx);
    judge.multiplicity(path, 0, path.level() == Level::ResourceInstance)?;
    let fault = |(offset, kind)| PayloadError::new(*path, offset, kind);
    let text = core::str::from_utf8(payload)
        .map_err(|error| fault((error.valid_up_to(), PayloadErrorKind::Utf8)))?;
    let known = judge.resource(path);
    let wanted = known.value_type().unwrap_or(ValueType::String);
    let value = match parse(text, wanted) {
        Ok(value) => value,
        Err(_) if !known.firm => {
            judge.quirk(*path, QuirkKind::Mistyped(ValueType::String, wanted));
            Value::String(text.into())
        }
        Err(error) => return Err(fault(error)),
    };
    if wanted == ValueType::Boolean && text.len() > 1 {
        judge.quirk(*path, QuirkKind::BooleanWord);
    }
    let node = one_value(path, value).ok_or(fault((0, PayloadErrorKind::WrongLevel)))?;
    Ok(judge.finish(node))
}

/// The value of a type that a text writes; else the byte and the rule.
fn parse(text: &str, wanted: ValueType) -> Result<Value, (usize, PayloadErrorKind)> {
    Ok(match wanted {
        ValueType::String | ValueType::None => Value::String(text.into()),
        ValueType::CoreLink => Value::CoreLink(text.into()),
        ValueType::Opaque => Value::Opaque(
            STANDARD
                .decode(text)
                .map_err(|error| (base64_offset(&error), PayloadErrorKind::Base64))?
                .into(),
        ),
        _ if text.is_empty() => return Err((0, PayloadErrorKind::Empty)),
        ValueType::Integer => Value::Integer(integer(text)?),
        ValueType::Time => Value::Time(integer(text)?),
        ValueType::Unsigned => {
            only(text, |byte| byte.is_ascii_digit())?;
            Value::Unsigned(
                text.parse()
                    .map_err(|_| (0, PayloadErrorKind::NumberTooLarge))?,
            )
        }
        ValueType::Float => Value::Float(float(text)?),
        ValueType::Boolean => match text {
            "0" | "false" => Value::Boolean(false),
            "1" | "true" => Value::Boolean(true),
            _ => return Err((0, PayloadErrorKind::NotABoolean)),
        },
        ValueType::ObjectLink => Value::ObjectLink(
            text.parse()
                .map_err(|_| (0, PayloadErrorKind::NotAnObjectLink))?,
        ),
    })
}

/// `-750`: digits, a minus before them, nothing else.
fn integer(text: &str) -> Result<i64, (usize, PayloadErrorKind)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let sign = text.len().saturating_sub(digits.len());
    only(digits, |byte| byte.is_ascii_digit()).map_err(|(at, kind)| (at + sign, kind))?;
    if digits.is_empty() {
        return Err((sign, PayloadErrorKind::NotANumber));
    }
    text.parse()
        .map_err(|_| (0, PayloadErrorKind::NumberTooLarge))
}

/// `-43.5723`; an exponent, which the specification does not have, is understood.
fn float(text: &str) -> Result<f64, (usize, PayloadErrorKind)> {
    only(text, |byte| {
        matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
    })?;
    let number: f64 = match text.parse() {
        Ok(number) if !text.starts_with('+') => number,
        _ => return Err((0, PayloadErrorKind::NotANumber)),
    };
    if !number.is_finite() {
        return Err((0, PayloadErrorKind::NumberTooLarge));
    }
    Ok(number)
}

fn only(text: &str, allowed: fn(u8) -> bool) -> Result<(), (usize, PayloadErrorKind)> {
    match text.bytes().position(|byte| !allowed(byte)) {
        Some(at) => Err((at, PayloadErrorKind::NotANumber)),
        None => Ok(()),
    }
}

fn base64_offset(error: &base64::DecodeError) -> usize {
    match error {
        base64::DecodeError::InvalidByte(offset, _) => *offset,
        base64::DecodeError::InvalidLastSymbol { offset, .. } => *offset,
        _ => 0,
    }
}

pub(super) fn encode(path: &Path, value: &Value) -> Result<Vec<u8>, EncodeError> {
    Ok(match value {
        Value::Float(number) if !number.is_finite() => {
            return Err(EncodeError::new(*path, EncodeErrorKind::NotANumber));
        }
        Value::Boolean(flag) => alloc::vec![b'0' | u8::from(*flag)],
        Value::Opaque(bytes) => STANDARD.encode(bytes).into_bytes(),
        // The decimal form of a float has neither exponent nor rounding.
        other => other.to_string().into_bytes(),
    })
}
