//! AES-128-CBC with HMAC-SHA256: MAC-then-encrypt (RFC 5246 §6.2.3.2) without a padding oracle, and encrypt-then-MAC
//! (RFC 7366).

use core::hint::black_box;
use core::iter;

use aes::cipher::array::Array;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use aes::{Aes128Dec, Aes128Enc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sha2::block_api::compress256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// Bytes of the MAC.
pub(super) const MAC: usize = 32;
/// Bytes of a cipher block, and of the initialisation vector.
pub(super) const BLOCK: usize = 16;

/// The keys of one direction.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) mac: &'a [u8; 32],
    pub(super) cipher: &'a [u8; 16],
}

/// Bytes that a text of `len` bytes takes behind the vector: with MAC and padding.
pub(super) const fn sealed_len(encrypt_then_mac: bool, len: usize) -> usize {
    let (inside, behind) = if encrypt_then_mac { (0, MAC) } else { (MAC, 0) };
    // Padding is 1 to 16 bytes.
    (len + inside) / BLOCK * BLOCK + BLOCK + behind
}

/// Seals the first `len` bytes of `body` in place; `body` is as long as [`sealed_len`] says.
///
/// `head` is what the MAC covers before its length field and the text.
pub(super) fn seal(
    keys: Keys<'_>,
    encrypt_then_mac: bool,
    head: &[u8],
    iv: &[u8; BLOCK],
    body: &mut [u8],
    len: usize,
) -> Option<()> {
    let (encrypted, mac) = if encrypt_then_mac {
        let end = body.len().checked_sub(MAC)?;
        body.split_at_mut_checked(end)?
    } else {
        (body, &mut [][..])
    };
    let (text, rest) = encrypted.split_at_mut_checked(len)?;
    let padding = if encrypt_then_mac {
        rest
    } else {
        let (inner_mac, padding) = rest.split_at_mut_checked(MAC)?;
        inner_mac.copy_from_slice(&hmac(keys.mac, head, len, &[], text)?);
        padding
    };
    let fill = u8::try_from(padding.len().checked_sub(1)?).ok()?;
    padding.fill(fill);

    let (blocks, _) = Array::slice_as_chunks_mut(encrypted);
    cbc::Encryptor::<Aes128Enc>::new(keys.cipher.into(), iv.into()).encrypt_blocks(blocks);
    if encrypt_then_mac {
        let covered = BLOCK + encrypted.len();
        mac.copy_from_slice(&hmac(keys.mac, head, covered, iv, encrypted)?);
    }
    Some(())
}

/// Opens `body` in place and tells how long the text at its start is; `None` where it is not genuine,
/// whatever is wrong, and after the same work.
pub(super) fn open(
    keys: Keys<'_>,
    encrypt_then_mac: bool,
    head: &[u8],
    iv: &[u8; BLOCK],
    body: &mut [u8],
) -> Option<usize> {
    let encrypted = if encrypt_then_mac {
        let (encrypted, mac) = body.split_last_chunk_mut::<MAC>()?;
        let covered = BLOCK + encrypted.len();
        let expected = hmac(keys.mac, head, covered, iv, encrypted)?;
        if !bool::from(expected.ct_eq(mac.as_slice())) {
            return None;
        }
        encrypted
    } else {
        body
    };
    let least = if encrypt_then_mac { 1 } else { MAC + 1 };
    if encrypted.len() < least || encrypted.len() % BLOCK != 0 {
        return None;
    }
    let (blocks, _) = Array::slice_as_chunks_mut(encrypted);
    cbc::Decryptor::<Aes128Dec>::new(keys.cipher.into(), iv.into()).decrypt_blocks(blocks);

    // From here on, the last byte is secret, and what follows from it: no branch and no index by it.
    let longest = u32::try_from(encrypted.len() - least).ok()?;
    let last = *encrypted.last()?;
    let padding = u32::from(last);
    let mut bad = !less(padding, longest + 1);
    for (at, byte) in (0_u32..256).zip(encrypted.iter().rev()) {
        bad |= less(at, padding + 1) & (byte ^ last);
    }
    let good = equal(u32::from(bad), 0);
    // RFC 5246 §6.2.3.2: bad padding counts as none, and the MAC is computed all the same.
    let len = longest - (padding & u32::from(good));
    let genuine = if encrypt_then_mac {
        good
    } else {
        good & inner_mac_fits(keys.mac, head, encrypted, longest, len)?
    };
    if black_box(genuine) == 0 {
        encrypted.fill(0);
        return None;
    }
    usize::try_from(len).ok()
}

