//! The seam between this crate, which owns the handshake, and the suites, which fill its messages.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use sansio::Rng;

use crate::{
    Alert, CertificateType, CipherSuite, ClientHello, Failure, FailureReason, NamedGroup, Secret,
    ServerHello, SignatureScheme,
};

/// Cipher suites with the credentials of this side: what makes an [`Endpoint`](crate::Endpoint) speak PSK, ECDSA or both.
///
/// A `Vec<Arc<dyn Suites>>` offers and accepts what each of its elements does, the first one first.
pub trait Suites: fmt::Debug + Send + Sync {
    /// As client: what to offer. As server: what there is, for the operator's report of a mismatch.
    fn offer(&self) -> Offer;

    /// As server: picks a suite that `hello` offers.
    ///
    /// # Errors
    /// None fits: [`Failure::no_common_suite`], or what else is missing.
    fn select(&self, hello: &ClientHello<'_>) -> Result<Selection, Failure>;

    /// As client: takes the suite that the server picked, which is one of the [`offer`](Self::offer).
    ///
    /// # Errors
    /// What the server wants does not fit.
    fn accept(&self, hello: &ServerHello<'_>) -> Result<Box<dyn KeyExchange>, Failure>;
}

/// A suite that a server picked, and the object that goes through the handshake with it.
#[non_exhaustive]
pub struct Selection {
    /// The suite.
    pub suite: CipherSuite,
    /// What answers the client's extensions.
    pub extensions: ServerExtensions,
    /// Fills and reads the messages.
    pub key_exchange: Box<dyn KeyExchange>,
}

impl Selection {
    /// A choice.
    pub fn new(
        suite: CipherSuite,
        extensions: ServerExtensions,
        key_exchange: Box<dyn KeyExchange>,
    ) -> Self {
        Self {
            suite,
            extensions,
            key_exchange,
        }
    }
}

impl fmt::Debug for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// What a client offers for its suites; an empty list leaves the extension out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Offer {
    /// In order of preference.
    pub suites: Vec<CipherSuite>,
    /// supported_groups (RFC 8422 §5.1.1); ec_point_formats goes with it.
    pub groups: Vec<NamedGroup>,
    /// signature_algorithms (RFC 5246 §7.4.1.4.1).
    pub signature_schemes: Vec<SignatureScheme>,
    /// client_certificate_type (RFC 7250 §3); left out where it is X.509 alone.
    pub client_certificate_types: Vec<CertificateType>,
    /// server_certificate_type (RFC 7250 §3); left out where it is X.509 alone.
    pub server_certificate_types: Vec<CertificateType>,
}

/// What a server says in its hello for the suite that it picked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerExtensions {
    /// The type that the client shall show; only where it offered the extension.
    pub client_certificate_type: Option<CertificateType>,
    /// The type that the server will show; only where the client offered the extension.
    pub server_certificate_type: Option<CertificateType>,
    /// Whether to answer ec_point_formats.
    pub point_formats: bool,
}

/// Which messages a suite's handshake has beyond hello, done, ClientKeyExchange and Finished.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "the optional messages of RFC 5246 §7.3"
)]
pub struct Flight {
    /// The server's Certificate.
    pub certificate: Presence,
    /// ServerKeyExchange.
    pub server_key_exchange: Presence,
    /// CertificateRequest. Where it was sent, the client's Certificate and CertificateVerify are demanded.
    pub certificate_request: Presence,
}

/// Whether a message is part of a flight. A server sends what is [`Required`](Self::Required).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "closed")]
pub enum Presence {
    /// Never.
    Absent,
    /// The peer may send it.
    Optional,
    /// Always.
    Required,
}

/// A message that a suite fills or reads.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 5246 §7.4")]
pub enum Message {
    /// Of either side.
    Certificate,
    /// Of the server.
    ServerKeyExchange,
    /// Of the server.
    CertificateRequest,
    /// Of the client.
    ClientKeyExchange,
    /// Of the client.
    CertificateVerify,
}

