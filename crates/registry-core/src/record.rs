//! A registration as bytes: what the store keeps is what the registry holds.

use crate::partition::{self, Secret};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
};
use lwm2m_identity::{Identity, check_endpoint};
use lwm2m_model::Lwm2mVersion;
use lwm2m_ops::{Binding, Extra, Lifetime, Transport};
use lwm2m_store::Key;

/// The kind of registration records in a store; they are named by the endpoint.
pub const REGISTRATION_KIND: u8 = 2;

/// Where the registration of an endpoint stands in a store.
pub(crate) fn key(endpoint: &[u8]) -> Key {
    Key::new(REGISTRATION_KIND, Bytes::copy_from_slice(endpoint))
}

/// Everything that a record says.
pub(crate) struct Facts<'a> {
    pub(crate) secret: Secret,
    pub(crate) endpoint: &'a str,
    /// As [`encode_identity`] writes it.
    pub(crate) identity: &'a [u8],
    pub(crate) address: AddressBytes,
    pub(crate) local_endpoint: u16,
    pub(crate) route: u16,
    pub(crate) lifetime: Lifetime,
    pub(crate) version: Lwm2mVersion,
    pub(crate) binding: Binding,
    pub(crate) queue_mode: bool,
    pub(crate) sms: Option<&'a str>,
    /// As [`encode_extra`] writes it.
    pub(crate) extra: &'a [u8],
    pub(crate) links: &'a [u8],
    /// Milliseconds since 1970.
    pub(crate) registered_at: u64,
    /// Milliseconds since 1970.
    pub(crate) updated_at: u64,
}

/// Address, port and scope of a peer. An IPv4 address in IPv6 clothes is the same as without.
pub(crate) type AddressBytes = [u8; 22];

pub(crate) fn encode_address(address: SocketAddr) -> AddressBytes {
    let (ip, scope) = match address {
        SocketAddr::V4(address) => (address.ip().to_ipv6_mapped(), 0),
        SocketAddr::V6(address) => (*address.ip(), address.scope_id()),
    };
    let mut out = [0; 22];
    let parts = ip
        .octets()
        .into_iter()
        .chain(address.port().to_be_bytes())
        .chain(u32::to_be_bytes(scope));
    out.iter_mut()
        .zip(parts)
        .for_each(|(place, byte)| *place = byte);
    out
}

pub(crate) fn decode_address(bytes: &AddressBytes) -> SocketAddr {
    let mut reader = Reader::new(bytes);
    let (Ok(ip), Ok(port), Ok(scope)) = (reader.array(), reader.array(), reader.array()) else {
        return SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);
    };
    let (ip, port) = (Ipv6Addr::from_octets(ip), u16::from_be_bytes(port));
    match ip.to_ipv4_mapped() {
        Some(ip) => SocketAddr::new(IpAddr::V4(ip), port),
        None => SocketAddrV6::new(ip, port, 0, u32::from_be_bytes(scope)).into(),
    }
}

/// Nothing for NoSec, else the kind and what it is. `None` for names beyond 65 535 bytes, and for identities that this
/// version cannot keep.
pub(crate) fn encode_identity(identity: &Identity) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match identity {
        Identity::None => {}
        Identity::Psk { identity } => {
            out.push(PSK);
            out.extend_from_slice(identity);
        }
        Identity::RawPublicKey { key } => {
            out.push(RAW_PUBLIC_KEY);
            out.extend_from_slice(key);
        }
        Identity::X509 { names } => {
            out.push(X509);
            for name in names {
                out.extend(u16::try_from(name.len()).ok()?.to_be_bytes());
                out.extend_from_slice(name.as_bytes());
            }
        }
        _ => return None,
    }
    Some(out)
}

