use std::collections::BTreeMap;
use std::time::Duration;

use lwm2m_store::{CommitError, Down, MemoryRecords};
use registry_core::{Effect, EffectResult};
use sansio::{Instant, Rng, Ticket};

/// How a store behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's knobs")]
pub struct StoreWeather {
    /// The least time that an answer takes; nothing and no jitter answers within the call.
    pub delay: Duration,
    /// More time, evenly between nothing and this: answers overtake each other.
    pub jitter: Duration,
    /// Answers, in percent, that are "down"; half of those commits were applied all the same.
    pub failing: u32,
}

impl StoreWeather {
    /// Answers at once, and always.
    pub const PROMPT: Self = Self {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        failing: 0,
    };
}

/// The records of a server, which outlive it, and its way to them.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) records: MemoryRecords,
    pub(crate) weather: StoreWeather,
    rng: Rng,
    running: BTreeMap<(Instant, u64), (usize, Effect)>,
    serial: u64,
}

impl Store {
    pub(crate) fn new(weather: StoreWeather, seed: [u8; 32]) -> Self {
        Self {
            records: MemoryRecords::new(),
            weather,
            rng: Rng::from_seed(seed),
            running: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Begins an effect of a partition; gives the result when it is there at once.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        partition: usize,
        effect: Effect,
    ) -> Option<(Ticket, EffectResult)> {
        let StoreWeather { delay, jitter, .. } = self.weather;
        if delay.is_zero() && jitter.is_zero() {
            return Some(self.carry_out(effect));
        }
        let jitter = u32::try_from(jitter.as_micros()).unwrap_or(u32::MAX);
        let at = now + delay + Duration::from_micros(self.rng.below(jitter).into());
        self.serial += 1;
        self.running.insert((at, self.serial), (partition, effect));
        None
    }

    /// The next effect that is over.
    pub(crate) fn finished(&mut self, now: Instant) -> Option<(usize, Ticket, EffectResult)> {
        let (&key, _) = self.running.first_key_value()?;
        let (partition, effect) = (key.0 <= now).then(|| self.running.remove(&key))??;
        let (ticket, result) = self.carry_out(effect);
        Some((partition, ticket, result))
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.running.keys().next().map(|&(at, _)| at)
    }

    /// Forgets what is under way: who asked for it is gone.
    pub(crate) fn crash(&mut self) {
        self.running.clear();
    }

    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    fn carry_out(&mut self, effect: Effect) -> (Ticket, EffectResult) {
        let down = self.rng.below(100) < self.weather.failing;
        let applied = !down || self.rng.below(2) == 0;
        match effect {
            Effect::Load { ticket, key } => {
                let result = if down {
                    Err(Down)
                } else {
                    Ok(self.records.load(&key))
                };
                (ticket, EffectResult::Loaded(result))
            }
            Effect::Commit { ticket, batch } => {
                let done = if applied {
                    self.records.commit(batch)
                } else {
                    Err(CommitError::Down)
                };
                let result = if down { Err(CommitError::Down) } else { done };
                (ticket, EffectResult::Committed(result))
            }
        }
    }
}
