//! Signalling messages, and what the peer has told with them.

use super::{Message, encode};
use crate::encoder::Writer;
use crate::options::MAX_VALUE;
use crate::{Code, EncodeError, OptionNumber, Options, uint};

/// A signalling message.
///
/// # Specification
/// RFC 8323 §5; Extended-Token-Length: RFC 8974 §2.2.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Signal<'a> {
    /// 7.01 Capabilities and settings: the first message of either side, may come again.
    Csm(Csm),
    /// 7.02 Ping.
    Ping {
        /// The answer is to wait until all earlier messages were processed.
        custody: bool,
    },
    /// 7.03 Pong, with the token of the Ping.
    Pong {
        /// All messages before the Ping were processed.
        custody: bool,
    },
    /// 7.04 Release: the sender wants the connection closed, after what is under way.
    Release {
        /// Where to connect instead; the first one of several.
        alternative_address: Option<&'a str>,
        /// Seconds to wait before connecting again, up to 2²⁴ − 1.
        hold_off: Option<u32>,
    },
    /// 7.05 Abort: the sender closes the connection now.
    Abort {
        /// The CSM option that was not understood.
        bad_csm_option: Option<u16>,
        /// A text for people, as received.
        diagnostic: &'a [u8],
    },
}

/// What a CSM says; what it leaves out stays as it was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)] // three registered options; a fourth is a breaking change
pub struct Csm {
    /// The longest message that the sender accepts, in bytes of the whole frame.
    pub max_message_size: Option<u32>,
    /// The sender does block-wise transfers, and BERT if its message size is over 1152.
    pub block_wise: bool,
    /// The longest token that the sender accepts, in bytes, up to 2²⁴ − 1.
    pub extended_token_length: Option<u32>,
}

impl<'a> Signal<'a> {
    /// Reads a signalling message; `Ok(None)` for any other, and for a signalling code that
    /// nobody has defined.
    ///
    /// # Errors
    /// The first critical option, since all defined ones are elective: the connection is to be
    /// aborted.
    ///
    /// # Specification
    /// RFC 8323 §5.1 and §5.2.
    pub fn decode(message: &Message<'a>) -> Result<Option<Self>, OptionNumber> {
        let code = message.code();
        if !matches!(
            code,
            Code::CSM | Code::PING | Code::PONG | Code::RELEASE | Code::ABORT
        ) {
            return Ok(None);
        }
        let options = message.options();
        let mut critical = options.iter().map(|option| option.number);
        if let Some(number) = critical.find(|number| number.is_critical()) {
            return Err(number);
        }
        // A value of a length that its definition does not allow counts as absent.
        let number = |option, max| {
            let value: &[u8] = options.get(OptionNumber(option))?;
            (value.len() <= max).then(|| uint::decode(value)).flatten()
        };
        let flag = |option| options.get(OptionNumber(option)) == Some(&[]);
        Ok(Some(match code {
            Code::CSM => Self::Csm(Csm {
                max_message_size: number(MAX_MESSAGE_SIZE, 4),
                block_wise: flag(BLOCK_WISE_TRANSFER),
                extended_token_length: number(EXTENDED_TOKEN_LENGTH, 3),
            }),
            Code::PING => Self::Ping {
                custody: flag(CUSTODY),
            },
            Code::PONG => Self::Pong {
                custody: flag(CUSTODY),
            },
            Code::RELEASE => Self::Release {
                alternative_address: options
                    .all(OptionNumber(ALTERNATIVE_ADDRESS))
                    .filter(|value| (1..=255).contains(&value.len()))
                    .find_map(|value| core::str::from_utf8(value).ok()),
                hold_off: number(HOLD_OFF, 3),
            },
            _ => Self::Abort {
                bad_csm_option: number(BAD_CSM_OPTION, 2).and_then(|n| n.try_into().ok()),
                diagnostic: message.payload(),
            },
        }))
    }

