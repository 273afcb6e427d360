//! CoRE link format: what `/.well-known/core` and an LwM2M registration carry.
//!
//! [`Links`] reads a document without allocating, one [`Link`] at a time, attributes in their
//! order. It accepts what devices in the field send although the grammar forbids it, and reports
//! it as [`Quirks`]; what it cannot make sense of is an error with its place. Reading takes time
//! linear in the length of the document. [`LinkWriter`] writes documents that keep the grammar.
//!
//! ```
//! use coap_codec::link::{Links, Quirk};
//!
//! let mut links = Links::new(r#"</>;rt="oma.lwm2m";ct=110,112, </1/0>,</3/0/>"#);
//! let root = links.next().unwrap()?;
//! assert_eq!(root.target(), "/");
//! assert_eq!(root.get("rt").unwrap().unwrap(), *"oma.lwm2m");
//! let formats = root.get("ct").unwrap().unwrap();
//! assert!(formats.words().eq(["110", "112"]));
//!
//! let targets: Vec<_> = links.by_ref().map(|link| link.unwrap().target()).collect();
//! assert_eq!(targets, ["/1/0", "/3/0/"]);
//! assert!(links.quirks().contains(Quirk::UnquotedList));
//! assert!(links.quirks().contains(Quirk::Whitespace));
//! assert!(links.quirks().contains(Quirk::TrailingSlash));
//! # Ok::<(), coap_codec::DecodeError>(())
//! ```
//!
//! # Specification
//! RFC 6690 §2; RFC 7252 §7.2.1 (`ct`); RFC 7641 §6 (`obs`).

mod attribute;
mod quirk;
mod reader;
mod writer;

pub use attribute::{Attributes, Value, Words};
pub use quirk::{Quirk, Quirks};
pub use reader::{Link, Links};
pub use writer::{LinkWriter, TextBuf};
