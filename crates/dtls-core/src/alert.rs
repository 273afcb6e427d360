use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{CipherSuite, ClientHello};

/// An alert description as it stands on the wire; an unknown one passes through unharmed.
///
/// # Specification
/// RFC 5246 §7.2, RFC 6066 §9, RFC 4279 §6, RFC 8446 §6 (116 only).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "a number of one byte")]
pub struct Alert(pub u8);

macro_rules! alerts {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl Alert {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The RFC's name, `unknown` for a number that has none.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => $text,)*
                    _ => "unknown",
                }
            }
        }
    };
}

alerts! {
    /// The sender will send nothing more.
    CLOSE_NOTIFY = 0, "close_notify";
    /// A message came that does not fit here.
    UNEXPECTED_MESSAGE = 10, "unexpected_message";
    /// A record's protection does not fit.
    BAD_RECORD_MAC = 20, "bad_record_mac";
    /// A record is longer than allowed.
    RECORD_OVERFLOW = 22, "record_overflow";
    /// No acceptable set of parameters.
    HANDSHAKE_FAILURE = 40, "handshake_failure";
    /// A certificate is corrupt or its signatures do not fit.
    BAD_CERTIFICATE = 42, "bad_certificate";
    /// A certificate is of an unsupported type.
    UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
    /// A certificate was revoked.
    CERTIFICATE_REVOKED = 44, "certificate_revoked";
    /// A certificate is not valid at this time.
    CERTIFICATE_EXPIRED = 45, "certificate_expired";
    /// A certificate is unacceptable for another reason.
    CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
    /// A field is out of range or inconsistent.
    ILLEGAL_PARAMETER = 47, "illegal_parameter";
    /// The issuing authority is not trusted.
    UNKNOWN_CA = 48, "unknown_ca";
    /// A valid identity that may not enter.
    ACCESS_DENIED = 49, "access_denied";
    /// A message cannot be parsed.
    DECODE_ERROR = 50, "decode_error";
    /// A handshake's cryptographic check failed.
    DECRYPT_ERROR = 51, "decrypt_error";
    /// The version is not supported.
    PROTOCOL_VERSION = 70, "protocol_version";
    /// The suites offered are too weak.
    INSUFFICIENT_SECURITY = 71, "insufficient_security";
    /// A failure that has nothing to do with the peer.
    INTERNAL_ERROR = 80, "internal_error";
    /// A fallback to an older version that was not needed.
    INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
    /// The user gave up.
    USER_CANCELED = 90, "user_canceled";
    /// Renegotiation is refused.
    NO_RENEGOTIATION = 100, "no_renegotiation";
    /// An extension came that was not offered.
    UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
    /// No server of that name.
    UNRECOGNIZED_NAME = 112, "unrecognized_name";
    /// The PSK identity is unknown.
    UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
    /// A certificate is demanded and none came.
    CERTIFICATE_REQUIRED = 116, "certificate_required";
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

/// Why a handshake fails: what the peer is told, and what the operator is told.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// Goes to the peer.
    pub alert: Alert,
    /// Stays here.
    pub reason: FailureReason,
}

impl Failure {
    /// A failure with its alert and its reason.
    pub const fn new(alert: Alert, reason: FailureReason) -> Self {
        Self { alert, reason }
    }

    /// A client that offers none of our suites.
    pub fn no_common_suite(hello: &ClientHello<'_>, ours: Vec<CipherSuite>) -> Self {
        let signals = [CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV];
        let offered = hello
            .suites()
            .filter(|suite| !signals.contains(suite))
            .take(MAX_REPORTED)
            .collect();
        Self {
            alert: Alert::HANDSHAKE_FAILURE,
            reason: FailureReason::NoCommonSuite { offered, ours },
        }
    }
}

/// Suites of a client that are reported.
const MAX_REPORTED: usize = 64;

impl From<Alert> for Failure {
    /// A failure that the alert describes well enough.
    fn from(alert: Alert) -> Self {
        Self {
            alert,
            reason: FailureReason::Protocol(alert),
        }
    }
}

/// Why a handshake failed, for the operator; never for the peer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// The peer broke the protocol; the alert says how.
    #[error("the peer broke the protocol: {0}")]
    Protocol(Alert),
    /// The peer gave up with this alert.
    #[error("the peer refused: {0}")]
    PeerAlert(Alert),
    /// The peer fell silent, or its answers did not arrive.
    #[error("no answer within the time for a handshake")]
    TimedOut,
    /// Another handshake needed the room.
    #[error("given up for another handshake: too many at once")]
    Evicted,
    /// Called off by this side.
    #[error("called off")]
    Cancelled,
    /// No cipher suite is common.
    #[error("no common cipher suite (offered {offered:?}, ours {ours:?})")]
    NoCommonSuite {
        /// What the client offered.
        offered: Vec<CipherSuite>,
        /// What this side has.
        ours: Vec<CipherSuite>,
    },
    /// No certificate type is common (RFC 7250).
    #[error("no common certificate type (raw public key or X.509)")]
    NoCommonCertificateType,
    /// No curve or signature algorithm is common.
    #[error("no common curve or signature algorithm")]
    NoCommonGroup,
    /// The policy demands an extension that the peer does not have.
    #[error("the peer lacks {0}, which is required here")]
    MissingExtension(&'static str),
    /// Nobody has this PSK identity.
    #[error("unknown psk identity")]
    UnknownPskIdentity {
        /// As the peer sent it.
        identity: Vec<u8>,
    },
    /// The PSK identity is known; the peer's key is another one.
    #[error("wrong psk")]
    WrongPsk {
        /// As the peer sent it.
        identity: Vec<u8>,
    },
    /// Nobody has this raw public key.
    #[error("unknown raw public key (its sha-256 is {fingerprint})")]
    UnknownRawPublicKey {
        /// SHA-256 of the SubjectPublicKeyInfo, hex.
        fingerprint: String,
    },
    /// A Finished or a signature does not fit the handshake.
    #[error("a signature or Finished does not fit")]
    BadSignature,
    /// The peer sent no certificate.
    #[error("the peer showed no certificate")]
    NoCertificate,
    /// A certificate cannot be read or breaks a rule; what is wrong with it.
    #[error("bad certificate: {0}")]
    BadCertificate(&'static str),
    /// A certificate is not valid yet or any more.
    #[error(
        "the certificate is valid from {not_before} to {not_after} (unix seconds), now is {now}"
    )]
    CertificateExpired {
        /// Unix seconds.
        not_before: u64,
        /// Unix seconds.
        not_after: u64,
        /// Unix seconds by this side's clock.
        now: u64,
    },
    /// A certificate names somebody else.
    #[error("the certificate is for {found:?}, not for {wanted:?}")]
    CertificateWrongName {
        /// Whom this side wanted.
        wanted: String,
        /// Whom the certificate names.
        found: Vec<String>,
    },
    /// The chain ends in no authority that is trusted.
    #[error("the certificate's authority is not trusted (issuer {issuer})")]
    UnknownAuthority {
        /// The last issuer in the chain.
        issuer: String,
    },
    /// The peer's key or certificate is not the one that is expected.
    #[error("the peer's key is not the expected one (its sha-256 is {fingerprint})")]
    UnexpectedKey {
        /// SHA-256 of the SubjectPublicKeyInfo or certificate shown, hex.
        fingerprint: String,
    },
    /// The application said no.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// This side failed: a provider or a look-up.
    #[error("failure of this side: {0}")]
    Internal(&'static str),
}