    /// The code of the message.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Csm(_) => Code::CSM,
            Self::Ping { .. } => Code::PING,
            Self::Pong { .. } => Code::PONG,
            Self::Release { .. } => Code::RELEASE,
            Self::Abort { .. } => Code::ABORT,
        }
    }

    /// Writes the message as a frame and returns its length in bytes. The token is that of the
    /// Ping in a Pong; usually empty in others.
    ///
    /// # Errors
    /// [`EncodeError::OptionTooLong`] for a number over 2²⁴ − 1 where three bytes are all there
    /// is, or an address over 255 bytes; [`EncodeError::OptionTooShort`] for an empty address;
    /// [`EncodeError::TokenTooLong`], [`EncodeError::NoSpace`].
    ///
    /// # Examples
    /// ```
    /// use coap_codec::tcp::{Csm, Signal};
    ///
    /// let csm = Csm { max_message_size: Some(16_384), block_wise: true, ..Csm::default() };
    /// let mut out = [0; 16];
    /// let len = Signal::Csm(csm).encode(b"", &mut out)?;
    /// assert_eq!(out[..len], [0x40, 0xe1, 0x22, 0x40, 0x00, 0x20]);
    /// # Ok::<(), coap_codec::EncodeError>(())
    /// ```
    pub fn encode(&self, token: &[u8], out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut scratch = [0; 300];
        let mut options = Writer::new(&mut scratch);
        let mut payload: &[u8] = &[];
        match *self {
            Self::Csm(csm) => {
                number(
                    &mut options,
                    MAX_MESSAGE_SIZE,
                    csm.max_message_size,
                    u32::MAX,
                )?;
                flag(&mut options, BLOCK_WISE_TRANSFER, csm.block_wise)?;
                let length = csm.extended_token_length;
                number(&mut options, EXTENDED_TOKEN_LENGTH, length, MAX_24)?;
            }
            Self::Ping { custody } | Self::Pong { custody } => {
                flag(&mut options, CUSTODY, custody)?;
            }
            Self::Release {
                alternative_address,
                hold_off,
            } => {
                if let Some(address) = alternative_address {
                    let option = OptionNumber(ALTERNATIVE_ADDRESS);
                    match address.len() {
                        0 => return Err(EncodeError::OptionTooShort(option)),
                        1..=255 => options.option(option, address.as_bytes())?,
                        _ => return Err(EncodeError::OptionTooLong(option)),
                    }
                }
                number(&mut options, HOLD_OFF, hold_off, MAX_24)?;
            }
            Self::Abort {
                bad_csm_option,
                diagnostic,
            } => {
                let bad = bad_csm_option.map(u32::from);
                number(&mut options, BAD_CSM_OPTION, bad, u32::MAX)?;
                payload = diagnostic;
            }
        }
        let used = options.used;
        let options = Options::trusted(scratch.get(..used).unwrap_or_default());
        encode(out, self.code(), token, options, payload)
    }
}

fn number(
    options: &mut Writer<'_>,
    option: u16,
    value: Option<u32>,
    max: u32,
) -> Result<(), EncodeError> {
    match value {
        None => Ok(()),
        Some(value) if value > max => Err(EncodeError::OptionTooLong(OptionNumber(option))),
        Some(value) => options.option(OptionNumber(option), uint::encode(value, &mut [0; 4])),
    }
}

fn flag(options: &mut Writer<'_>, option: u16, set: bool) -> Result<(), EncodeError> {
    match set {
        true => options.option(OptionNumber(option), &[]),
        false => Ok(()),
    }
}

/// What is known of the peer of a connection: the defaults until its CSMs say more.
///
/// # Examples
/// ```
/// use coap_codec::tcp::{Csm, PeerSettings};
///
/// let mut peer = PeerSettings::default();
/// assert_eq!((peer.max_message_size, peer.does_bert()), (1152, false));
/// peer.apply(Csm { max_message_size: Some(8192), block_wise: true, ..Csm::default() });
/// assert!(peer.does_bert());
/// ```
///
/// # Specification
/// RFC 8323 §5.3; RFC 8974 §2.2.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PeerSettings {
    /// The longest message that the peer accepts, in bytes; 1152 until it says otherwise.
    pub max_message_size: u32,
    /// Whether the peer does block-wise transfers.
    pub block_wise: bool,
    /// The longest token that the peer accepts, in bytes; 8 until it says otherwise.
    pub max_token: u32,
}

impl PeerSettings {
    /// Takes over what a CSM says; what it leaves out stays.
    pub fn apply(&mut self, csm: Csm) {
        if let Some(size) = csm.max_message_size {
            self.max_message_size = size;
        }
        self.block_wise |= csm.block_wise;
        if let Some(length) = csm.extended_token_length {
            // Every endpoint accepts 8; no token can be longer than 65 804.
            let max = u32::try_from(MAX_VALUE).unwrap_or(u32::MAX);
            self.max_token = length.clamp(8, max);
        }
    }

    /// Whether the peer accepts block size exponent 7.
    ///
    /// # Specification
    /// RFC 8323 §5.3.2 and §6.
    #[must_use]
    pub const fn does_bert(&self) -> bool {
        self.block_wise && self.max_message_size > 1152
    }
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            max_message_size: 1152,
            block_wise: false,
            max_token: 8,
        }
    }
}

/// In a CSM.
const MAX_MESSAGE_SIZE: u16 = 2;
const BLOCK_WISE_TRANSFER: u16 = 4;
const EXTENDED_TOKEN_LENGTH: u16 = 6;
/// In a Ping or Pong.
const CUSTODY: u16 = 2;
/// In a Release.
const ALTERNATIVE_ADDRESS: u16 = 2;
const HOLD_OFF: u16 = 4;
/// In an Abort.
const BAD_CSM_OPTION: u16 = 2;
const MAX_24: u32 = 0xff_ffff;