/// Which side of the handshake.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "closed")]
pub enum Role {
    /// The side that sends the ClientHello.
    Client,
    /// The other side.
    Server,
}

/// What a key exchange may look at while it fills or reads a message.
#[allow(
    missing_debug_implementations,
    reason = "holds secrets and lives for one call"
)]
#[non_exhaustive]
pub struct Context<'a> {
    /// Which side this is.
    pub role: Role,
    /// Of the ClientHello.
    pub client_random: &'a [u8; 32],
    /// Of the ServerHello.
    pub server_random: &'a [u8; 32],
    /// All handshake messages so far with their headers (RFC 6347 §4.2.6), without the one at hand.
    pub transcript: &'a [u8],
    /// The server's name that the client sent or wants (RFC 6066 §3).
    pub server_name: Option<&'a str>,
    /// Unix seconds, 0 where the application told none.
    pub wall_clock: u64,
    /// A secret that never leaves this endpoint, for keys of identities that do not exist.
    pub local_secret: &'a [u8; 32],
    /// Fresh randomness.
    pub rng: &'a mut Rng,
}

impl<'a> Context<'a> {
    /// A context, for tests of a key exchange by itself.
    #[allow(clippy::too_many_arguments, reason = "one per field")]
    pub fn new(
        role: Role,
        client_random: &'a [u8; 32],
        server_random: &'a [u8; 32],
        transcript: &'a [u8],
        server_name: Option<&'a str>,
        wall_clock: u64,
        local_secret: &'a [u8; 32],
        rng: &'a mut Rng,
    ) -> Self {
        Self {
            role,
            client_random,
            server_random,
            transcript,
            server_name,
            wall_clock,
            local_secret,
            rng,
        }
    }
}

/// One handshake's key exchange. The endpoint demands the messages in order; this fills and reads their bodies.
///
/// Bodies are without the handshake header. After an error the object is dropped.
pub trait KeyExchange: Send {
    /// Which messages there are. Constant for the object.
    fn flight(&self) -> Flight;

