use dtls_core::Path;

use super::*;

/// What a server's key exchange writes.
pub trait ServerShare {
    fn suite(&self) -> u16;
    /// Extensions of the hello.
    fn extensions(&self) -> Vec<u8>;
    fn certificate(&mut self) -> Vec<u8>;
    /// ServerKeyExchange, by both randoms.
    fn key_exchange(&mut self, client_random: &[u8; 32], server_random: &[u8; 32]) -> Vec<u8>;
    fn certificate_request(&mut self) -> Vec<u8>;
    /// The premaster secret, by the client's ClientKeyExchange.
    fn premaster(&mut self, client: &[u8]) -> Vec<u8>;
}

/// One key for all.
pub struct PskServerShare {
    pub key: Vec<u8>,
}

impl ServerShare for PskServerShare {
    fn suite(&self) -> u16 {
        0xc0a8
    }

    fn extensions(&self) -> Vec<u8> {
        Vec::new()
    }

    fn certificate(&mut self) -> Vec<u8> {
        vec![0, 0, 0]
    }

    fn key_exchange(&mut self, _: &[u8; 32], _: &[u8; 32]) -> Vec<u8> {
        vec16(b"hint")
    }

    fn certificate_request(&mut self) -> Vec<u8> {
        vec![1, 64, 0, 2, 4, 3, 0, 0]
    }

    fn premaster(&mut self, _: &[u8]) -> Vec<u8> {
        let zeros = vec![0; self.key.len()];
        [vec16(&zeros), vec16(&self.key)].concat()
    }
}

/// A server of which every byte can be had, and sent whenever a test likes.
pub struct FakeServer {
    pub path: Path,
    pub share: Box<dyn ServerShare>,
    pub random: [u8; 32],
    pub cookie: Vec<u8>,
    pub session_id: Vec<u8>,
    pub extended_master_secret: bool,
    pub extensions: Vec<u8>,
    pub next_plain: u64,
    pub next_message: u16,
    pub next_sealed: u64,
    pub transcript: Vec<u8>,
    pub client_random: [u8; 32],
    pub client_hello: Vec<u8>,
    pub master: Vec<u8>,
    pub keys: Option<Keys>,
    next_client_message: u16,
    /// What the client sent: kinds of messages, alerts, opened data; and whether its Finished was good.
    pub seen: Vec<u8>,
    pub alerts: Vec<[u8; 2]>,
    pub data: Vec<Vec<u8>>,
    pub finished: Option<bool>,
}

impl FakeServer {
    pub fn new(path: Path, share: impl ServerShare + 'static) -> Self {
        Self {
            path,
            share: Box::new(share),
            random: [0x50; 32],
            cookie: b"cookie".to_vec(),
            session_id: Vec::new(),
            extended_master_secret: true,
            extensions: Vec::new(),
            next_plain: 0,
            next_message: 0,
            next_sealed: 0,
            transcript: Vec::new(),
            client_random: [0; 32],
            client_hello: Vec::new(),
            master: vec![0; 48],
            keys: None,
            next_client_message: 0,
            seen: Vec::new(),
            alerts: Vec::new(),
            data: Vec::new(),
            finished: None,
        }
    }

    pub fn record(&mut self, content_type: u8, fragment: &[u8]) -> Vec<u8> {
        let sequence = self.next_plain;
        self.next_plain += 1;
        record(content_type, sequence, fragment)
    }

    pub fn seal(&mut self, content_type: u8, plaintext: &[u8]) -> Vec<u8> {
        if self.keys.is_none() {
            self.derive();
        }
        let sequence = self.next_sealed;
        self.next_sealed += 1;
        let keys = self.keys.as_ref().expect("keys");
        keys.seal(false, content_type, 1, sequence, plaintext)
    }

    pub fn message(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let message = message(kind, self.next_message, body);
        self.next_message = self.next_message.wrapping_add(1);
        self.transcript.extend(&message);
        self.record(HANDSHAKE, &message)
    }

    /// HelloVerifyRequest: neither it nor the hello before it is part of the transcript.
    pub fn hello_verify_request(&mut self) -> Vec<u8> {
        let body = [&[0xfe, 0xff], &vec8(&self.cookie)[..]].concat();
        let out = self.message(HELLO_VERIFY_REQUEST, &body);
        self.transcript.clear();
        out
    }

