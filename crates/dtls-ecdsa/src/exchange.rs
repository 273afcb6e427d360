//! One handshake, from the hello to the proof of the peer's key.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dtls_core::{
    Alert, Answer, CertificateType, Context, Failure, FailureReason, Flight, IdentityKind,
    KeyExchange, Message, PeerIdentity, Presence, Question, Role, Secret, Step,
};

use crate::chain::verify_chain;
use crate::message::{self, ServerKeyExchange};
use crate::suites::{Shared, no_common_type};
use crate::trust::{check_name, check_names, no_name, unexpected_key};
use crate::{
    Certificate, CertificateNames, EphemeralKey, PublicKey, Shown, Trust, verify_client_chain,
    verify_server,
};

/// The client's side.
pub(crate) struct ClientExchange {
    shared: Arc<Shared>,
    /// What to show if the server asks; `None` where this side has nothing of the wanted type.
    own_type: Option<CertificateType>,
    peer: Peer,
    server_point: Option<PublicKey>,
    premaster: Option<Secret>,
}

impl ClientExchange {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        server_type: CertificateType,
        own_type: Option<CertificateType>,
    ) -> Self {
        Self {
            shared,
            own_type,
            peer: Peer::new(server_type),
            server_point: None,
            premaster: None,
        }
    }
}

impl KeyExchange for ClientExchange {
    fn flight(&self) -> Flight {
        Flight {
            certificate: Presence::Required,
            server_key_exchange: Presence::Required,
            certificate_request: Presence::Optional,
        }
    }

    fn write(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match message {
            Message::Certificate => {
                let own_type = self.own_type.ok_or_else(no_common_type)?;
                write_certificate(&self.shared, own_type, out);
                Ok(())
            }
            Message::ClientKeyExchange => {
                // Nothing is agreed with a server that is not trusted yet.
                let (Some(point), true) = (self.server_point, self.peer.is_trusted()) else {
                    return Err(out_of_order());
                };
                let own = self.shared.provider.generate(cx.rng)?;
                message::write_point(out, &own.public_key());
                self.premaster = Some(own.agree(&point)?);
                Ok(())
            }
            Message::CertificateVerify => {
                let mut signature = Vec::new();
                self.shared.signer.sign(cx.transcript, &mut signature)?;
                message::write_signature(out, &signature);
                Ok(())
            }
            Message::ServerKeyExchange | Message::CertificateRequest => Err(out_of_order()),
        }
    }

    fn read(
        &mut self,
        message: Message,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Step, Failure> {
        match message {
            Message::Certificate => self.peer.show(body)?,
            Message::ServerKeyExchange => {
                let ServerKeyExchange {
                    point,
                    params,
                    signature,
                } = ServerKeyExchange::decode(body)?;
                let point = read_point(point)?;
                let signed = message::signed_params(cx.client_random, cx.server_random, params);
                self.peer.prove(&self.shared, &signed, signature)?;
                self.server_point = Some(point);
            }
            Message::CertificateRequest => message::read_certificate_request(body)?,
            Message::ClientKeyExchange | Message::CertificateVerify => return Err(out_of_order()),
        }
        Ok(Step::Done)
    }

    fn server_done(&mut self, cx: &mut Context<'_>) -> Result<Step, Failure> {
        self.peer.judge(&self.shared, cx)
    }

    fn answer(&mut self, answer: Answer, _: &mut Context<'_>) -> Result<Step, Failure> {
        self.peer.answer(answer)
    }

    fn premaster(&mut self) -> Result<Secret, Failure> {
        self.premaster.take().ok_or_else(out_of_order)
    }

    fn peer(&self) -> PeerIdentity {
        self.peer.identity()
    }
}

/// The server's side.
pub(crate) struct ServerExchange {
    shared: Arc<Shared>,
    own_type: CertificateType,
    peer: Peer,
    ephemeral: Option<Box<dyn EphemeralKey>>,
    premaster: Option<Secret>,
}

impl ServerExchange {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        own_type: CertificateType,
        client_type: CertificateType,
    ) -> Self {
        Self {
            shared,
            own_type,
            peer: Peer::new(client_type),
            ephemeral: None,
            premaster: None,
        }
    }
}

impl KeyExchange for ServerExchange {
    fn flight(&self) -> Flight {
        Flight {
            certificate: Presence::Required,
            server_key_exchange: Presence::Required,
            certificate_request: Presence::Required,
        }
    }

