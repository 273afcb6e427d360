use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hint::black_box;

use dtls_core::{
    Alert, Answer, Context, Failure, FailureReason, Flight, IdentityKind, KeyExchange, Message,
    PeerIdentity, Presence, Question, Reader, Role, Secret, Step,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::psk::{Client, MAX_IDENTITY, MAX_KEY};

/// One handshake of either side.
pub(crate) struct Exchange {
    client: Option<Client>,
    /// What the client said, and whether anybody has it.
    identity: Box<[u8]>,
    unknown: bool,
    /// The key of that identity, or this client's; empty while there is none. Behind it the one of an identity that nobody
    /// has.
    keys: [Secret; 2],
    #[cfg(feature = "ecdhe")]
    ecdhe: Option<crate::ecdhe::Agreement>,
}

impl Exchange {
    #[cfg_attr(not(feature = "ecdhe"), allow(unused_variables))]
    pub(crate) fn new(client: Option<Client>, ecdhe: bool) -> Self {
        let (identity, key) = match &client {
            Some(client) => (client.identity.clone(), client.key.clone()),
            None => (Box::default(), Secret::new(&[])),
        };
        Self {
            client,
            identity,
            unknown: false,
            keys: [key, Secret::new(&[])],
            #[cfg(feature = "ecdhe")]
            ecdhe: ecdhe.then(crate::ecdhe::Agreement::default),
        }
    }

    #[cfg(feature = "ecdhe")]
    const fn has_ecdhe(&self) -> bool {
        self.ecdhe.is_some()
    }

    #[cfg(not(feature = "ecdhe"))]
    #[allow(clippy::unused_self, reason = "as with the feature")]
    const fn has_ecdhe(&self) -> bool {
        false
    }
}

impl KeyExchange for Exchange {
    fn flight(&self) -> Flight {
        Flight {
            certificate: Presence::Absent,
            // RFC 4279 §2: a server without a hint leaves it out; a client ignores hints.
            server_key_exchange: match (self.has_ecdhe(), &self.client) {
                (true, _) => Presence::Required,
                (false, Some(_)) => Presence::Optional,
                (false, None) => Presence::Absent,
            },
            certificate_request: Presence::Absent,
        }
    }

    fn write(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match message {
            Message::ClientKeyExchange if cx.role == Role::Client => {
                let len = u16::try_from(self.identity.len()).map_err(|_| INTERNAL)?;
                out.extend(len.to_be_bytes());
                out.extend(&self.identity);
            }
            Message::ServerKeyExchange if cx.role == Role::Server => out.extend([0, 0]),
            _ => return Err(INTERNAL.into()),
        }
        #[cfg(feature = "ecdhe")]
        if let Some(agreement) = &mut self.ecdhe {
            agreement.write(cx, out)?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        message: Message,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Step, Failure> {
        let mut reader = Reader::new(body);
        let text = reader.vec16()?;
        #[cfg(feature = "ecdhe")]
        if let Some(agreement) = &mut self.ecdhe {
            agreement.read(cx, &mut reader)?;
        }
        reader.end()?;
        match (message, cx.role) {
            (Message::ServerKeyExchange, Role::Client) => Ok(Step::Done),
            (Message::ClientKeyExchange, Role::Server) => {
                if text.len() > MAX_IDENTITY {
                    return Err(Alert::ILLEGAL_PARAMETER.into());
                }
                self.identity = text.into();
                Ok(Step::Ask(Question::psk(text.into())))
            }
            _ => Err(Alert::UNEXPECTED_MESSAGE.into()),
        }
    }

    fn server_done(&mut self, _: &mut Context<'_>) -> Result<Step, Failure> {
        Ok(Step::Done)
    }

    fn answer(&mut self, answer: Answer, cx: &mut Context<'_>) -> Result<Step, Failure> {
        let Answer::Psk(key) = answer else {
            return Err(INTERNAL.into());
        };
        let made_up = made_up_key(cx.local_secret, &self.identity);
        let key = key.unwrap_or_else(|| Secret::new(&[]));
        self.unknown = !(1..=MAX_KEY).contains(&key.len());
        // Both are kept until the handshake ends: nothing is done to one that is not done to the other.
        self.keys = [key, made_up];
        Ok(Step::Done)
    }

    /// RFC 4279 §2: a length and as many zeros as the key has bytes (or what was agreed on), a length and the key.
    fn premaster(&mut self) -> Result<Secret, Failure> {
        // Chosen without a branch, which would take its time by what came before.
        let chosen = black_box(usize::from(self.unknown));
        let key = self.keys.get(chosen).ok_or(INTERNAL)?.expose();
        if key.is_empty() {
            return Err(INTERNAL.into());
        }
        let len = u16::try_from(key.len()).map_err(|_| INTERNAL)?;
        let mut out = Vec::with_capacity(2 * (2 + MAX_KEY));
        #[cfg(feature = "ecdhe")]
        match self.ecdhe.as_mut().map(crate::ecdhe::Agreement::take) {
            Some(agreed) => {
                let agreed = agreed?;
                out.extend([0, 32]);
                out.extend(agreed.expose());
            }
            None => zeros(&mut out, len),
        }
        #[cfg(not(feature = "ecdhe"))]
        zeros(&mut out, len);
        out.extend(len.to_be_bytes());
        out.extend(key);
        Ok(Secret::from(out))
    }

    fn peer(&self) -> PeerIdentity {
        match self.client {
            // A server proves that it has the key; it has no name beside the client's.
            Some(_) => PeerIdentity::new(IdentityKind::PSK, &[]),
            None => PeerIdentity::new(IdentityKind::PSK, &self.identity),
        }
    }

    fn finished_mismatch(&self) -> Failure {
        let identity = self.identity.to_vec();
        let reason = if self.unknown {
            FailureReason::UnknownPskIdentity { identity }
        } else {
            FailureReason::WrongPsk { identity }
        };
        Failure::new(Alert::DECRYPT_ERROR, reason)
    }
}

fn zeros(out: &mut Vec<u8>, len: u16) {
    out.extend(len.to_be_bytes());
    out.resize(out.len().saturating_add(len.into()), 0);
}

/// The key of an identity that nobody has: the same each time, and nobody can know it.
fn made_up_key(local_secret: &[u8; 32], identity: &[u8]) -> Secret {
    let Ok(mut mac) = <Hmac<Sha256>>::new_from_slice(local_secret) else {
        return Secret::new(&[0; 16]);
    };
    mac.update(identity);
    let bytes = mac.finalize().into_bytes();
    Secret::new(bytes.get(..16).unwrap_or_default())
}

const INTERNAL: Alert = Alert::INTERNAL_ERROR;
