//! What the test files share: a reader of hexadecimal, a second parser, and random numbers.
#![allow(dead_code)] // no test file uses all of it

use nom::bytes::complete::{tag, take};
use nom::combinator::{all_consuming, cond, rest, verify};
use nom::multi::fold_many0;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// Reads bytes written in hexadecimal.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2));
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Whether the counts of the catalogue of hostile inputs are run whole.
pub(crate) fn long() -> bool {
    std::env::var_os("LWM2M_LONG").is_some_and(|value| value == "1")
}

/// A message as the second parser reads it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) ty: u8,
    pub(crate) code: u8,
    pub(crate) message_id: u16,
    pub(crate) token: Vec<u8>,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
}

/// RFC 7252 §3 once more, in another way: parser combinators, owned values, wide integers.
pub(crate) fn oracle(datagram: &[u8]) -> Option<Parsed> {
    message(datagram).ok().map(|(_, parsed)| parsed)
}

fn message(input: &[u8]) -> IResult<&[u8], Parsed> {
    let (input, first) = verify(be_u8, |first| first >> 6 == 1).parse(input)?;
    let (input, code) = be_u8(input)?;
    let (input, message_id) = be_u16(input)?;
    let (input, token) = verify(take(first & 15), |token: &[u8]| token.len() < 9).parse(input)?;
    let (input, (_, options)) = fold_many0(
        option,
        || (0_u64, Vec::new()),
        |(number, mut options): (u64, Vec<(u64, Vec<u8>)>), (delta, value): (u64, &[u8])| {
            let number = number + delta;
            options.push((number, value.to_vec()));
            (number, options)
        },
    )
    .parse(input)?;
    let (input, payload) = all_consuming(cond(
        !input.is_empty(),
        preceded(
            tag(&[0xff][..]),
            verify(rest, |payload: &[u8]| !payload.is_empty()),
        ),
    ))
    .parse(input)?;
    let options: Option<Vec<_>> = options
        .into_iter()
        .map(|(number, value)| Some((u16::try_from(number).ok()?, value)))
        .collect();
    let empty = code == 0;
    let extra = !token.is_empty() || payload.is_some();
    match options {
        Some(options) if !(empty && (extra || !options.is_empty())) => Ok((
            input,
            Parsed {
                ty: first >> 4 & 3,
                code,
                message_id,
                token: token.to_vec(),
                options,
                payload: payload.unwrap_or_default().to_vec(),
            },
        )),
        _ => nom::combinator::fail().parse(input),
    }
}

fn option(input: &[u8]) -> IResult<&[u8], (u64, &[u8])> {
    let (input, head) = be_u8(input)?;
    let (input, delta) = extended(head >> 4, input)?;
    let (input, len) = extended(head & 15, input)?;
    let (input, value) = take(len)(input)?;
    Ok((input, (delta, value)))
}

fn extended(nibble: u8, input: &[u8]) -> IResult<&[u8], u64> {
    match nibble {
        15 => nom::combinator::fail().parse(input),
        14 => be_u16.map(|n| u64::from(n) + 269).parse(input),
        13 => be_u8.map(|n| u64::from(n) + 13).parse(input),
        n => Ok((input, n.into())),
    }
}

/// Numbers that look random and are the same in every run (xorshift64*).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound
    }

    pub(crate) fn byte(&mut self) -> u8 {
        u8::try_from(self.next() >> 56).unwrap()
    }
}
