//! With what this server shakes hands as the DTLS client of a device that shows certificates.

use std::fmt;
use std::sync::Arc;

use dtls_core::{
    Alert, Answer, CertificateType, ClientHello, Context, Failure, FailureReason, Flight,
    KeyExchange, Message, Offer, PeerIdentity, Question, Role, Secret, Selection, ServerHello,
    Step, Suites,
};
use dtls_ecdsa::{
    Anchors, Certificate, CertificateNames, CertificateUsage, Credentials, Ecdsa, MatchingType,
    Ring, ServerTrust, ServerTrustError, Shown, Trust, verify_server,
};

/// The suites of one call: certificates alone, and the device must be who registered.
pub(crate) struct Called {
    suites: Ecdsa,
    wanted: Arc<Wanted>,
}

/// Whom the call is for.
struct Wanted {
    anchors: Anchors,
    names: Vec<String>,
}

impl Called {
    /// For the device that has proven `names`; `None` if this server has no certificate that a client may show.
    pub(crate) fn new(
        credentials: Credentials,
        anchors: Anchors,
        names: Vec<String>,
    ) -> Option<Self> {
        if !credentials
            .types(Role::Client)
            .contains(&CertificateType::X509)
        {
            return None;
        }
        let suites = Ecdsa::new(Ring::new(), credentials, Trust::Ask).ok()?;
        let wanted = Arc::new(Wanted { anchors, names });
        Some(Self { suites, wanted })
    }
}

impl Suites for Called {
    fn offer(&self) -> Offer {
        let mut offer = self.suites.offer();
        // A device that has both would show the smaller bare key, which is not what it registered with.
        offer.client_certificate_types = vec![CertificateType::X509];
        offer.server_certificate_types = vec![CertificateType::X509];
        offer
    }

    fn select(&self, _: &ClientHello<'_>) -> Result<Selection, Failure> {
        let reason = FailureReason::Internal("these suites are a client's");
        Err(Failure::new(Alert::INTERNAL_ERROR, reason))
    }

    fn accept(&self, hello: &ServerHello<'_>) -> Result<Box<dyn KeyExchange>, Failure> {
        Ok(Box::new(Exchange {
            inner: self.suites.accept(hello)?,
            wanted: Arc::clone(&self.wanted),
        }))
    }
}

impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Called")
            .field("suites", &self.suites)
            .field("names", &self.wanted.names)
            .finish_non_exhaustive()
    }
}

impl Wanted {
    /// A chain to an authority that is trusted, of a certificate that lets its holder be a server, with the names of whom
    /// the call is for: those with which it was admitted to its endpoint.
    fn judge(&self, chain: &[Vec<u8>], now: u64) -> Result<(), Failure> {
        let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
        // Names of servers are host names; what a device is called is compared below. So the chain is of exactly this
        // certificate, whatever its name.
        let trust = ServerTrust::certificate(
            CertificateUsage::SERVICE_CERTIFICATE_CONSTRAINT,
            MatchingType::EXACT,
            leaf,
        );
        let trust = trust.map_err(|error| match error {
            ServerTrustError::Certificate(error) => error.into(),
            _ => Failure::from(Alert::BAD_CERTIFICATE),
        })?;
        let trust = trust.with_anchors(self.anchors.clone());
        verify_server(&Ring::new(), &trust, Shown::Chain(chain), None, now)?;
        let shown = CertificateNames::of(&Certificate::from_der(leaf)?);
        if shown.names() == self.names {
            return Ok(());
        }
        Err(Failure::new(
            Alert::BAD_CERTIFICATE,
            FailureReason::CertificateWrongName {
                wanted: self.names.join(", "),
                found: shown.names().to_vec(),
            },
        ))
    }
}

/// Answers the one question of a handshake itself.
struct Exchange {
    inner: Box<dyn KeyExchange>,
    wanted: Arc<Wanted>,
}

impl KeyExchange for Exchange {
    fn flight(&self) -> Flight {
        self.inner.flight()
    }

    fn write(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.inner.write(message, cx, out)
    }

    fn read(
        &mut self,
        message: Message,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Step, Failure> {
        self.inner.read(message, body, cx)
    }

    fn server_done(&mut self, cx: &mut Context<'_>) -> Result<Step, Failure> {
        match self.inner.server_done(cx)? {
            Step::Ask(Question::Trust { chain, .. }) => {
                let verdict = self.wanted.judge(&chain, cx.wall_clock);
                self.inner.answer(Answer::Trust(verdict), cx)
            }
            step => Ok(step),
        }
    }

    fn answer(&mut self, answer: Answer, cx: &mut Context<'_>) -> Result<Step, Failure> {
        self.inner.answer(answer, cx)
    }

    fn premaster(&mut self) -> Result<Secret, Failure> {
        self.inner.premaster()
    }

    fn peer(&self) -> PeerIdentity {
        self.inner.peer()
    }
}

#[cfg(test)]
mod tests;
