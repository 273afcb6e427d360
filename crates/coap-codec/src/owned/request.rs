//! Owned requests and responses.

use bytes::Bytes;

use crate::{Block, Code, ContentFormat, Message, OptionNumber, OptionsBuf};

/// A request apart from the message that carries it: no type, message ID or token, since those
/// belong to the endpoint that sends it.
///
/// # Examples
/// ```
/// use coap_codec::{Code, ContentFormat, Request};
///
/// let request = Request::new(Code::POST)
///     .path("/rd")
///     .query("ep=dev1")
///     .query("lt=300")
///     .content_format(ContentFormat::LINK)
///     .payload("</1/0>,</3/0>");
/// assert!(request.options.as_options().uri_query().eq([Ok("ep=dev1"), Ok("lt=300")]));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)] // a CoAP request has these three parts
pub struct Request {
    /// The method.
    pub code: Code,
    /// The options.
    pub options: OptionsBuf,
    /// The payload; empty where there is none.
    pub payload: Bytes,
}

/// A response apart from the message that carries it: no type, message ID or token, since those
/// belong to the endpoint that sends it.
///
/// # Examples
/// ```
/// use coap_codec::{Code, Response};
///
/// let response = Response::new(Code::CREATED).location_path("/rd/5a3f");
/// assert!(response.options.as_options().location_path().eq([Ok("rd"), Ok("5a3f")]));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)] // a CoAP response has these three parts
pub struct Response {
    /// The response code.
    pub code: Code,
    /// The options.
    pub options: OptionsBuf,
    /// The payload; empty where there is none.
    pub payload: Bytes,
}

impl Request {
    /// Adds a Uri-Path for each segment of `path`, which may start with a slash. `""` and `"/"`
    /// have none, `"/a/"` has `a` and an empty one. Nothing is percent-decoded
    /// ([`uri`](crate::uri) does that).
    ///
    /// A segment over 255 bytes is for [`OptionsBuf::check`] and for every receiver to refuse;
    /// it is never shortened to something that is valid. So with [`Request::query`].
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        insert_path(&mut self.options, OptionNumber::URI_PATH, path);
        self
    }

    /// Adds one Uri-Query, such as `"lt=300"`; an `&` in it stays a character of the value.
    #[must_use]
    pub fn query(mut self, argument: &str) -> Self {
        self.options
            .insert_cut(OptionNumber::URI_QUERY, argument.as_bytes());
        self
    }

    /// Sets Accept, the format that the response is to have.
    #[must_use]
    pub fn accept(mut self, format: ContentFormat) -> Self {
        self.options.set_uint(OptionNumber::ACCEPT, format.0.into());
        self
    }
}

impl Response {
    /// Adds a Location-Path for each segment of `path`; see [`Request::path`].
    #[must_use]
    pub fn location_path(mut self, path: &str) -> Self {
        insert_path(&mut self.options, OptionNumber::LOCATION_PATH, path);
        self
    }

    /// Sets Max-Age, in seconds; where it is absent it means 60.
    #[must_use]
    pub fn max_age(mut self, seconds: u32) -> Self {
        self.options.set_uint(OptionNumber::MAX_AGE, seconds);
        self
    }

    /// An error response with a diagnostic payload: text for people, without Content-Format.
    ///
    /// # Specification
    /// RFC 7252 §5.5.2.
    #[must_use]
    pub fn diagnostic(code: Code, text: impl Into<Bytes>) -> Self {
        Self::new(code).payload(text)
    }
}

fn insert_path(options: &mut OptionsBuf, number: OptionNumber, path: &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    if !path.is_empty() {
        for segment in path.split('/') {
            options.insert_cut(number, segment.as_bytes());
        }
    }
}

macro_rules! shared {
    ($($name:ident),*) => {
        $(
            impl $name {
                /// Starts with `code` and nothing else; allocates nothing.
                #[must_use]
                pub const fn new(code: Code) -> Self {
                    Self {
                        code,
                        options: OptionsBuf::new(),
                        payload: Bytes::new(),
                    }
                }

                /// Sets Content-Format, what the payload is.
                #[must_use]
                pub fn content_format(mut self, format: ContentFormat) -> Self {
                    self.options
                        .set_uint(OptionNumber::CONTENT_FORMAT, format.0.into());
                    self
                }

                /// Sets Observe; the low 24 bits are used.
                #[must_use]
                pub fn observe(mut self, value: u32) -> Self {
                    self.options
                        .set_uint(OptionNumber::OBSERVE, value & 0xff_ffff);
                    self
                }

                /// Adds an ETag, 1 to 8 bytes; [`OptionsBuf::check`] refuses another length.
                #[must_use]
                pub fn etag(mut self, etag: &[u8]) -> Self {
                    self.options.insert_cut(OptionNumber::ETAG, etag);
                    self
                }

                /// Sets Block1.
                #[must_use]
                pub fn block1(mut self, block: Block) -> Self {
                    self.options.set_block(OptionNumber::BLOCK1, block);
                    self
                }

                /// Sets Block2.
                #[must_use]
                pub fn block2(mut self, block: Block) -> Self {
                    self.options.set_block(OptionNumber::BLOCK2, block);
                    self
                }

                /// Sets the payload.
                #[must_use]
                pub fn payload(mut self, payload: impl Into<Bytes>) -> Self {
                    self.payload = payload.into();
                    self
                }
            }

            /// Copies code, options and payload.
            impl From<&Message<'_>> for $name {
                fn from(message: &Message<'_>) -> Self {
                    Self {
                        code: message.code(),
                        options: message.options().into(),
                        payload: Bytes::copy_from_slice(message.payload()),
                    }
                }
            }
        )*
    };
}

shared!(Request, Response);
