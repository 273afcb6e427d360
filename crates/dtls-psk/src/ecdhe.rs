//! The agreement of `ECDHE_PSK` suites on P-256 (RFC 5489).

use alloc::vec::Vec;

use dtls_core::{Alert, Context, Failure, NamedGroup, Reader, Role, Secret};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{NonZeroScalar, PublicKey};

/// Our half and, as soon as the peer's has come, the result.
#[derive(Default)]
pub(crate) struct Agreement {
    ours: Option<NonZeroScalar>,
    theirs: Option<PublicKey>,
}

impl Agreement {
    /// ServerKeyExchange names the curve; ClientKeyExchange only has the point.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        if cx.role == Role::Server {
            out.push(NAMED_CURVE);
            out.extend(NamedGroup::SECP256R1.0.to_be_bytes());
        }
        let ours = fresh(cx)?;
        let point = PublicKey::from_secret_scalar(&ours).to_sec1_point(false);
        self.ours = Some(ours);
        out.push(u8::try_from(point.as_bytes().len()).map_err(|_| Alert::INTERNAL_ERROR)?);
        out.extend(point.as_bytes());
        Ok(())
    }

    pub(crate) fn read(
        &mut self,
        cx: &Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Failure> {
        if cx.role == Role::Client
            && (reader.u8()? != NAMED_CURVE || reader.u16()? != NamedGroup::SECP256R1.0)
        {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        let point = reader.vec8()?;
        if point.len() != 65 || point.first() != Some(&4) {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        let theirs = PublicKey::from_sec1_bytes(point).map_err(|_| Alert::ILLEGAL_PARAMETER)?;
        self.theirs = Some(theirs);
        Ok(())
    }

    /// The X coordinate that both sides know.
    pub(crate) fn take(&mut self) -> Result<Secret, Failure> {
        let (Some(ours), Some(theirs)) = (self.ours.take(), self.theirs.take()) else {
            return Err(Alert::INTERNAL_ERROR.into());
        };
        let shared = p256::ecdh::diffie_hellman(ours, theirs.as_affine());
        Ok(Secret::new(shared.raw_secret_bytes()))
    }
}

/// A scalar from the handshake's randomness; the odds against the first one are 2^-32.
fn fresh(cx: &mut Context<'_>) -> Result<NonZeroScalar, Failure> {
    for _ in 0..8 {
        let mut bytes = [0; 32];
        cx.rng.fill(&mut bytes);
        if let Some(scalar) = Option::<NonZeroScalar>::from(NonZeroScalar::from_repr(bytes.into()))
        {
            return Ok(scalar);
        }
    }
    Err(Alert::INTERNAL_ERROR.into())
}

const NAMED_CURVE: u8 = 3;
