use alloc::boxed::Box;
use alloc::vec::Vec;

use dtls_core::{
    CipherSuite, ClientHello, Failure, KeyExchange, Offer, Secret, Selection, ServerExtensions,
    ServerHello, Suites,
};

use crate::exchange::Exchange;

/// Pre-shared key suites, for the server or for a client with its identity and key.
///
/// A server knows no keys: it asks for each with
/// [`Question::Psk`](dtls_core::Question::Psk). An identity that nobody has fails where a
/// wrong key fails, at the same time and with the same bytes.
#[derive(Clone, Debug)]
pub struct Psk {
    client: Option<Client>,
    suites: Vec<CipherSuite>,
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) identity: Box<[u8]>,
    pub(crate) key: Secret,
}

/// The longest identity, bytes. LwM2M 1.0 §7.1.7 demands 128 to be possible.
pub const MAX_IDENTITY: usize = 128;
/// The longest key, bytes. LwM2M 1.0 §7.1.7 demands 64 to be possible.
pub const MAX_KEY: usize = 64;

impl Psk {
    /// A client with its identity (1 to 128 bytes) and key (1 to 64 bytes; fewer than 16 are weak).
    ///
    /// It offers CCM_8, CCM and GCM, in this order; CBC has to be asked for with [`with_suites`](Self::with_suites).
    ///
    /// # Errors
    /// A length out of range.
    pub fn client(identity: &[u8], key: &[u8]) -> Result<Self, PskError> {
        if !(1..=MAX_IDENTITY).contains(&identity.len()) {
            return Err(PskError::Identity(identity.len()));
        }
        if !(1..=MAX_KEY).contains(&key.len()) {
            return Err(PskError::Key(key.len()));
        }
        Ok(Self {
            client: Some(Client {
                identity: identity.into(),
                key: Secret::new(key),
            }),
            suites: CLIENT.into(),
        })
    }

    /// A server. It accepts CCM_8, CCM, GCM and CBC, and takes the first of these that the client offers.
    pub fn server() -> Self {
        Self {
            client: None,
            suites: SERVER.into(),
        }
    }

    /// Offers or accepts only `suites`, in this order.
    ///
    /// # Errors
    /// One is no pre-shared key suite that is built in.
    pub fn with_suites(mut self, suites: &[CipherSuite]) -> Result<Self, PskError> {
        match suites.iter().find(|suite| !KNOWN.contains(suite)) {
            Some(suite) => Err(PskError::Suite(*suite)),
            None => {
                self.suites = suites.into();
                Ok(self)
            }
        }
    }
}

impl Suites for Psk {
    fn offer(&self) -> Offer {
        let mut offer = Offer::default();
        offer.suites.clone_from(&self.suites);
        #[cfg(feature = "ecdhe")]
        if self.suites.iter().any(|suite| is_ecdhe(*suite)) {
            offer.groups = [dtls_core::NamedGroup::SECP256R1].into();
        }
        offer
    }

    fn select(&self, hello: &ClientHello<'_>) -> Result<Selection, Failure> {
        let usable = |suite: CipherSuite| {
            hello.offers(suite)
                && (!is_ecdhe(suite)
                    || hello.reads_uncompressed_points()
                        && hello.groups().is_none_or(|mut groups| {
                            groups.any(|group| group == dtls_core::NamedGroup::SECP256R1)
                        }))
        };
        let Some(&suite) = self.suites.iter().find(|suite| usable(**suite)) else {
            return Err(Failure::no_common_suite(hello, self.suites.clone()));
        };
        let mut extensions = ServerExtensions::default();
        extensions.point_formats = is_ecdhe(suite);
        let exchange = Exchange::new(None, is_ecdhe(suite));
        Ok(Selection::new(suite, extensions, Box::new(exchange)))
    }

    fn accept(&self, hello: &ServerHello<'_>) -> Result<Box<dyn KeyExchange>, Failure> {
        Ok(Box::new(Exchange::new(
            self.client.clone(),
            is_ecdhe(hello.suite()),
        )))
    }
}

const fn is_ecdhe(suite: CipherSuite) -> bool {
    suite.0 == CipherSuite::ECDHE_PSK_WITH_AES_128_CBC_SHA256.0
}

const CLIENT: [CipherSuite; 3] = [
    CipherSuite::PSK_WITH_AES_128_CCM_8,
    CipherSuite::PSK_WITH_AES_128_CCM,
    CipherSuite::PSK_WITH_AES_128_GCM_SHA256,
];
const SERVER: [CipherSuite; 4] = [
    CipherSuite::PSK_WITH_AES_128_CCM_8,
    CipherSuite::PSK_WITH_AES_128_CCM,
    CipherSuite::PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::PSK_WITH_AES_128_CBC_SHA256,
];
const KNOWN: &[CipherSuite] = &[
    CipherSuite::PSK_WITH_AES_128_CCM_8,
    CipherSuite::PSK_WITH_AES_128_CCM,
    CipherSuite::PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite::PSK_WITH_AES_128_CBC_SHA256,
    #[cfg(feature = "ecdhe")]
    CipherSuite::ECDHE_PSK_WITH_AES_128_CBC_SHA256,
];

/// What cannot be a credential or a suite here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PskError {
    /// An identity of so many bytes.
    Identity(usize),
    /// A key of so many bytes.
    Key(usize),
    /// No pre-shared key suite that is built in.
    Suite(CipherSuite),
}

impl core::fmt::Display for PskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Identity(len) => {
                write!(f, "a psk identity has 1 to {MAX_IDENTITY} bytes, not {len}")
            }
            Self::Key(len) => write!(f, "a psk has 1 to {MAX_KEY} bytes, not {len}"),
            Self::Suite(suite) => write!(f, "{suite} is no pre-shared key suite that is built in"),
        }
    }
}

impl core::error::Error for PskError {}