    pub fn server_hello_body(&self) -> Vec<u8> {
        let mut extensions = self.share.extensions();
        if self.extended_master_secret {
            extensions.extend(extension(23, &[]));
        }
        extensions.extend(&self.extensions);
        let mut out = vec![0xfe, 0xfd];
        out.extend(self.random);
        out.extend(vec8(&self.session_id));
        out.extend(self.share.suite().to_be_bytes());
        out.push(0);
        out.extend(vec16(&extensions));
        out
    }

    pub fn server_hello(&mut self) -> Vec<u8> {
        let body = self.server_hello_body();
        self.message(SERVER_HELLO, &body)
    }

    pub fn certificate(&mut self) -> Vec<u8> {
        let body = self.share.certificate();
        self.message(CERTIFICATE, &body)
    }

    pub fn key_exchange(&mut self) -> Vec<u8> {
        let body = self.share.key_exchange(&self.client_random, &self.random);
        self.message(SERVER_KEY_EXCHANGE, &body)
    }

    pub fn certificate_request(&mut self) -> Vec<u8> {
        let body = self.share.certificate_request();
        self.message(CERTIFICATE_REQUEST, &body)
    }

    pub fn server_hello_done(&mut self) -> Vec<u8> {
        self.message(SERVER_HELLO_DONE, &[])
    }

    pub fn change_cipher_spec(&mut self) -> Vec<u8> {
        self.record(CHANGE_CIPHER_SPEC, &[1])
    }

    pub fn finish(&mut self, good: bool) -> Vec<u8> {
        if self.keys.is_none() {
            self.derive();
        }
        let hash = sha256(&self.transcript);
        let mut data = prf(&self.master, b"server finished", &hash, 12);
        data[0] ^= u8::from(!good);
        let message = message(FINISHED, self.next_message, &data);
        self.next_message = self.next_message.wrapping_add(1);
        self.transcript.extend(&message);
        self.seal(HANDSHAKE, &message)
    }

    pub fn derive(&mut self) {
        self.keys = Some(Keys::new(&self.master, &self.client_random, &self.random));
    }

    /// Reads datagrams of the client.
    pub fn read(&mut self, datagrams: &[Vec<u8>]) {
        for record in datagrams.iter().flat_map(|bytes| parse(bytes, 0)) {
            match (record.epoch, record.content_type) {
                (0, HANDSHAKE) => {
                    for (kind, sequence, body) in messages(&record.fragment) {
                        self.read_message(kind, sequence, &body);
                    }
                }
                (0, ALERT) => self.alerts.push(record.fragment.try_into().unwrap()),
                (0, _) => {}
                _ => self.read_sealed(&record),
            }
        }
    }

    fn read_message(&mut self, kind: u8, sequence: u16, body: &[u8]) {
        if sequence < self.next_client_message {
            return;
        }
        self.next_client_message = sequence + 1;
        self.seen.push(kind);
        if kind == CLIENT_HELLO {
            self.transcript.clear();
            self.client_random = body[2..34].try_into().unwrap();
            self.client_hello = body.to_vec();
        }
        self.transcript.extend(message(kind, sequence, body));
        if kind == CLIENT_KEY_EXCHANGE {
            let premaster = self.share.premaster(body);
            self.master = if self.extended_master_secret {
                let hash = sha256(&self.transcript);
                prf(&premaster, b"extended master secret", &hash, 48)
            } else {
                let seed = [self.client_random, self.random].concat();
                prf(&premaster, b"master secret", &seed, 48)
            };
            self.derive();
        }
    }

    fn read_sealed(&mut self, record: &Parsed) {
        let Some(keys) = &self.keys else { return };
        let Some(plain) = keys.open(true, record) else {
            return;
        };
        match record.content_type {
            HANDSHAKE if plain[0] == FINISHED => {
                if self.finished.is_some() {
                    return;
                }
                let hash = sha256(&self.transcript);
                let good = prf(&self.master, b"client finished", &hash, 12);
                self.finished = Some(plain[12..] == good);
                self.transcript.extend(&plain);
            }
            ALERT => self.alerts.push(plain.try_into().unwrap()),
            DATA => self.data.push(plain),
            _ => {}
        }
    }
}
