//! `lwm2m-loadgen`: simulated devices over real sockets, and what a server makes of them.
//!
//! Two ways to be many: a socket for each device (`narrow`), or one socket that speaks from as many
//! loopback addresses as there are devices (`wide`), also with a DTLS session each (`secure`). Both take the
//! requests from one [`load::Load`], which keeps the rules: a message ID does not come back on a socket within
//! EXCHANGE_LIFETIME, tokens are matched, only answers of class 2 count, and every run ends by number or by time.

#![forbid(unsafe_code)]

mod load;
mod narrow;
mod process;
mod request;
mod secure;
mod stats;
mod wide;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use dtls_psk::dtls_core::Secret;

use crate::load::{Load, Phase};
use crate::process::{Report, Watch};
use crate::request::Work;
use crate::secure::Secure;
use crate::stats::Stats;
use crate::wide::{Addresses, Wide};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "lwm2m-loadgen",
    version,
    about = "Simulates devices on this machine and measures a CoAP or LwM2M server",
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// GET a small resource of any CoAP server
    Get {
        /// The path of the resource
        #[arg(long, default_value = "temp")]
        path: String,
        /// With --addresses: over DTLS, a session for each device with an identity of its own and this key
        #[arg(long, value_name = "TEXT", requires = "addresses", value_parser = key)]
        psk: Option<Secret>,
        #[command(flatten)]
        shape: Shape,
    },
    /// Shake hands over DTLS with TLS_PSK_WITH_AES_128_CCM_8: from a new address with a new identity each time
    Handshake(Handshakes),
    /// Register with POST /rd: a new endpoint each time, 122 bytes, six links
    Register {
        #[command(flatten)]
        shape: Shape,
    },
    /// Register each device once, then update it with POST and no payload
    Update {
        #[command(flatten)]
        shape: Shape,
    },
}

/// How many handshakes, and who is watched.
#[derive(Clone, Debug, Args)]
struct Handshakes {
    /// The server; a loopback address, for this is no tool against others
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5684")]
    server: SocketAddr,
    /// The key of every identity (urn:dev:load: and eleven digits)
    #[arg(long, value_name = "TEXT", value_parser = key)]
    psk: Secret,
    /// Handshakes that are counted
    #[arg(long, value_name = "N", default_value_t = 2000)]
    addresses: usize,
    /// Sessions that are there before anything is counted
    #[arg(long, value_name = "N", default_value_t = 0)]
    held: usize,
    /// Instead of new devices count those that are held, which forgot their sessions: all 5-tuples are used again
    #[arg(long, conflicts_with = "addresses")]
    again: bool,
    /// Handshakes under way at a time
    #[arg(long, value_name = "N", default_value_t = IN_FLIGHT)]
    in_flight: usize,
    /// Give up after so many seconds, before counting and while counting
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    seconds: f64,
    /// The process of the server: its CPU time and its memory are told as well (Linux)
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Print one line of values, separated by tabs, in the order of the names that --help tells at its end
    #[arg(long)]
    values: bool,
}

/// How many devices, for how long, and who is watched.
#[derive(Clone, Debug, Args)]
struct Shape {
    /// The server; a loopback address, for this is no tool against others
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5683")]
    server: SocketAddr,
    /// Devices with a socket of their own
    #[arg(long, value_name = "N", default_value_t = 256)]
    sockets: usize,
    /// Requests that each of them has under way at a time
    #[arg(long, value_name = "N", default_value_t = 1)]
    in_flight: usize,
    /// Instead: devices with an address of their own (127.x.y.z) on one socket
    #[arg(long, value_name = "N")]
    addresses: Option<usize>,
    /// With --addresses: requests under way at a time, of different devices
    #[arg(long, value_name = "N", default_value_t = 256)]
    window: usize,
    /// Seconds before anything is counted
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds that are counted
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
    /// End after so many requests, warm-up and all
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    requests: u64,
    /// The process of the server: its CPU time and its memory are told as well (Linux)
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Print one line of values, separated by tabs, in the order of the names that --help tells at its end
    #[arg(long)]
    values: bool,
}

const EXAMPLES: &str = "\
Examples:
  lwm2m-loadgen get --path time
      256 devices, one request each at a time, for three seconds
  lwm2m-loadgen register --addresses 100000 --requests 100000 --pid $(pidof lwm2m-server)
      a registration from each of 100 000 addresses, and the server's CPU time and memory
  lwm2m-loadgen update --sockets 32 --in-flight 8 --seconds 2
  lwm2m-loadgen handshake --psk KEY --held 100000 --pid $(pidof SERVER)
      2000 DTLS sessions besides 100 000 others, and what each cost the server

