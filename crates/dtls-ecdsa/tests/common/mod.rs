//! What the tests share: two key exchanges that talk to each other in memory, and certificates to show.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use dtls_core::{
    Answer, CipherSuite, ClientHello, Context, Failure, KeyExchange, Message, Offer, PeerIdentity,
    Presence, Question, Role, Secret, Selection, ServerHello, Step, Suites, vector,
};
use dtls_ecdsa::{Credentials, Ecdsa, P256, PrivateKey, Trust};
use sansio::Rng;

pub mod pair;
pub mod pki;

/// 2026-11-28.
pub const NOW: u64 = 1_795_824_000;

pub fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd number of digits");
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A key that a number makes.
pub fn key(number: u8) -> PrivateKey {
    PrivateKey::from_scalar(&[number; 32]).unwrap()
}

/// Shows the bare key.
pub fn raw(number: u8, trust: Trust) -> Ecdsa {
    Ecdsa::new(P256::new(), Credentials::raw_public_key(key(number)), trust).unwrap()
}

/// Trusts the bare keys of these numbers.
pub fn keys(numbers: impl IntoIterator<Item = u8>) -> Trust {
    Trust::Keys(
        numbers
            .into_iter()
            .map(|it| *key(it).public_key())
            .collect(),
    )
}

/// One handshake between two suites, without records, cookies and Finished.
pub struct Run<'a> {
    pub client: &'a dyn Suites,
    pub server: &'a dyn Suites,
    pub now: u64,
    pub server_name: Option<&'a str>,
    /// Changes a body on its way: who sends it, what it is, the bytes.
    pub tamper: &'a mut dyn FnMut(Role, Message, &mut Vec<u8>),
    /// Answers the question of the side that asks it.
    pub answer: &'a mut dyn FnMut(Role, &Question) -> Answer,
}

/// What both have after it.
#[derive(Debug)]
pub struct Outcome {
    pub suite: CipherSuite,
    pub secrets: [Secret; 2],
    /// Whom the client has seen, whom the server has seen.
    pub client_sees: PeerIdentity,
    pub server_sees: PeerIdentity,
    /// Bytes of each body.
    pub bodies: Vec<(Role, Message, Vec<u8>)>,
}

/// Runs a handshake in which nothing is changed and every question is answered with yes.
pub fn handshake(client: &dyn Suites, server: &dyn Suites) -> Result<Outcome, (Role, Failure)> {
    Run {
        client,
        server,
        now: NOW,
        server_name: Some("server.example"),
        tamper: &mut |_, _, _| {},
        answer: &mut |_, _| Answer::Trust(Ok(())),
    }
    .go()
}

/// The same with bodies changed on their way.
pub fn tampered(
    client: &dyn Suites,
    server: &dyn Suites,
    tamper: &mut dyn FnMut(Role, Message, &mut Vec<u8>),
) -> Result<Outcome, (Role, Failure)> {
    Run {
        client,
        server,
        now: NOW,
        server_name: Some("server.example"),
        tamper,
        answer: &mut |_, _| Answer::Trust(Ok(())),
    }
    .go()
}

struct Side {
    role: Role,
    exchange: Box<dyn KeyExchange>,
    rng: Rng,
}

impl Run<'_> {
    /// The whole handshake, or who gave up and why.
    pub fn go(self) -> Result<Outcome, (Role, Failure)> {
        let randoms = [[0xc0; 32], [0x50; 32]];
        let hello = client_hello(&self.client.offer());
        let selection = self
            .server
            .select(&ClientHello::decode(&hello).unwrap())
            .map_err(|failure| (Role::Server, failure))?;
        let suite = selection.suite;
        let server_hello = server_hello(&selection);
        let exchange = self
            .client
            .accept(&ServerHello::decode(&server_hello).unwrap())
            .map_err(|failure| (Role::Client, failure))?;
        let mut client = Side {
            role: Role::Client,
            exchange,
            rng: Rng::from_seed([1; 32]),
        };
        let mut server = Side {
            role: Role::Server,
            exchange: selection.key_exchange,
            rng: Rng::from_seed([2; 32]),
        };
        let mut wire = Wire {
            randoms,
            transcript: Vec::new(),
            now: self.now,
            server_name: self.server_name,
            tamper: self.tamper,
            answer: self.answer,
            bodies: Vec::new(),
        };
        wire.record(1, &hello);
        wire.record(2, &server_hello);

        let flight = server.exchange.flight();
        assert_eq!(flight.certificate, Presence::Required);
        wire.pass(&mut server, &mut client, Message::Certificate)?;
        wire.pass(&mut server, &mut client, Message::ServerKeyExchange)?;
        wire.pass(&mut server, &mut client, Message::CertificateRequest)?;
        wire.server_done(&mut client)?;
        wire.pass(&mut client, &mut server, Message::Certificate)?;
        wire.pass(&mut client, &mut server, Message::ClientKeyExchange)?;
        let secret = |side: &mut Side| {
            let role = side.role;
            side.exchange.premaster().map_err(|failure| (role, failure))
        };
        let secrets = [secret(&mut client)?, secret(&mut server)?];
        wire.pass(&mut client, &mut server, Message::CertificateVerify)?;
        Ok(Outcome {
            suite,
            secrets,
            client_sees: client.exchange.peer(),
            server_sees: server.exchange.peer(),
            bodies: wire.bodies,
        })
    }
}

