use alloc::vec;
use alloc::vec::Vec;

use sansio::DatagramBuf;

use super::keys::OpenError;
use super::*;
use crate::codec::tests::hex;
use crate::{Cipher, Role};

const CIPHERS: [(Cipher, bool); 5] = [
    (Cipher::Aes128Ccm8, false),
    (Cipher::Aes128Ccm, false),
    (Cipher::Aes128Gcm, false),
    (Cipher::Aes128CbcSha256, false),
    (Cipher::Aes128CbcSha256, true),
];

const IV: [u8; 16] = [
    0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f,
];

/// The keys of a handshake with psk 00..0f, client random C0…, server random 50….
fn keys(cipher: Cipher, encrypt_then_mac: bool, role: Role) -> RecordKeys {
    let master = hex(
        "cfe86ea52aaa2f2646b8bf72e94765480efddd0e868bf4940bb093c4522df61511a61d2f569ce36b4acbb586ce84261d",
    );
    RecordKeys::derive(
        cipher,
        encrypt_then_mac,
        role,
        master[..].try_into().unwrap(),
        &[0xc0; 32],
        &[0x50; 32],
    )
}

fn seal(cid: &[u8]) -> Seal<'_> {
    Seal {
        content_type: ContentType::APPLICATION_DATA,
        epoch: 1,
        sequence: 1,
        cid,
        iv: IV,
    }
}

fn sealed(keys: &RecordKeys, seal: &Seal<'_>, plaintext: &[u8]) -> Vec<u8> {
    let mut out = vec![0; HEADROOM + plaintext.len() + TAILROOM];
    let len = keys.seal_into(seal, plaintext, &mut out).unwrap();
    out.truncate(len);
    out
}

fn opened(
    keys: &RecordKeys,
    cid_len: usize,
    mut bytes: Vec<u8>,
) -> Option<Result<(ContentType, Vec<u8>), OpenError>> {
    let record = split_record(&mut &mut bytes[..], cid_len)?;
    Some(keys.open(record).map(|(kind, text)| (kind, text.to_vec())))
}

#[test]
fn key_block_of_ccm() {
    let mut bytes = Vec::new();
    keys(Cipher::Aes128Ccm8, false, Role::Client).to_bytes(&mut bytes);
    assert_eq!(
        bytes,
        hex("5c322328b8480b88b6b3d2c180b079f4 d0f8b38d929384fb34494599dc58af2f f9a3eb99 16c23b4e")
    );
    bytes.clear();
    keys(Cipher::Aes128Ccm8, false, Role::Server).to_bytes(&mut bytes);
    assert_eq!(
        bytes,
        hex("d0f8b38d929384fb34494599dc58af2f 5c322328b8480b88b6b3d2c180b079f4 16c23b4e f9a3eb99")
    );
}

/// What OpenSSL computes for the same keys.
#[test]
fn worked_records() {
    let text = hex("40010001");
    for (cipher, cid, wire) in [
        (
            Cipher::Aes128Ccm8,
            "",
            "17fefd0001000000000001 0014 0001000000000001 7bca0470 ebf1dc57a602b400",
        ),
        (
            Cipher::Aes128Ccm8,
            "0a0b0c",
            "19fefd0001000000000001 0a0b0c 0015 0001000000000001 7bca047010 ef6c4e7254b8274a",
        ),
        (
            Cipher::Aes128CbcSha256,
            "",
            "17fefd0001000000000001 0040 202122232425262728292a2b2c2d2e2f 09e8c95c7189b695233f1a8b6c9f28a8
             b50c83eb90ce791ed9e722b5135d7c9017242355bdcbd60978c2e538064d7ddc",
        ),
    ] {
        let (cid, wire) = (hex(cid), hex(wire));
        let client = keys(cipher, false, Role::Client);
        let server = keys(cipher, false, Role::Server);
        assert_eq!(sealed(&client, &seal(&cid), &text), wire);
        assert_eq!(
            opened(&server, cid.len(), wire),
            Some(Ok((ContentType::APPLICATION_DATA, text.clone())))
        );
    }
}

#[test]
fn sealing_in_place_makes_the_same_record() {
    for (cipher, etm) in CIPHERS {
        let client = keys(cipher, etm, Role::Client);
        for cid in [&[][..], &[7; 8], &[9; MAX_CID]] {
            for len in [0, 1, 15, 16, 17, 300] {
                let text = vec![0xa5; len];
                let mut memory = vec![0; HEADROOM + len + TAILROOM];
                let mut buf = DatagramBuf::new(&mut memory, HEADROOM, TAILROOM);
                buf.space().copy_from_slice(&text);
                buf.set_len(len);
                client.seal(&seal(cid), &mut buf).unwrap();
                let record = sealed(&client, &seal(cid), &text);
                assert_eq!(buf.bytes(), record);
                assert_eq!(
                    opened(&keys(cipher, etm, Role::Server), cid.len(), record),
                    Some(Ok((ContentType::APPLICATION_DATA, text)))
                );
            }
        }
    }
}
