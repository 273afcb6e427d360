use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use lwm2m_model::{Level, Path};

use crate::output::Format;

/// The command line and the environment.
#[derive(Debug, Parser)]
#[command(
    name = "lwm2m",
    version,
    about = "Manages LwM2M devices through the HTTP API of a running server",
    after_help = HELP,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "For every command")]
pub(crate) struct Global {
    /// The server [default: http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL", env = "LWM2M_URL")]
    pub(crate) url: Option<String>,
    /// Take the token from the first line of this file [default: LWM2M_ADMIN_TOKEN]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LWM2M_ADMIN_TOKEN_FILE"
    )]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Read settings from this TOML file: url, admin_token_file, output, timeout, quiet
    #[arg(long, global = true, value_name = "FILE", env = "LWM2M_CLI_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// How data is printed [default: table on a terminal, else json, and jsonl for streams]
    #[arg(
        long,
        short,
        global = true,
        value_name = "FORMAT",
        env = "LWM2M_OUTPUT"
    )]
    pub(crate) output: Option<Format>,
    /// Seconds that a device may take to answer [default: the server's, 30]
    #[arg(long, global = true, value_name = "S", env = "LWM2M_TIMEOUT")]
    pub(crate) timeout: Option<NonZeroU64>,
    /// Print data and errors only
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the registered devices
    #[command(after_help = DEVICES)]
    Devices {
        /// Only those with this text in their names
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
    },
    /// Read an object, an instance, a resource or a resource instance
    #[command(after_help = READ)]
    Read {
        #[command(flatten)]
        target: Target,
    },
    /// Write a value, or with --json a whole instance
    #[command(after_help = WRITE)]
    Write {
        #[command(flatten)]
        target: Target,
        /// Read as the resource's type: 21.5, true, text, 2026-11-22T09:30:00Z, 66:1; opaque is
        /// hex:c0ffee, base64:wP/u, text:… or @FILE
        #[arg(
            value_name = "VALUE",
            allow_negative_numbers = true,
            required_unless_present = "json",
            conflicts_with = "json"
        )]
        value: Option<String>,
        /// Take what to write from this file (- is standard input), in the shape that `read` prints
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Keep what is not named, instead of replacing the instance or the resource
        #[arg(long)]
        partial: bool,
        /// The type of VALUE where no definition tells it
        #[arg(long = "type", value_name = "TYPE", value_parser = TYPES, requires = "value")]
        value_type: Option<String>,
    },
    /// Execute a resource
    #[command(after_help = EXEC)]
    Exec {
        #[command(flatten)]
        target: Target,
        /// Arguments as LwM2M writes them: 0='x',1
        #[arg(value_name = "ARGS")]
        arguments: Option<String>,
    },
    /// Observe a path and print every value, until interrupted
    #[command(after_help = OBSERVE)]
    Observe {
        #[command(flatten)]
        target: Target,
        /// Stop after this many values
        #[arg(long, value_name = "N")]
        count: Option<NonZeroU64>,
    },
    /// List what is under a path, with its attributes
    #[command(after_help = DISCOVER)]
    Discover {
        #[command(flatten)]
        target: Target,
    },
    /// Create an instance of an object
    #[command(after_help = CREATE)]
    Create {
        /// The device's endpoint name
        #[arg(value_name = "EP")]
        ep: String,
        /// The object; with an instance id where you choose it
        #[arg(value_name = "OBJECT[/INSTANCE]", value_parser = object)]
        object: Path,
        /// Resources by id: 5700=21.5, and 7/0=5 where a resource has instances
        #[arg(value_name = "KEY=VALUE", conflicts_with = "json")]
        resources: Vec<String>,
        /// Take the instance from this file (- is standard input): {"resources": {…}}
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Delete an object instance
    #[command(after_help = DELETE)]
    Delete {
        #[command(flatten)]
        target: Target,
    },
    /// Set, list, draw and remove what endpoints have to prove
    #[command(after_help = CREDENTIALS)]
    Credentials {
        #[command(subcommand)]
        action: Credentials,
    },
    /// Print events as they happen, until interrupted
    #[command(after_help = EVENTS)]
    Events {
        /// Only this type (registration.created) or group (registration); may be given several times
        #[arg(long = "type", value_name = "T")]
        types: Vec<String>,
        /// Only events of this endpoint; may be given several times
        #[arg(long = "ep", value_name = "EP")]
        eps: Vec<String>,
        /// Begin with what the server still has behind this event id
        #[arg(long, value_name = "ID")]
        since: Option<u64>,
        /// Stop after this many events
        #[arg(long, value_name = "N")]
        count: Option<NonZeroU64>,
    },
    /// Check this machine and the server, a line for each check
    #[command(after_help = DOCTOR)]
    Doctor {
        /// Check this CoAP address instead of 127.0.0.1:5683 and [::1]:5683; may be given several times
        #[arg(long, value_name = "ADDR:PORT")]
        coap: Vec<SocketAddr>,
        /// Check this address for CoAP over DTLS instead of port 5684 of both; may be given several times
        #[arg(long, value_name = "ADDR:PORT")]
        coaps: Vec<SocketAddr>,
        /// Leave the server out: check the machine before the first start
        #[arg(long)]
        offline: bool,
    },
}

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub(crate) enum Credentials {
    /// List what endpoints have to prove, without secrets
    List {
        /// Only endpoints with this text in their names
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
    },
    /// Show what an endpoint has to prove, without secrets
    Get {
        /// The endpoint name
        #[arg(value_name = "EP")]
        ep: String,
    },
    /// Set what an endpoint has to prove; what it came in with before ends at once
    Set {
        /// The endpoint name
        #[arg(value_name = "EP")]
        ep: String,
        #[command(subcommand)]
        mode: Mode,
    },
    /// Let the server draw a pre-shared key, which is told once
    Generate {
        /// The endpoint name
        #[arg(value_name = "EP")]
        ep: String,
        /// The PSK identity [default: the endpoint name]
        #[arg(long, value_name = "ID")]
        identity: Option<String>,
        /// Bytes of the key [default: 16]
        #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u8).range(16..=64))]
        length: Option<u8>,
    },
    /// Forget an endpoint: its sessions and its registration end at once
    Remove {
        /// The endpoint name
        #[arg(value_name = "EP")]
        ep: String,
    },
}

