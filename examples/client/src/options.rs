//! Flags, environment, file, default: in this order.

use std::{fmt, path::PathBuf};

use clap::Parser;
use lwm2m_client::ops::Binding;
use lwm2m_model::{Lwm2mVersion, Version};
use serde::Deserialize;
use support::{LogFormat, read_file};

use crate::credentials::{self, Credentials};

/// Registers with a LwM2M server and behaves like a device.
#[derive(Debug, Parser)]
#[command(name = "lwm2m-client", version, after_help = EXAMPLES)]
struct Flags {
    /// Server to register with; repeat for several
    #[arg(long, value_name = "URI", env = "LWM2M_SERVER", value_delimiter = ' ')]
    server: Vec<String>,
    /// Endpoint name [default: lwm2m-client]
    #[arg(long, value_name = "NAME", env = "LWM2M_ENDPOINT")]
    endpoint: Option<String>,
    /// Seconds a registration lives without an Update; 0 for ever [default: 300]
    #[arg(long, value_name = "S", env = "LWM2M_LIFETIME")]
    lifetime: Option<u32>,
    /// Transports to announce [default: U]
    #[arg(long, env = "LWM2M_BINDING")]
    binding: Option<String>,
    /// Newest LwM2M version to speak: 1.0, 1.1 or 1.2 [default: 1.1]
    #[arg(long, value_name = "VERSION", env = "LWM2M_LWM2M")]
    lwm2m: Option<String>,
    /// Objects to have, by id [default: 3,4,6,3303]
    #[arg(long, value_name = "IDS", env = "LWM2M_OBJECTS", value_delimiter = ',')]
    objects: Vec<u16>,
    /// Let the temperature change every two seconds
    #[arg(long, env = "LWM2M_SIMULATE")]
    simulate: bool,
    /// Log lines as text or json [default: text]
    #[arg(long, value_name = "FORMAT", env = "LWM2M_LOG")]
    log: Option<LogFormat>,
    /// TOML file with the same names as the flags, `_` for `-`
    #[arg(long, value_name = "FILE", env = "LWM2M_CLIENT_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    credentials: credentials::CredentialFlags,
}

/// The config file. A key that is none is an error, with its line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    server: Option<OneOrMany>,
    endpoint: Option<String>,
    lifetime: Option<u32>,
    binding: Option<String>,
    lwm2m: Option<String>,
    objects: Option<Vec<u16>>,
    simulate: Option<bool>,
    log: Option<LogFormat>,
    psk_identity: Option<String>,
    psk_file: Option<PathBuf>,
    key: Option<PathBuf>,
    cert: Option<PathBuf>,
    server_cert: Option<PathBuf>,
    cert_usage: Option<u8>,
    trust: Option<PathBuf>,
    server_key: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// What the program runs with.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) servers: Vec<String>,
    pub(crate) endpoint: String,
    pub(crate) lifetime: u32,
    pub(crate) binding: Binding,
    pub(crate) version: Lwm2mVersion,
    pub(crate) objects: Vec<u16>,
    pub(crate) simulate: bool,
    pub(crate) log: LogFormat,
    pub(crate) credentials: Credentials,
}

impl Options {
    /// Reads flags and environment, and the config file if one is named. Help, and flags that are wrong, end the program.
    pub(crate) fn read() -> Result<Self, UsageError> {
        let flags = Flags::parse();
        let file = match &flags.config {
            None => File::default(),
            Some(path) => read_file(path).map_err(|error| UsageError(error.to_string()))?,
        };
        // Empty is what `VAR= lwm2m-client …` leaves: none.
        let secret = std::env::var("LWM2M_PSK").ok();
        Self::join(flags, file, secret.filter(|secret| !secret.is_empty()))
    }

    fn join(flags: Flags, file: File, secret: Option<String>) -> Result<Self, UsageError> {
        let servers = match (flags.server, file.server) {
            (flags, None) if flags.is_empty() => vec!["coap://127.0.0.1:5683".into()],
            (flags, Some(OneOrMany::One(server))) if flags.is_empty() => vec![server],
            (flags, Some(OneOrMany::Many(servers))) if flags.is_empty() => servers,
            (flags, _) => flags,
        };
        let objects = match (flags.objects, file.objects) {
            (flags, None) if flags.is_empty() => vec![3, 4, 6, 3303],
            (flags, Some(objects)) if flags.is_empty() => objects,
            (flags, _) => flags,
        };
        let binding = flags.binding.or(file.binding).unwrap_or_else(|| "U".into());
        let version = flags.lwm2m.or(file.lwm2m).unwrap_or_else(|| "1.1".into());
        let version = version
            .parse::<Version>()
            .ok()
            .and_then(Lwm2mVersion::for_announced)
            .ok_or_else(|| UsageError(format!("lwm2m: {version:?} is no version of LwM2M")))?;
        let parsed = Binding::parse(&binding);
        let legal = parsed.and_then(|parsed| parsed.check(version).map(|()| parsed));
        let endpoint = flags
            .endpoint
            .or(file.endpoint)
            .unwrap_or_else(|| "lwm2m-client".into());
        let credentials = Credentials::resolve(
            flags.credentials,
            credentials::File {
                psk_identity: file.psk_identity,
                psk_file: file.psk_file,
                key: file.key,
                cert: file.cert,
                server_cert: file.server_cert,
                cert_usage: file.cert_usage,
                trust: file.trust,
                server_key: file.server_key,
            },
            secret,
            &servers,
            &endpoint,
            first_line,
        )
        .map_err(UsageError)?;
        Ok(Self {
            credentials,
            servers,
            endpoint,
            lifetime: flags.lifetime.or(file.lifetime).unwrap_or(300),
            binding: legal
                .map_err(|reason| UsageError(format!("binding {binding:?}: {reason}")))?,
            version,
            objects,
            simulate: flags.simulate || file.simulate.unwrap_or(false),
            log: flags.log.or(file.log).unwrap_or_default(),
        })
    }
}

