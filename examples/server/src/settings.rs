use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use serde::Deserialize;
use support::{FileError, LogFormat, read_file};

/// The command line and the environment.
#[derive(Debug, Parser)]
#[command(
    name = "lwm2m-server",
    version,
    about = "Manages LwM2M devices: CoAP for them, an HTTP API and a page for you",
    after_help = EXAMPLES
)]
pub(crate) struct Arguments {
    /// Listen here for CoAP over UDP without security; may be given several times
    /// [default: 127.0.0.1:5683 and [::1]:5683]
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "LWM2M_COAP",
        value_delimiter = ','
    )]
    coap: Vec<SocketAddr>,
    /// Serve the HTTP API and the page here [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT", env = "LWM2M_HTTP")]
    http: Option<SocketAddr>,
    /// Load object definitions (OMA DDF, *.xml) from this folder besides the built-in ones
    #[arg(long, value_name = "DIR", env = "LWM2M_MODELS")]
    models: Option<PathBuf>,
    /// Simulate devices on this machine [default with the flag alone: 3]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "3", env = "LWM2M_DEMO")]
    demo: Option<u16>,
    /// With --demo: tell the story, check it and exit
    #[arg(long, requires = "demo")]
    once: bool,
    /// Read settings from this TOML file; its keys are the flags' names with _ for -
    #[arg(long, value_name = "FILE", env = "LWM2M_CONFIG")]
    config: Option<PathBuf>,
    /// Take the token for API and page from the first line of this file
    /// [default: LWM2M_ADMIN_TOKEN, else a new one, printed at start]
    #[arg(long, value_name = "FILE", env = "LWM2M_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
    /// Log lines as text or json
    #[arg(long, value_name = "FORMAT", env = "LWM2M_LOG")]
    log: Option<LogFormat>,
}

const EXAMPLES: &str = "\
Examples:
  lwm2m-server --demo
      server, page and three simulated devices, all on this machine
  lwm2m-server --demo --once
      the same story, checked, on free ports
  lwm2m-server --coap 0.0.0.0:5683 --models ./ddf
      devices from everywhere, without security; own object definitions
  LWM2M_ADMIN_TOKEN=$(cat token) lwm2m-server --http 127.0.0.1:9000 --log json";

/// The configuration file: the same, all optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    coap: Option<Vec<SocketAddr>>,
    http: Option<SocketAddr>,
    models: Option<PathBuf>,
    demo: Option<u16>,
    admin_token_file: Option<PathBuf>,
    log: Option<String>,
}

/// What the program does.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) coap: Vec<SocketAddr>,
    /// Whether the addresses are the default ones, of which a missing family is forgiven.
    pub(crate) coap_is_default: bool,
    pub(crate) http: SocketAddr,
    pub(crate) models: Option<PathBuf>,
    pub(crate) demo: Option<u16>,
    pub(crate) once: bool,
    pub(crate) admin_token_file: Option<PathBuf>,
    pub(crate) log: LogFormat,
}

/// Why the settings make no sense.
#[derive(Debug)]
pub(crate) enum SettingsError {
    File(FileError),
    Log(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Log(error) => write!(f, "log: {error}"),
        }
    }
}

impl Settings {
    /// Flags and environment before the file, the file before the defaults.
    pub(crate) fn resolve(arguments: Arguments) -> Result<Self, SettingsError> {
        let file: File = match &arguments.config {
            Some(path) => read_file(path).map_err(SettingsError::File)?,
            None => File::default(),
        };
        let log = match (arguments.log, file.log) {
            (Some(format), _) => format,
            (None, Some(text)) => text.parse().map_err(SettingsError::Log)?,
            (None, None) => LogFormat::default(),
        };
        let given = Some(arguments.coap).filter(|addresses| !addresses.is_empty());
        let given = given.or(file.coap);
        // A run that ends by itself must not fail because a port is taken.
        let (coap_port, http_port) = if arguments.once { (0, 0) } else { (5683, 8080) };
        Ok(Self {
            coap_is_default: given.is_none(),
            coap: given.unwrap_or_else(|| {
                vec![
                    SocketAddr::from((Ipv4Addr::LOCALHOST, coap_port)),
                    SocketAddr::from((Ipv6Addr::LOCALHOST, coap_port)),
                ]
            }),
            http: arguments
                .http
                .or(file.http)
                .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, http_port))),
            models: arguments.models.or(file.models),
            demo: arguments.demo.or(file.demo),
            once: arguments.once,
            admin_token_file: arguments.admin_token_file.or(file.admin_token_file),
            log,
        })
    }
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
    fn flags_before_file_before_defaults() {
        let path = std::env::temp_dir().join(format!("lwm2m-server-{}.toml", std::process::id()));
        std::fs::write(&path, "http = \"127.0.0.1:1\"\ndemo = 2\nlog = \"json\"\n").unwrap();
        let path = path.to_str().unwrap().to_owned();
        let parse = |more: &[&str]| {
            let words = ["lwm2m-server", "--config", &path];
            Settings::resolve(Arguments::parse_from(words.iter().chain(more))).unwrap()
        };
        let settings = parse(&["--demo", "5"]);
        assert_eq!(settings.http.port(), 1);
        assert_eq!(settings.demo, Some(5));
        assert_eq!(settings.log, LogFormat::Json);
        assert!(settings.coap_is_default && settings.coap.len() == 2);
        assert_eq!(parse(&["--http", "127.0.0.1:9"]).http.port(), 9);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_help_s_examples_parse() {
        for line in EXAMPLES
            .lines()
            .filter(|line| line.contains("lwm2m-server "))
        {
            let words: Vec<&str> = line
                .split_whitespace()
                .skip_while(|word| *word != "lwm2m-server")
                .collect();
            assert!(Arguments::try_parse_from(&words).is_ok(), "{line}");
        }
    }
}