    /// Appends the body of a message that this side sends.
    ///
    /// # Errors
    /// The provider failed, or there is no credential to show.
    fn write(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure>;

    /// Reads a message of the peer. With [`Step::Ask`] the handshake pauses until [`answer`](Self::answer).
    ///
    /// # Errors
    /// The message does not fit.
    fn read(
        &mut self,
        message: Message,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Step, Failure>;

    /// As client, at ServerHelloDone: checks that what came suffices. May [`Step::Ask`].
    ///
    /// # Errors
    /// It does not.
    fn server_done(&mut self, cx: &mut Context<'_>) -> Result<Step, Failure>;

    /// Takes the answer to the question that this object asked last.
    ///
    /// # Errors
    /// The answer is no, or does not fit the question.
    fn answer(&mut self, answer: Answer, cx: &mut Context<'_>) -> Result<Step, Failure>;

    /// The premaster secret; called once, when ClientKeyExchange is written or read and answered.
    ///
    /// # Errors
    /// There is none: the messages before did not make one.
    fn premaster(&mut self) -> Result<Secret, Failure>;

    /// Who the peer claims to be so far, and has proven to be when the handshake is over.
    fn peer(&self) -> PeerIdentity;

    /// Why the Finished of this peer, if it does not fit, does not fit: a suite that goes on with a
    /// made-up key tells here that it did.
    fn finished_mismatch(&self) -> Failure {
        Failure::new(Alert::DECRYPT_ERROR, FailureReason::BadSignature)
    }
}

/// Whether a key exchange can go on.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "closed")]
pub enum Step {
    /// It can.
    Done,
    /// It needs an answer first.
    Ask(Question),
}

/// What the application is asked. It may take its time: nothing else waits.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Question {
    /// The key of a PSK identity. Answer with [`Answer::Psk`].
    #[non_exhaustive]
    Psk {
        /// As the client sent it, up to 128 bytes.
        identity: Vec<u8>,
    },
    /// Whether to trust a key or a chain. Answer with [`Answer::Trust`].
    #[non_exhaustive]
    Trust {
        /// [`IdentityKind::RAW_PUBLIC_KEY`] or [`IdentityKind::X509`].
        kind: IdentityKind,
        /// The SubjectPublicKeyInfo alone, or the certificates, the peer's own first (DER).
        chain: Vec<Vec<u8>>,
        /// Whom the client wants, where it said so.
        server_name: Option<String>,
    },
}

impl Question {
    /// The question for the key of `identity`.
    pub const fn psk(identity: Vec<u8>) -> Self {
        Self::Psk { identity }
    }

    /// The question whether to trust `chain`.
    pub const fn trust(
        kind: IdentityKind,
        chain: Vec<Vec<u8>>,
        server_name: Option<String>,
    ) -> Self {
        Self::Trust {
            kind,
            chain,
            server_name,
        }
    }
}

/// The application's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "one per question")]
pub enum Answer {
    /// The key, `None` where nobody has the identity. The handshake then fails where a wrong key fails.
    Psk(Option<Secret>),
    /// Whether the peer may go on, and if not, why.
    Trust(Result<(), Failure>),
}

/// Who a peer has proven to be, as its suite says it; this crate only keeps it.
#[derive(Clone, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct PeerIdentity {
    /// What `value` is.
    pub kind: IdentityKind,
    /// The PSK identity; the SubjectPublicKeyInfo; the names of a certificate in the form of its suite. Public.
    pub value: Box<[u8]>,
}

impl PeerIdentity {
    /// An identity.
    pub fn new(kind: IdentityKind, value: &[u8]) -> Self {
        Self {
            kind,
            value: value.into(),
        }
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} \"{}\"", self.kind, self.value.escape_ascii())
    }
}

/// Of what kind an identity is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_structs, reason = "a number of one byte")]
pub struct IdentityKind(pub u8);

impl IdentityKind {
    /// The peer proved nothing: a server seen by a client that checks no certificate is none of ours.
    pub const ANONYMOUS: Self = Self(0);
    /// A PSK identity.
    pub const PSK: Self = Self(1);
    /// A raw public key (RFC 7250).
    pub const RAW_PUBLIC_KEY: Self = Self(2);
    /// A certificate.
    pub const X509: Self = Self(3);
}

/// Several kinds of suites side by side: what each offers in turn, and the first that fits.
impl Suites for Vec<Arc<dyn Suites>> {
    fn offer(&self) -> Offer {
        let mut all = Offer::default();
        for suites in self {
            let offer = suites.offer();
            join(&mut all.suites, offer.suites);
            join(&mut all.groups, offer.groups);
            join(&mut all.signature_schemes, offer.signature_schemes);
            join(
                &mut all.client_certificate_types,
                offer.client_certificate_types,
            );
            join(
                &mut all.server_certificate_types,
                offer.server_certificate_types,
            );
        }
        all
    }

    fn select(&self, hello: &ClientHello<'_>) -> Result<Selection, Failure> {
        let mut worst = None;
        for suites in self {
            match suites.select(hello) {
                Ok(selection) => return Ok(selection),
                Err(failure) => {
                    let says_more = !matches!(failure.reason, FailureReason::NoCommonSuite { .. });
                    if says_more {
                        worst.get_or_insert(failure);
                    }
                }
            }
        }
        Err(worst.unwrap_or_else(|| Failure::no_common_suite(hello, self.offer().suites)))
    }

    fn accept(&self, hello: &ServerHello<'_>) -> Result<Box<dyn KeyExchange>, Failure> {
        for suites in self {
            if suites.offer().suites.contains(&hello.suite()) {
                return suites.accept(hello);
            }
        }
        Err(Alert::ILLEGAL_PARAMETER.into())
    }
}

fn join<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