/// All ones where the MAC behind the first `len` bytes of `text` fits them. `len` is secret, between `longest` and 255 less.
fn inner_mac_fits(key: &[u8; 32], head: &[u8], text: &[u8], longest: u32, len: u32) -> Option<u8> {
    let shortest = longest.saturating_sub(255);
    let mut found = [0_u8; MAC];
    let first = text.get(usize::try_from(shortest).ok()?..)?;
    for (at, window) in (shortest..=longest).zip(first.windows(MAC)) {
        let here = equal(at, len);
        for (byte, from) in found.iter_mut().zip(window) {
            *byte |= from & here;
        }
    }
    let [_, _, length @ ..] = len.to_be_bytes();
    let expected = hmac_of_secret_length(key, [head, &length], text, shortest, longest, len)?;
    let fits = found.ct_eq(&expected).unwrap_u8();
    Some(0_u8.wrapping_sub(fits))
}

/// The HMAC of `head` and the first `len` bytes of `text`: the same blocks are hashed for each `len` from `shortest` to
/// `longest`.
fn hmac_of_secret_length(
    key: &[u8; 32],
    head: [&[u8]; 2],
    text: &[u8],
    shortest: u32,
    longest: u32,
    len: u32,
) -> Option<[u8; MAC]> {
    let before = u32::try_from(head.iter().map(|part| part.len()).sum::<usize>()).ok()?;
    let total = before + len;
    // A message ends in the block that has room for a mark and eight bytes of length behind it.
    let last_block = (total + 8) >> 6;
    let bits = (u64::from(total + 64) << 3).to_be_bytes();

    let mut state = keyed_state(key, 0x36);
    let mut inner = [0_u32; 8];
    let mut stream = head
        .into_iter()
        .flatten()
        .chain(text)
        .copied()
        .chain(iter::repeat(0));
    for index in 0..=(before + longest + 8) >> 6 {
        let mut block = [0_u8; 64];
        for (byte, from) in block.iter_mut().zip(&mut stream) {
            *byte = from;
        }
        if index >= (before + shortest) >> 6 {
            for (at, byte) in (index << 6..).zip(&mut block) {
                *byte = (*byte & less(at, total)) | (0x80 & equal(at, total));
            }
            let here = equal(index, last_block);
            for (byte, from) in block.iter_mut().skip(56).zip(bits) {
                *byte |= from & here;
            }
            compress(&mut state, &block);
            let here = u32::from_ne_bytes([here; 4]);
            for (word, from) in inner.iter_mut().zip(state) {
                *word |= from & here;
            }
        } else {
            compress(&mut state, &block);
        }
    }

    let mut state = keyed_state(key, 0x5c);
    let mut block = [0; 64];
    let digest = inner.iter().flat_map(|word| word.to_be_bytes());
    let end = iter::once(0x80)
        .chain([0; 23])
        .chain([0, 0, 0, 0, 0, 0, 3, 0]);
    for (byte, from) in block.iter_mut().zip(digest.chain(end)) {
        *byte = from;
    }
    compress(&mut state, &block);
    let mut mac = [0; MAC];
    for (byte, from) in mac
        .iter_mut()
        .zip(state.iter().flat_map(|word| word.to_be_bytes()))
    {
        *byte = from;
    }
    Some(mac)
}

/// SHA-256 after the block of an HMAC key (RFC 2104).
fn keyed_state(key: &[u8; 32], pad: u8) -> [u32; 8] {
    let mut state = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    let mut block = [pad; 64];
    for (byte, by) in block.iter_mut().zip(key) {
        *byte ^= by;
    }
    compress(&mut state, &block);
    block.zeroize();
    state
}

fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
    #[cfg(test)]
    tests::COMPRESSIONS.set(tests::COMPRESSIONS.get() + 1);
    compress256(state, core::slice::from_ref(block));
}

fn hmac(key: &[u8; 32], head: &[u8], len: usize, iv: &[u8], text: &[u8]) -> Option<[u8; MAC]> {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).ok()?;
    mac.update(head);
    mac.update(&u16::try_from(len).ok()?.to_be_bytes());
    mac.update(iv);
    mac.update(text);
    Some(mac.finalize().into_bytes().0)
}

/// All ones where `a < b`, else zero, without a branch. Both are below 2^31.
fn less(a: u32, b: u32) -> u8 {
    let [.., top] = black_box(a.wrapping_sub(b)).to_le_bytes();
    0_u8.wrapping_sub(top >> 7)
}