/// How an endpoint proves who it is.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// By a pre-shared key
    Psk {
        /// The PSK identity [default: the endpoint name]
        #[arg(long, value_name = "ID")]
        identity: Option<String>,
        /// Take the key from the first line of this file (- is standard input): hex:…, base64:… or text:…
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
    },
    /// By its raw public key
    Rpk {
        /// The device's public key in this file (- is standard input): PEM, DER, hex or base64
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
    },
    /// By a certificate that an authority has issued which the server trusts
    X509 {
        /// The name in the certificate [default: the endpoint name]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Not at all: anybody may speak for it
    Nosec,
}

/// A place on a device.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// The device's endpoint name
    #[arg(value_name = "EP")]
    pub(crate) ep: String,
    /// The path on it, such as /3303/0/5700
    #[arg(value_name = "PATH", value_parser = path)]
    pub(crate) path: Path,
}

fn path(text: &str) -> Result<Path, String> {
    match text.parse::<Path>() {
        Ok(path) if path.level() == Level::Root => Err("an object at least, such as /3/0".into()),
        Ok(path) => Ok(path),
        Err(error) => Err(error.to_string()),
    }
}

fn object(text: &str) -> Result<Path, String> {
    let path = path(text)?;
    match path.level() {
        Level::Object | Level::Instance => Ok(path),
        _ => Err("instances of objects are created: /3303 or /3303/1".into()),
    }
}

/// The types of values as the API names them.
pub(crate) const TYPES: [&str; 9] = [
    "string", "integer", "unsigned", "float", "boolean", "opaque", "time", "objlnk", "corelnk",
];

const HELP: &str = "\
Data goes to standard output, everything else to standard error. A flag wins over the environment, that over the
configuration file. Output: json is one document, jsonl one value, device, link or event a line; streams print lines
in both. NO_COLOR keeps tables plain.

Exit codes:
  0 done   1 failed   2 wrong usage   3 the device answered with an error   4 no answer, or nobody there
  5 not authorised   130 interrupted

Examples:
  lwm2m doctor
  lwm2m devices
  lwm2m read thermometer /3303/0/5700
  lwm2m write thermometer /3303/0/5701 Cel
  lwm2m --url http://127.0.0.1:9000 --admin-token-file token observe thermometer /3303/0/5700";

const DEVICES: &str = "\
Examples:
  lwm2m devices
  lwm2m devices --filter meter --output jsonl";

const READ: &str = "\
Examples:
  lwm2m read thermometer /3/0
  lwm2m read thermometer /3303/0/5700 --timeout 60
  lwm2m read 'urn:dev:mac:0024befffe804ff1' /3/0/6 --output json";

