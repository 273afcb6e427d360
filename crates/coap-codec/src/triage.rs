//! What to do with a datagram: the one place where faults become RST, 4.02 or silence.

use core::fmt;

use crate::{Code, DecodeError, DecodeErrorKind, DecodeLimits, Message, OptionNumber, Type};

/// What to do with a datagram; see [`triage`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Triage<'a> {
    /// Well-formed and allowed: a request, a response, an empty acknowledgement or a reset.
    Deliver(Message<'a>),
    /// A confirmable request with a critical option that is not understood: answer 4.02, with a
    /// diagnostic payload that names the option.
    BadOption {
        /// The request.
        message: Message<'a>,
        /// The option to name.
        number: OptionNumber,
    },
    /// A piggybacked response with a critical option that is not understood: send nothing; the
    /// request that it answers has failed.
    BadResponse {
        /// The response.
        message: Message<'a>,
        /// The option that was not understood.
        number: OptionNumber,
    },
    /// Send an RST with this message ID ([`empty_message`](crate::empty_message)); nothing else.
    Reset {
        /// The message ID to put into the RST.
        message_id: u16,
        /// Why.
        reason: RejectReason,
    },
    /// Send nothing and keep nothing.
    Ignore(RejectReason),
}

/// Why a datagram is not delivered. Fit for counting: [`RejectReason::as_str`] is stable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RejectReason {
    /// Fewer than four bytes, so there is no message ID to answer.
    Short,
    /// The version is not 1; RFC 7252 §3 wants silence.
    Version(u8),
    /// A message format error.
    Format(DecodeError),
    /// A code of class 1, 6 or 7, which have no meaning over UDP.
    ReservedClass(Code),
    /// An empty confirmable message: somebody asks whether we are there (RFC 7252 §4.3).
    Ping,
    /// An empty non-confirmable message, which means nothing.
    EmptyNonConfirmable,
    /// A request in an acknowledgement, or anything in a reset (RFC 7252 §4.2).
    CodeForType(Code),
    /// A critical option that is not understood, in a message that gets no 4.02.
    CriticalOption(OptionNumber),
}

impl RejectReason {
    /// A stable name for logs and counters.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Version(_) => "version",
            Self::Format(_) => "format",
            Self::ReservedClass(_) => "reserved_class",
            Self::Ping => "ping",
            Self::EmptyNonConfirmable => "empty_non_confirmable",
            Self::CodeForType(_) => "code_for_type",
            Self::CriticalOption(_) => "critical_option",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the datagram is shorter than a header"),
            Self::Version(version) => write!(f, "version {version} is not 1"),
            Self::Format(fault) => fault.fmt(f),
            Self::ReservedClass(code) => write!(f, "code {code} is reserved over UDP"),
            Self::Ping => f.write_str("ping"),
            Self::EmptyNonConfirmable => f.write_str("an empty message asks for nothing"),
            Self::CodeForType(code) => write!(f, "code {code} does not fit the message type"),
            Self::CriticalOption(number) => write!(f, "option {number} is not understood"),
        }
    }
}

/// Reads a datagram and tells what to do with it.
///
/// `understood` are the critical options that the receiver acts on; any other critical option
/// makes it refuse the message. Method codes are not judged: whoever handles requests answers
/// 4.05 to one that it does not know.
///
/// # Examples
/// ```
/// use coap_codec::{DecodeLimits, OptionNumber, RejectReason, Triage, triage};
///
/// let understood = [OptionNumber::URI_PATH];
/// let look = |datagram| triage(datagram, &understood, DecodeLimits::RFC7252);
///
/// assert!(matches!(look(b"\x40\x01\x00\x01\xb2rd"), Triage::Deliver(_)));
/// assert!(matches!(look(b"\x40\x00\x00\x07"), Triage::Reset { message_id: 7, .. }));
/// assert!(matches!(look(b"\x50\x01\x00\x01\xff"), Triage::Ignore(RejectReason::Format(_))));
/// // Option 65 is critical and nobody knows it.
/// assert!(matches!(look(b"\x40\x01\x00\x01\xd0\x34"), Triage::BadOption { .. }));
/// ```
///
/// # Specification
/// RFC 7252 §3, §4.1 to §4.3 and §5.4.1.
pub fn triage<'a>(
    datagram: &'a [u8],
    understood: &[OptionNumber],
    limits: DecodeLimits,
) -> Triage<'a> {
    let Some(&[first, _, high, low]) = datagram.first_chunk() else {
        return Triage::Ignore(RejectReason::Short);
    };
    let ty = Type::from_bits(first >> 4);
    let reject = |reason| match ty {
        Type::Confirmable => Triage::Reset {
            message_id: u16::from_be_bytes([high, low]),
            reason,
        },
        Type::NonConfirmable | Type::Acknowledgement | Type::Reset => Triage::Ignore(reason),
    };
    let message = match Message::decode_with(datagram, limits) {
        Ok(message) => message,
        Err(DecodeError {
            kind: DecodeErrorKind::Version(version),
            ..
        }) => return Triage::Ignore(RejectReason::Version(version)),
        Err(fault) => return reject(RejectReason::Format(fault)),
    };
    let code = message.code();
    if code == Code::EMPTY {
        return match ty {
            Type::Confirmable => reject(RejectReason::Ping),
            Type::NonConfirmable => Triage::Ignore(RejectReason::EmptyNonConfirmable),
            Type::Acknowledgement | Type::Reset => Triage::Deliver(message),
        };
    }
    if !code.is_request() && !code.is_response() {
        return reject(RejectReason::ReservedClass(code));
    }
    if ty == Type::Reset || (ty == Type::Acknowledgement && code.is_request()) {
        return Triage::Ignore(RejectReason::CodeForType(code));
    }
    let Some(number) = message.unrecognised(understood) else {
        return Triage::Deliver(message);
    };
    match ty {
        Type::Confirmable if code.is_request() => Triage::BadOption { message, number },
        Type::Acknowledgement => Triage::BadResponse { message, number },
        _ => reject(RejectReason::CriticalOption(number)),
    }
}