pub(crate) fn decode_identity(bytes: &[u8]) -> Result<Identity, DecodeErrorKind> {
    Ok(match bytes.split_first() {
        None => Identity::None,
        Some((&PSK, identity)) => Identity::Psk {
            identity: Bytes::copy_from_slice(identity),
        },
        Some((&RAW_PUBLIC_KEY, key)) => Identity::RawPublicKey {
            key: Bytes::copy_from_slice(key),
        },
        Some((&X509, names)) => {
            let mut reader = Reader::new(names);
            let mut names = Vec::new();
            while !reader.rest.is_empty() {
                names.push(String::from(reader.text16().map_err(|error| error.kind)?));
            }
            Identity::X509 { names }
        }
        Some((kind, _)) => return Err(DecodeErrorKind::Identity(*kind)),
    })
}

/// Name and value of each parameter. `None` for texts beyond 65 534 bytes.
pub(crate) fn encode_extra(extra: &[Extra]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for (name, value) in extra {
        out.extend(u16::try_from(name.len()).ok()?.to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        match value {
            None => out.extend(NO_VALUE.to_be_bytes()),
            Some(value) => {
                let len = u16::try_from(value.len())
                    .ok()
                    .filter(|len| *len != NO_VALUE)?;
                out.extend(len.to_be_bytes());
                out.extend_from_slice(value.as_bytes());
            }
        }
    }
    Some(out)
}

pub(crate) fn decode_extra(bytes: &[u8]) -> Result<Vec<Extra>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut extra = Vec::new();
    while !reader.rest.is_empty() {
        let name = reader.text16()?;
        let value = match u16::from_be_bytes(reader.array()?) {
            NO_VALUE => None,
            len => Some(String::from(reader.text(usize::from(len))?)),
        };
        extra.push((String::from(name), value));
    }
    Ok(extra)
}

/// The record, in one allocation of its exact size. `None` if a part is too long for its length field.
pub(crate) fn encode(facts: &Facts<'_>) -> Option<Bytes> {
    let sms = facts.sms.map_or(0, |sms| 2_usize.saturating_add(sms.len()));
    let size = [
        facts.endpoint.len(),
        facts.identity.len(),
        sms,
        facts.extra.len(),
        facts.links.len(),
    ]
    .into_iter()
    .fold(FIXED + 1 + 2 + 4, usize::saturating_add);
    let mut out = Vec::with_capacity(size);
    let flags = (u8::from(facts.queue_mode) * QUEUE) | (u8::from(facts.sms.is_some()) * SMS);
    let version = Lwm2mVersion::ALL
        .iter()
        .position(|version| *version == facts.version)?;
    out.extend([
        FORMAT,
        flags,
        u8::try_from(version).ok()?,
        binding_bits(facts.binding),
    ]);
    out.extend(facts.local_endpoint.to_be_bytes());
    out.extend(facts.route.to_be_bytes());
    out.extend(facts.secret);
    out.extend(facts.lifetime.to_wire().to_be_bytes());
    out.extend(facts.registered_at.to_be_bytes());
    out.extend(facts.updated_at.to_be_bytes());
    out.extend(facts.address);
    out.push(u8::try_from(facts.endpoint.len()).ok()?);
    out.extend_from_slice(facts.endpoint.as_bytes());
    out.extend(u16::try_from(facts.identity.len()).ok()?.to_be_bytes());
    out.extend_from_slice(facts.identity);
    if let Some(sms) = facts.sms {
        out.extend(u16::try_from(sms.len()).ok()?.to_be_bytes());
        out.extend_from_slice(sms.as_bytes());
    }
    out.extend(u32::try_from(facts.extra.len()).ok()?.to_be_bytes());
    out.extend_from_slice(facts.extra);
    out.extend_from_slice(facts.links);
    Some(out.into())
}

/// The same record with another time of the last Update.
pub(crate) fn touched(record: &[u8], updated_at: u64) -> Bytes {
    let mut out = record.to_vec();
    let place = out.iter_mut().skip(UPDATED_AT);
    place
        .zip(updated_at.to_be_bytes())
        .for_each(|(place, byte)| *place = byte);
    out.into()
}

