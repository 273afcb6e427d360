//! Which device asks what and when, and what became of it.

use std::time::{Duration, Instant};

use coap_codec::{Code, Message, Type, empty_message};

use crate::request::Work;
use crate::stats::Stats;

/// All devices: what each has under way, and what is asked next.
#[derive(Debug)]
pub(crate) struct Load {
    work: Work,
    devices: Vec<Device>,
    slots: usize,
    phase: Phase,
    begun: Instant,
    /// The number of the next request; begins at a place of its own in each run.
    number: u64,
    under_way: usize,
    pub(crate) stats: Stats,
}

#[derive(Debug)]
struct Device {
    next_message_id: u16,
    /// Requests sent, each with a message ID of its own.
    used: u32,
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    token: [u8; 4],
    message_id: u16,
    sent_at: Option<Instant>,
}

/// A part of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    lasts: Duration,
    requests: u64,
    once_each: bool,
}

impl Phase {
    /// Until a time or a number of requests has passed.
    pub(crate) const fn lasting(lasts: Duration, requests: u64) -> Self {
        Self {
            lasts,
            requests,
            once_each: false,
        }
    }

    /// One request of each device, for a minute at most.
    pub(crate) const fn once_each() -> Self {
        Self {
            lasts: Duration::from_secs(60),
            requests: u64::MAX,
            once_each: true,
        }
    }
}

/// What a datagram was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Received {
    /// An answer: this slot of the device is free.
    Answer(usize),
    /// An answer in a confirmable message, to be acknowledged with this.
    Separate(usize, [u8; 4]),
    /// An empty acknowledgement, an answer given up on, or nonsense.
    Other,
}

/// After this an answer is given up on.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(2);

/// Message IDs of one device within EXCHANGE_LIFETIME, which no run outlasts.
const MESSAGE_IDS: u32 = 65_000;

impl Load {
    /// `None` for no devices, too many, or more requests under way than a token tells apart.
    pub(crate) fn new(work: Work, devices: usize, slots: usize) -> Option<Self> {
        if !(1..=4_000_000).contains(&devices) || !(1..=MAX_SLOTS).contains(&slots) {
            return None;
        }
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let device = |index: usize| Device {
            next_message_id: (index.wrapping_mul(7919) & 0xffff) as u16,
            used: 0,
            slots: vec![Slot::default(); slots].into(),
        };
        Some(Self {
            work,
            devices: (0..devices).map(device).collect(),
            slots,
            phase: Phase::once_each(),
            begun: Instant::now(),
            // Fifteen digits: no two runs have an endpoint in common.
            number: u64::try_from(now.as_millis()).unwrap_or_default() % 10_000_000 * 100_000_000,
            under_way: 0,
            stats: Stats::default(),
        })
    }

    pub(crate) const fn devices(&self) -> usize {
        self.devices.len()
    }

    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }

    /// Whether something is under way that is not given up on.
    pub(crate) const fn under_way(&self) -> usize {
        self.under_way
    }

    /// Begins a phase with statistics of its own.
    pub(crate) fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        self.stats = Stats::default();
        self.begun = Instant::now();
    }

    /// Whether no request follows in this phase.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.stats.sent >= self.phase.requests
            || now.saturating_duration_since(self.begun) >= self.phase.lasts
    }

    /// Writes the next request of a device; `None` when it has none in this phase, or has one under
    /// way in this slot.
    pub(crate) fn next(
        &mut self,
        (device, slot): (usize, usize),
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        if self.is_over(now) {
            return None;
        }
        let state = self.devices.get_mut(device)?;
        if state.used >= MESSAGE_IDS || self.phase.once_each && state.used > 0 {
            return None;
        }
        let place = state
            .slots
            .get_mut(slot)
            .filter(|place| place.sent_at.is_none())?;
        let message_id = state.next_message_id;
        let token = (self.number as u32) << SLOT_BITS | slot as u32;
        let names = (message_id, token.to_be_bytes());
        let len = self.work.encode(device, self.number, names, out).ok()?;
        *place = Slot {
            token: token.to_be_bytes(),
            message_id,
            sent_at: Some(now),
        };
        state.next_message_id = message_id.wrapping_add(1);
        state.used += 1;
        self.number += 1;
        self.under_way += 1;
        self.stats.sent += 1;
        Some(len)
    }

    /// Takes a datagram that came for a device.
    pub(crate) fn receive(&mut self, device: usize, datagram: &[u8], now: Instant) -> Received {
        let Ok(message) = Message::decode(datagram) else {
            self.stats.bad += 1;
            return Received::Other;
        };
        if message.code() == Code::EMPTY {
            if message.ty() == Type::Reset {
                self.stats.bad += 1;
            }
            return Received::Other;
        }
        let Ok(token) = <[u8; 4]>::try_from(message.token()) else {
            self.stats.bad += 1;
            return Received::Other;
        };
        let slot = u32::from_be_bytes(token) as usize & (MAX_SLOTS - 1);
        let place = self
            .devices
            .get_mut(device)
            .and_then(|device| device.slots.get_mut(slot));
        let Some(place) = place.filter(|place| place.token == token) else {
            self.stats.bad += 1;
            return Received::Other;
        };
        let piggybacked = message.ty() == Type::Acknowledgement;
        let Some(sent_at) = place.sent_at else {
            return Received::Other; // a second answer, or one given up on
        };
        if piggybacked && message.message_id() != place.message_id {
            self.stats.bad += 1;
            return Received::Other;
        }
        place.sent_at = None;
        self.under_way -= 1;
        if message.code().is_success() {
            self.work.answered(device, &message);
            self.stats.answered(now.saturating_duration_since(sent_at));
        } else {
            self.stats.bad += 1;
        }
        match message.ty() {
            Type::Confirmable => Received::Separate(
                slot,
                empty_message(Type::Acknowledgement, message.message_id()),
            ),
            _ => Received::Answer(slot),
        }
    }

    /// Gives up on what is under way for too long; calls `free` with each device and slot.
    pub(crate) fn give_up(&mut self, now: Instant, mut free: impl FnMut(usize, usize)) {
        for (index, device) in self.devices.iter_mut().enumerate() {
            for (slot, place) in device.slots.iter_mut().enumerate() {
                let late = place
                    .sent_at
                    .is_some_and(|at| now.saturating_duration_since(at) >= LOST_AFTER);
                if late {
                    place.sent_at = None;
                    self.under_way -= 1;
                    self.stats.lost += 1;
                    free(index, slot);
                }
            }
        }
    }
}

