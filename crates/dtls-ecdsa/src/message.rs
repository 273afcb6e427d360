//! The bodies of the messages that these suites fill and read.

use alloc::vec::Vec;

use dtls_core::{Alert, Failure, FailureReason, NamedGroup, Reader, SignatureScheme, vector};

use crate::PublicKey;

/// Certificates that a peer may show. A chain of LwM2M has two or three.
pub(crate) const MAX_CHAIN: usize = 8;

/// Reads a Certificate message with X.509 certificates, the sender's own first.
///
/// # Specification
/// RFC 5246 §7.4.2.
pub(crate) fn read_chain(body: &[u8]) -> Result<Vec<&[u8]>, Failure> {
    let mut reader = Reader::new(body);
    let mut list = Reader::new(reader.vec24()?);
    reader.end()?;
    let mut chain = Vec::new();
    while !list.is_empty() {
        let certificate = list.vec24()?;
        if certificate.is_empty() {
            return Err(Alert::DECODE_ERROR.into());
        }
        if chain.len() == MAX_CHAIN {
            return Err(Failure::new(
                Alert::BAD_CERTIFICATE,
                FailureReason::BadCertificate("more than eight certificates in the chain"),
            ));
        }
        chain.push(certificate);
    }
    Ok(chain)
}

/// Reads a Certificate message with a raw public key; empty where the client shows none.
///
/// # Specification
/// RFC 7250 §3: one SubjectPublicKeyInfo, not a list.
pub(crate) fn read_raw_public_key(body: &[u8]) -> Result<&[u8], Failure> {
    let mut reader = Reader::new(body);
    let spki = reader.vec24()?;
    reader.end()?;
    Ok(spki)
}

pub(crate) fn write_chain(out: &mut Vec<u8>, chain: &[Vec<u8>]) {
    vector::<3>(out, |out| {
        for certificate in chain {
            vector::<3>(out, |out| out.extend(certificate));
        }
    });
}

pub(crate) fn write_raw_public_key(out: &mut Vec<u8>, key: &PublicKey) {
    vector::<3>(out, |out| out.extend(key.spki()));
}

/// What a ServerKeyExchange says: the key, the bytes that are signed, and the signature.
pub(crate) struct ServerKeyExchange<'a> {
    pub(crate) point: &'a [u8],
    pub(crate) params: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> ServerKeyExchange<'a> {
    /// # Specification
    /// RFC 8422 §5.4.
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(body);
        // A named curve; the explicit ones are gone.
        if reader.u8()? != NAMED_CURVE || reader.u16()? != NamedGroup::SECP256R1.0 {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        let point = reader.vec8()?;
        let signed = body.len().saturating_sub(reader.rest().len());
        let params = body.get(..signed).unwrap_or_default();
        let signature = read_signature(reader)?;
        Ok(Self {
            point,
            params,
            signature,
        })
    }
}

/// The params of a ServerKeyExchange.
pub(crate) fn ecdh_params(key: &PublicKey) -> Vec<u8> {
    let mut params = Vec::with_capacity(key.point().len().saturating_add(4));
    params.push(NAMED_CURVE);
    params.extend(NamedGroup::SECP256R1.0.to_be_bytes());
    write_point(&mut params, key);
    params
}

pub(crate) fn write_point(out: &mut Vec<u8>, key: &PublicKey) {
    out.push(POINT_LEN);
    out.extend(key.point());
}

/// Reads a ClientKeyExchange: the client's point (RFC 8422 §5.7).
pub(crate) fn read_client_key_exchange(body: &[u8]) -> Result<&[u8], Failure> {
    let mut reader = Reader::new(body);
    let point = reader.vec8()?;
    reader.end()?;
    Ok(point)
}

/// The bytes under the signature of a ServerKeyExchange.
pub(crate) fn signed_params(client: &[u8; 32], server: &[u8; 32], params: &[u8]) -> Vec<u8> {
    [client, server, params].concat()
}

/// Reads algorithm and signature, the rest of a message (RFC 5246 §4.7).
pub(crate) fn read_signature(mut reader: Reader<'_>) -> Result<&[u8], Failure> {
    // RFC 5246 §7.4.3: the algorithm must be one that was offered.
    if reader.u16()? != SignatureScheme::ECDSA_SHA256.0 {
        return Err(Alert::ILLEGAL_PARAMETER.into());
    }
    let signature = reader.vec16()?;
    reader.end()?;
    Ok(signature)
}

pub(crate) fn write_signature(out: &mut Vec<u8>, signature: &[u8]) {
    out.extend(SignatureScheme::ECDSA_SHA256.0.to_be_bytes());
    vector::<2>(out, |out| out.extend(signature));
}

/// Writes a CertificateRequest for ECDSA keys.
///
/// # Specification
/// RFC 5246 §7.4.4, RFC 8422 §5.5.
pub(crate) fn write_certificate_request(out: &mut Vec<u8>, authorities: &[&[u8]]) {
    out.extend([1, ECDSA_SIGN]);
    vector::<2>(out, |out| {
        out.extend(SignatureScheme::ECDSA_SHA256.0.to_be_bytes());
    });
    vector::<2>(out, |out| {
        for name in authorities {
            vector::<2>(out, |out| out.extend(*name));
        }
    });
}

/// Reads a CertificateRequest and checks that an ECDSA key on P-256 is among what it wants.
pub(crate) fn read_certificate_request(body: &[u8]) -> Result<(), Failure> {
    let mut reader = Reader::new(body);
    let types = reader.vec8()?;
    let schemes = reader.vec16()?;
    let mut authorities = Reader::new(reader.vec16()?);
    reader.end()?;
    while !authorities.is_empty() {
        authorities.vec16()?;
    }
    let (pairs, odd) = schemes.as_chunks::<2>();
    if pairs.is_empty() || !odd.is_empty() {
        return Err(Alert::DECODE_ERROR.into());
    }
    let ours = SignatureScheme::ECDSA_SHA256.0.to_be_bytes();
    if !types.contains(&ECDSA_SIGN) || !pairs.contains(&ours) {
        return Err(Failure::new(
            Alert::HANDSHAKE_FAILURE,
            FailureReason::NoCommonGroup,
        ));
    }
    Ok(())
}

const NAMED_CURVE: u8 = 3;
/// Bytes of an uncompressed point, as one byte.
const POINT_LEN: u8 = 65;
/// ClientCertificateType of RFC 8422 §5.5.
const ECDSA_SIGN: u8 = 64;