/// A record read without a copy.
pub(crate) struct View<'a> {
    pub(crate) flags: u8,
    pub(crate) version: Lwm2mVersion,
    pub(crate) binding: Binding,
    pub(crate) local_endpoint: u16,
    pub(crate) route: u16,
    pub(crate) secret: Secret,
    pub(crate) lifetime: Lifetime,
    pub(crate) registered_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) address: AddressBytes,
    pub(crate) endpoint: &'a [u8],
    pub(crate) identity: &'a [u8],
    pub(crate) sms: Option<&'a [u8]>,
    pub(crate) extra: &'a [u8],
    pub(crate) links: &'a [u8],
}

impl<'a> View<'a> {
    /// Finds the parts; texts are not looked into.
    pub(crate) fn read(record: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(record);
        let format = reader.byte()?;
        if format != FORMAT {
            return Err(reader.error(DecodeErrorKind::Format(format)));
        }
        let flags = reader.byte()?;
        if flags & !(QUEUE | SMS) != 0 {
            return Err(reader.error(DecodeErrorKind::Flags(flags)));
        }
        let version = reader.byte()?;
        let Some(version) = Lwm2mVersion::ALL.get(usize::from(version)).copied() else {
            return Err(reader.error(DecodeErrorKind::Version(version)));
        };
        let bits = reader.byte()?;
        let Some(binding) = binding(bits) else {
            return Err(reader.error(DecodeErrorKind::Binding(bits)));
        };
        Ok(Self {
            flags,
            version,
            binding,
            local_endpoint: u16::from_be_bytes(reader.array()?),
            route: u16::from_be_bytes(reader.array()?),
            secret: reader.array()?,
            lifetime: Lifetime::from_seconds(u32::from_be_bytes(reader.array()?)),
            registered_at: u64::from_be_bytes(reader.array()?),
            updated_at: u64::from_be_bytes(reader.array()?),
            address: reader.array()?,
            endpoint: {
                let len = reader.byte()?;
                reader.take(usize::from(len))?
            },
            identity: {
                let len = u16::from_be_bytes(reader.array()?);
                reader.take(usize::from(len))?
            },
            sms: match flags & SMS {
                0 => None,
                _ => {
                    let len = u16::from_be_bytes(reader.array()?);
                    Some(reader.take(usize::from(len))?)
                }
            },
            extra: {
                let len = u32::from_be_bytes(reader.array()?);
                reader.take(usize::try_from(len).unwrap_or(usize::MAX))?
            },
            links: reader.rest,
        })
    }

    /// Reads the parts and looks into each, except for the object list, which may hold anything.
    pub(crate) fn check(record: &'a [u8]) -> Result<Self, DecodeError> {
        let view = Self::read(record)?;
        let at = |part: &[u8], kind| DecodeError {
            // Parts are slices of the record: the distance of their starts is the offset.
            offset: (part.as_ptr() as usize).saturating_sub(record.as_ptr() as usize),
            kind,
        };
        if encode_address(decode_address(&view.address)) != view.address {
            return Err(DecodeError {
                offset: ADDRESS.start,
                kind: DecodeErrorKind::Address,
            });
        }
        let text =
            |part| core::str::from_utf8(part).map_err(|_| at(part, DecodeErrorKind::NotText));
        check_endpoint(text(view.endpoint)?)
            .map_err(|_| at(view.endpoint, DecodeErrorKind::Endpoint))?;
        view.sms.map(text).transpose()?;
        decode_identity(view.identity).map_err(|kind| at(view.identity, kind))?;
        decode_extra(view.extra).map_err(|error| at(view.extra, error.kind))?;
        Ok(view)
    }

    pub(crate) const fn queue_mode(&self) -> bool {
        self.flags & QUEUE != 0
    }

    pub(crate) fn tag(&self) -> u16 {
        partition::tag(self.endpoint)
    }
}

fn binding_bits(binding: Binding) -> u8 {
    let transports = Transport::ALL.iter().enumerate().take(7);
    let bit = |(at, transport): (usize, &Transport)| u8::from(binding.contains(*transport)) << at;
    transports
        .map(bit)
        .fold(u8::from(binding.queue()) << 7, |bits, bit| bits | bit)
}

