use dtls_core::Path;

use super::*;

/// What a client's key exchange writes.
pub trait KeyShare {
    /// Cipher suites that the hello offers.
    fn suites(&self) -> Vec<u16>;
    /// Extensions of the hello.
    fn extensions(&self) -> Vec<u8>;
    /// The client's Certificate.
    fn certificate(&mut self) -> Vec<u8>;
    /// ClientKeyExchange and the premaster secret, by what the server sent in its ServerKeyExchange.
    fn key_exchange(&mut self, server: Option<&[u8]>) -> (Vec<u8>, Vec<u8>);
    /// CertificateVerify.
    fn certificate_verify(&mut self, transcript: &[u8]) -> Vec<u8>;
}

/// An identity and a key (RFC 4279 §2).
pub struct PskShare {
    pub identity: Vec<u8>,
    pub key: Vec<u8>,
}

impl KeyShare for PskShare {
    fn suites(&self) -> Vec<u16> {
        vec![0xc0a8, 0x00ff]
    }

    fn extensions(&self) -> Vec<u8> {
        Vec::new()
    }

    fn certificate(&mut self) -> Vec<u8> {
        vec![0, 0, 0]
    }

    fn key_exchange(&mut self, _: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
        let zeros = vec![0; self.key.len()];
        let premaster = [vec16(&zeros), vec16(&self.key)].concat();
        (vec16(&self.identity), premaster)
    }

    fn certificate_verify(&mut self, _: &[u8]) -> Vec<u8> {
        vec![4, 3, 0, 0]
    }
}

/// A client of which every byte can be had, and sent whenever a test likes.
pub struct Client {
    pub path: Path,
    pub share: Box<dyn KeyShare>,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub cookie: Vec<u8>,
    pub extended_master_secret: bool,
    /// Extensions beside those of the key exchange.
    pub extensions: Vec<u8>,
    /// Numbers of the next record in epoch 0, of the next message, of the next record in epoch 1.
    pub next_plain: u64,
    pub next_message: u16,
    pub next_sealed: u64,
    pub transcript: Vec<u8>,
    pub server_random: [u8; 32],
    pub server_session_id: Vec<u8>,
    pub server_extensions: Vec<u8>,
    pub server_key_exchange: Option<Vec<u8>>,
    pub master: Vec<u8>,
    pub keys: Option<Keys>,
    /// The id by which the server wants to be addressed, and the one that it shall use.
    pub server_cid: Vec<u8>,
    pub own_cid: Vec<u8>,
    next_server_message: Option<u16>,
    /// What the server sent: kinds of messages, alerts, opened data; and whether its Finished was good.
    pub seen: Vec<u8>,
    pub alerts: Vec<[u8; 2]>,
    pub data: Vec<Vec<u8>>,
    pub finished: Option<bool>,
}

impl Client {
    pub fn new(path: Path, share: impl KeyShare + 'static) -> Self {
        let mut this = Self {
            path,
            share: Box::new(share),
            random: [0; 32],
            session_id: Vec::new(),
            cookie: Vec::new(),
            extended_master_secret: true,
            extensions: Vec::new(),
            next_plain: 0,
            next_message: 0,
            next_sealed: 0,
            transcript: Vec::new(),
            server_random: [0; 32],
            server_session_id: Vec::new(),
            server_extensions: Vec::new(),
            server_key_exchange: None,
            master: vec![0; 48],
            keys: None,
            server_cid: Vec::new(),
            own_cid: Vec::new(),
            next_server_message: None,
            seen: Vec::new(),
            alerts: Vec::new(),
            data: Vec::new(),
            finished: None,
        };
        this.restart(1);
        this
    }

    /// Forgets everything, as after a power cut; `number` makes the next random.
    pub fn restart(&mut self, number: u64) {
        self.random =
            sha256(&[&number.to_be_bytes()[..], self.path.to_string().as_bytes()].concat());
        self.session_id.clear();
        self.cookie.clear();
        self.next_plain = 0;
        self.next_message = 0;
        self.next_sealed = 0;
        self.server_key_exchange = None;
        self.keys = None;
        self.server_cid.clear();
        self.next_server_message = None;
        self.seen.clear();
        self.alerts.clear();
        self.finished = None;
    }

    pub fn record(&mut self, content_type: u8, fragment: &[u8]) -> Vec<u8> {
        let sequence = self.next_plain;
        self.next_plain += 1;
        record(content_type, sequence, fragment)
    }

    pub fn seal(&mut self, content_type: u8, plaintext: &[u8]) -> Vec<u8> {
        let sequence = self.next_sealed;
        self.next_sealed += 1;
        let keys = self.keys.as_ref().expect("keys");
        if self.server_cid.is_empty() {
            return keys.seal(true, content_type, 1, sequence, plaintext);
        }
        let inner = [plaintext, &[content_type]].concat();
        keys.seal_cid(true, &self.server_cid, sequence, &inner)
    }

    /// The body of the hello as it stands.
    pub fn hello_body(&self) -> Vec<u8> {
        let suites: Vec<u8> = self
            .share
            .suites()
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect();
        let mut extensions = self.share.extensions();
        if self.extended_master_secret {
            extensions.extend(extension(23, &[]));
        }
        extensions.extend(&self.extensions);
        let mut out = vec![0xfe, 0xfd];
        out.extend(self.random);
        out.extend(vec8(&self.session_id));
        out.extend(vec8(&self.cookie));
        out.extend(vec16(&suites));
        out.extend([1, 0]);
        out.extend(vec16(&extensions));
        out
    }

