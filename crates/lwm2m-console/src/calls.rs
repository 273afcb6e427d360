use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The calls to devices under way: so many in all, and so many to one device, so that a device that answers late or
/// never does not take all of them.
#[derive(Debug)]
pub(crate) struct Calls {
    max: usize,
    max_per_device: usize,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    total: usize,
    /// Devices that are being called.
    by_device: HashMap<String, usize>,
}

/// A call under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    calls: &'a Calls,
    ep: &'a str,
}

/// Why a call may not begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TooMany {
    InAll,
    ToTheDevice,
}

impl Calls {
    pub(crate) fn new(max: usize, max_per_device: usize) -> Self {
        Self {
            max,
            max_per_device,
            running: Mutex::default(),
        }
    }

    pub(crate) fn enter<'a>(&'a self, ep: &'a str) -> Result<Permit<'a>, TooMany> {
        let mut running = self.lock();
        if running.by_device.get(ep).copied().unwrap_or_default() >= self.max_per_device {
            return Err(TooMany::ToTheDevice);
        }
        if running.total >= self.max {
            return Err(TooMany::InAll);
        }
        running.total += 1;
        *running.by_device.entry(ep.to_owned()).or_default() += 1;
        Ok(Permit { calls: self, ep })
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut running = self.calls.lock();
        running.total = running.total.saturating_sub(1);
        if let Some(calls) = running.by_device.get_mut(self.ep) {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                running.by_device.remove(self.ep);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_device_does_not_take_all_calls() {
        let calls = Calls::new(5, 3);
        let mut to_slow: Vec<_> = (0..3).map(|_| calls.enter("slow").unwrap()).collect();
        assert_eq!(calls.enter("slow").unwrap_err(), TooMany::ToTheDevice);
        let to_others = [calls.enter("a").unwrap(), calls.enter("b").unwrap()];
        assert_eq!(calls.enter("c").unwrap_err(), TooMany::InAll);
        to_slow.pop();
        to_slow.push(calls.enter("slow").unwrap());
        drop((to_slow, to_others));
        let running = calls.lock();
        assert_eq!((running.total, running.by_device.len()), (0, 0));
    }
}