Values: requests or handshakes, seconds, requests/s, server CPU us/request, own CPU %, p50, p99, p99.9 and longest in ms,
bad answers, lost requests, server memory before and after in kB";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Get { path, psk, shape } => run(Work::get(&path), psk, &shape),
        Command::Handshake(handshakes) => shake_hands(&handshakes),
        Command::Register { shape } => run(Work::Register, None, &shape),
        Command::Update { shape } => run(Work::update(), None, &shape),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-loadgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn shake_hands(shape: &Handshakes) -> Result<(), String> {
    refuse_others(shape.server)?;
    let limit = Duration::try_from_secs_f64(shape.seconds).map_err(text)?;
    let counted = match shape.again {
        true => 0..shape.held,
        false => shape.held..shape.held.saturating_add(shape.addresses),
    };
    if counted.is_empty() || counted.end > MOST_SESSIONS {
        return Err("too many handshakes, or none".to_owned());
    }
    let (wide, mut inbox) = Wide::open(shape.server).map_err(text)?;
    let mut secure = Secure::new(shape.psk.clone(), counted.end).map_err(text)?;
    let way = (&wide, &mut inbox);
    let held = secure.shake_hands(way, 0..shape.held, shape.in_flight, limit);
    all(&held.map_err(text)?, shape.held)?;
    if shape.again {
        secure = Secure::new(shape.psk.clone(), counted.end).map_err(text)?;
    }
    let watch = Watch::start(shape.pid);
    let way = (&wide, &mut inbox);
    let stats = secure.shake_hands(way, counted, shape.in_flight, limit);
    print(&watch.report(&stats.map_err(text)?), shape.values);
    Ok(())
}

/// Checks that all devices have a session.
fn all(stats: &Stats, devices: usize) -> Result<(), String> {
    match stats.good >= devices as u64 {
        true => Ok(()),
        false => Err(format!("only {} devices have a session", stats.good)),
    }
}

/// Reads a key, which then is never printed.
fn key(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text.as_bytes()))
}

fn refuse_others(server: SocketAddr) -> Result<(), String> {
    match server.ip().is_loopback() {
        true => Ok(()),
        false => Err(format!("{} is not this machine", server.ip())),
    }
}

fn print(report: &Report<'_>, values: bool) {
    match values {
        true => println!("{}", report.values()),
        false => print!("{report}"),
    }
}

/// Devices with an address each, and with a session each if there is a key.
fn open_addresses(psk: Option<Secret>, shape: &Shape, devices: usize) -> Result<Addresses, String> {
    if devices > MOST_SESSIONS {
        return Err("too many devices".to_owned());
    }
    let (wide, mut inbox) = Wide::open(shape.server).map_err(text)?;
    let mut secure = None;
    if let Some(psk) = psk {
        let secure = secure.insert(Secure::new(psk, devices).map_err(text)?);
        let way = (&wide, &mut inbox);
        let stats = secure.shake_hands(way, 0..devices, IN_FLIGHT, LONGEST_START);
        all(&stats.map_err(text)?, devices)?;
    }
    Ok(Addresses::new((wide, inbox), secure, devices, shape.window))
}

/// Devices that have an address from 127.1.0.0 on.
const MOST_SESSIONS: usize = 4_000_000;
/// Handshakes under way at a time, unless told otherwise.
const IN_FLIGHT: usize = 16;
/// How long the devices may take for their first handshakes.
const LONGEST_START: Duration = Duration::from_secs(60);

fn run(work: Work, psk: Option<Secret>, shape: &Shape) -> Result<(), String> {
    refuse_others(shape.server)?;
    let update = matches!(work, Work::Update { .. });
    // The first request of a session costs the server more, and is not counted.
    let once_each = update || psk.is_some();
    let load = match shape.addresses {
        Some(devices) => Load::new(work, devices, 1),
        None => Load::new(work, shape.sockets, shape.in_flight),
    };
    let mut load = load.ok_or("too many devices, or none, or too many requests under way")?;
    let mut devices: Box<dyn Devices> = match shape.addresses {
        Some(addresses) => Box::new(open_addresses(psk, shape, addresses)?),
        None => Box::new(narrow::Sockets::open(shape.server, shape.sockets).map_err(text)?),
    };
    if once_each {
        load.begin(Phase::once_each());
        devices.run(&mut load).map_err(text)?;
        if update && load.stats.good < load.devices() as u64 {
            return Err(format!("only {} devices registered", load.stats.good));
        }
    }
    let warm_up = Duration::try_from_secs_f64(shape.warm_up).map_err(text)?;
    if !warm_up.is_zero() {
        load.begin(Phase::lasting(warm_up, shape.requests));
        devices.run(&mut load).map_err(text)?;
    }
    let left = shape.requests.saturating_sub(load.stats.sent);
    let counted = Duration::try_from_secs_f64(shape.seconds).map_err(text)?;
    let watch = Watch::start(shape.pid);
    load.begin(Phase::lasting(counted, left));
    devices.run(&mut load).map_err(text)?;
    print(&watch.report(&load.stats), shape.values);
    Ok(())
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// Sockets that carry a load.
trait Devices {
    /// Sends and receives until the phase is over and nothing is under way.
    fn run(&mut self, load: &mut Load) -> std::io::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_well_formed() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn other_machines_are_left_alone() {
        let arguments =
            Arguments::parse_from(["lwm2m-loadgen", "get", "--server", "192.0.2.1:5683"]);
        let Command::Get { path, shape, .. } = arguments.command else {
            panic!()
        };
        assert!(run(Work::get(&path), None, &shape).is_err());
        let other = [
            "lwm2m-loadgen",
            "handshake",
            "--psk",
            "k",
            "--server",
            "192.0.2.1:5684",
        ];
        let Command::Handshake(handshakes) = Arguments::parse_from(other).command else {
            panic!()
        };
        assert!(shake_hands(&handshakes).is_err());
    }
}