    /// A message in a record; it is part of the transcript.
    pub fn message(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let message = message(kind, self.next_message, body);
        self.next_message = self.next_message.wrapping_add(1);
        self.transcript.extend(&message);
        self.record(HANDSHAKE, &message)
    }

    pub fn hello(&mut self) -> Vec<u8> {
        self.transcript.clear();
        let body = self.hello_body();
        self.message(CLIENT_HELLO, &body)
    }

    pub fn certificate(&mut self) -> Vec<u8> {
        let body = self.share.certificate();
        self.message(CERTIFICATE, &body)
    }

    /// ClientKeyExchange; the keys follow from it.
    pub fn key_exchange(&mut self) -> Vec<u8> {
        let server = self.server_key_exchange.clone();
        let (body, premaster) = self.share.key_exchange(server.as_deref());
        let out = self.message(CLIENT_KEY_EXCHANGE, &body);
        self.master = if self.extended_master_secret {
            let hash = sha256(&self.transcript);
            prf(&premaster, b"extended master secret", &hash, 48)
        } else {
            let seed = [self.random, self.server_random].concat();
            prf(&premaster, b"master secret", &seed, 48)
        };
        self.derive();
        out
    }

    pub fn derive(&mut self) {
        self.keys = Some(Keys::new(&self.master, &self.random, &self.server_random));
        self.next_sealed = 0;
    }

    pub fn certificate_verify(&mut self) -> Vec<u8> {
        let body = self.share.certificate_verify(&self.transcript.clone());
        self.message(CERTIFICATE_VERIFY, &body)
    }

    pub fn change_cipher_spec(&mut self) -> Vec<u8> {
        self.record(CHANGE_CIPHER_SPEC, &[1])
    }

    /// A Finished under the keys; `good` or with one bit wrong.
    pub fn finish(&mut self, good: bool) -> Vec<u8> {
        if self.keys.is_none() {
            self.derive();
        }
        let hash = sha256(&self.transcript);
        let mut data = prf(&self.master, b"client finished", &hash, 12);
        data[11] ^= u8::from(!good);
        let message = message(FINISHED, self.next_message, &data);
        self.next_message = self.next_message.wrapping_add(1);
        self.transcript.extend(&message);
        self.seal(HANDSHAKE, &message)
    }

    /// Reads datagrams of the server.
    pub fn read(&mut self, datagrams: &[Vec<u8>]) {
        let cid_len = self.own_cid.len();
        for record in datagrams.iter().flat_map(|bytes| parse(bytes, cid_len)) {
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
        if self.next_server_message.is_some_and(|next| sequence < next) {
            return;
        }
        self.next_server_message = Some(sequence.saturating_add(1));
        self.seen.push(kind);
        if kind == HELLO_VERIFY_REQUEST {
            self.cookie = body[3..].to_vec();
            return;
        }
        self.transcript.extend(message(kind, sequence, body));
        match kind {
            SERVER_HELLO => {
                self.server_random = body[2..34].try_into().unwrap();
                let id = usize::from(body[34]);
                self.server_session_id = body[35..35 + id].to_vec();
                self.server_extensions = body.get(40 + id..).unwrap_or_default().to_vec();
                if let Some(cid) = find_extension(&self.server_extensions, 54) {
                    self.server_cid = cid[1..].to_vec();
                }
            }
            SERVER_KEY_EXCHANGE => self.server_key_exchange = Some(body.to_vec()),
            _ => {}
        }
    }

    fn read_sealed(&mut self, record: &Parsed) {
        let Some(keys) = &self.keys else { return };
        let Some(mut plain) = keys.open(false, record) else {
            return;
        };
        let mut content_type = record.content_type;
        if content_type == WITH_CID {
            while plain.last() == Some(&0) {
                plain.pop();
            }
            content_type = plain.pop().unwrap();
        }
        match content_type {
            HANDSHAKE if plain[0] == FINISHED => {
                let hash = sha256(&self.transcript);
                let good = prf(&self.master, b"server finished", &hash, 12);
                self.finished.get_or_insert(plain[12..] == good);
            }
            ALERT => self.alerts.push(plain.try_into().unwrap()),
            DATA => self.data.push(plain),
            _ => {}
        }
    }

    /// Both hellos: up to the server's flight.
    pub fn begin(&mut self, server: &mut Side) {
        let hello = self.hello();
        let answer = server.give(self.path, &hello);
        self.read(&answer);
        assert_eq!(self.seen, [HELLO_VERIFY_REQUEST]);
        let hello = self.hello();
        let answer = server.give(self.path, &hello);
        self.read(&answer);
    }

    /// The second flight of a client without certificate, as records.
    pub fn second_flight(&mut self) -> Vec<Vec<u8>> {
        vec![
            self.key_exchange(),
            self.change_cipher_spec(),
            self.finish(true),
        ]
    }

    /// A whole handshake without certificates; the server's Finished is checked.
    pub fn handshake(&mut self, server: &mut Side) {
        self.begin(server);
        let flight = self.second_flight().concat();
        let answer = server.give(self.path, &flight);
        self.read(&answer);
        assert_eq!(self.finished, Some(true), "the server's Finished");
    }
}

/// The data of an extension in a block without its length.
pub fn find_extension(block: &[u8], number: u16) -> Option<&[u8]> {
    let mut rest = block;
    while rest.len() >= 4 {
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (data, after) = rest[4..].split_at(len);
        if rest[..2] == number.to_be_bytes() {
            return Some(data);
        }
        rest = after;
    }
    None
}
