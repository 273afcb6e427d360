use core::fmt;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Randomness from a seed: the same seed gives the same numbers, and nobody without it can guess them.
///
/// A runtime seeds it from the operating system, a test from a constant. ChaCha with twelve rounds.
pub struct Rng(ChaCha12Rng);

impl Rng {
    /// A generator that yields what `seed` determines.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to `bound` − 1, evenly; 0 for a bound of 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        // Multiply and take the upper half; the bias is under 2⁻³² of the bound.
        let wide = u64::from(self.next_u32()).wrapping_mul(u64::from(bound));
        u32::try_from(wide >> 32).unwrap_or_default()
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A fresh seed, for a generator of another machine.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        seed
    }
}

impl fmt::Debug for Rng {
    /// Shows nothing of the state: tokens and ids to come could be told from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers() {
        let (mut a, mut b) = (Rng::from_seed([7; 32]), Rng::from_seed([7; 32]));
        assert_eq!(a.next_u64(), b.next_u64());
        assert_ne!(a.next_u64(), a.next_u64());
        assert_ne!(a.seed(), b.seed().map(|byte| byte ^ 1));
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::from_seed([0; 32]);
        assert_eq!(rng.below(0), 0);
        let mut seen = [false; 6];
        for _ in 0..200 {
            seen[rng.below(6) as usize] = true;
        }
        assert_eq!(seen, [true; 6]);
    }
}
