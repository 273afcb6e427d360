use alloc::vec::Vec;

use crate::codec::{Malformed, Reader, vector};
use crate::{Alert, Offer, ServerExtensions};

/// A curve's registered number (RFC 8422 §5.1.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "a number of two bytes")]
pub struct NamedGroup(pub u16);

impl NamedGroup {
    /// NIST P-256, the one that LwM2M demands.
    pub const SECP256R1: Self = Self(0x0017);
}

/// A signature algorithm's registered number: hash and signature of RFC 5246 §7.4.1.4.1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "a number of two bytes")]
pub struct SignatureScheme(pub u16);

impl SignatureScheme {
    /// ECDSA with SHA-256.
    pub const ECDSA_SHA256: Self = Self(0x0403);
}

/// How a Certificate message shows a key (RFC 7250 §3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "a number of one byte")]
pub struct CertificateType(pub u8);

impl CertificateType {
    /// A chain of certificates; what goes without saying.
    pub const X509: Self = Self(0);
    /// A SubjectPublicKeyInfo.
    pub const RAW_PUBLIC_KEY: Self = Self(2);
}

/// The extensions of a hello that are known here; lists are kept as they came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Extensions<'a> {
    pub(crate) server_name: Option<&'a str>,
    pub(crate) server_name_acknowledged: bool,
    pub(crate) max_fragment_length: Option<u8>,
    pub(crate) groups: Option<&'a [u8]>,
    pub(crate) point_formats: Option<&'a [u8]>,
    pub(crate) signature_schemes: Option<&'a [u8]>,
    pub(crate) client_certificate_types: Option<&'a [u8]>,
    pub(crate) server_certificate_types: Option<&'a [u8]>,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) extended_master_secret: bool,
    pub(crate) connection_id: Option<&'a [u8]>,
    pub(crate) renegotiation_info: Option<&'a [u8]>,
    pub(crate) return_routability: bool,
    /// Whether there is one that this crate does not know.
    pub(crate) unknown: bool,
}

impl<'a> Extensions<'a> {
    /// Reads the block at the end of a hello; `client` tells whose.
    pub(crate) fn decode(mut reader: Reader<'a>, client: bool) -> Result<Self, Alert> {
        let mut this = Self::default();
        if reader.is_empty() {
            return Ok(this);
        }
        let mut block = Reader::new(reader.vec16()?);
        reader.end()?;
        let mut seen = [0; MOST_EXTENSIONS];
        let mut count = 0;
        while !block.is_empty() {
            let number = block.u16()?;
            let data = block.vec16()?;
            // RFC 5246 §7.4.1.4: no more than one extension of the same type, known here or not.
            if seen.iter().take(count).any(|other| *other == number) {
                return Err(Alert::ILLEGAL_PARAMETER);
            }
            *seen.get_mut(count).ok_or(Alert::DECODE_ERROR)? = number;
            count += 1;
            this.read(number, data, client)?;
        }
        Ok(this)
    }

    fn read(&mut self, number: u16, data: &'a [u8], client: bool) -> Result<(), Alert> {
        let mut reader = Reader::new(data);
        match number {
            SERVER_NAME if client => self.server_name = server_name(reader)?,
            SERVER_NAME => {
                reader.end()?;
                self.server_name_acknowledged = true;
            }
            MAX_FRAGMENT_LENGTH => {
                let code = reader.u8()?;
                reader.end()?;
                // RFC 6066 §4: other values are illegal_parameter.
                if !(1..=4).contains(&code) {
                    return Err(Alert::ILLEGAL_PARAMETER);
                }
                self.max_fragment_length = Some(code);
            }
            SUPPORTED_GROUPS => self.groups = Some(list::<2>(reader.vec16()?, reader)?),
            POINT_FORMATS => self.point_formats = Some(list::<1>(reader.vec8()?, reader)?),
            SIGNATURE_ALGORITHMS => {
                self.signature_schemes = Some(list::<2>(reader.vec16()?, reader)?);
            }
            CLIENT_CERTIFICATE_TYPE | SERVER_CERTIFICATE_TYPE => {
                let types = if client {
                    list::<1>(reader.vec8()?, reader)?
                } else {
                    let one = reader.take(1)?;
                    reader.end()?;
                    one
                };
                if number == CLIENT_CERTIFICATE_TYPE {
                    self.client_certificate_types = Some(types);
                } else {
                    self.server_certificate_types = Some(types);
                }
            }
            ENCRYPT_THEN_MAC => {
                reader.end()?;
                self.encrypt_then_mac = true;
            }
            EXTENDED_MASTER_SECRET => {
                reader.end()?;
                self.extended_master_secret = true;
            }
            CONNECTION_ID => {
                self.connection_id = Some(reader.vec8()?);
                reader.end()?;
            }
            RETURN_ROUTABILITY => {
                reader.end()?;
                self.return_routability = true;
            }
            RENEGOTIATION_INFO => {
                self.renegotiation_info = Some(reader.vec8()?);
                reader.end()?;
            }
            _ => self.unknown = true,
        }
        Ok(())
    }
}

