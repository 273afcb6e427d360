use alloc::vec::Vec;

use super::extension::{self, ClientExtras, Extensions, ServerExtras, pairs};
use crate::codec::{Reader, vector};
use crate::{
    Alert, CertificateType, CipherSuite, NamedGroup, Offer, ServerExtensions, SignatureScheme,
};

/// A ClientHello as it stands in the datagram or in the reassembled message.
///
/// # Specification
/// RFC 6347 §4.2.1, RFC 5246 §7.4.1.2.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    pub(crate) random: &'a [u8; 32],
    pub(crate) session_id: &'a [u8],
    suites: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// Reads a body, without the handshake header.
    ///
    /// # Errors
    /// The alert that a peer would deserve.
    pub fn decode(body: &'a [u8]) -> Result<Self, Alert> {
        let mut reader = Reader::new(body);
        let version = reader.u16()?;
        let random = reader.array()?;
        let session_id = reader.vec8()?;
        // Checked already, by what is remembered of nothing.
        reader.vec8()?;
        let suites = reader.vec16()?;
        let compression = reader.vec8()?;
        if session_id.len() > 32 || suites.is_empty() || suites.len() % 2 != 0 {
            return Err(Alert::DECODE_ERROR);
        }
        // DTLS versions count downwards: 1.2 is 0xfefd; newer ones are smaller.
        if version >> 8 != 0xfe || version > DTLS_1_2 {
            return Err(Alert::PROTOCOL_VERSION);
        }
        // RFC 5246 §7.4.1.2: null compression must be in the list.
        if !compression.contains(&0) {
            return Err(Alert::ILLEGAL_PARAMETER);
        }
        Ok(Self {
            random,
            session_id,
            suites,
            extensions: Extensions::decode(reader, true)?,
        })
    }

    /// The suites that the client offers, in its order, with signalling values.
    pub fn suites(&self) -> impl Iterator<Item = CipherSuite> + Clone + 'a {
        pairs(Some(self.suites)).map(CipherSuite)
    }

    /// Whether the client offers `suite`.
    pub fn offers(&self, suite: CipherSuite) -> bool {
        self.suites().any(|offered| offered == suite)
    }

    /// The curves that the client offers; `None` where it left the extension out (RFC 8422 §4: then any may be chosen).
    pub fn groups(&self) -> Option<impl Iterator<Item = NamedGroup> + Clone + 'a> {
        let list = self.extensions.groups?;
        Some(pairs(Some(list)).map(NamedGroup))
    }

    /// Whether the client can read uncompressed points: says so, or says nothing.
    pub fn reads_uncompressed_points(&self) -> bool {
        self.extensions
            .point_formats
            .is_none_or(|formats| formats.contains(&0))
    }

    /// Whether the client sent ec_point_formats, so that it may be answered.
    pub const fn lists_point_formats(&self) -> bool {
        self.extensions.point_formats.is_some()
    }

    /// The signature algorithms that the client can check; `None` where it left the extension out.
    pub fn signature_schemes(&self) -> Option<impl Iterator<Item = SignatureScheme> + Clone + 'a> {
        let list = self.extensions.signature_schemes?;
        Some(pairs(Some(list)).map(SignatureScheme))
    }

    /// The types that the client can show, in its order; `None` where it left the extension out, which means X.509.
    pub fn client_certificate_types(&self) -> Option<impl Iterator<Item = CertificateType> + 'a> {
        let list = self.extensions.client_certificate_types?;
        Some(list.iter().map(|&kind| CertificateType(kind)))
    }

    /// The types that the client can check, in its order; `None` where it left the extension out, which means X.509.
    pub fn server_certificate_types(&self) -> Option<impl Iterator<Item = CertificateType> + 'a> {
        let list = self.extensions.server_certificate_types?;
        Some(list.iter().map(|&kind| CertificateType(kind)))
    }

    /// The server's name that the client wants (RFC 6066 §3).
    pub const fn server_name(&self) -> Option<&'a str> {
        self.extensions.server_name
    }

    /// Whether the client knows secure renegotiation (RFC 5746 §3.4), by extension or signalling value.
    pub(crate) fn knows_renegotiation_info(&self) -> bool {
        self.extensions.renegotiation_info.is_some()
            || self.offers(CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV)
    }
}

/// Appends a ClientHello's body.
pub(crate) fn write_client_hello(
    out: &mut Vec<u8>,
    random: &[u8; 32],
    session_id: &[u8],
    cookie: &[u8],
    offer: &Offer,
    extras: &ClientExtras<'_>,
) {
    out.extend(DTLS_1_2.to_be_bytes());
    out.extend(random);
    vector::<1>(out, |out| out.extend(session_id));
    vector::<1>(out, |out| out.extend(cookie));
    vector::<2>(out, |out| {
        out.extend(offer.suites.iter().flat_map(|suite| suite.0.to_be_bytes()));
    });
    out.extend([1, 0]);
    extension::write_client(out, offer, extras);
}

/// A ServerHello.
///
/// # Specification
/// RFC 5246 §7.4.1.3.
#[derive(Clone, Copy, Debug)]
pub struct ServerHello<'a> {
    pub(crate) random: &'a [u8; 32],
    pub(crate) session_id: &'a [u8],
    suite: CipherSuite,
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// Reads a body, without the handshake header.
    ///
    /// # Errors
    /// The alert that a peer would deserve.
    pub fn decode(body: &'a [u8]) -> Result<Self, Alert> {
        let mut reader = Reader::new(body);
        let version = reader.u16()?;
        let random = reader.array()?;
        let session_id = reader.vec8()?;
        let suite = CipherSuite(reader.u16()?);
        let compression = reader.u8()?;
        if version != DTLS_1_2 {
            return Err(Alert::PROTOCOL_VERSION);
        }
        if session_id.len() > 32 {
            return Err(Alert::DECODE_ERROR);
        }
        if compression != 0 {
            return Err(Alert::ILLEGAL_PARAMETER);
        }
        Ok(Self {
            random,
            session_id,
            suite,
            extensions: Extensions::decode(reader, false)?,
        })
    }

    /// The suite that the server picked.
    pub const fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// What the client shall show: X.509 where the server says nothing.
    pub fn client_certificate_type(&self) -> CertificateType {
        one_type(self.extensions.client_certificate_types)
    }

    /// What the server will show: X.509 where the server says nothing.
    pub fn server_certificate_type(&self) -> CertificateType {
        one_type(self.extensions.server_certificate_types)
    }
}

fn one_type(list: Option<&[u8]>) -> CertificateType {
    list.and_then(|list| list.first())
        .map_or(CertificateType::X509, |&kind| CertificateType(kind))
}

/// Appends a ServerHello's body.
pub(crate) fn write_server_hello(
    out: &mut Vec<u8>,
    random: &[u8; 32],
    session_id: &[u8],
    suite: CipherSuite,
    extensions: &ServerExtensions,
    extras: &ServerExtras<'_>,
) {
    out.extend(DTLS_1_2.to_be_bytes());
    out.extend(random);
    vector::<1>(out, |out| out.extend(session_id));
    out.extend(suite.0.to_be_bytes());
    out.push(0);
    extension::write_server(out, extensions, extras);
}

pub(crate) const DTLS_1_2: u16 = 0xfefd;
/// What a HelloVerifyRequest says, whatever comes after it (RFC 6347 §4.2.1).
pub(crate) const DTLS_1_0: u16 = 0xfeff;