    fn write(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match message {
            Message::Certificate => write_certificate(&self.shared, self.own_type, out),
            Message::ServerKeyExchange => {
                let own = self.shared.provider.generate(cx.rng)?;
                let params = message::ecdh_params(&own.public_key());
                let signed = message::signed_params(cx.client_random, cx.server_random, &params);
                let mut signature = Vec::new();
                self.shared.signer.sign(&signed, &mut signature)?;
                out.extend(params);
                message::write_signature(out, &signature);
                self.ephemeral = Some(own);
            }
            Message::CertificateRequest => {
                let authorities = match &self.shared.trust {
                    Trust::Anchors(anchors) | Trust::Named { anchors, .. } => anchors.subjects(),
                    Trust::Ask | Trust::Keys(_) | Trust::Server(_) => Vec::new(),
                };
                message::write_certificate_request(out, &authorities);
            }
            Message::ClientKeyExchange | Message::CertificateVerify => return Err(out_of_order()),
        }
        Ok(())
    }

    fn read(
        &mut self,
        message: Message,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Step, Failure> {
        match message {
            Message::Certificate => self.peer.show(body)?,
            Message::ClientKeyExchange => {
                let point = read_point(message::read_client_key_exchange(body)?)?;
                let own = self.ephemeral.take().ok_or_else(out_of_order)?;
                self.premaster = Some(own.agree(&point)?);
            }
            Message::CertificateVerify => {
                let signature = message::read_signature(dtls_core::Reader::new(body))?;
                self.peer.prove(&self.shared, cx.transcript, signature)?;
                return self.peer.judge(&self.shared, cx);
            }
            Message::ServerKeyExchange | Message::CertificateRequest => return Err(out_of_order()),
        }
        Ok(Step::Done)
    }

    fn server_done(&mut self, _: &mut Context<'_>) -> Result<Step, Failure> {
        Err(out_of_order())
    }

    fn answer(&mut self, answer: Answer, _: &mut Context<'_>) -> Result<Step, Failure> {
        self.peer.answer(answer)
    }

    fn premaster(&mut self) -> Result<Secret, Failure> {
        self.premaster.take().ok_or_else(out_of_order)
    }

    fn peer(&self) -> PeerIdentity {
        self.peer.identity()
    }
}

/// How far the peer has come: shown a key, proven it, been trusted. One step after the other, none twice.
struct Peer {
    kind: CertificateType,
    state: PeerState,
}

enum PeerState {
    Unknown,
    Shown(Claim),
    Proven(Claim),
    /// The application is asked; the identity for the case that it agrees.
    Asked(PeerIdentity),
    Trusted(PeerIdentity),
}

/// What a Certificate message says.
struct Claim {
    key: PublicKey,
    /// None for a bare key.
    chain: Vec<Vec<u8>>,
    identity: PeerIdentity,
}

impl Peer {
    const fn new(kind: CertificateType) -> Self {
        Self {
            kind,
            state: PeerState::Unknown,
        }
    }

    const fn is_trusted(&self) -> bool {
        matches!(self.state, PeerState::Trusted(_))
    }

    /// Takes a Certificate message.
    fn show(&mut self, body: &[u8]) -> Result<(), Failure> {
        let PeerState::Unknown = self.state else {
            return Err(out_of_order());
        };
        let claim = if self.kind == CertificateType::RAW_PUBLIC_KEY {
            let spki = message::read_raw_public_key(body)?;
            if spki.is_empty() {
                return Err(no_certificate());
            }
            let key = PublicKey::from_spki(spki).map_err(|_| unsupported_key())?;
            Claim {
                key,
                chain: Vec::new(),
                identity: PeerIdentity::new(IdentityKind::RAW_PUBLIC_KEY, spki),
            }
        } else {
            let chain = message::read_chain(body)?;
            let leaf = Certificate::from_der(chain.first().ok_or_else(no_certificate)?)?;
            let key = *leaf.public_key().ok_or_else(unsupported_key)?;
            let names = CertificateNames::of(&leaf).encode();
            Claim {
                key,
                chain: chain.into_iter().map(Into::into).collect(),
                identity: PeerIdentity::new(IdentityKind::X509, &names),
            }
        };
        self.state = PeerState::Shown(claim);
        Ok(())
    }

    /// Checks that the peer has signed `message` with the key that it has shown.
    fn prove(&mut self, shared: &Shared, message: &[u8], signature: &[u8]) -> Result<(), Failure> {
        let state = core::mem::replace(&mut self.state, PeerState::Unknown);
        let PeerState::Shown(claim) = state else {
            return Err(out_of_order());
        };
        let verdict = shared.provider.verify(&claim.key, message, signature);
        verdict.map_err(|_| Failure::new(Alert::DECRYPT_ERROR, FailureReason::BadSignature))?;
        self.state = PeerState::Proven(claim);
        Ok(())
    }