const SLOT_BITS: u32 = 6;
const MAX_SLOTS: usize = 1 << SLOT_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(request: &[u8], ty: u8, code: u8) -> Vec<u8> {
        let mut answer = vec![0x44 | ty << 4, code];
        answer.extend_from_slice(&request[2..8]);
        answer
    }

    #[test]
    fn only_matching_answers_of_class_2_count() {
        let mut load = Load::new(Work::get("temp"), 2, 2).unwrap();
        load.begin(Phase::lasting(Duration::from_secs(60), 10));
        let now = Instant::now();
        let mut out = [0; 64];
        let len = load.next((1, 1), now, &mut out).unwrap();
        let request = out[..len].to_vec();
        assert_eq!(len, 13);

        let good = answer(&request, 2, 0x45);
        assert_eq!(load.receive(0, &good, now), Received::Other); // not that device's
        let mut wrong = good.clone();
        wrong[3] ^= 1;
        assert_eq!(load.receive(1, &wrong, now), Received::Other); // not that message ID
        assert_eq!(load.receive(1, b"\x60\0\0\x01", now), Received::Other); // empty
        assert_eq!((load.stats.good, load.stats.bad), (0, 2));
        assert_eq!(load.receive(1, &good, now), Received::Answer(1));
        assert_eq!(load.receive(1, &good, now), Received::Other); // a second time
        assert_eq!((load.stats.good, load.under_way()), (1, 0));

        load.next((0, 0), now, &mut out).unwrap();
        assert_eq!(
            load.receive(0, &answer(&out, 0, 0x84), now),
            Received::Separate(0, [0x60, 0, out[2], out[3]])
        );
        assert_eq!((load.stats.good, load.stats.bad), (1, 3));
    }

    #[test]
    fn message_ids_do_not_wrap_and_phases_end() {
        let mut load = Load::new(Work::get("temp"), 1, 1).unwrap();
        load.begin(Phase::lasting(Duration::from_secs(60), u64::MAX));
        let now = Instant::now();
        let mut out = [0; 64];
        let mut seen = std::collections::HashSet::new();
        while load.next((0, 0), now, &mut out).is_some() {
            assert!(seen.insert([out[2], out[3]]));
            assert!(load.next((0, 0), now, &mut out).is_none());
            assert_eq!(
                load.receive(0, &answer(&out, 2, 0x45), now),
                Received::Answer(0)
            );
        }
        assert_eq!(seen.len() as u32, MESSAGE_IDS);

        let mut load = Load::new(Work::get("temp"), 3, 1).unwrap();
        load.begin(Phase::lasting(Duration::from_secs(60), 2));
        assert!((0..2).all(|device| load.next((device, 0), now, &mut out).is_some()));
        assert!(load.next((2, 0), now, &mut out).is_none());
        let mut free = Vec::new();
        load.give_up(now + LOST_AFTER, |device, _| free.push(device));
        assert_eq!((load.stats.lost, free), (2, vec![0, 1]));
    }
}
