//! The client's half of a handshake.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::extension::{self, ClientExtras};
use super::hello::write_client_hello;
use super::kind;
use super::machine::{Expect, Machine, Stage, Surroundings, Then};
use crate::cid::Cid;
use crate::codec::Reader;
use crate::resumption::{Resumption, SessionId};
use crate::{
    Alert, CertificateType, Cipher, ConnectionIdPolicy, Failure, FailureReason, Message, Offer,
    Path, Policy, Presence, Role, ServerHello, Suites,
};

/// What a client begins with.
pub(crate) struct ClientStart {
    pub(crate) path: Path,
    pub(crate) suites: Arc<dyn Suites>,
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) resume: Option<Resumption>,
    pub(crate) own_cid: Cid,
}

impl Machine {
    pub(crate) fn client(cx: &mut Surroundings<'_>, start: ClientStart) -> Self {
        let mut this = Self::new(cx, Role::Client, start.path, start.suites, start.own_cid);
        cx.rng.fill(&mut this.client_random);
        this.server_name = start.server_name;
        // RFC 5246 §7.3 and RFC 7627 §5.3: only what can go on as it was.
        this.resume = start.resume.filter(|resume| {
            let policy = cx.config.extended_master_secret;
            resume.server_name == this.server_name
                && this.suites.offer().suites.contains(&resume.suite)
                && match policy {
                    Policy::Off => !resume.extended_master_secret,
                    Policy::Request | Policy::Require => resume.extended_master_secret,
                }
        });
        if let Some(resume) = &this.resume {
            this.session_id = resume.session_id;
        }
        this.expect = Expect::ServerHello;
        this.write_hello(cx, &[]);
        this
    }

    fn write_hello(&mut self, cx: &Surroundings<'_>, cookie: &[u8]) {
        let offer = self.suites.offer();
        let cbc = offers_cbc(&offer);
        let extras = ClientExtras {
            server_name: self.server_name.as_deref(),
            max_fragment_length: cx
                .config
                .max_fragment_length
                .and_then(extension::max_fragment_code),
            encrypt_then_mac: cx.config.encrypt_then_mac && cbc,
            extended_master_secret: cx.config.extended_master_secret != Policy::Off,
            connection_id: (cx.config.connection_id != ConnectionIdPolicy::Off)
                .then(|| self.own_cid.as_slice()),
            return_routability: self.offers_return_routability(cx),
        };
        let mut body = Vec::new();
        write_client_hello(
            &mut body,
            &self.client_random,
            self.session_id.as_slice(),
            cookie,
            &offer,
            &extras,
        );
        self.begin_flight(cx);
        self.push_message(kind::CLIENT_HELLO, &body);
    }

    fn offers_return_routability(&self, cx: &Surroundings<'_>) -> bool {
        cx.config.return_routability && cx.config.connection_id != ConnectionIdPolicy::Off
    }

