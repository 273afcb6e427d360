use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroize as _;

/// Fills `out` with the TLS 1.2 pseudo-random function with SHA-256 of `secret`, `label` and the pieces of `seed`.
///
/// # Specification
/// RFC 5246 §5.
pub fn prf_sha256(secret: &[u8], label: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    let Ok(keyed) = <Hmac<Sha256>>::new_from_slice(secret) else {
        // HMAC takes keys of any length.
        return;
    };
    let feed = |mac: &mut Hmac<Sha256>| {
        mac.update(label);
        for piece in seed {
            mac.update(piece);
        }
    };
    // A(1) = HMAC(label ‖ seed), A(i) = HMAC(A(i - 1)); block i is HMAC(A(i) ‖ label ‖ seed).
    let mut a = [0_u8; 32];
    for (at, chunk) in out.chunks_mut(32).enumerate() {
        let mut mac = keyed.clone();
        if at == 0 {
            feed(&mut mac);
        } else {
            mac.update(&a);
        }
        a = mac.finalize().into_bytes().0;
        let mut mac = keyed.clone();
        mac.update(&a);
        feed(&mut mac);
        let mut block = mac.finalize().into_bytes().0;
        for (byte, from) in chunk.iter_mut().zip(block) {
            *byte = from;
        }
        block.zeroize();
    }
    a.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::hex;

    /// The vector that the IETF TLS working group's list gives for P_SHA256.
    #[test]
    fn prf_vector() {
        let mut out = [0; 100];
        prf_sha256(
            &hex("9bbe436ba940f017b17652849a71db35"),
            b"test label",
            &[&hex("a0ba9f936cda3118"), &hex("27a6f796ffd5198c")],
            &mut out,
        );
        assert_eq!(
            out[..],
            hex(
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
                 0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
                 87347b66"
            )
        );
    }
}
