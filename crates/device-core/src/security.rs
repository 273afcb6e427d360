//! What a failed handshake, or the end of a session, means for the device.

use core::fmt;

use dtls_core::{Alert, Failure, FailureReason};

use crate::Security;

/// Why there is no secured session with a server.
///
/// [`Event::HandshakeFailed`](crate::Event::HandshakeFailed) tells the details: dates, names, fingerprints.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SecurityFault {
    /// The credentials of the account cannot be used, or their suites are not built.
    BadCredentials,
    /// Another account leads to the same address.
    AddressInUse,
    /// The server did not answer the handshake to its end.
    NoAnswer,
    /// Server and device have no cipher suite, curve or certificate type in common, or the server did not say more.
    NoCommonSuite,
    /// The server does not accept the device's identity, key or certificate.
    WrongCredentials,
    /// The server's certificate is not valid at this time.
    ServerExpired,
    /// The server's certificate is for another name.
    ServerWrongName,
    /// The server's certificate comes from no authority that is trusted.
    ServerUnknownAuthority,
    /// The server's key or certificate is not the one that the account names.
    ServerUnexpectedKey,
    /// The server showed no certificate, or one that breaks a rule.
    ServerBadCertificate,
    /// The server ended the handshake, or the session before it had answered, with this alert.
    Alert(Alert),
    /// The server ended the session before it had answered.
    Closed,
    /// Something else went wrong, here or on the way.
    Other,
}

impl SecurityFault {
    /// What a failed handshake with these credentials comes down to.
    #[must_use]
    pub fn of(failure: &Failure, security: &Security) -> Self {
        match &failure.reason {
            FailureReason::PeerAlert(alert) => Self::of_alert(*alert, security),
            FailureReason::TimedOut => Self::NoAnswer,
            FailureReason::NoCommonSuite { .. }
            | FailureReason::NoCommonCertificateType
            | FailureReason::NoCommonGroup => Self::NoCommonSuite,
            FailureReason::CertificateExpired { .. } => Self::ServerExpired,
            FailureReason::CertificateWrongName { .. } => Self::ServerWrongName,
            FailureReason::UnknownAuthority { .. } => Self::ServerUnknownAuthority,
            FailureReason::UnexpectedKey { .. } => Self::ServerUnexpectedKey,
            FailureReason::NoCertificate | FailureReason::BadCertificate(_) => {
                Self::ServerBadCertificate
            }
            // A server that does not have the key cannot make a Finished that fits.
            FailureReason::WrongPsk { .. } | FailureReason::UnknownPskIdentity { .. } => {
                Self::WrongCredentials
            }
            _ => Self::Other,
        }
    }

    /// What an alert of the server comes down to, in a handshake or a session with these credentials.
    #[must_use]
    pub const fn of_alert(alert: Alert, security: &Security) -> Self {
        let psk = matches!(security, Security::Psk(_));
        match alert {
            // RFC 4279 §2, RFC 5246 §7.2.2: an unknown identity may look like a wrong key, and that like a forgery.
            Alert::BAD_RECORD_MAC | Alert::DECRYPT_ERROR | Alert::UNKNOWN_PSK_IDENTITY if psk => {
                Self::WrongCredentials
            }
            Alert::BAD_CERTIFICATE
            | Alert::CERTIFICATE_REVOKED
            | Alert::CERTIFICATE_EXPIRED
            | Alert::CERTIFICATE_UNKNOWN
            | Alert::UNKNOWN_CA
            | Alert::ACCESS_DENIED
            | Alert::CERTIFICATE_REQUIRED => Self::WrongCredentials,
            Alert::HANDSHAKE_FAILURE
            | Alert::INSUFFICIENT_SECURITY
            | Alert::UNSUPPORTED_CERTIFICATE => Self::NoCommonSuite,
            other => Self::Alert(other),
        }
    }

    /// A stable identifier for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadCredentials => "bad_credentials",
            Self::AddressInUse => "address_in_use",
            Self::NoAnswer => "no_handshake",
            Self::NoCommonSuite => "no_common_suite",
            Self::WrongCredentials => "wrong_credentials",
            Self::ServerExpired => "server_certificate_expired",
            Self::ServerWrongName => "server_wrong_name",
            Self::ServerUnknownAuthority => "server_unknown_authority",
            Self::ServerUnexpectedKey => "server_unexpected_key",
            Self::ServerBadCertificate => "server_bad_certificate",
            Self::Alert(_) => "alert",
            Self::Closed => "session_closed",
            Self::Other => "handshake_failed",
        }
    }
}

impl fmt::Display for SecurityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadCredentials => "the account's credentials cannot be used",
            Self::AddressInUse => "another account leads to the same address",
            Self::NoAnswer => "the server did not answer the handshake",
            Self::NoCommonSuite => {
                "server and device have no cipher suite or kind of certificate in common"
            }
            Self::WrongCredentials => "the server does not accept the device's identity or key",
            Self::ServerExpired => "the server's certificate is not valid at this time",
            Self::ServerWrongName => "the server's certificate is for another name",
            Self::ServerUnknownAuthority => "the server's certificate is of an unknown authority",
            Self::ServerUnexpectedKey => "the server's key is not the expected one",
            Self::ServerBadCertificate => "the server's certificate cannot be accepted",
            Self::Alert(alert) => return write!(f, "the server sent the alert {alert}"),
            Self::Closed => "the server closed the session before it answered",
            Self::Other => "the handshake failed",
        })
    }
}

/// What a device does about an alert.
///
/// # Specification
/// LwM2M Transport 1.2, the table of alerts for clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "the three columns of the table")]
pub enum AlertPolicy {
    /// The server counts as failed: the retry procedure of its account follows.
    Fail,
    /// The handshake is tried again.
    Retry,
    /// It means nothing; as the session is gone all the same, the handshake is tried again, and nothing is noted.
    Ignore,
}

impl AlertPolicy {
    /// The column of an alert. One that the table does not name fails.
    #[must_use]
    pub const fn of(alert: Alert) -> Self {
        match alert.0 {
            0 | 10 | 20..=22 | 40 | 47 | 50 | 51 | 70 | 71 | 86 | 90 | 100 | 111 => Self::Retry,
            30 | 41 | 60 | 110 => Self::Ignore,
            _ => Self::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{Alert, AlertPolicy};

    /// LwM2M Transport 1.2, the table of alerts.
    #[test]
    fn every_alert_has_its_column() {
        let of = |policy| move |alert: &u8| AlertPolicy::of(Alert(*alert)) == policy;
        let retry: Vec<u8> = (0..=114).filter(of(AlertPolicy::Retry)).collect();
        assert_eq!(
            retry,
            [0, 10, 20, 21, 22, 40, 47, 50, 51, 70, 71, 86, 90, 100, 111]
        );
        let ignored: Vec<u8> = (0..=255).filter(of(AlertPolicy::Ignore)).collect();
        assert_eq!(ignored, [30, 41, 60, 110]);
        for fail in [42, 43, 44, 45, 46, 48, 49, 112, 113, 114, 115] {
            assert_eq!(AlertPolicy::of(Alert(fail)), AlertPolicy::Fail, "{fail}");
        }
    }
}
