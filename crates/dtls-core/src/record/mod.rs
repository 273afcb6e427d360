//! Records: found in a datagram, opened, sealed, and each accepted once.

mod cbc;
mod ccm;
pub(crate) mod gcm;
mod kept;
mod keys;
mod window;

use core::fmt;

pub(crate) use kept::Kept;
pub(crate) use keys::{HEADROOM, RecordKeys, Seal, TAILROOM};
pub(crate) use window::ReplayWindow;

/// What a record carries, as its number.
///
/// # Specification
/// RFC 5246 §6.2.1, RFC 9146 §3, RFC 9853 §4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ContentType(pub(crate) u8);

impl ContentType {
    pub(crate) const CHANGE_CIPHER_SPEC: Self = Self(20);
    pub(crate) const ALERT: Self = Self(21);
    pub(crate) const HANDSHAKE: Self = Self(22);
    pub(crate) const APPLICATION_DATA: Self = Self(23);
    /// A protected record with a connection id; its real type is inside.
    pub(crate) const TLS12_CID: Self = Self(25);
    pub(crate) const RETURN_ROUTABILITY_CHECK: Self = Self(27);
}

/// Bytes of a record's header without a connection id.
pub(crate) const HEADER: usize = 13;
/// The most plaintext bytes of a record (RFC 5246 §6.2.1).
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;
/// The longest connection id that this crate sends or receives.
pub(crate) const MAX_CID: usize = 16;
/// Sequence numbers end here: they have 48 bits.
pub(crate) const SEQUENCE_LIMIT: u64 = 1 << 48;

/// What protection may add at most (RFC 5246 §6.2.3).
const MAX_EXPANSION: usize = 2048;
const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];
const DTLS_1_0: [u8; 2] = [0xfe, 0xff];

/// One record of a datagram: its header is read, its content is not opened.
pub(crate) struct Record<'a> {
    pub(crate) content_type: ContentType,
    pub(crate) epoch: u16,
    /// 48 bits.
    pub(crate) sequence: u64,
    cid: &'a [u8],
    fragment: &'a mut [u8],
}

impl<'a> Record<'a> {
    /// The connection id that the record names; empty in the plain format.
    pub(crate) fn cid(&self) -> &'a [u8] {
        self.cid
    }

    /// Bytes of the content, protected or not.
    pub(crate) const fn len(&self) -> usize {
        self.fragment.len()
    }

    /// The content as it came: the plaintext of an unprotected record.
    pub(crate) fn into_fragment(self) -> &'a mut [u8] {
        self.fragment
    }

    /// Epoch and sequence number as they stand in the header.
    fn number(&self) -> [u8; 8] {
        number(self.epoch, self.sequence)
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("content_type", &self.content_type)
            .field("epoch", &self.epoch)
            .field("sequence", &self.sequence)
            .field("len", &self.fragment.len())
            .finish_non_exhaustive()
    }
}

/// Takes the first record off `datagram`; `None` when nothing is left that can be a record.
///
/// `cid_len` is the length of the connection ids that this side has given out; with 0, a record
/// with a connection id has no known end, and the rest is dropped with it. A record that ends where it says
/// and is unacceptable by its header alone is left out, and the next one is tried.
///
/// # Specification
/// RFC 6347 §4.1 and §4.1.2.7 (invalid records are discarded), RFC 9146 §4.
pub(crate) fn split_record<'a>(datagram: &mut &'a mut [u8], cid_len: usize) -> Option<Record<'a>> {
    loop {
        let bytes = core::mem::take(datagram);
        let (head, rest) = bytes.split_first_chunk_mut::<11>()?;
        let [kind, major, minor, e0, e1, s0, s1, s2, s3, s4, s5] = *head;
        let content_type = ContentType(kind);
        let with_cid = content_type == ContentType::TLS12_CID;
        if with_cid && cid_len == 0 {
            return None;
        }
        let (cid, rest) = rest.split_at_mut_checked(if with_cid { cid_len } else { 0 })?;
        let (len, rest) = rest.split_first_chunk_mut::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (fragment, rest) = rest.split_at_mut_checked(len)?;
        *datagram = rest;

        let epoch = u16::from_be_bytes([e0, e1]);
        let version = [major, minor];
        // The version is not agreed on before the first ServerHello (RFC 6347 §4.2.1), and a
        // connection id stands in protected records only (RFC 9146 §3).
        let acceptable = if epoch == 0 {
            !with_cid && (version == DTLS_1_2 || version == DTLS_1_0)
        } else {
            version == DTLS_1_2
        };
        if !acceptable || len > MAX_PLAINTEXT + MAX_EXPANSION {
            continue;
        }
        return Some(Record {
            content_type,
            epoch,
            sequence: u64::from_be_bytes([0, 0, s0, s1, s2, s3, s4, s5]),
            cid,
            fragment,
        });
    }
}

/// Writes an unprotected record (epoch 0) to the start of `out` and tells its length; `None` without room,
/// or when the sequence numbers are used up.
///
/// # Specification
/// RFC 6347 §4.1.
pub(crate) fn write_plain(
    content_type: ContentType,
    sequence: u64,
    fragment: &[u8],
    out: &mut [u8],
) -> Option<usize> {
    if fragment.len() > MAX_PLAINTEXT {
        return None;
    }
    let end = HEADER + fragment.len();
    let (header, content) = out.get_mut(..end)?.split_at_mut_checked(HEADER)?;
    write_header(content_type, 0, sequence, &[], fragment.len(), header)?;
    content.copy_from_slice(fragment);
    Some(end)
}

/// Fills `header`, whose length has to fit.
fn write_header(
    content_type: ContentType,
    epoch: u16,
    sequence: u64,
    cid: &[u8],
    len: usize,
    header: &mut [u8],
) -> Option<()> {
    if sequence >= SEQUENCE_LIMIT {
        return None;
    }
    let (head, tail) = header.split_first_chunk_mut::<11>()?;
    let [major, minor] = DTLS_1_2;
    let [n0, n1, n2, n3, n4, n5, n6, n7] = number(epoch, sequence);
    *head = [content_type.0, major, minor, n0, n1, n2, n3, n4, n5, n6, n7];
    let (room, tail) = tail.split_at_mut_checked(cid.len())?;
    room.copy_from_slice(cid);
    *tail.first_chunk_mut()? = u16::try_from(len).ok()?.to_be_bytes();
    Some(())
}

/// Epoch and sequence number, as header, nonce and MAC have them.
fn number(epoch: u16, sequence: u64) -> [u8; 8] {
    (u64::from(epoch) << 48 | sequence).to_be_bytes()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
