//! Times and counts of DTLS servers in memory; see `benches/engines.sh`.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dtls_core::Suites;
use dtls_psk::Psk;
use engines::{Clock, Dimpl, Engine, IDENTITY, KEY, OpenSsl, Ours, Secrets, TEXT};
use sansio::Rng;

const USAGE: &str = "usage: engines times [ROUNDS] | constant [TIMES] | list | run CASE TIMES";

/// A row: what is measured, of whom, and how often in a round.
struct Row {
    name: &'static str,
    engines: fn() -> Vec<Box<dyn Engine>>,
    work: fn(&mut dyn Engine, &mut Clock, u32),
    times: u32,
    goals: &'static [(&'static str, f64)],
    limit: f64,
}

fn handshakes(engine: &mut dyn Engine, clock: &mut Clock, times: u32) {
    for _ in 0..times {
        engine.handshake(clock);
    }
}

fn echoes(engine: &mut dyn Engine, clock: &mut Clock, times: u32) {
    engine.echo(clock, times);
}

const ROWS: &[Row] = &[
    Row {
        name: "9 psk handshake",
        engines: || {
            vec![
                Box::new(Ours::new(Secrets::Psk)),
                Box::new(Dimpl::new()),
                Box::new(OpenSsl::psk()),
            ]
        },
        work: handshakes,
        times: 500,
        goals: &[("dimpl", 2.0), ("openssl", 3.5)],
        limit: 11.0,
    },
    Row {
        name: "11 record of 64 bytes opened and sealed",
        engines: || {
            vec![
                Box::new(Ours::new(Secrets::Psk)),
                Box::new(Named("ours with cid", Ours::new(Secrets::PskWithCid))),
                Box::new(Dimpl::new()),
                Box::new(OpenSsl::psk()),
            ]
        },
        work: echoes,
        times: 5_000,
        goals: &[("dimpl", 3.9), ("openssl", 1.7), ("ours with cid", 1.0)],
        limit: 0.5,
    },
    Row {
        name: "15 rpk mutual handshake",
        engines: || vec![Box::new(Ours::new(Secrets::RawPublicKeys))],
        work: handshakes,
        times: 200,
        goals: &[],
        limit: 205.0,
    },
    Row {
        name: "15 x.509 mutual handshake",
        engines: || {
            vec![
                Box::new(Ours::new(Secrets::Certificates)),
                Box::new(OpenSsl::certificates()),
            ]
        },
        work: handshakes,
        times: 200,
        goals: &[("openssl", 1.6)],
        limit: 290.0,
    },
];