/// The one host name of a list (RFC 6066 §3); names of other types are passed over.
fn server_name(mut reader: Reader<'_>) -> Result<Option<&str>, Alert> {
    let mut names = Reader::new(reader.vec16()?);
    reader.end()?;
    let mut host = None;
    while !names.is_empty() {
        let kind = names.u8()?;
        let name = names.vec16()?;
        if kind == 0 {
            if host.is_some() || name.is_empty() || !name.is_ascii() {
                return Err(Alert::ILLEGAL_PARAMETER);
            }
            host = core::str::from_utf8(name).ok();
        }
    }
    Ok(host)
}

/// A list that is not empty and holds whole elements, after which nothing follows.
fn list<'a, const WIDTH: usize>(list: &'a [u8], after: Reader<'a>) -> Result<&'a [u8], Malformed> {
    after.end()?;
    if list.is_empty() || !list.len().is_multiple_of(WIDTH) {
        return Err(Malformed);
    }
    Ok(list)
}

/// The elements of a list of two-byte numbers.
pub(crate) fn pairs(list: Option<&[u8]>) -> impl Iterator<Item = u16> + Clone + '_ {
    list.unwrap_or_default()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&pair| u16::from_be_bytes(pair))
}

/// What a client says beside its suites' [`Offer`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientExtras<'a> {
    pub(crate) server_name: Option<&'a str>,
    pub(crate) max_fragment_length: Option<u8>,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) extended_master_secret: bool,
    /// What this side wants to be addressed by; empty: only to send with the server's.
    pub(crate) connection_id: Option<&'a [u8]>,
    pub(crate) return_routability: bool,
}

pub(crate) fn write_client(out: &mut Vec<u8>, offer: &Offer, extras: &ClientExtras<'_>) {
    vector::<2>(out, |out| {
        if let Some(name) = extras.server_name {
            extension(out, SERVER_NAME, |out| {
                vector::<2>(out, |out| {
                    out.push(0);
                    vector::<2>(out, |out| out.extend(name.as_bytes()));
                });
            });
        }
        if let Some(code) = extras.max_fragment_length {
            extension(out, MAX_FRAGMENT_LENGTH, |out| out.push(code));
        }
        if !offer.groups.is_empty() {
            extension(out, SUPPORTED_GROUPS, |out| {
                vector::<2>(out, |out| {
                    out.extend(offer.groups.iter().flat_map(|group| group.0.to_be_bytes()));
                });
            });
            extension(out, POINT_FORMATS, |out| out.extend(UNCOMPRESSED));
        }
        if !offer.signature_schemes.is_empty() {
            extension(out, SIGNATURE_ALGORITHMS, |out| {
                vector::<2>(out, |out| {
                    let schemes = &offer.signature_schemes;
                    out.extend(schemes.iter().flat_map(|scheme| scheme.0.to_be_bytes()));
                });
            });
        }
        for (number, types) in [
            (CLIENT_CERTIFICATE_TYPE, &offer.client_certificate_types),
            (SERVER_CERTIFICATE_TYPE, &offer.server_certificate_types),
        ] {
            // RFC 7250 §4.1: X.509 alone is what goes without saying.
            if !types.is_empty() && types[..] != [CertificateType::X509] {
                extension(out, number, |out| {
                    vector::<1>(out, |out| out.extend(types.iter().map(|kind| kind.0)));
                });
            }
        }
        if extras.encrypt_then_mac {
            extension(out, ENCRYPT_THEN_MAC, |_| {});
        }
        if extras.extended_master_secret {
            extension(out, EXTENDED_MASTER_SECRET, |_| {});
        }
        if let Some(cid) = extras.connection_id {
            extension(out, CONNECTION_ID, |out| {
                vector::<1>(out, |out| out.extend(cid));
            });
        }
        if extras.return_routability {
            extension(out, RETURN_ROUTABILITY, |_| {});
        }
        extension(out, RENEGOTIATION_INFO, |out| out.push(0));
    });
}

