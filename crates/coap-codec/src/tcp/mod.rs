//! CoAP over TCP and TLS: framing and signalling messages.
//!
//! A connection is a stream of frames. [`frame`] tells where the first one in a buffer ends, so
//! that a reader knows how much more it needs and can refuse a frame that is too long before it
//! arrives; [`Message::decode`] reads it; [`encode`] writes one. Signalling messages (7.01 to
//! 7.05) are read and written as [`Signal`].
//!
//! There is no type, no message ID, no acknowledgement and no retransmission here.
//!
//! ```
//! use coap_codec::tcp::{self, Frame, Message};
//! use coap_codec::{Code, DecodeLimits};
//!
//! let stream = b"\x41\x01\x42\xb1\x33\x01\x30\x00\xe1"; // GET /3/0, and a CSM
//! let Frame::Complete(len) = tcp::frame(stream, 1152)? else { panic!() };
//! let (first, rest) = stream.split_at(len);
//! let message = Message::decode(first, DecodeLimits::RFC7252)?;
//! assert_eq!((message.code(), message.token()), (Code::GET, &b"B"[..]));
//! assert!(message.options().uri_path().eq([Ok("3"), Ok("0")]));
//! assert_eq!(tcp::frame(rest, 1152), Ok(Frame::Complete(2)));
//! # Ok::<(), coap_codec::DecodeError>(())
//! ```
//!
//! # Specification
//! RFC 8323 §3 and §5.

mod framing;
mod signal;

pub use framing::{Frame, Message, encode, encoded_len, frame};
pub use signal::{Csm, PeerSettings, Signal};
