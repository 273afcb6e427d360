//! A session: small, because there are many.

use alloc::boxed::Box;

use sansio::TimerId;

use crate::cid::Cid;
use crate::handshake::{Machine, kind};
use crate::record::{RecordKeys, ReplayWindow, SEQUENCE_LIMIT};
use crate::resumption::Resumption;
use crate::transcript::{HEADER, VERIFY_DATA, header};
use crate::{CipherSuite, Path, PeerIdentity, Role};

pub(crate) struct Session {
    pub(crate) path: Path,
    pub(crate) role: Role,
    pub(crate) keys: RecordKeys,
    pub(crate) window: ReplayWindow,
    /// The number of the next record, and the first that may not be sent.
    pub(crate) next_sealed: u64,
    pub(crate) sealed_limit: u64,
    pub(crate) suite: CipherSuite,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) max_plaintext: u16,
    /// Empty where none was agreed on.
    pub(crate) own_cid: Cid,
    pub(crate) peer_cid: Cid,
    pub(crate) identity: PeerIdentity,
    /// Heard of since the search for a silent session came by last.
    pub(crate) referenced: bool,
    /// Rounds of the search for idle sessions since it was heard of.
    pub(crate) age: u8,
    /// Whether the peer was told once that there is no renegotiation.
    pub(crate) refused_renegotiation: bool,
    pub(crate) return_routability: bool,
    /// Whether it was read from its saved form: what came since then is not known.
    pub(crate) restored: bool,
    /// Bytes that may go to an address that is not proven; `PROVEN` where it is.
    pub(crate) unproven: u32,
    pub(crate) extra: Option<Box<Extra>>,
}

/// The address is the peer's own.
pub(crate) const PROVEN: u32 = u32::MAX;

/// What few sessions have, or have for a short time.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) linger: Option<Linger>,
    /// Of clients; servers, which have many sessions, keep it in their cache.
    pub(crate) resumption: Option<Box<Resumption>>,
    /// What a path check sent, and waits to see again.
    pub(crate) challenge: Option<[u8; 8]>,
}

/// A Finished that was sent.
#[derive(Clone, Copy)]
pub(crate) struct Finished {
    message_sequence: u16,
    verify_data: [u8; VERIFY_DATA],
}

impl Finished {
    /// The last message of a transcript.
    fn at_the_end_of(transcript: &[u8]) -> Option<Self> {
        let (message, verify_data) = transcript.split_last_chunk()?;
        let [_, _, _, _, high, low, ..] = *message.last_chunk::<HEADER>()?;
        Some(Self {
            message_sequence: u16::from_be_bytes([high, low]),
            verify_data: *verify_data,
        })
    }

    /// The message as it is sent.
    pub(crate) fn bytes(&self) -> [u8; FINISHED] {
        let mut bytes = [0; FINISHED];
        let (head, body) = bytes.split_at_mut(HEADER);
        head.copy_from_slice(&header(kind::FINISHED, self.message_sequence, VERIFY_DATA));
        body.copy_from_slice(&self.verify_data);
        bytes
    }
}

/// The last flight, ChangeCipherSpec and Finished, while the peer may have missed it.
pub(crate) struct Linger {
    pub(crate) finished: Finished,
    /// The end of the random in the hello that it answers: somebody may send that again.
    pub(crate) hello: [u8; 8],
    pub(crate) next_plain: u64,
    /// How often it may still be sent.
    pub(crate) left: u8,
    pub(crate) timer: Option<TimerId>,
}

/// Length of a Finished.
pub(crate) const FINISHED: usize = HEADER + VERIFY_DATA;

/// What is kept of a client's random: as much as nobody guesses who has not seen it.
pub(crate) fn hello(random: &[u8; 32]) -> [u8; 8] {
    random.last_chunk().copied().unwrap_or_default()
}

impl Session {
    /// What a handshake ends in.
    pub(crate) fn new(machine: Machine, identity: PeerIdentity) -> Option<Self> {
        let speaks_last = match machine.role {
            Role::Server => !machine.resumed,
            Role::Client => machine.resumed,
        };
        let linger = Finished::at_the_end_of(machine.transcript.bytes())
            .filter(|_| speaks_last)
            .map(|finished| Linger {
                finished,
                hello: hello(&machine.client_random),
                next_plain: machine.next_plain,
                left: machine.repeats.saturating_add(1),
                timer: None,
            });
        let resumption = (machine.role == Role::Client
            && !machine.session_id.as_slice().is_empty())
        .then(|| Box::new(machine.resumption(&identity)));
        let extra = (linger.is_some() || resumption.is_some()).then(|| {
            Box::new(Extra {
                linger,
                resumption,
                challenge: None,
            })
        });
        Some(Self {
            path: machine.path,
            role: machine.role,
            keys: machine.keys?,
            window: machine.window,
            next_sealed: machine.next_sealed,
            sealed_limit: SEQUENCE_LIMIT,
            suite: machine.suite,
            encrypt_then_mac: machine.encrypt_then_mac,
            max_plaintext: machine.max_plaintext,
            own_cid: if machine.connection_ids {
                machine.own_cid
            } else {
                Cid::EMPTY
            },
            peer_cid: machine.peer_cid,
            identity,
            referenced: true,
            age: 0,
            refused_renegotiation: false,
            return_routability: machine.return_routability,
            restored: false,
            unproven: PROVEN,
            extra,
        })
    }

    pub(crate) fn linger(&mut self) -> Option<&mut Linger> {
        self.extra.as_mut()?.linger.as_mut()
    }

    /// The time of the last flight is over: it goes, or goes once it was sent for the first time.
    pub(crate) fn end_linger(&mut self, repeats: u8) {
        match self.linger() {
            Some(linger) if linger.left > repeats => {
                linger.left = 1;
                linger.timer = None;
            }
            _ => self.drop_linger(),
        }
    }

    pub(crate) fn drop_linger(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.linger = None;
        }
        self.trim();
    }

    /// Drops what is not needed any more.
    pub(crate) fn trim(&mut self) {
        if let Some(extra) = &self.extra
            && extra.linger.is_none()
            && extra.resumption.is_none()
            && extra.challenge.is_none()
        {
            self.extra = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With an identity of 24 bytes and the two indexes a session stays under 400 bytes.
    #[test]
    fn a_session_is_small() {
        assert!(size_of::<Session>() <= 216, "{}", size_of::<Session>());
        // In the first minutes, and many connect at the same time.
        assert!(size_of::<Extra>() <= 72, "{}", size_of::<Extra>());
    }
}