struct Named(&'static str, Ours);

impl Engine for Named {
    fn name(&self) -> &'static str {
        self.0
    }
    fn handshake(&mut self, clock: &mut Clock) {
        self.1.handshake(clock);
    }
    fn echo(&mut self, clock: &mut Clock, times: u32) {
        self.1.echo(clock, times);
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["times"] => times(9),
        ["times", rounds] => match rounds.parse() {
            Ok(rounds) => times(rounds),
            Err(_) => return usage(),
        },
        ["constant"] => return constant(20_000),
        ["constant", times] => match times.parse() {
            Ok(times) => return constant(times),
            Err(_) => return usage(),
        },
        ["list"] => CASES.iter().for_each(|(name, _, _)| println!("{name}")),
        ["run", name, count] => {
            let case = CASES.iter().find(|case| case.0 == name);
            let (Some((_, make, work)), Ok(count)) = (case, count.parse()) else {
                return usage();
            };
            let mut engine = make();
            let mut clock = Clock::new();
            // Once before: what is made once is not counted.
            work(&mut *engine, &mut clock, 1);
            work(&mut *engine, &mut clock, count);
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

type Make = fn() -> Box<dyn Engine>;
type Work = fn(&mut dyn Engine, &mut Clock, u32);

/// What callgrind counts, between `run CASE n` and `run CASE 0`.
const CASES: &[(&str, Make, Work)] = &[
    (
        "dtls-psk-handshake/ours",
        || Box::new(Ours::new(Secrets::Psk)),
        handshakes,
    ),
    (
        "dtls-psk-handshake/dimpl",
        || Box::new(Dimpl::new()),
        handshakes,
    ),
    (
        "dtls-psk-handshake/openssl",
        || Box::new(OpenSsl::psk()),
        handshakes,
    ),
    (
        "dtls-record/ours",
        || Box::new(Ours::new(Secrets::Psk)),
        echoes,
    ),
    ("dtls-record/dimpl", || Box::new(Dimpl::new()), echoes),
    ("dtls-record/openssl", || Box::new(OpenSsl::psk()), echoes),
    (
        "dtls-record-cid/ours",
        || Box::new(Ours::new(Secrets::PskWithCid)),
        echoes,
    ),
    (
        "dtls-record-cbc/ours",
        || Box::new(Ours::new(Secrets::PskCbc)),
        echoes,
    ),
    (
        "dtls-rpk-handshake/ours",
        || Box::new(Ours::new(Secrets::RawPublicKeys)),
        handshakes,
    ),
    (
        "dtls-x509-handshake/ours",
        || Box::new(Ours::new(Secrets::Certificates)),
        handshakes,
    ),
    (
        "dtls-x509-handshake/openssl",
        || Box::new(OpenSsl::certificates()),
        handshakes,
    ),
];

fn times(rounds: usize) {
    let mut clock = Clock::new();
    println!(
        "server's CPU time, us; median of {rounds} interleaved rounds (fastest, slowest); peer / ours by round"
    );
    for row in ROWS {
        let mut engines = (row.engines)();
        let mut taken = vec![Vec::new(); engines.len()];
        for engine in &mut engines {
            (row.work)(&mut **engine, &mut clock, row.times / 10);
        }
        for _ in 0..rounds {
            for (engine, taken) in engines.iter_mut().zip(&mut taken) {
                clock.take();
                (row.work)(&mut **engine, &mut clock, row.times);
                taken.push(micros(clock.take()) / f64::from(row.times));
            }
        }
        println!("row {}", row.name);
        for (engine, times) in engines.iter().zip(&taken) {
            let (low, middle, high) = spread(times.clone());
            let ratios = times.iter().zip(&taken[0]).map(|(peer, ours)| peer / ours);
            let (_, ratio, _) = spread(ratios.collect());
            let goal = match engine.name() {
                "ours" => format!("goal <= {}", row.limit),
                name => match row.goals.iter().find(|goal| goal.0 == name) {
                    Some((_, goal)) => format!("{ratio:.2} times ours, goal {goal}"),
                    None => format!("{ratio:.2} times ours"),
                },
            };
            println!(
                "  {:<14} {middle:>8.2} ({low:.2}, {high:.2})  {goal}",
                engine.name()
            );
        }
    }
}

/// What a stranger may not tell apart by time, in the manner of dudect: two classes in random order, Welch's t over the
/// fastest nine tenths. Beyond 4.5 they differ.
fn constant(times: u32) -> ExitCode {
    let mut rng = Rng::from_seed([4; 32]);
    let psk = |identity: &[u8], key: &[u8]| -> Arc<dyn Suites> {
        Arc::new(Psk::client(identity, key).expect("a key"))
    };
    let mut other = IDENTITY.to_vec();
    other[23] ^= 1;
    let suites = [psk(IDENTITY, b"another key 1234"), psk(&other, KEY)];
    let mut ours = Ours::new(Secrets::Psk);
    ours.know_none(other);
    let keys = compare(&mut rng, times, |class| ours.refused(&suites[class]));
    let mut third = IDENTITY.to_vec();
    third[23] ^= 2;
    ours.know(third.clone());
    let [wrong, _] = suites;
    let suites = [wrong, psk(&third, b"another key 1234")];
    let control = compare(&mut rng, times, |class| ours.refused(&suites[class]));

    let mut ours = Ours::new(Secrets::PskCbc);
    let (_, client) = ours.connect(&mut Clock::new());
    let (path, record) = ours.question(client, &TEXT);
    // 13 of header, 16 of IV; 64 of text, 32 of MAC and a block of padding. A bit of the IV spoils the text, one of
    // the block before the last the padding.
    assert_eq!(record.len(), 13 + 16 + 64 + 32 + 16);
    let spoilt = [13, record.len() - 17].map(|at| {
        let mut bytes = record.clone();
        bytes[at] ^= 1;
        bytes
    });
    let mut bytes = record.clone();
    let padding = compare(&mut rng, times * 10, |class| {
        bytes.copy_from_slice(&spoilt[class]);
        ours.bad_record(path, &mut bytes)
    });
    let mut code = ExitCode::SUCCESS;
    for (what, t) in [
        ("a wrong key and an unknown identity", keys),
        ("two wrong keys, which must not differ", control),
        ("a wrong MAC and wrong padding (CBC)", padding),
    ] {
        let verdict = if t.abs() < 4.5 { "pass" } else { "DIFFER" };
        println!("{what}: t = {t:.2} (|t| < 4.5)  {verdict}");
        if t.abs() >= 4.5 {
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn compare(rng: &mut Rng, times: u32, mut measure: impl FnMut(usize) -> i64) -> f64 {
    let mut classes = [Vec::new(), Vec::new()];
    for number in 0..2 * times {
        let class = (rng.next_u32() & 1) as usize;
        let taken = measure(class);
        // The first ones warm the caches.
        if number > times / 10 {
            classes[class].push(taken);
        }
    }
    let mut all = classes.concat();
    all.sort_unstable();
    let limit = all[all.len() * 9 / 10];
    let [a, b] = classes.map(|class| {
        let kept = class.iter().filter(|taken| **taken <= limit);
        let kept: Vec<f64> = kept.map(|taken| *taken as f64).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|taken| (taken - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (a.0 - b.0) / (a.1 + b.1).sqrt()
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    )
}