/// All ones where `a == b`, else zero, without a branch. Both are below 2^31.
fn equal(a: u32, b: u32) -> u8 {
    less(a ^ b, 1)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;
    use core::cell::Cell;

    use super::*;

    std::thread_local! {
        pub(super) static COMPRESSIONS: Cell<usize> = const { Cell::new(0) };
    }

    const KEYS: Keys<'_> = Keys {
        mac: &[0x4d; 32],
        cipher: &[0x43; 16],
    };
    const HEAD: &[u8] = b"eleven byte";
    const VECTOR: [u8; BLOCK] = [0x11; BLOCK];

    /// A body made of a text and what stands for MAC and padding, encrypted.
    fn encrypted(text: &[u8], mac: &[u8], padding: &[u8]) -> Vec<u8> {
        let mut body = [text, mac, padding].concat();
        let (blocks, rest) = Array::slice_as_chunks_mut(&mut body);
        assert!(rest.is_empty());
        cbc::Encryptor::<Aes128Enc>::new(KEYS.cipher.into(), &VECTOR.into()).encrypt_blocks(blocks);
        body
    }

    fn mac(text: &[u8]) -> [u8; MAC] {
        hmac(KEYS.mac, HEAD, text.len(), &[], text).unwrap()
    }

    fn open_counted(mut body: Vec<u8>) -> (Option<usize>, usize) {
        let before = COMPRESSIONS.get();
        let len = open(KEYS, false, HEAD, &VECTOR, &mut body);
        (len, COMPRESSIONS.get() - before)
    }

    /// Texts of 0 to 299 bytes, for each the shortest and the longest padding and one between.
    fn well_formed() -> impl Iterator<Item = (Vec<u8>, u8)> {
        (0..300_usize).flat_map(|len| {
            let least = u8::try_from(15 - (len + MAC) % BLOCK).unwrap();
            [0, 7, 15].map(|blocks| (vec![0xa5; len], least + 16 * blocks))
        })
    }

    #[test]
    fn paddings_of_every_length_open() {
        for (text, padding) in well_formed() {
            let fill = vec![padding; usize::from(padding) + 1];
            let body = encrypted(&text, &mac(&text), &fill);
            assert_eq!(open_counted(body).0, Some(text.len()), "{padding}");
        }
    }

    /// A bad padding, a bad MAC and a good record are the same work.
    #[test]
    fn padding_and_mac_are_one_error_and_one_amount_of_work() {
        for (text, padding) in well_formed() {
            let fill = vec![padding; usize::from(padding) + 1];
            let good = mac(&text);
            let (_, work) = open_counted(encrypted(&text, &good, &fill));
            let mut cases = Vec::new();
            for at in [0, fill.len() / 2, fill.len() - 1] {
                let mut fill = fill.clone();
                fill[at] ^= 1;
                cases.push(encrypted(&text, &good, &fill));
            }
            for at in [0, MAC - 1] {
                let mut bad = good;
                bad[at] ^= 0x80;
                cases.push(encrypted(&text, &bad, &fill));
            }
            if padding < 255 {
                let mut longest = fill.clone();
                *longest.last_mut().unwrap() = 255;
                cases.push(encrypted(&text, &good, &longest));
            }
            for body in cases {
                assert_eq!(open_counted(body), (None, work), "{} {padding}", text.len());
            }
        }
    }

    /// A body that is all padding and has no room for a MAC.
    #[test]
    fn padding_as_long_as_the_body() {
        for blocks in [3, 16, 17, 18] {
            let body = encrypted(&[], &[], &vec![255; blocks * BLOCK]);
            assert_eq!(open_counted(body).0, None);
        }
    }

    #[test]
    fn a_secret_length_does_not_change_the_hmac() {
        let text: Vec<u8> = (0..700_u32).map(|n| n.to_le_bytes()[0]).collect();
        for longest in [0_u32, 1, 40, 200, 255, 256, 400, 667] {
            let shortest = longest.saturating_sub(255);
            let counted = |len| {
                let before = COMPRESSIONS.get();
                let mac =
                    hmac_of_secret_length(KEYS.mac, [HEAD, &[]], &text, shortest, longest, len);
                (mac.unwrap(), COMPRESSIONS.get() - before)
            };
            let (_, work) = counted(longest);
            for len in shortest..=longest {
                let mut plain = <Hmac<Sha256>>::new_from_slice(KEYS.mac).unwrap();
                plain.update(HEAD);
                plain.update(&text[..usize::try_from(len).unwrap()]);
                let expected = plain.finalize().into_bytes().0;
                assert_eq!(counted(len), (expected, work), "{longest} {len}");
            }
        }
    }

    #[test]
    fn masks() {
        for (a, b) in [
            (0, 0),
            (0, 1),
            (1, 0),
            (255, 256),
            (70_000, 70_000),
            (70_000, 3),
        ] {
            assert_eq!(less(a, b), if a < b { 0xff } else { 0 });
            assert_eq!(equal(a, b), if a == b { 0xff } else { 0 });
        }
    }
}
