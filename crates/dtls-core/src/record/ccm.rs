//! AES-128-CCM with a nonce of 12 bytes (RFC 3610, RFC 5116 §5.3, RFC 6655).
//!
//! One pass over the text inside one call of the cipher: the chain of the MAC is what takes the time, and the counter
//! blocks are encrypted in its shadow.

use aes::Aes128Enc;
use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt as _, BlockSizeUser,
    KeyInit as _,
};
use subtle::ConstantTimeEq as _;

type Block = [u8; 16];

/// Encrypts `text` in place and fills `tag`, whose length (8 or 16) is the suite's.
///
/// `aad` is the additional data as RFC 3610 §2.2 hashes it, its length and the padding included.
pub(super) fn seal(key: &Block, nonce: &[u8; 12], aad: &[Block], text: &mut [u8], tag: &mut [u8]) {
    let full = run::<false>(key, nonce, aad, text, tag.len());
    for (byte, from) in tag.iter_mut().zip(full) {
        *byte = from;
    }
}

/// Decrypts `text` in place and tells whether it is genuine; wipes it where it is not.
pub(super) fn open(
    key: &Block,
    nonce: &[u8; 12],
    aad: &[Block],
    text: &mut [u8],
    tag: &[u8],
) -> bool {
    let full = run::<true>(key, nonce, aad, text, tag.len());
    let good = full
        .get(..tag.len())
        .is_some_and(|full| full.ct_eq(tag).into());
    if !good {
        text.fill(0);
    }
    good
}

fn run<const OPEN: bool>(
    key: &Block,
    nonce: &[u8; 12],
    aad: &[Block],
    text: &mut [u8],
    tag_len: usize,
) -> Block {
    let mut tag = [0; 16];
    Aes128Enc::new(key.into()).encrypt_with_backend(Pass::<OPEN> {
        nonce,
        aad,
        text,
        tag_len,
        tag: &mut tag,
    });
    tag
}

struct Pass<'a, const OPEN: bool> {
    nonce: &'a [u8; 12],
    aad: &'a [Block],
    text: &'a mut [u8],
    tag_len: usize,
    tag: &'a mut Block,
}

impl<const OPEN: bool> BlockSizeUser for Pass<'_, OPEN> {
    type BlockSize = U16;
}

impl<const OPEN: bool> BlockCipherEncClosure for Pass<'_, OPEN> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, cipher: &B) {
        let block = |flags: u8, counter: usize| {
            let [.., c0, c1, c2] = counter.to_be_bytes();
            let [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11] = *self.nonce;
            [
                flags, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, c0, c1, c2,
            ]
        };
        // RFC 3610 §2.2 with L = 3: flags are 64 × has aad + 8 × (tag - 2) / 2 + (L - 1).
        let flags = if self.aad.is_empty() { 2 } else { 66 };
        let flags = flags | if self.tag_len == 16 { 7 << 3 } else { 3 << 3 };
        let mut mac = encrypt(cipher, block(flags, self.text.len()));
        let mask = encrypt(cipher, block(2, 0));

        for block in self.aad {
            mac = encrypt(cipher, xor(mac, *block));
        }

        let last = last_block(self.text);
        let (blocks, rest) = self.text.as_chunks_mut::<16>();
        let mut counter = 0;
        for text in blocks {
            counter += 1;
            let stream = encrypt(cipher, block(2, counter));
            let other = xor(*text, stream);
            mac = encrypt(cipher, xor(mac, if OPEN { other } else { *text }));
            *text = other;
        }
        if !rest.is_empty() {
            let stream = encrypt(cipher, block(2, counter + 1));
            let other = cut(xor(last, stream), rest.len());
            mac = encrypt(cipher, xor(mac, if OPEN { other } else { last }));
            for (byte, from) in rest.iter_mut().zip(other) {
                *byte = from;
            }
        }
        *self.tag = xor(mac, mask);
    }
}

#[inline(always)]
fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(cipher: &B, block: Block) -> Block {
    let mut block = Array(block);
    cipher.encrypt_block_inplace(&mut block);
    block.0
}

#[inline(always)]
fn xor(mut a: Block, b: Block) -> Block {
    for (a, b) in a.iter_mut().zip(b) {
        *a ^= b;
    }
    a
}

/// The bytes behind the last whole block, zeros behind them.
///
/// Shifted out of the last 16 bytes, where there are so many: a copy of a few bytes would stall the chain that reads them.
#[inline(always)]
fn last_block(text: &[u8]) -> Block {
    let len = text.len() % 16;
    if len == 0 {
        return [0; 16];
    }
    match text.last_chunk() {
        Some(end) => (u128::from_le_bytes(*end) >> (8 * (16 - len))).to_le_bytes(),
        None => {
            let mut block = [0; 16];
            for (byte, from) in block.iter_mut().zip(text) {
                *byte = *from;
            }
            block
        }
    }
}

/// The first `len` bytes, 1 to 16 of them, zeros behind them.
#[inline(always)]
fn cut(block: Block, len: usize) -> Block {
    let behind = 8 * (16 - len);
    (u128::from_le_bytes(block) << behind >> behind).to_le_bytes()
}
