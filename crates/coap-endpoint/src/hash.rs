/// SipHash-2-4 over pieces: a keyed 64-bit hash of what a peer sent, so that no peer can make two
/// of its own bodies collide on purpose. Also gives entity-tags.
pub(crate) struct Hasher {
    v: [u64; 4],
    tail: u64,
    len: u64,
}

impl Hasher {
    pub(crate) fn new(key: (u64, u64)) -> Self {
        Self {
            v: [
                key.0 ^ 0x736f_6d65_7073_6575,
                key.1 ^ 0x646f_7261_6e64_6f6d,
                key.0 ^ 0x6c79_6765_6e65_7261,
                key.1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            len: 0,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.len & 7 == 0
                && let Some((word, after)) = rest.split_first_chunk()
            {
                self.whole_word(u64::from_le_bytes(*word));
                rest = after;
                continue;
            }
            self.tail |= u64::from(byte) << (8 * (self.len & 7));
            self.len = self.len.wrapping_add(1);
            if self.len & 7 == 0 {
                self.word(self.tail);
                self.tail = 0;
            }
            rest = after;
        }
    }

    /// Writes `bytes` so that neighbouring pieces cannot be mistaken for one another: the number and
    /// the length before them, and zeros after them up to a whole word. What was written before must
    /// be whole words, too.
    pub(crate) fn write_piece(&mut self, number: u16, bytes: &[u8]) {
        debug_assert!(self.len & 7 == 0, "a piece begins with a word");
        self.whole_word(u64::from(number) << 48 ^ bytes.len() as u64);
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.whole_word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let padded = rest
                .iter()
                .rev()
                .fold(0, |word, &byte| word << 8 | u64::from(byte));
            self.whole_word(padded);
        }
    }

    fn whole_word(&mut self, word: u64) {
        self.word(word);
        self.len = self.len.wrapping_add(8);
    }

    pub(crate) fn finish(mut self) -> u64 {
        self.word(self.tail | self.len << 56);
        self.v[2] ^= 0xff;
        for _ in 0..4 {
            self.round();
        }
        self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.round();
        self.v[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the SipHash paper and its reference implementation: key 00..0f, input 00, 01, 02 …
    #[test]
    fn siphash_2_4_vectors() {
        let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        for (len, expected) in [
            (0u8, 0x726f_db47_dd0e_0e31_u64),
            (1, 0x74f8_39c5_93dc_67fd),
            (15, 0xa129_ca61_49be_45e5),
        ] {
            let input: std::vec::Vec<u8> = (0..len).collect();
            for cut in 0..=input.len() {
                let mut hasher = Hasher::new(key);
                hasher.write(&input[..cut]);
                hasher.write(&input[cut..]);
                assert_eq!(hasher.finish(), expected, "{len} bytes, cut at {cut}");
            }
        }
    }

    #[test]
    fn a_piece_is_number_length_bytes_and_zeros() {
        let key = (1, 2);
        for len in 0..20 {
            let bytes: std::vec::Vec<u8> = (1..=len).collect();
            let mut piece = Hasher::new(key);
            piece.write_piece(11, &bytes);
            let mut written = Hasher::new(key);
            written.write(&[len, 0, 0, 0, 0, 0, 11, 0]);
            written.write(&bytes);
            written.write(&[0; 8][..bytes.len().next_multiple_of(8) - bytes.len()]);
            assert_eq!(piece.finish(), written.finish(), "{len} bytes");
        }
    }
}