struct Wire<'a> {
    randoms: [[u8; 32]; 2],
    transcript: Vec<u8>,
    now: u64,
    server_name: Option<&'a str>,
    tamper: &'a mut dyn FnMut(Role, Message, &mut Vec<u8>),
    answer: &'a mut dyn FnMut(Role, &Question) -> Answer,
    bodies: Vec<(Role, Message, Vec<u8>)>,
}

impl Wire<'_> {
    fn record(&mut self, number: u8, body: &[u8]) {
        self.transcript.push(number);
        vector::<3>(&mut self.transcript, |out| out.extend(body));
    }

    fn pass(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        message: Message,
    ) -> Result<(), (Role, Failure)> {
        let transcript = self.transcript.clone();
        let mut body = Vec::new();
        from.exchange
            .write(
                message,
                &mut self.context(from.role, &transcript, &mut from.rng),
                &mut body,
            )
            .map_err(|failure| (from.role, failure))?;
        (self.tamper)(from.role, message, &mut body);
        let step = to
            .exchange
            .read(
                message,
                &body,
                &mut self.context(to.role, &transcript, &mut to.rng),
            )
            .map_err(|failure| (to.role, failure))?;
        self.settle(to, step)?;
        // RFC 5246 §7.4.
        let number = match message {
            Message::Certificate => 11,
            Message::ServerKeyExchange => 12,
            Message::CertificateRequest => 13,
            Message::CertificateVerify => 15,
            Message::ClientKeyExchange => 16,
        };
        self.record(number, &body);
        self.bodies.push((from.role, message, body));
        Ok(())
    }

    fn server_done(&mut self, client: &mut Side) -> Result<(), (Role, Failure)> {
        let transcript = self.transcript.clone();
        let step = client
            .exchange
            .server_done(&mut self.context(client.role, &transcript, &mut client.rng))
            .map_err(|failure| (client.role, failure))?;
        self.settle(client, step)
    }

    fn settle(&mut self, side: &mut Side, step: Step) -> Result<(), (Role, Failure)> {
        if let Step::Ask(question) = step {
            let answer = (self.answer)(side.role, &question);
            let transcript = self.transcript.clone();
            let step = side
                .exchange
                .answer(
                    answer,
                    &mut self.context(side.role, &transcript, &mut side.rng),
                )
                .map_err(|failure| (side.role, failure))?;
            assert!(matches!(step, Step::Done), "asked twice");
        }
        Ok(())
    }

    fn context<'b>(&'b self, role: Role, transcript: &'b [u8], rng: &'b mut Rng) -> Context<'b> {
        let [client, server] = &self.randoms;
        Context::new(
            role,
            client,
            server,
            transcript,
            self.server_name,
            self.now,
            &[7; 32],
            rng,
        )
    }
}

/// A ClientHello's body with what an offer says.
pub fn client_hello(offer: &Offer) -> Vec<u8> {
    let mut out = vec![0xfe, 0xfd];
    out.extend([0xc0; 32]);
    out.extend([0, 0]);
    vector::<2>(&mut out, |out| {
        out.extend(offer.suites.iter().flat_map(|suite| suite.0.to_be_bytes()));
    });
    out.extend([1, 0]);
    vector::<2>(&mut out, |out| {
        let groups: Vec<u8> = offer
            .groups
            .iter()
            .flat_map(|it| it.0.to_be_bytes())
            .collect();
        let schemes = &offer.signature_schemes;
        let schemes: Vec<u8> = schemes.iter().flat_map(|it| it.0.to_be_bytes()).collect();
        if !groups.is_empty() {
            extension(out, 10, |out| vector::<2>(out, |out| out.extend(groups)));
            extension(out, 11, |out| out.extend([1, 0]));
        }
        if !schemes.is_empty() {
            extension(out, 13, |out| vector::<2>(out, |out| out.extend(schemes)));
        }
        for (number, types) in [
            (19, &offer.client_certificate_types),
            (20, &offer.server_certificate_types),
        ] {
            if !types.is_empty() && types.iter().any(|kind| kind.0 != 0) {
                extension(out, number, |out| {
                    vector::<1>(out, |out| out.extend(types.iter().map(|kind| kind.0)));
                });
            }
        }
    });
    out
}

/// A ServerHello's body for what a server selected.
pub fn server_hello(selection: &Selection) -> Vec<u8> {
    let mut out = vec![0xfe, 0xfd];
    out.extend([0x50; 32]);
    out.push(0);
    out.extend(selection.suite.0.to_be_bytes());
    out.push(0);
    vector::<2>(&mut out, |out| {
        let extensions = &selection.extensions;
        if extensions.point_formats {
            extension(out, 11, |out| out.extend([1, 0]));
        }
        if let Some(kind) = extensions.client_certificate_type {
            extension(out, 19, |out| out.push(kind.0));
        }
        if let Some(kind) = extensions.server_certificate_type {
            extension(out, 20, |out| out.push(kind.0));
        }
    });
    out
}

fn extension(out: &mut Vec<u8>, number: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    out.extend(number.to_be_bytes());
    vector::<2>(out, fill);
}