    /// A message of the server's flight.
    pub(crate) fn handle_server_message(
        &mut self,
        cx: &mut Surroundings<'_>,
        kind: u8,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Failure> {
        let stage = match (self.expect, kind) {
            (Expect::ServerHello, kind::HELLO_VERIFY_REQUEST) => {
                return self.read_hello_verify(cx, body);
            }
            (Expect::ServerHello, kind::SERVER_HELLO) => {
                return self.read_server_hello(cx, sequence, body);
            }
            (Expect::ServerFlight(_), kind::CERTIFICATE) => Stage::Certificate,
            (Expect::ServerFlight(_), kind::SERVER_KEY_EXCHANGE) => Stage::ServerKeyExchange,
            (Expect::ServerFlight(_), kind::CERTIFICATE_REQUEST) => Stage::CertificateRequest,
            (Expect::ServerFlight(_), kind::SERVER_HELLO_DONE) => Stage::ServerHelloDone,
            _ => return Err(Alert::UNEXPECTED_MESSAGE.into()),
        };
        self.skip_to(stage)?;
        match stage {
            Stage::Certificate => {
                self.expect = Expect::ServerFlight(Stage::ServerKeyExchange);
                self.read_by_suite(cx, Message::Certificate, sequence, body, Then::Nothing)
            }
            Stage::ServerKeyExchange => {
                self.expect = Expect::ServerFlight(Stage::CertificateRequest);
                self.read_by_suite(
                    cx,
                    Message::ServerKeyExchange,
                    sequence,
                    body,
                    Then::Nothing,
                )
            }
            Stage::CertificateRequest => {
                self.client_authentication = true;
                self.expect = Expect::ServerFlight(Stage::ServerHelloDone);
                self.read_by_suite(
                    cx,
                    Message::CertificateRequest,
                    sequence,
                    body,
                    Then::Nothing,
                )
            }
            Stage::ServerHelloDone => {
                if !body.is_empty() {
                    return Err(Alert::DECODE_ERROR.into());
                }
                self.transcript.add(kind, sequence, body);
                self.expect = Expect::Finished;
                let step = self.with_suite(cx, |suite, cx| suite.server_done(cx))?;
                self.follow(cx, step, Then::ClientFlight)
            }
        }
    }

    /// Goes forward in the server's flight: only over messages that may be left out, and onto one that may come.
    fn skip_to(&self, stage: Stage) -> Result<(), Failure> {
        let Expect::ServerFlight(mut at) = self.expect else {
            return Err(Alert::UNEXPECTED_MESSAGE.into());
        };
        let Some(flight) = self.key_exchange.as_ref().map(|suite| suite.flight()) else {
            return Err(Alert::INTERNAL_ERROR.into());
        };
        let presence = |stage| match stage {
            Stage::Certificate => flight.certificate,
            Stage::ServerKeyExchange => flight.server_key_exchange,
            Stage::CertificateRequest => flight.certificate_request,
            Stage::ServerHelloDone => Presence::Required,
        };
        while at < stage {
            if presence(at) == Presence::Required {
                return Err(Alert::UNEXPECTED_MESSAGE.into());
            }
            at = match at {
                Stage::Certificate => Stage::ServerKeyExchange,
                Stage::ServerKeyExchange => Stage::CertificateRequest,
                Stage::CertificateRequest | Stage::ServerHelloDone => Stage::ServerHelloDone,
            };
        }
        if at != stage || presence(at) == Presence::Absent {
            return Err(Alert::UNEXPECTED_MESSAGE.into());
        }
        Ok(())
    }

    /// RFC 6347 §4.2.1: the same hello again, with the cookie.
    fn read_hello_verify(&mut self, cx: &Surroundings<'_>, body: &[u8]) -> Result<(), Failure> {
        let mut reader = Reader::new(body);
        reader.u16()?;
        let cookie = reader.vec8()?;
        reader.end()?;
        self.hello_verifies += 1;
        if self.hello_verifies > MAX_HELLO_VERIFIES {
            return Err(Alert::UNEXPECTED_MESSAGE.into());
        }
        self.transcript.clear();
        self.write_hello(cx, cookie);
        Ok(())
    }

    fn read_server_hello(
        &mut self,
        cx: &mut Surroundings<'_>,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Failure> {
        let hello = ServerHello::decode(body)?;
        let offer = self.suites.offer();
        if !offer.suites.contains(&hello.suite()) {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        self.suite = hello.suite();
        self.server_random = *hello.random;
        self.read_extensions(cx, &hello, &offer)?;
        self.transcript.add(kind::SERVER_HELLO, sequence, body);
        if let Some(resume) = self.resume.take()
            && hello.session_id == resume.session_id.as_slice()
        {
            if resume.suite != self.suite
                || resume.extended_master_secret != self.extended_master_secret
            {
                return Err(Alert::ILLEGAL_PARAMETER.into());
            }
            self.master.copy_from_slice(resume.master.as_slice());
            self.resumed = true;
            self.resume = Some(resume);
            self.expect = Expect::Finished;
            return self.derive_keys();
        }
        self.session_id = SessionId::new(hello.session_id).unwrap_or(SessionId::EMPTY);
        self.key_exchange = Some(self.suites.accept(&hello)?);
        self.expect = Expect::ServerFlight(Stage::Certificate);
        Ok(())
    }

    /// RFC 5246 §7.4.1.4: a server answers only what was offered.
    fn read_extensions(
        &mut self,
        cx: &Surroundings<'_>,
        hello: &ServerHello<'_>,
        offer: &Offer,
    ) -> Result<(), Failure> {
        let extensions = &hello.extensions;
        let offered_types =
            |types: &[CertificateType]| !types.is_empty() && types[..] != [CertificateType::X509];
        let asked_length = cx
            .config
            .max_fragment_length
            .and_then(extension::max_fragment_code);
        let policy = cx.config.extended_master_secret;
        let unasked = extensions.unknown
            || extensions.server_name_acknowledged && self.server_name.is_none()
            || extensions.max_fragment_length.is_some() && asked_length.is_none()
            || extensions.point_formats.is_some() && offer.groups.is_empty()
            || extensions.client_certificate_types.is_some()
                && !offered_types(&offer.client_certificate_types)
            || extensions.server_certificate_types.is_some()
                && !offered_types(&offer.server_certificate_types)
            || extensions.encrypt_then_mac && !(cx.config.encrypt_then_mac && offers_cbc(offer))
            || extensions.extended_master_secret && policy == Policy::Off
            || extensions.connection_id.is_some()
                && cx.config.connection_id == ConnectionIdPolicy::Off
            || extensions.return_routability && !self.offers_return_routability(cx);
        if unasked {
            return Err(Alert::UNSUPPORTED_EXTENSION.into());
        }
        for (kind, types) in [
            (
                hello.client_certificate_type(),
                &offer.client_certificate_types,
            ),
            (
                hello.server_certificate_type(),
                &offer.server_certificate_types,
            ),
        ] {
            if kind != CertificateType::X509 && !types.contains(&kind) {
                return Err(Alert::ILLEGAL_PARAMETER.into());
            }
        }
        if let Some(code) = extensions.max_fragment_length {
            if asked_length != Some(code) {
                return Err(Alert::ILLEGAL_PARAMETER.into());
            }
            self.max_plaintext = extension::max_plaintext(code);
        }
        let cbc = self.suite.cipher() == Some(Cipher::Aes128CbcSha256);
        if extensions.encrypt_then_mac && !cbc {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        // RFC 5746 §3.4: in a first handshake it is empty.
        if extensions
            .renegotiation_info
            .is_some_and(|info| !info.is_empty())
        {
            return Err(Alert::HANDSHAKE_FAILURE.into());
        }
        if !extensions.extended_master_secret && policy == Policy::Require {
            return Err(Failure::new(
                Alert::HANDSHAKE_FAILURE,
                FailureReason::MissingExtension("extended_master_secret"),
            ));
        }
        self.encrypt_then_mac = extensions.encrypt_then_mac;
        self.extended_master_secret = extensions.extended_master_secret;
        if let Some(cid) = extensions.connection_id {
            // An id longer than this side can put before a record.
            self.peer_cid = Cid::new(cid).ok_or(Alert::ILLEGAL_PARAMETER)?;
            self.connection_ids = true;
        }
        self.return_routability = extensions.return_routability && self.connection_ids;
        Ok(())
    }

    /// Answers the server's flight.
    pub(crate) fn write_client_flight(&mut self, cx: &mut Surroundings<'_>) -> Result<(), Failure> {
        self.begin_flight(cx);
        if self.client_authentication {
            self.write_by_suite(cx, Message::Certificate)?;
        }
        self.write_by_suite(cx, Message::ClientKeyExchange)?;
        self.make_keys()?;
        if self.client_authentication {
            self.write_by_suite(cx, Message::CertificateVerify)?;
        }
        self.push_finished();
        Ok(())
    }
}

fn offers_cbc(offer: &Offer) -> bool {
    offer
        .suites
        .iter()
        .any(|suite| suite.cipher() == Some(Cipher::Aes128CbcSha256))
}

/// A server that asks for a cookie again and again is none.
const MAX_HELLO_VERIFIES: u8 = 4;