const WRITE: &str = "\
Examples:
  lwm2m write thermometer /3303/0/5701 Cel
  lwm2m write thermometer /1/0/1 300 --partial
  lwm2m write thermometer /3/0/13 2026-11-22T09:30:00Z
  lwm2m write thermometer /19/0/0/0 hex:c0ffee
  echo '{\"resources\": {\"1\": {\"value\": 300}}}' | lwm2m write thermometer /1/0 --partial --json -";

const EXEC: &str = "\
Examples:
  lwm2m exec thermometer /3/0/4
  lwm2m exec thermometer /1/0/4 \"0='600'\"";

const OBSERVE: &str = "\
An observation that was there before stays when the command ends; its own is removed.

Examples:
  lwm2m observe thermometer /3303/0/5700
  lwm2m observe thermometer /3303/0 --count 10 --output jsonl";

const DISCOVER: &str = "\
Examples:
  lwm2m discover thermometer /3303
  lwm2m discover thermometer /3/0 --output json";

const CREATE: &str = "\
Examples:
  lwm2m create thermometer /3303 5700=21.5 5701=Cel
  lwm2m create thermometer /3303/7 5700=-4
  lwm2m create thermometer /3303 --json instance.json";

const DELETE: &str = "\
Examples:
  lwm2m delete thermometer /3303/7
  lwm2m delete thermometer 3303/7 --timeout 10";

const CREDENTIALS: &str = "\
Secrets are never given as arguments, which others on this machine can see, and never shown, but for a drawn key, once.

Examples:
  lwm2m credentials list
  lwm2m credentials set lamp psk --identity lamp-key --key-file lamp.psk
  lwm2m credentials set pump rpk --public-key pump.pub.pem
  lwm2m credentials set gate x509 --name gate.example
  lwm2m credentials set test nosec
  lwm2m credentials generate lamp --output json
  lwm2m credentials get lamp
  lwm2m credentials remove lamp";

const EVENTS: &str = "\
Examples:
  lwm2m events
  lwm2m events --type registration --ep thermometer
  lwm2m events --since 0 --output jsonl";

const DOCTOR: &str = "\
Examples:
  lwm2m doctor
  lwm2m doctor --offline --coap 0.0.0.0:5683 --coaps 0.0.0.0:5684
  lwm2m doctor --url http://127.0.0.1:9000 --output json";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn flags_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_all_parse() {
        let program = Arguments::command();
        for command in std::iter::once(&program).chain(program.get_subcommands()) {
            let help = command.get_after_help().expect("examples").to_string();
            let (_, examples) = help.split_once("Examples:\n").expect("examples");
            for line in examples.lines() {
                let at = line.find("lwm2m ").expect("an example");
                let parsed = Arguments::try_parse_from(words(&line[at..]));
                assert!(parsed.is_ok(), "{line}\n{}", parsed.unwrap_err());
            }
            let used = |line: &&str| line.contains(command.get_name());
            assert!(examples.lines().filter(used).count() >= 2, "{examples}");
        }
    }

    /// The words of a line as a shell sees them.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut quote) = (vec![String::new()], None);
        for character in line.chars() {
            match (quote, character) {
                (None, ' ') => words.push(String::new()),
                (None, '\'' | '"') => quote = Some(character),
                (Some(open), close) if open == close => quote = None,
                _ => words.last_mut().unwrap().push(character),
            }
        }
        words
    }

    #[test]
    fn values_may_be_negative_and_paths_are_checked() {
        let parse = |line| Arguments::try_parse_from(words(line));
        for line in [
            "lwm2m write ep /3303/0/5700 -4.5",
            "lwm2m write ep 3303/0/5700 -- -Infinity",
            "lwm2m create ep 3303 5700=-4",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        for (line, told) in [
            ("lwm2m read ep /3/x", "decimal digits only (at 3)"),
            ("lwm2m read ep /", "an object at least"),
            ("lwm2m read ep /3/65535", "65535 is reserved"),
            (
                "lwm2m create ep /3303/0/5700",
                "instances of objects are created",
            ),
            ("lwm2m write ep /3/0/14", "required"),
            ("lwm2m write ep /3/0/14 x --json f", "cannot be used with"),
            ("lwm2m write ep /3/0/14 x --type int", "possible values"),
            ("lwm2m credentials set ep psk", "--key-file"),
            ("lwm2m credentials set ep", "Usage"),
            (
                "lwm2m credentials generate ep --length 8",
                "8 is not in 16..=64",
            ),
            ("lwm2m observe ep /3 --count 0", "invalid value '0'"),
        ] {
            let error = parse(line).expect_err(line).to_string();
            assert!(error.contains(told), "{line}: {error}");
        }
    }
}
