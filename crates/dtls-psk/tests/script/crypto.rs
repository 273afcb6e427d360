use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{WITH_CID, record_of};

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// RFC 5246 §5.
pub fn prf(secret: &[u8], label: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let hmac = |parts: &[&[u8]]| -> Vec<u8> {
        let mut mac = <Hmac<Sha256>>::new_from_slice(secret).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    };
    let mut a = hmac(&[label, seed]);
    let mut out = Vec::new();
    while out.len() < len {
        out.extend(hmac(&[&a, label, seed]));
        a = hmac(&[&a]);
    }
    out.truncate(len);
    out
}

/// The keys of one direction with CCM_8, and the other's.
#[derive(Clone)]
pub struct Keys {
    pub client_key: [u8; 16],
    pub server_key: [u8; 16],
    pub client_iv: [u8; 4],
    pub server_iv: [u8; 4],
}

impl Keys {
    pub fn new(master: &[u8], client_random: &[u8; 32], server_random: &[u8; 32]) -> Self {
        let seed = [&server_random[..], client_random].concat();
        let block = prf(master, b"key expansion", &seed, 40);
        Self {
            client_key: block[..16].try_into().unwrap(),
            server_key: block[16..32].try_into().unwrap(),
            client_iv: block[32..36].try_into().unwrap(),
            server_iv: block[36..].try_into().unwrap(),
        }
    }

    /// A record that the client (or the server) seals: type, epoch and number as wanted.
    pub fn seal(
        &self,
        by_client: bool,
        content_type: u8,
        epoch: u16,
        sequence: u64,
        plaintext: &[u8],
    ) -> Vec<u8> {
        let number = u64::from(epoch) << 48 | sequence;
        let aad = aad(number, content_type, plaintext.len());
        let fragment = self.protect(by_client, number, &aad, plaintext);
        record_of([0xfe, 0xfd], content_type, epoch, sequence, &fragment)
    }

    /// The same with a connection id (RFC 9146); `inner` has its content type and padding already.
    pub fn seal_cid(&self, by_client: bool, cid: &[u8], sequence: u64, inner: &[u8]) -> Vec<u8> {
        let number = 1 << 48 | sequence;
        let fragment = self.protect(by_client, number, &cid_aad(number, cid, inner.len()), inner);
        let mut out = vec![WITH_CID, 0xfe, 0xfd];
        out.extend(u64::to_be_bytes(number));
        out.extend(cid);
        out.extend(u16::try_from(fragment.len()).unwrap().to_be_bytes());
        out.extend(fragment);
        out
    }

    /// The plaintext of a record, or nothing.
    pub fn open(&self, by_client: bool, record: &super::Parsed) -> Option<Vec<u8>> {
        let (explicit, rest) = record.fragment.split_at_checked(8)?;
        let (text, tag) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        let number = u64::from(record.epoch) << 48 | record.sequence;
        let aad = if record.content_type == WITH_CID {
            cid_aad(number, &record.cid, text.len())
        } else {
            aad(number, record.content_type, text.len())
        };
        let (key, iv) = self.of(by_client);
        let nonce = [&iv[..], explicit].concat();
        let plain = ctr(key, &nonce, text);
        (ccm_tag(key, &nonce, &aad, &plain)[..] == *tag).then_some(plain)
    }

    fn protect(&self, by_client: bool, number: u64, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let (key, iv) = self.of(by_client);
        let explicit = number.to_be_bytes();
        let nonce = [&iv[..], &explicit].concat();
        let tag = ccm_tag(key, &nonce, aad, plaintext);
        [&explicit[..], &ctr(key, &nonce, plaintext), &tag].concat()
    }

    fn of(&self, by_client: bool) -> (&[u8; 16], &[u8; 4]) {
        if by_client {
            (&self.client_key, &self.client_iv)
        } else {
            (&self.server_key, &self.server_iv)
        }
    }
}

/// RFC 6347 §4.1.2.1.
fn aad(number: u64, content_type: u8, len: usize) -> Vec<u8> {
    let len = u16::try_from(len).unwrap().to_be_bytes();
    [&number.to_be_bytes()[..], &[content_type, 0xfe, 0xfd], &len].concat()
}

/// RFC 9146 §5.3.
fn cid_aad(number: u64, cid: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0xff; 8];
    out.extend([
        WITH_CID,
        u8::try_from(cid.len()).unwrap(),
        WITH_CID,
        0xfe,
        0xfd,
    ]);
    out.extend(number.to_be_bytes());
    out.extend(cid);
    out.extend(u16::try_from(len).unwrap().to_be_bytes());
    out
}

fn block(key: &[u8; 16], input: [u8; 16]) -> [u8; 16] {
    let mut block = input.into();
    Aes128::new(key.into()).encrypt_block(&mut block);
    block.into()
}

fn counter(key: &[u8; 16], nonce: &[u8], count: u16) -> [u8; 16] {
    let mut input = [0; 16];
    input[0] = 2;
    input[1..13].copy_from_slice(nonce);
    input[14..].copy_from_slice(&count.to_be_bytes());
    block(key, input)
}

fn ctr(key: &[u8; 16], nonce: &[u8], text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, chunk) in text.chunks(16).enumerate() {
        let stream = counter(key, nonce, u16::try_from(at + 1).unwrap());
        out.extend(chunk.iter().zip(stream).map(|(a, b)| a ^ b));
    }
    out
}

/// RFC 3610 §2.2 with M = 8, L = 3.
fn ccm_tag(key: &[u8; 16], nonce: &[u8], aad: &[u8], text: &[u8]) -> [u8; 8] {
    let mut input = vec![0x40 | ((8 - 2) / 2) << 3 | 2];
    input.extend(nonce);
    input.extend(super::u24(text.len()));
    input.extend(u16::try_from(aad.len()).unwrap().to_be_bytes());
    input.extend(aad);
    input.resize(input.len().next_multiple_of(16), 0);
    input.extend(text);
    input.resize(input.len().next_multiple_of(16), 0);
    let mac = input.chunks(16).fold([0; 16], |mac, chunk| {
        let mut next: [u8; 16] = chunk.try_into().unwrap();
        next.iter_mut().zip(mac).for_each(|(a, b)| *a ^= b);
        block(key, next)
    });
    let mask = counter(key, nonce, 0);
    std::array::from_fn(|at| mac[at] ^ mask[at])
}
