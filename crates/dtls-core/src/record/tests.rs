use alloc::vec;
use alloc::vec::Vec;

use sansio::DatagramBuf;

use super::keys::{NoRoom, OpenError};
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

/// Every prefix of a record is no record, and is none with its length made to fit either.
#[test]
fn truncations() {
    for (cipher, etm) in CIPHERS {
        for cid in [&[][..], b"12345678"] {
            let record = sealed(&keys(cipher, etm, Role::Client), &seal(cid), &[0xa5; 40]);
            let server = keys(cipher, etm, Role::Server);
            let header = HEADER + cid.len();
            for len in 0..record.len() {
                let mut bytes = record[..len].to_vec();
                assert_eq!(opened(&server, cid.len(), bytes.clone()), None);
                if let Some(fragment) = len.checked_sub(header) {
                    let fragment = u16::try_from(fragment).unwrap().to_be_bytes();
                    bytes[header - 2..header].copy_from_slice(&fragment);
                    assert_eq!(opened(&server, cid.len(), bytes), Some(Err(OpenError)));
                }
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for (cipher, etm) in CIPHERS {
        for cid in [&[][..], b"12345678"] {
            let record = sealed(
                &keys(cipher, etm, Role::Client),
                &seal(cid),
                b"text of a record",
            );
            let server = keys(cipher, etm, Role::Server);
            for bit in 0..8 * record.len() {
                let mut bytes = record.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                // The explicit nonce of an AEAD is not in the additional data, and is used.
                assert!(
                    !matches!(opened(&server, cid.len(), bytes), Some(Ok(_))),
                    "{bit}"
                );
            }
        }
    }
}

/// RFC 5288 §3: a peer's explicit nonce is its own matter.
#[test]
fn any_explicit_nonce_is_accepted() {
    let nonce = hex("16c23b4e 0123456789abcdef");
    let mut wire = hex("17fefd0001000000000001 0014 0123456789abcdef");
    let mut text = *b"\x60\x45\x00\x01";
    let mut tag = [0; 8];
    let mut key = Vec::new();
    keys(Cipher::Aes128Ccm8, false, Role::Server).to_bytes(&mut key);
    let aad = hex("000d 0001000000000001 17 fefd 0004 00");
    ccm::seal(
        key[..16].try_into().unwrap(),
        nonce[..].try_into().unwrap(),
        &[aad[..].try_into().unwrap()],
        &mut text,
        &mut tag,
    );
    wire.extend(text);
    wire.extend(tag);
    assert_eq!(
        opened(&keys(Cipher::Aes128Ccm8, false, Role::Client), 0, wire),
        Some(Ok((ContentType::APPLICATION_DATA, hex("60450001"))))
    );
}

/// H01: a forged number does not move the window, since the record is opened before it is accepted.
#[test]
fn h01_forged_numbers_leave_the_window_alone() {
    let server = keys(Cipher::Aes128Ccm8, false, Role::Server);
    let mut window = ReplayWindow::default();
    let mut forged = hex("17fefd0001ffffffffffff 0014 0001ffffffffffff 000000000000000000000000");
    let mut wire = hex("17fefd0001000000000001 0014 0001000000000001 7bca0470 ebf1dc57a602b400");
    for (bytes, genuine) in [(&mut forged, false), (&mut wire, true)] {
        let record = split_record(&mut &mut bytes[..], 0).unwrap();
        let sequence = record.sequence;
        assert!(window.check(sequence));
        assert_eq!(server.open(record).is_ok(), genuine);
        if genuine {
            assert!(window.accept(sequence));
        }
    }
    assert_eq!(window.latest(), Some(1));
}

/// H04: nothing of epoch 0 is ever opened.
#[test]
fn h04_epoch_0_is_not_opened() {
    for (cipher, etm) in CIPHERS {
        let params = Seal {
            epoch: 0,
            ..seal(&[])
        };
        let record = sealed(&keys(cipher, etm, Role::Client), &params, b"text");
        let server = keys(cipher, etm, Role::Server);
        assert_eq!(opened(&server, 0, record), Some(Err(OpenError)));
    }
}

/// H07: a sequence number after the last one seals nothing.
#[test]
fn h07_the_numbers_end() {
    let client = keys(Cipher::Aes128Ccm8, false, Role::Client);
    let mut out = [0; 100];
    let mut seal_at = |sequence| {
        let params = Seal {
            sequence,
            ..seal(&[])
        };
        client.seal_into(&params, b"text", &mut out)
    };
    assert_eq!(seal_at(SEQUENCE_LIMIT - 1), Ok(33));
    assert_eq!(seal_at(SEQUENCE_LIMIT), Err(NoRoom));
    assert_eq!(seal_at(u64::MAX), Err(NoRoom));
    let mut out = [0; 100];
    let alert = ContentType::ALERT;
    assert!(write_plain(alert, SEQUENCE_LIMIT - 1, b"\x02\x28", &mut out).is_some());
    assert!(write_plain(alert, SEQUENCE_LIMIT, b"\x02\x28", &mut out).is_none());
}

/// H14: records shorter than nonce, tag or MAC.
#[test]
fn h14_short_records() {
    for (cipher, etm) in CIPHERS {
        let server = keys(cipher, etm, Role::Server);
        for len in 0..80_u8 {
            let mut wire = hex("17fefd0001000000000001 00");
            wire.push(len);
            wire.resize(HEADER + usize::from(len), 0);
            assert_eq!(opened(&server, 0, wire), Some(Err(OpenError)), "{len}");
        }
    }
}

/// H19: each length of a connection id, and what is longer than this crate has.
#[test]
fn h19_lengths_of_connection_ids() {
    for (cipher, etm) in CIPHERS {
        let client = keys(cipher, etm, Role::Client);
        let server = keys(cipher, etm, Role::Server);
        for len in 1..=MAX_CID {
            let cid = &[0xc1; MAX_CID][..len];
            let mut record = sealed(&client, &seal(cid), b"text");
            let found = split_record(&mut &mut record[..], len).unwrap();
            assert_eq!(found.cid(), cid);
            assert!(server.open(found).is_ok());
        }
        for len in [17, 20, 32, 254, 255, 256] {
            let cid = vec![0xc1; len];
            let mut out = vec![0; 1000];
            assert_eq!(
                client.seal_into(&seal(&cid), b"text", &mut out),
                Err(NoRoom)
            );
        }
    }
}

/// H21: an inner plaintext without a type, or with one that cannot stand there.
#[test]
fn h21_inner_plaintext() {
    for (cipher, etm) in CIPHERS {
        let client = keys(cipher, etm, Role::Client);
        let server = keys(cipher, etm, Role::Server);
        let open_inner = |content: &[u8], inner_type| {
            let params = Seal {
                content_type: ContentType(inner_type),
                ..seal(b"cid")
            };
            opened(&server, 3, sealed(&client, &params, content)).unwrap()
        };
        assert_eq!(open_inner(b"", 0), Err(OpenError));
        assert_eq!(open_inner(&[0; 40], 0), Err(OpenError));
        assert_eq!(open_inner(b"text", 25), Err(OpenError));
        assert_eq!(open_inner(b"text\x19\0\0", 0), Err(OpenError));
        assert_eq!(
            open_inner(b"text\x15\0\0", 0),
            Ok((ContentType::ALERT, b"text".to_vec())),
            "padding is zeros behind the type"
        );
        assert_eq!(
            open_inner(b"", 23),
            Ok((ContentType::APPLICATION_DATA, Vec::new()))
        );
        assert!(open_inner(b"text", 22).is_ok(), "the keys still work");
    }
}

/// H21: an inner plaintext of no bytes at all.
#[test]
fn h21_empty_inner_plaintext() {
    let mut key = Vec::new();
    keys(Cipher::Aes128Ccm8, false, Role::Client).to_bytes(&mut key);
    let mut aad = hex("001a ffffffffffffffff 19 03 19 fefd 0001000000000001 0a0b0c 0000");
    aad.resize(32, 0);
    let mut tag = [0; 8];
    ccm::seal(
        key[..16].try_into().unwrap(),
        hex("f9a3eb99 0001000000000001")[..].try_into().unwrap(),
        aad.as_chunks().0,
        &mut [],
        &mut tag,
    );
    let mut wire = hex("19fefd0001000000000001 0a0b0c 0010 0001000000000001");
    wire.extend(tag);
    let server = keys(Cipher::Aes128Ccm8, false, Role::Server);
    let record = split_record(&mut &mut wire[..], 3).unwrap();
    assert_eq!(server.open(record).map(|_| ()), Err(OpenError));
}

#[test]
fn longest_plaintext() {
    for (cipher, etm) in CIPHERS {
        let client = keys(cipher, etm, Role::Client);
        let server = keys(cipher, etm, Role::Server);
        for cid in [&[][..], b"cid"] {
            let text = vec![1; MAX_PLAINTEXT];
            let record = sealed(&client, &seal(cid), &text);
            let (_, found) = opened(&server, cid.len(), record).unwrap().unwrap();
            assert_eq!(found.len(), MAX_PLAINTEXT);
            let mut out = vec![0; MAX_PLAINTEXT + 200];
            let longer = vec![1; MAX_PLAINTEXT + 1];
            assert_eq!(client.seal_into(&seal(cid), &longer, &mut out), Err(NoRoom));
        }
    }
}

/// H13: records that are bad by themselves do not take the good one behind them along.
#[test]
fn h13_records_of_a_datagram() {
    let good = "16fefd0000000000000007 0003 616263";
    for (bad, found) in [
        ("", true),
        ("16fefc0000000000000001 0002 7a7a", true), // no such version
        ("16feff0001000000000001 0002 7a7a", true), // 1.0 after the negotiation
        ("16030300000000000000010002 7a7a", true),
        ("16fefd0000000000000001 0400 7a7a", false), // longer than the datagram
        ("19fefd0001000000000001 0002 7a7a", false), // no connection id was given out
    ] {
        let mut bytes = hex(&[bad, good].concat());
        let mut rest = &mut bytes[..];
        let record = split_record(&mut rest, 0);
        assert_eq!(record.is_some(), found, "{bad}");
        if let Some(record) = record {
            assert_eq!((record.epoch, record.sequence), (0, 7));
            assert_eq!(record.content_type, ContentType::HANDSHAKE);
            assert_eq!(record.into_fragment(), b"abc");
        }
        assert!(rest.is_empty() && split_record(&mut rest, 0).is_none());
    }

    // A connection id stands in protected records only.
    let mut bytes = hex(&["19fefd0000000000000001 0102 0002 7a7a", good].concat());
    let record = split_record(&mut &mut bytes[..], 2).unwrap();
    assert_eq!(record.sequence, 7);

    // More than RFC 5246 §6.2.3 allows, in a datagram that has it.
    let mut bytes = hex("17fefd0001000000000001 4801");
    bytes.resize(bytes.len() + 0x4801, 0);
    bytes.extend(hex(good));
    let record = split_record(&mut &mut bytes[..], 0).unwrap();
    assert_eq!(record.sequence, 7);
}

#[test]
fn plain_records_are_written_as_read() {
    let mut out = [0; 20];
    let len = write_plain(ContentType::ALERT, 5, b"\x02\x28", &mut out).unwrap();
    assert_eq!(out[..len], hex("15fefd0000000000000005 0002 0228"));
    assert!(write_plain(ContentType::ALERT, 5, b"\x02\x28", &mut out[..14]).is_none());
}

#[test]
fn too_little_room_is_an_error_and_no_panic() {
    for (cipher, etm) in CIPHERS {
        let client = keys(cipher, etm, Role::Client);
        for cid in [&[][..], b"cid"] {
            let needed = sealed(&client, &seal(cid), b"text").len();
            for room in 0..needed {
                let mut out = vec![0; room];
                assert_eq!(client.seal_into(&seal(cid), b"text", &mut out), Err(NoRoom));
                let mut buf = DatagramBuf::new(&mut out, room.min(20), 0);
                buf.set_len(4);
                assert_eq!(client.seal(&seal(cid), &mut buf), Err(NoRoom));
            }
        }
    }
}

#[test]
fn saved_keys_are_the_same_keys() {
    for (cipher, etm) in CIPHERS {
        let client = keys(cipher, etm, Role::Client);
        let mut bytes = Vec::new();
        client.to_bytes(&mut bytes);
        let len = if cipher == Cipher::Aes128CbcSha256 {
            96
        } else {
            40
        };
        assert_eq!(bytes.len(), len);
        let restored = RecordKeys::from_bytes(cipher, etm, &bytes).unwrap();
        assert_eq!(
            sealed(&restored, &seal(&[]), b"text"),
            sealed(&client, &seal(&[]), b"text")
        );
        for len in (0..100).filter(|other| *other != len) {
            assert!(RecordKeys::from_bytes(cipher, etm, &vec![0; len]).is_none());
        }
    }
}

#[test]
fn keys_are_small_and_print_nothing() {
    assert!(size_of::<RecordKeys>() <= 48);
    assert!(size_of::<ReplayWindow>() == 16);
    let keys = keys(Cipher::Aes128Ccm8, false, Role::Client);
    assert_eq!(std::format!("{keys:?}"), "RecordKeys(..)");
}