/// The first line of standard input; what follows is for the console.
fn first_line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// What the user wrote cannot be used.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const EXAMPLES: &str = "\
Console (stdin): help, list, get, set, wait, register, update, deregister, disconnect, reconnect, quit.
It ends with `quit` or Ctrl-D; when stdin is no terminal, its end leaves the client running.

Servers are coap://HOST (port 5683), or coaps://HOST (port 5684) with credentials. Keys and certificates are read from
PEM, DER, hex and base64; Java key stores and PKCS#12 are not.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the server, 4 no answer, 5 security failed, 130 interrupted.

Examples:
  lwm2m-client --server coap://127.0.0.1:5683 --endpoint sensor-1
  lwm2m-client --server coap://127.0.0.1:5683 --lifetime 60 --objects 3,3303 --simulate --log json
  printf 'wait\\nset /3303/0/5700 21.5\\nupdate\\nquit\\n' | lwm2m-client --server coap://127.0.0.1:5683
  lwm2m-client --server coaps://127.0.0.1:5684 --endpoint lamp --psk-file lamp.psk
  printf 'hex:a1b2c3d4e5f60718293a4b5c6d7e8f90\\nwait\\nquit\\n' | lwm2m-client --server coaps://127.0.0.1:5684 --endpoint lamp --psk-identity lamp-key --psk-stdin
  lwm2m-client --server coaps://127.0.0.1:5684 --endpoint pump --key pump.key --server-key server.pub
  lwm2m-client --server coaps://127.0.0.1:5684 --endpoint gate --key gate.key --cert gate.pem --server-cert server.pem";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{File, Flags, LogFormat, Options};

    fn options(flags: &[&str], file: &str) -> Result<Options, String> {
        let flags = Flags::try_parse_from([&["lwm2m-client"], flags].concat());
        let file: File = toml::from_str(file).map_err(|error| error.to_string())?;
        Options::join(flags.map_err(|error| error.to_string())?, file, None)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_are_well_made() {
        Flags::command().debug_assert();
    }

    #[test]
    fn a_flag_is_above_the_file_which_is_above_the_default() {
        let file = "endpoint = \"file\"\nlifetime = 60\nobjects = [3]\nlog = \"json\"\n\
                    server = \"coap://192.0.2.1\"";
        let options = options(&["--endpoint", "flag", "--objects", "3,6"], file).unwrap();
        assert_eq!(options.endpoint, "flag");
        assert_eq!(options.lifetime, 60);
        assert_eq!(options.objects, [3, 6]);
        assert_eq!(options.servers, ["coap://192.0.2.1"]);
        assert_eq!(options.log, LogFormat::Json);
        assert_eq!(options.binding.to_string(), "U");
    }

    #[test]
    fn several_servers() {
        let file = "server = [\"coap://a\", \"coap://b\"]";
        assert_eq!(
            options(&[], file).unwrap().servers,
            ["coap://a", "coap://b"]
        );
        let flags = ["--server", "coap://c", "--server", "coap://d"];
        assert_eq!(
            options(&flags, file).unwrap().servers,
            ["coap://c", "coap://d"]
        );
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line() {
        let error = options(&[], "endpoint = \"x\"\nlife_time = 3\n").unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("life_time"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be() {
        for (flags, word) in [
            (&["--binding", "X"][..], "binding"),
            (&["--binding", "UQ"], "binding"),
            (&["--lwm2m", "2.0"], "lwm2m"),
            (&["--lifetime", "x"], "lifetime"),
            (&["--objects", "3,x"], "objects"),
        ] {
            let error = options(flags, "").unwrap_err();
            assert!(error.contains(word), "{flags:?}: {error}");
        }
        assert!(options(&["--binding", "UQ", "--lwm2m", "1.0"], "").is_ok());
    }
}
