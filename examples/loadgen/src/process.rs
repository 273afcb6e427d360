//! CPU time and memory of processes, from Linux's `/proc`; elsewhere they are not told.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use crate::stats::Stats;

/// What was used before.
#[derive(Debug)]
pub(crate) struct Watch {
    pid: Option<u32>,
    begun: Instant,
    server: Option<Duration>,
    own: Option<Duration>,
    memory: Option<u64>,
}

/// What a run was like.
#[derive(Debug)]
pub(crate) struct Report<'s> {
    stats: &'s Stats,
    seconds: f64,
    server: Option<Duration>,
    own: Option<Duration>,
    memory: [Option<u64>; 2],
}

impl Watch {
    pub(crate) fn start(pid: Option<u32>) -> Self {
        Self {
            pid,
            begun: Instant::now(),
            server: pid.and_then(|pid| cpu_time(&pid.to_string())),
            own: cpu_time("self"),
            memory: pid.and_then(resident),
        }
    }

    pub(crate) fn report(self, stats: &Stats) -> Report<'_> {
        let since = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.saturating_sub(before?))
        };
        let server = self.pid.and_then(|pid| cpu_time(&pid.to_string()));
        Report {
            stats,
            seconds: self.begun.elapsed().as_secs_f64(),
            server: since(self.server, server),
            own: since(self.own, cpu_time("self")),
            memory: [self.memory, self.pid.and_then(resident)],
        }
    }
}

/// CPU time of all threads of a process, in nanoseconds as the scheduler counts them.
fn cpu_time(pid: &str) -> Option<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let file = task.ok()?.path().join("schedstat");
        let text = fs::read_to_string(file).ok()?;
        sum += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(sum))
}

/// Resident memory of a process in kB.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

impl Report<'_> {
    fn per_request(&self) -> Option<f64> {
        let good = u32::try_from(self.stats.good)
            .ok()
            .filter(|good| *good > 0)?;
        Some(self.server?.as_secs_f64() * 1e6 / f64::from(good))
    }

    fn own_load(&self) -> Option<f64> {
        Some(self.own?.as_secs_f64() * 100.0 / self.seconds)
    }

    /// The values alone, in the order that `--help` tells.
    pub(crate) fn values(&self) -> String {
        let or_zero = |value: Option<f64>| format!("{:.3}", value.unwrap_or_default());
        let stats = self.stats;
        let ms = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
        [
            stats.good.to_string(),
            format!("{:.3}", self.seconds),
            format!("{:.0}", stats.good as f64 / self.seconds),
            or_zero(self.per_request()),
            or_zero(self.own_load()),
            ms(stats.within(500)),
            ms(stats.within(990)),
            ms(stats.within(999)),
            ms(stats.longest()),
            stats.bad.to_string(),
            stats.lost.to_string(),
            self.memory[0].unwrap_or_default().to_string(),
            self.memory[1].unwrap_or_default().to_string(),
        ]
        .join("\t")
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let rate = stats.good as f64 / self.seconds;
        writeln!(
            f,
            "{} answers in {:.2} s: {rate:.0}/s",
            stats.good, self.seconds
        )?;
        writeln!(
            f,
            "p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms; {} bad, {} lost",
            ms(stats.within(500)),
            ms(stats.within(990)),
            ms(stats.within(999)),
            ms(stats.longest()),
            stats.bad,
            stats.lost
        )?;
        if let Some(each) = self.per_request() {
            writeln!(f, "server: {each:.2} us of CPU time each")?;
        }
        if let [Some(before), Some(after)] = self.memory {
            writeln!(f, "server: {before} kB before, {after} kB after")?;
        }
        if let Some(load) = self.own_load() {
            writeln!(f, "this program: {load:.0} % of a core")?;
        }
        Ok(())
    }
}
