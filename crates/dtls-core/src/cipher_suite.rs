use core::fmt;

/// A cipher suite's registered number.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "a number of two bytes")]
pub struct CipherSuite(pub u16);

/// How the records of a suite are protected.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cipher {
    /// AES-128-CCM with a tag of 8 bytes (RFC 6655).
    Aes128Ccm8,
    /// AES-128-CCM with a tag of 16 bytes (RFC 6655).
    Aes128Ccm,
    /// AES-128-GCM (RFC 5288).
    Aes128Gcm,
    /// AES-128-CBC with HMAC-SHA256 (RFC 5246 §6.2.3.2), encrypt-then-MAC where negotiated (RFC 7366).
    Aes128CbcSha256,
}

macro_rules! suites {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $cipher:ident;)*) => {
        impl CipherSuite {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The registered name, where this crate knows the suite.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(concat!("TLS_", stringify!($name))),)*
                    _ => None,
                }
            }

            /// How records are protected, where this crate knows the suite.
            pub const fn cipher(self) -> Option<Cipher> {
                match self.0 {
                    $($number => Some(Cipher::$cipher),)*
                    _ => None,
                }
            }
        }
    };
}

suites! {
    /// RFC 6655; mandatory for LwM2M with pre-shared keys.
    PSK_WITH_AES_128_CCM_8 = 0xc0a8, Aes128Ccm8;
    /// RFC 6655.
    PSK_WITH_AES_128_CCM = 0xc0a4, Aes128Ccm;
    /// RFC 5487.
    PSK_WITH_AES_128_GCM_SHA256 = 0x00a8, Aes128Gcm;
    /// RFC 5487; mandatory for LwM2M servers.
    PSK_WITH_AES_128_CBC_SHA256 = 0x00ae, Aes128CbcSha256;
    /// RFC 5489.
    ECDHE_PSK_WITH_AES_128_CBC_SHA256 = 0xc037, Aes128CbcSha256;
    /// RFC 7251; mandatory for LwM2M with raw public keys or certificates.
    ECDHE_ECDSA_WITH_AES_128_CCM_8 = 0xc0ae, Aes128Ccm8;
    /// RFC 7251.
    ECDHE_ECDSA_WITH_AES_128_CCM = 0xc0ac, Aes128Ccm;
    /// RFC 5289.
    ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b, Aes128Gcm;
    /// RFC 5289; mandatory for LwM2M servers.
    ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 = 0xc023, Aes128CbcSha256;
}

impl CipherSuite {
    /// Signals support of secure renegotiation (RFC 5746 §3.3); no suite.
    pub const EMPTY_RENEGOTIATION_INFO_SCSV: Self = Self(0x00ff);
}

impl fmt::Debug for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