/// What a server answers beside its suite's [`ServerExtensions`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServerExtras<'a> {
    pub(crate) max_fragment_length: Option<u8>,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) extended_master_secret: bool,
    pub(crate) connection_id: Option<&'a [u8]>,
    pub(crate) return_routability: bool,
    pub(crate) renegotiation_info: bool,
}

pub(crate) fn write_server(out: &mut Vec<u8>, suite: &ServerExtensions, extras: &ServerExtras<'_>) {
    let start = out.len();
    vector::<2>(out, |out| {
        if let Some(code) = extras.max_fragment_length {
            extension(out, MAX_FRAGMENT_LENGTH, |out| out.push(code));
        }
        if suite.point_formats {
            extension(out, POINT_FORMATS, |out| out.extend(UNCOMPRESSED));
        }
        if let Some(kind) = suite.client_certificate_type {
            extension(out, CLIENT_CERTIFICATE_TYPE, |out| out.push(kind.0));
        }
        if let Some(kind) = suite.server_certificate_type {
            extension(out, SERVER_CERTIFICATE_TYPE, |out| out.push(kind.0));
        }
        if extras.encrypt_then_mac {
            extension(out, ENCRYPT_THEN_MAC, |_| {});
        }
        if extras.extended_master_secret {
            extension(out, EXTENDED_MASTER_SECRET, |_| {});
        }
        if let Some(cid) = extras.connection_id {
            extension(out, CONNECTION_ID, |out| {
                vector::<1>(out, |out| out.extend(cid));
            });
        }
        if extras.return_routability {
            extension(out, RETURN_ROUTABILITY, |_| {});
        }
        if extras.renegotiation_info {
            extension(out, RENEGOTIATION_INFO, |out| out.push(0));
        }
    });
    // Without any extension the block is left out altogether.
    if out.len() == start + 2 {
        out.truncate(start);
    }
}

fn extension(out: &mut Vec<u8>, number: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    out.extend(number.to_be_bytes());
    vector::<2>(out, fill);
}

/// The plaintext that a max_fragment_length stands for (RFC 6066 §4).
pub(crate) const fn max_plaintext(code: u8) -> u16 {
    match code {
        1 => 512,
        2 => 1024,
        3 => 2048,
        _ => 4096,
    }
}

/// The code of a plaintext length, where it has one.
pub(crate) const fn max_fragment_code(length: u16) -> Option<u8> {
    match length {
        512 => Some(1),
        1024 => Some(2),
        2048 => Some(3),
        4096 => Some(4),
        _ => None,
    }
}

/// Extensions of a hello that are read; one with more is refused, since each is looked for among all before it.
const MOST_EXTENSIONS: usize = 64;

const SERVER_NAME: u16 = 0;
const MAX_FRAGMENT_LENGTH: u16 = 1;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const CLIENT_CERTIFICATE_TYPE: u16 = 19;
const SERVER_CERTIFICATE_TYPE: u16 = 20;
const ENCRYPT_THEN_MAC: u16 = 22;
const EXTENDED_MASTER_SECRET: u16 = 23;
const CONNECTION_ID: u16 = 54;
/// RFC 9853.
const RETURN_ROUTABILITY: u16 = 61;
const RENEGOTIATION_INFO: u16 = 0xff01;
/// ec_point_formats with the one format that is left (RFC 8422 §5.1.2).
const UNCOMPRESSED: [u8; 2] = [1, 0];
