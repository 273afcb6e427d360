//! Cookies without state (RFC 6347 §4.2.1): who returns one can be reached at the address it was sent to.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sansio::Instant;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::Path;
use crate::codec::{Malformed, Reader};

/// Makes and checks cookies. The key changes with time; the one before is still good.
///
/// A cookie is bound to address, socket, random and session id by its first 16 bytes. Of a hello that came in one piece
/// 12 more bind everything else; one that came in fragments is known by its first fragment only, and gets the
/// short form.
pub(crate) struct Cookies {
    secret: [u8; 32],
    lifetime: Duration,
    period: u64,
    current: Hmac<Sha256>,
    previous: Hmac<Sha256>,
}

/// What a cookie covers, taken from a hello or from its first fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covered<'a> {
    pub(crate) random: &'a [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) cookie: &'a [u8],
    /// What follows the cookie, if the hello is whole.
    pub(crate) rest: Option<&'a [u8]>,
}

/// A cookie of one piece of a hello.
const SHORT: usize = 16;
/// A cookie of a whole hello.
pub(crate) const LONG: usize = 28;

impl<'a> Covered<'a> {
    /// Reads the start of a hello's body. A fragment has to reach to the end of the cookie.
    pub(crate) fn decode(start: &'a [u8], whole: bool) -> Result<Self, Malformed> {
        let mut reader = Reader::new(start);
        reader.u16()?;
        let random = reader.array()?;
        let session_id = reader.vec8()?;
        let cookie = reader.vec8()?;
        Ok(Self {
            random,
            session_id,
            cookie,
            rest: whole.then(|| reader.rest()),
        })
    }
}

impl Cookies {
    pub(crate) fn new(secret: [u8; 32], lifetime: Duration) -> Self {
        let lifetime = lifetime.max(Duration::from_secs(1));
        Self {
            current: period_key(&secret, 0),
            previous: period_key(&secret, u64::MAX),
            secret,
            lifetime,
            period: 0,
        }
    }

    /// The cookie for a hello, and how much of it counts.
    pub(crate) fn make(
        &mut self,
        now: Instant,
        path: Path,
        covered: &Covered<'_>,
    ) -> ([u8; LONG], usize) {
        self.turn(now);
        let len = if covered.rest.is_some() { LONG } else { SHORT };
        (cookie(&self.current, path, covered), len)
    }

    /// Whether the hello carries a cookie that was made for it. A hello in one piece that returns the short form
    /// had come in fragments before.
    pub(crate) fn check(&mut self, now: Instant, path: Path, covered: &Covered<'_>) -> bool {
        let len = covered.cookie.len();
        if len != SHORT && len != LONG {
            return false;
        }
        self.turn(now);
        let covered = match covered.rest {
            // Of a hello in pieces only the first half can be checked.
            None => Covered {
                cookie: covered.cookie.get(..SHORT).unwrap_or_default(),
                ..*covered
            },
            Some(_) => *covered,
        };
        [&self.current, &self.previous].into_iter().any(|key| {
            let good = cookie(key, path, &covered);
            let good = good.get(..covered.cookie.len()).unwrap_or_default();
            bool::from(good.ct_eq(covered.cookie))
        })
    }

    fn turn(&mut self, now: Instant) {
        let period = u64::try_from(u128::from(now.as_micros()) / self.lifetime.as_micros().max(1))
            .unwrap_or(u64::MAX);
        if period != self.period {
            self.current = period_key(&self.secret, period);
            self.previous = period_key(&self.secret, period.wrapping_sub(1));
            self.period = period;
        }
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies(..)")
    }
}

fn period_key(secret: &[u8; 32], period: u64) -> Hmac<Sha256> {
    let mut key = keyed(secret);
    key.update(&period.to_be_bytes());
    keyed(&key.finalize().into_bytes().into())
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    for (room, byte) in block.iter_mut().zip(key) {
        *room = *byte;
    }
    <Hmac<Sha256>>::new(&block.into())
}

fn cookie(key: &Hmac<Sha256>, path: Path, covered: &Covered<'_>) -> [u8; LONG] {
    let mut mac = key.clone();
    let (bytes, len) = match path.address.ip() {
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            for (room, byte) in bytes.iter_mut().zip(ip.octets()) {
                *room = byte;
            }
            (bytes, 4_u8)
        }
        IpAddr::V6(ip) => (ip.octets(), 16),
    };
    let session_len = u8::try_from(covered.session_id.len()).unwrap_or(u8::MAX);
    mac.update(&[len, session_len]);
    mac.update(&bytes);
    mac.update(&path.address.port().to_be_bytes());
    mac.update(&path.local_endpoint.to_be_bytes());
    mac.update(covered.random);
    mac.update(covered.session_id);
    let mut out = [0; LONG];
    let (first, second) = out.split_at_mut(SHORT);
    if let Some(rest) = covered.rest {
        let mut mac = mac.clone();
        mac.update(rest);
        copy(second, &mac.finalize().into_bytes());
    }
    copy(first, &mac.finalize().into_bytes());
    out
}

fn copy(room: &mut [u8], from: &[u8]) {
    for (room, byte) in room.iter_mut().zip(from) {
        *room = *byte;
    }
}
