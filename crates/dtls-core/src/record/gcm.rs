//! AES-128-GCM with a nonce of 12 bytes (NIST SP 800-38D, RFC 5288).

use aes::Aes128Enc;
use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt as _, BlockSizeUser,
    KeyInit as _,
};
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

type Block = [u8; 16];

/// Encrypts `text` in place and tells its tag.
pub(crate) fn seal(key: &Block, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> Block {
    let cipher = Aes128Enc::new(key.into());
    let (hash, mask) = begin(&cipher, nonce);
    keystream(&cipher, nonce, text);
    finish(hash, mask, aad, text)
}

/// Decrypts `text` in place and tells whether it is genuine; leaves it alone where it is not.
pub(crate) fn open(
    key: &Block,
    nonce: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag: &Block,
) -> bool {
    let cipher = Aes128Enc::new(key.into());
    let (hash, mask) = begin(&cipher, nonce);
    let good = finish(hash, mask, aad, text).ct_eq(tag).into();
    if good {
        keystream(&cipher, nonce, text);
    }
    good
}

/// The hash with its key, and what hides its result.
fn begin(cipher: &Aes128Enc, nonce: &[u8; 12]) -> (GHash, Block) {
    let mut blocks = [Array([0; 16]), Array(counter(nonce, 1))];
    cipher.encrypt_blocks(&mut blocks);
    let [mut hash_key, mask] = blocks;
    let hash = GHash::new(&hash_key);
    hash_key.zeroize();
    (hash, mask.0)
}

fn finish(mut hash: GHash, mask: Block, aad: &[u8], text: &[u8]) -> Block {
    let bits = |bytes: &[u8]| 8 * bytes.len() as u64;
    let [aad_bits, text_bits] = [bits(aad), bits(text)].map(u128::from);
    hash.update_padded(aad);
    hash.update_padded(text);
    hash.update(&[Array((aad_bits << 64 | text_bits).to_be_bytes())]);
    let mut tag = hash.finalize().0;
    for (byte, by) in tag.iter_mut().zip(mask) {
        *byte ^= by;
    }
    tag
}

fn counter(nonce: &[u8; 12], count: u32) -> Block {
    let [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11] = *nonce;
    let [c0, c1, c2, c3] = count.to_be_bytes();
    [
        n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, c0, c1, c2, c3,
    ]
}

fn keystream(cipher: &Aes128Enc, nonce: &[u8; 12], text: &mut [u8]) {
    cipher.encrypt_with_backend(Stream { nonce, text });
}

struct Stream<'a> {
    nonce: &'a [u8; 12],
    text: &'a mut [u8],
}

impl BlockSizeUser for Stream<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Stream<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, cipher: &B) {
        let mut count = 1_u32;
        for chunk in self.text.chunks_mut(16) {
            count = count.wrapping_add(1);
            let mut stream = Array(counter(self.nonce, count));
            cipher.encrypt_block_inplace(&mut stream);
            for (byte, by) in chunk.iter_mut().zip(stream.0) {
                *byte ^= by;
            }
        }
    }
}
