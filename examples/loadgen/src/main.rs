//! `lwm2m-loadgen`: simulated devices over real sockets, and what a server makes of them.
//!
//! Two ways to be many: a socket for each device (`narrow`), or one socket that speaks from as many
//! loopback addresses as there are devices (`wide`). Both take the requests from one [`load::Load`], which
//! keeps the rules: a message ID does not come back on a socket within EXCHANGE_LIFETIME, tokens are
//! matched, only answers of class 2 count, and every run ends by number or by time.

#![forbid(unsafe_code)]

mod load;
mod narrow;
mod process;
mod request;
mod stats;
mod wide;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::load::{Load, Phase};
use crate::process::Watch;
use crate::request::Work;

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
        #[command(flatten)]
        shape: Shape,
    },
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

Values: requests, seconds, requests/s, server CPU us/request, own CPU %, p50, p99, p99.9 and longest in ms,
bad answers, lost requests, server memory before and after in kB";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (work, shape) = match arguments.command {
        Command::Get { path, shape } => (Work::get(&path), shape),
        Command::Register { shape } => (Work::Register, shape),
        Command::Update { shape } => (Work::update(), shape),
    };
    match run(work, &shape) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-loadgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(work: Work, shape: &Shape) -> Result<(), String> {
    if !shape.server.ip().is_loopback() {
        return Err(format!("{} is not this machine", shape.server.ip()));
    }
    let update = matches!(work, Work::Update { .. });
    let load = match shape.addresses {
        Some(devices) => Load::new(work, devices, 1),
        None => Load::new(work, shape.sockets, shape.in_flight),
    };
    let mut load = load.ok_or("too many devices, or none, or too many requests under way")?;
    let mut devices: Box<dyn Devices> = match shape.addresses {
        Some(addresses) => {
            Box::new(wide::Addresses::open(shape.server, addresses, shape.window).map_err(text)?)
        }
        None => Box::new(narrow::Sockets::open(shape.server, shape.sockets).map_err(text)?),
    };
    if update {
        load.begin(Phase::once_each());
        devices.run(&mut load).map_err(text)?;
        if load.stats.good < load.devices() as u64 {
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
    let report = watch.report(&load.stats);
    if shape.values {
        println!("{}", report.values());
    } else {
        print!("{report}");
    }
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
        let Command::Get { path, shape } = arguments.command else {
            panic!()
        };
        assert!(run(Work::get(&path), &shape).is_err());
    }
}
