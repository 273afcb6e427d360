//! Which paths servers observe, and when each is to be told.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use coap_codec::ContentFormat;
use lwm2m_model::Path;
use sansio::Instant;

use crate::{Relation, ServerId};

/// One observation of one server.
#[derive(Debug)]
pub(crate) struct Observation {
    pub(crate) server: ServerId,
    pub(crate) relation: Relation,
    pub(crate) path: Path,
    /// The format of the first answer holds for the whole relation.
    pub(crate) format: ContentFormat,
    /// What the server was told last.
    pub(crate) told: Bytes,
    told_at: Instant,
    /// The value has differed since, and the server is to be told.
    pub(crate) pending: bool,
    /// The server was told that there is no more to come.
    pub(crate) ended: bool,
    /// The server is to be told whatever the periods say.
    pub(crate) overdue: bool,
}

impl Observation {
    pub(crate) fn new(
        now: Instant,
        server: ServerId,
        relation: Relation,
        path: Path,
        format: ContentFormat,
        told: Bytes,
    ) -> Self {
        Self {
            server,
            relation,
            path,
            format,
            told,
            told_at: now,
            pending: false,
            ended: false,
            overdue: false,
        }
    }

    /// Whether a change at or below `changed`, or above it, may concern this observation.
    pub(crate) fn concerns(&self, changed: &Path) -> bool {
        self.path.starts_with(changed) || changed.starts_with(&self.path)
    }

    /// When to tell the server: a pending change at the end of the minimum period, anything at the end of the maximum
    /// period, which is ignored when it is zero or shorter than the minimum.
    ///
    /// # Specification
    /// LwM2M 1.2 Core §7.3.2, table of pmin and pmax.
    pub(crate) fn due(&self, periods: Periods) -> Option<Instant> {
        if self.overdue {
            return Some(self.told_at);
        }
        let min = Duration::from_secs(periods.min.into());
        let max = periods.max.filter(|max| *max > 0 && *max >= periods.min);
        let changed = self.pending.then(|| self.told_at + min);
        let at_most = max.map(|max| self.told_at + Duration::from_secs(max.into()));
        [changed, at_most].into_iter().flatten().min()
    }

    pub(crate) fn told(&mut self, now: Instant, payload: Bytes) {
        self.told = payload;
        self.told_at = now;
        self.pending = false;
        self.overdue = false;
    }
}

/// How often a server wants to be told: resources 2 and 3 of its Server object instance, in seconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Periods {
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

/// All observations, in the order in which they began.
#[derive(Debug)]
pub(crate) struct Observations {
    list: Vec<Observation>,
    max: usize,
}

impl Observations {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            list: Vec::new(),
            max,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= self.max
    }

    pub(crate) fn push(&mut self, observation: Observation) {
        self.list.push(observation);
    }

    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Observation> {
        self.list.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> core::slice::IterMut<'_, Observation> {
        self.list.iter_mut()
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Observation> {
        self.list.get_mut(at)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes out those that fit, in order.
    pub(crate) fn extract(
        &mut self,
        mut fits: impl FnMut(&Observation) -> bool,
    ) -> Vec<Observation> {
        self.list
            .extract_if(.., |observation| fits(observation))
            .collect()
    }
}
