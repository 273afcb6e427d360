//! Content-Format numbers.

use core::fmt;

/// A Content-Format number, as in the Content-Format and Accept options.
///
/// Unknown numbers are kept; [`ContentFormat::name`] tells whether this crate knows one.
///
/// # Specification
/// RFC 7252 §12.3; the OMA numbers are registered with IANA.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_structs)] // a 16-bit number on the wire
pub struct ContentFormat(pub u16);

impl ContentFormat {
    /// The registered number for the three that old LwM2M clients used before registration
    /// (1541 text, 1542 TLV, 1543 JSON); any other number is returned as it is.
    ///
    /// # Examples
    /// ```
    /// use coap_codec::ContentFormat;
    ///
    /// assert_eq!(ContentFormat(1542).canonical(), ContentFormat::TLV);
    /// assert_eq!(ContentFormat::CBOR.canonical(), ContentFormat::CBOR);
    /// ```
    #[must_use]
    pub const fn canonical(self) -> Self {
        match self {
            Self(1541) => Self::TEXT,
            Self(1542) => Self::TLV,
            Self(1543) => Self::LWM2M_JSON,
            other => other,
        }
    }
}

/// Writes the media type, or the bare number where it is unknown.
impl fmt::Display for ContentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{}", self.0),
        }
    }
}

macro_rules! content_formats {
    ($($constant:ident = $number:literal, $name:literal;)*) => {
        impl ContentFormat {
            $(
                #[doc = concat!("`", $name, "` (", stringify!($number), ").")]
                pub const $constant: Self = Self($number);
            )*

            /// The media type; `None` for a number this crate does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

content_formats! {
    TEXT = 0, "text/plain;charset=utf-8";
    COSE_ENCRYPT0 = 16, "application/cose;cose-type=\"cose-encrypt0\"";
    COSE_MAC0 = 17, "application/cose;cose-type=\"cose-mac0\"";
    COSE_SIGN1 = 18, "application/cose;cose-type=\"cose-sign1\"";
    LINK = 40, "application/link-format";
    XML = 41, "application/xml";
    OPAQUE = 42, "application/octet-stream";
    EXI = 47, "application/exi";
    JSON = 50, "application/json";
    JSON_PATCH = 51, "application/json-patch+json";
    MERGE_PATCH = 52, "application/merge-patch+json";
    CBOR = 60, "application/cbor";
    MULTIPART = 62, "application/multipart-core";
    CBOR_SEQUENCE = 63, "application/cbor-seq";
    COSE_ENCRYPT = 96, "application/cose;cose-type=\"cose-encrypt\"";
    COSE_MAC = 97, "application/cose;cose-type=\"cose-mac\"";
    COSE_SIGN = 98, "application/cose;cose-type=\"cose-sign\"";
    COSE_KEY = 101, "application/cose-key";
    COSE_KEY_SET = 102, "application/cose-key-set";
    SENML_JSON = 110, "application/senml+json";
    SENSML_JSON = 111, "application/sensml+json";
    SENML_CBOR = 112, "application/senml+cbor";
    SENSML_CBOR = 113, "application/sensml+cbor";
    SENML_EXI = 114, "application/senml-exi";
    SENSML_EXI = 115, "application/sensml-exi";
    COAP_GROUP = 256, "application/coap-group+json";
    MISSING_BLOCKS = 272, "application/missing-blocks+cbor-seq";
    PKCS7_CERTS = 281, "application/pkcs7-mime;smime-type=certs-only";
    PKCS8 = 284, "application/pkcs8";
    CSR_ATTRIBUTES = 285, "application/csrattrs";
    PKCS10 = 286, "application/pkcs10";
    PKIX_CERT = 287, "application/pkix-cert";
    SENML_XML = 310, "application/senml+xml";
    SENSML_XML = 311, "application/sensml+xml";
    SENML_ETCH_JSON = 320, "application/senml-etch+json";
    SENML_ETCH_CBOR = 322, "application/senml-etch+cbor";
    TLV = 11542, "application/vnd.oma.lwm2m+tlv";
    LWM2M_JSON = 11543, "application/vnd.oma.lwm2m+json";
    LWM2M_CBOR = 11544, "application/vnd.oma.lwm2m+cbor";
}