fn binding(bits: u8) -> Option<Binding> {
    if bits == 1 {
        return Some(Binding::UDP); // what nearly all have
    }
    let known = Transport::ALL
        .iter()
        .enumerate()
        .take(7)
        .filter(|(at, _)| bits & 1 << at != 0);
    let mut set = [Transport::Udp; 7];
    let mut len = 0_usize;
    for (place, (_, transport)) in set.iter_mut().zip(known) {
        *place = *transport;
        len = len.saturating_add(1);
    }
    if usize::try_from((bits & 0x7f).count_ones()) != Ok(len) {
        return None; // a transport that this version does not know
    }
    Some(Binding::new(set.get(..len)?)?.with_queue(bits & 0x80 != 0))
}

struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
        }
    }

    const fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError {
            offset: self.len.saturating_sub(self.rest.len()),
            kind,
        }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((head, tail)) = self.rest.split_at_checked(len) else {
            return Err(self.error(DecodeErrorKind::Truncated));
        };
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((head, tail)) = self.rest.split_first_chunk() else {
            return Err(self.error(DecodeErrorKind::Truncated));
        };
        self.rest = tail;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn text(&mut self, len: usize) -> Result<&'a str, DecodeError> {
        let bytes = self.take(len)?;
        core::str::from_utf8(bytes).map_err(|_| self.error(DecodeErrorKind::NotText))
    }

    fn text16(&mut self) -> Result<&'a str, DecodeError> {
        let len = u16::from_be_bytes(self.array()?);
        self.text(usize::from(len))
    }
}

/// Why the bytes of a store are no registration record, and where reading stopped.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct DecodeError {
    /// Bytes from the start of the record.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// What is wrong with the bytes of a registration record.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// They end too early.
    Truncated,
    /// They are of a format that this version does not know.
    Format(u8),
    /// A flag is set that this version does not know.
    Flags(u8),
    /// A version of LwM2M that this version does not know.
    Version(u8),
    /// A set of transports that is empty or not known.
    Binding(u8),
    /// A kind of identity that this version does not know.
    Identity(u8),
    /// An IPv4 address with a scope.
    Address,
    /// The endpoint name is empty or too long.
    Endpoint,
    /// A text is not UTF-8.
    NotText,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DecodeErrorKind::Truncated => f.write_str("the registration record is cut off")?,
            DecodeErrorKind::Format(format) => {
                write!(f, "unknown format {format} of the registration record")?
            }
            DecodeErrorKind::Flags(flags) => {
                write!(f, "unknown flags {flags:#04x} in the registration record")?
            }
            DecodeErrorKind::Version(version) => write!(f, "unknown LwM2M version {version}")?,
            DecodeErrorKind::Binding(bits) => write!(f, "unknown binding {bits:#04x}")?,
            DecodeErrorKind::Identity(kind) => write!(f, "unknown kind of identity {kind}")?,
            DecodeErrorKind::Address => f.write_str("an IPv4 address has a scope")?,
            DecodeErrorKind::Endpoint => f.write_str("the endpoint name is empty or too long")?,
            DecodeErrorKind::NotText => {
                f.write_str("a text in the registration record is not UTF-8")?
            }
        }
        write!(f, " (at byte {})", self.offset)
    }
}

impl core::error::Error for DecodeError {}

const FORMAT: u8 = 1;
const QUEUE: u8 = 1;
const SMS: u8 = 2;
const UPDATED_AT: usize = 4 + 2 + 2 + 9 + 4 + 8;
pub(crate) const SECRET: core::ops::Range<usize> = 8..17;
pub(crate) const ADDRESS: core::ops::Range<usize> = UPDATED_AT + 8..FIXED;
const FIXED: usize = UPDATED_AT + 8 + 22;
/// Where the endpoint name begins, behind its length.
pub(crate) const ENDPOINT: usize = FIXED + 1;
const PSK: u8 = 1;
const RAW_PUBLIC_KEY: u8 = 2;
const X509: u8 = 3;
const NO_VALUE: u16 = u16::MAX;
