//! The server's half of a handshake.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::extension::{self, ServerExtras};
use super::hello::write_server_hello;
use super::kind;
use super::machine::{Expect, Machine, Surroundings, Then};
use crate::cid::Cid;
use crate::reassembly::Reassembly;
use crate::resumption::SessionId;
use crate::{
    Alert, Cipher, ClientHello, ConnectionIdPolicy, Failure, FailureReason, Message, Path, Policy,
    Presence, Role, ServerExtensions, Suites,
};

/// A ClientHello, or its first fragment, whose cookie was good.
pub(crate) struct ServerStart<'a> {
    pub(crate) path: Path,
    pub(crate) suites: Arc<dyn Suites>,
    pub(crate) client_random: &'a [u8; 32],
    pub(crate) message_sequence: u16,
    pub(crate) record_sequence: u64,
    /// Empty where no id is free or wanted.
    pub(crate) own_cid: Cid,
}

impl Machine {
    /// Waits for the ClientHello, which is handed over by [`handle_plain`](Self::handle_plain) like any message.
    pub(crate) fn server(cx: &Surroundings<'_>, start: ServerStart<'_>) -> Self {
        let mut this = Self::new(cx, Role::Server, start.path, start.suites, start.own_cid);
        this.client_random = *start.client_random;
        // RFC 6347 §4.2.1: a server without state goes on where the hello left off.
        this.next_plain = start.record_sequence;
        this.next_message = start.message_sequence;
        this.incoming = Reassembly::new(start.message_sequence);
        this.expect = Expect::ClientHello;
        this
    }

    fn answer_hello(
        &mut self,
        cx: &mut Surroundings<'_>,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Failure> {
        let hello = ClientHello::decode(body)?;
        // The fragment that showed the cookie is the one that was put together.
        if *hello.random != self.client_random {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        let extensions = &hello.extensions;
        // RFC 5746 §3.6: in a first handshake it is empty.
        if extensions
            .renegotiation_info
            .is_some_and(|info| !info.is_empty())
        {
            return Err(Alert::HANDSHAKE_FAILURE.into());
        }
        self.transcript.add(kind::CLIENT_HELLO, sequence, body);
        cx.rng.fill(&mut self.server_random);
        self.server_name = hello.server_name().map(Into::into);
        self.extended_master_secret =
            extensions.extended_master_secret && cx.config.extended_master_secret != Policy::Off;
        if !self.extended_master_secret && cx.config.extended_master_secret == Policy::Require {
            return Err(Failure::new(
                Alert::HANDSHAKE_FAILURE,
                FailureReason::MissingExtension("extended_master_secret"),
            ));
        }
        if let Some(wanted) = extensions.connection_id
            && cx.config.connection_id != ConnectionIdPolicy::Off
            && let Some(peer_cid) = Cid::new(wanted)
        {
            self.connection_ids = true;
            self.peer_cid = peer_cid;
        }
        self.return_routability =
            extensions.return_routability && self.connection_ids && cx.config.return_routability;
        if let Some(code) = extensions.max_fragment_length {
            self.max_plaintext = extension::max_plaintext(code);
        }
        let suite_extensions = match self.resumable(cx, &hello) {
            true => ServerExtensions::default(),
            false => self.select(&hello)?,
        };
        self.encrypt_then_mac = extensions.encrypt_then_mac
            && cx.config.encrypt_then_mac
            && self.suite.cipher() == Some(Cipher::Aes128CbcSha256);
        if !self.resumed {
            self.session_id = match cx.resumptions.is_off() {
                true => SessionId::EMPTY,
                false => SessionId::fresh(cx.rng),
            };
        }
        self.begin_flight(cx);
        let mut body = Vec::new();
        write_server_hello(
            &mut body,
            &self.server_random,
            self.session_id.as_slice(),
            self.suite,
            &suite_extensions,
            &ServerExtras {
                max_fragment_length: extensions.max_fragment_length,
                encrypt_then_mac: self.encrypt_then_mac,
                extended_master_secret: self.extended_master_secret,
                connection_id: self.connection_ids.then(|| self.own_cid.as_slice()),
                return_routability: self.return_routability,
                renegotiation_info: hello.knows_renegotiation_info(),
            },
        );
        self.push_message(kind::SERVER_HELLO, &body);
        if self.resumed {
            self.derive_keys()?;
            self.push_finished();
            self.expect = Expect::Finished;
            return Ok(());
        }
        self.write_server_flight(cx)
    }

    fn select(&mut self, hello: &ClientHello<'_>) -> Result<ServerExtensions, Failure> {
        let selection = self.suites.select(hello)?;
        self.suite = selection.suite;
        self.key_exchange = Some(selection.key_exchange);
        Ok(selection.extensions)
    }

    fn write_server_flight(&mut self, cx: &mut Surroundings<'_>) -> Result<(), Failure> {
        let Some(flight) = self.key_exchange.as_ref().map(|suite| suite.flight()) else {
            return Err(Alert::INTERNAL_ERROR.into());
        };
        for (presence, message) in [
            (flight.certificate, Message::Certificate),
            (flight.server_key_exchange, Message::ServerKeyExchange),
            (flight.certificate_request, Message::CertificateRequest),
        ] {
            if presence == Presence::Required {
                self.write_by_suite(cx, message)?;
            }
        }
        self.push_message(kind::SERVER_HELLO_DONE, &[]);
        self.client_authentication = flight.certificate_request == Presence::Required;
        self.expect = if self.client_authentication {
            Expect::ClientCertificate
        } else {
            Expect::ClientKeyExchange
        };
        Ok(())
    }

    /// Whether an earlier session goes on: the same name, the same suite, the same kind of master secret.
    fn resumable(&mut self, cx: &mut Surroundings<'_>, hello: &ClientHello<'_>) -> bool {
        let Some(entry) = cx.resumptions.get(cx.now, hello.session_id) else {
            return false;
        };
        if !hello.offers(entry.suite)
            || entry.extended_master_secret != self.extended_master_secret
            || entry.server_name.as_deref() != hello.server_name()
        {
            return false;
        }
        self.suite = entry.suite;
        self.session_id = entry.session_id;
        self.master.copy_from_slice(entry.master.as_slice());
        self.resume = Some(entry);
        self.resumed = true;
        true
    }

    /// A message of the client's second flight.
    pub(crate) fn handle_client_message(
        &mut self,
        cx: &mut Surroundings<'_>,
        kind: u8,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Failure> {
        match (self.expect, kind) {
            (Expect::ClientHello, kind::CLIENT_HELLO) => self.answer_hello(cx, sequence, body),
            (Expect::ClientCertificate, kind::CERTIFICATE) => {
                self.expect = Expect::ClientKeyExchange;
                self.read_by_suite(cx, Message::Certificate, sequence, body, Then::Nothing)
            }
            (Expect::ClientKeyExchange, kind::CLIENT_KEY_EXCHANGE) => {
                self.expect = if self.client_authentication {
                    Expect::CertificateVerify
                } else {
                    Expect::Finished
                };
                self.read_by_suite(
                    cx,
                    Message::ClientKeyExchange,
                    sequence,
                    body,
                    Then::MakeKeys,
                )
            }
            (Expect::CertificateVerify, kind::CERTIFICATE_VERIFY) => {
                self.expect = Expect::Finished;
                self.read_by_suite(
                    cx,
                    Message::CertificateVerify,
                    sequence,
                    body,
                    Then::Nothing,
                )
            }
            _ => Err(Alert::UNEXPECTED_MESSAGE.into()),
        }
    }
}
