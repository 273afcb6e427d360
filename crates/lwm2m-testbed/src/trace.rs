use sansio::Instant;

use crate::Datagram;

/// What went over the network, as one number: equal traces are equal runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's figures")]
pub struct Trace {
    /// Datagrams given to the network.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// FNV-1a over the time, the addresses and the bytes of each.
    pub hash: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            datagrams: 0,
            bytes: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }
}

impl Trace {
    pub(crate) fn add(&mut self, now: Instant, datagram: &Datagram) {
        self.datagrams += 1;
        self.bytes += datagram.bytes.len() as u64;
        self.mix(&now.as_micros().to_le_bytes());
        for address in [datagram.from, datagram.to] {
            match address.ip() {
                std::net::IpAddr::V4(ip) => self.mix(&ip.octets()),
                std::net::IpAddr::V6(ip) => self.mix(&ip.octets()),
            }
            self.mix(&address.port().to_le_bytes());
        }
        self.mix(&datagram.bytes);
    }

    fn mix(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A datagram as it was given to the network, for tests that look at the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's record")]
pub struct Wire {
    /// When.
    pub at: Instant,
    /// What.
    pub datagram: Datagram,
}