    /// Decides whether the proven key is welcome, or asks.
    fn judge(&mut self, shared: &Shared, cx: &Context<'_>) -> Result<Step, Failure> {
        let state = core::mem::replace(&mut self.state, PeerState::Unknown);
        let PeerState::Proven(claim) = state else {
            return Err(out_of_order());
        };
        let Claim {
            key,
            chain,
            identity,
        } = claim;
        let provider = &*shared.provider;
        match &shared.trust {
            Trust::Ask => {
                let chain = match chain.is_empty() {
                    true => [key.spki()].into(),
                    false => chain,
                };
                let server_name = cx.server_name.map(Into::into);
                let question = Question::trust(identity.kind, chain, server_name);
                self.state = PeerState::Asked(identity);
                return Ok(Step::Ask(question));
            }
            Trust::Keys(keys) if chain.is_empty() && keys.contains(&key) => {}
            Trust::Keys(_) => return Err(unexpected_key(&key.fingerprint())),
            Trust::Anchors(anchors) => match cx.role {
                Role::Server => {
                    verify_client_chain(provider, anchors, &chain, cx.wall_clock)?;
                }
                Role::Client => {
                    let now = cx.wall_clock;
                    let name = cx.server_name.ok_or_else(no_name)?;
                    let leaf =
                        verify_chain(provider, anchors, &chain, Role::Server, now, &|_| true)?;
                    check_name(&leaf, name)?;
                }
            },
            Trust::Named { anchors, names } => {
                let peer = match cx.role {
                    Role::Server => Role::Client,
                    Role::Client => Role::Server,
                };
                let now = cx.wall_clock;
                let leaf = verify_chain(provider, anchors, &chain, peer, now, &|_| true)?;
                check_names(&leaf, names)?;
            }
            Trust::Server(trust) => {
                let shown = match chain.is_empty() {
                    true => Shown::RawPublicKey(&key),
                    false => Shown::Chain(&chain),
                };
                verify_server(provider, trust, shown, cx.server_name, cx.wall_clock)?;
            }
        }
        self.state = PeerState::Trusted(identity);
        Ok(Step::Done)
    }

    fn answer(&mut self, answer: Answer) -> Result<Step, Failure> {
        let state = core::mem::replace(&mut self.state, PeerState::Unknown);
        let (PeerState::Asked(identity), Answer::Trust(verdict)) = (state, answer) else {
            return Err(out_of_order());
        };
        verdict?;
        self.state = PeerState::Trusted(identity);
        Ok(Step::Done)
    }

    /// Who the peer claims to be, so that a revocation finds it on its way; nobody after a failure.
    fn identity(&self) -> PeerIdentity {
        match &self.state {
            PeerState::Unknown => PeerIdentity::new(IdentityKind::ANONYMOUS, &[]),
            PeerState::Shown(claim) | PeerState::Proven(claim) => claim.identity.clone(),
            PeerState::Asked(identity) | PeerState::Trusted(identity) => identity.clone(),
        }
    }
}

fn write_certificate(shared: &Shared, kind: CertificateType, out: &mut Vec<u8>) {
    let credentials = &shared.credentials;
    if kind == CertificateType::RAW_PUBLIC_KEY {
        message::write_raw_public_key(out, credentials.public_key());
    } else {
        message::write_chain(out, credentials.chain());
    }
}

fn read_point(point: &[u8]) -> Result<PublicKey, Failure> {
    // RFC 8422 §5.11: a point that is not on the curve ends the handshake with illegal_parameter.
    PublicKey::from_point(point).map_err(|_| Alert::ILLEGAL_PARAMETER.into())
}

/// A call that the order of a handshake does not have.
fn out_of_order() -> Failure {
    let reason = FailureReason::Internal("the key exchange was called out of order");
    Failure::new(Alert::INTERNAL_ERROR, reason)
}

pub(crate) fn no_certificate() -> Failure {
    // RFC 5246 §7.4.6: handshake_failure where a client shows no certificate.
    Failure::new(Alert::HANDSHAKE_FAILURE, FailureReason::NoCertificate)
}

fn unsupported_key() -> Failure {
    Failure::new(
        Alert::UNSUPPORTED_CERTIFICATE,
        FailureReason::BadCertificate("its key is not an uncompressed one on P-256"),
    )
}
