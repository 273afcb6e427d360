use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Parser;
use lwm2m_console::Token;
use serde::Deserialize;
use support::{FileError, LogFormat, read_file};

use crate::security::{self, Security};

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
    #[arg(long, env = "LWM2M_ONCE")]
    once: bool,
    /// Read settings from this TOML file; its keys are the flags' names with _ for -
    #[arg(long, value_name = "FILE", env = "LWM2M_SERVER_CONFIG")]
    config: Option<PathBuf>,
    /// Take the token for API and page from the first line of this file
    /// [default: LWM2M_ADMIN_TOKEN, else a new one, printed at start]
    #[arg(long, value_name = "FILE", env = "LWM2M_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
    /// Log lines as text or json
    #[arg(long, value_name = "FORMAT", env = "LWM2M_LOG")]
    log: Option<LogFormat>,
    #[command(flatten)]
    security: security::Flags,
}

const EXAMPLES: &str = "\
Examples:
  lwm2m-server --demo
      server, page and three simulated devices, all on this machine
  lwm2m-server --demo --once
      the same story, checked, on free ports
  lwm2m-server --coap 0.0.0.0:5683 --models ./ddf
      devices from everywhere, without security; own object definitions
  lwm2m-server --nosec known --security devices.toml
      devices prove who they are by pre-shared keys
  lwm2m-server --identity-key server.key --identity-cert server.pem --trust ./authorities
      raw public keys and certificates too
  LWM2M_ADMIN_TOKEN=$(cat token) lwm2m-server --http 127.0.0.1:9000 --log json";

/// The configuration file: the same, all optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    coap: Option<Vec<SocketAddr>>,
    http: Option<SocketAddr>,
    models: Option<PathBuf>,
    demo: Option<u16>,
    once: Option<bool>,
    admin_token_file: Option<PathBuf>,
    log: Option<LogFormat>,
    coaps: Option<Vec<SocketAddr>>,
    identity_key: Option<PathBuf>,
    identity_cert: Option<PathBuf>,
    trust: Option<PathBuf>,
    security: Option<PathBuf>,
    nosec: Option<security::NoSec>,
    cid: Option<String>,
    session_idle: Option<String>,
    max_sessions: Option<usize>,
    max_handshakes: Option<usize>,
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
    /// The secret for API and page; a new one is drawn when absent.
    pub(crate) token: Option<Token>,
    /// None when nobody chose: then a demonstration keeps its own log short.
    pub(crate) log: Option<LogFormat>,
    pub(crate) security: Security,
}

/// Why the settings make no sense.
#[derive(Debug)]
pub(crate) enum SettingsError {
    File(FileError),
    Token { source: String, why: String },
    OnceAlone,
    Security(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Token { source, why } => write!(f, "{source}: {why}"),
            Self::Security(why) => f.write_str(why),
            Self::OnceAlone => f.write_str("--once ends a demonstration: add --demo"),
        }
    }
}

impl Settings {
    /// Flags and environment before the file, the file before the defaults. `secret` is what the
    /// environment has for a token.
    pub(crate) fn resolve(
        arguments: Arguments,
        secret: Option<String>,
    ) -> Result<Self, SettingsError> {
        let file: File = match &arguments.config {
            Some(path) => read_file(path).map_err(SettingsError::File)?,
            None => File::default(),
        };
        let demo = arguments.demo.or(file.demo);
        let once = arguments.once || file.once.unwrap_or_default();
        if once && demo.is_none() {
            return Err(SettingsError::OnceAlone);
        }
        let token = match (arguments.admin_token_file, secret, file.admin_token_file) {
            (Some(path), _, _) | (None, None, Some(path)) => Some(token_file(&path)?),
            (None, Some(text), _) => Some(token(&text, "LWM2M_ADMIN_TOKEN")?),
            (None, None, None) => None,
        };
        let given = Some(arguments.coap).filter(|addresses| !addresses.is_empty());
        let given = given.or(file.coap);
        // A run that ends by itself must not fail because a port is taken.
        let (coap_port, http_port) = if once { (0, 0) } else { (5683, 8080) };
        let security = Security::resolve(
            arguments.security,
            security::File {
                coaps: file.coaps,
                identity_key: file.identity_key,
                identity_cert: file.identity_cert,
                trust: file.trust,
                security: file.security,
                nosec: file.nosec,
                cid: file.cid,
                session_idle: file.session_idle,
                max_sessions: file.max_sessions,
                max_handshakes: file.max_handshakes,
            },
            once,
        )
        .map_err(SettingsError::Security)?;
        Ok(Self {
            security,
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
            demo,
            once,
            token,
            log: arguments.log.or(file.log),
        })
    }
}

fn token_file(path: &Path) -> Result<Token, SettingsError> {
    let source = format!("--admin-token-file {}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => token(text.lines().next().unwrap_or_default(), &source),
        Err(error) => Err(SettingsError::Token {
            source,
            why: error.to_string(),
        }),
    }
}

fn token(text: &str, source: &str) -> Result<Token, SettingsError> {
    Token::new(text).map_err(|error| SettingsError::Token {
        source: source.to_owned(),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn flags_are_well_formed() {
        Arguments::command().debug_assert();
    }

    /// The three programs reject each other's keys.
    #[test]
    fn the_environment_names_a_file_of_this_program_alone() {
        let command = Arguments::command();
        let config = command
            .get_arguments()
            .find(|flag| flag.get_id() == "config");
        assert_eq!(config.unwrap().get_env().unwrap(), "LWM2M_SERVER_CONFIG");
    }

    fn resolve(flags: &[&str], secret: Option<&str>) -> Result<Settings, String> {
        let flags = std::iter::once("lwm2m-server").chain(flags.iter().copied());
        Settings::resolve(Arguments::parse_from(flags), secret.map(str::to_owned))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn flags_before_file_before_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let (config, secret) = (folder.path().join("c.toml"), folder.path().join("token"));
        std::fs::write(&secret, "from-the-file-of-tokens\nsecond line\n").unwrap();
        let text = format!(
            "http = \"127.0.0.1:1\"\ndemo = 2\nlog = \"json\"\nadmin_token_file = {secret:?}\n"
        );
        std::fs::write(&config, text).unwrap();
        let (config, secret) = (config.to_str().unwrap(), secret.to_str().unwrap());
        let by_file = resolve(&["--config", config], None).unwrap();
        assert_eq!(by_file.http.port(), 1);
        assert_eq!((by_file.demo, by_file.once), (Some(2), false));
        assert_eq!(by_file.log, Some(LogFormat::Json));
        assert!(by_file.coap_is_default && by_file.coap.len() == 2);
        assert_eq!(by_file.token.unwrap().reveal(), "from-the-file-of-tokens");
        let environment = Some("from-the-environment");
        let flags = [
            "--config",
            config,
            "--demo",
            "5",
            "--once",
            "--http",
            "127.0.0.1:9",
        ];
        let by_flags = resolve(&flags, environment).unwrap();
        assert_eq!(by_flags.http.port(), 9);
        assert_eq!((by_flags.demo, by_flags.once), (Some(5), true));
        assert_eq!(by_flags.coap[0].port(), 0);
        assert_eq!(by_flags.token.unwrap().reveal(), "from-the-environment");
        let by_flag = resolve(&["--admin-token-file", secret], environment).unwrap();
        assert_eq!(by_flag.token.unwrap().reveal(), "from-the-file-of-tokens");
        let plain = resolve(&[], None).unwrap();
        assert_eq!((plain.http.port(), plain.coap[1].port()), (8080, 5683));
        assert!(plain.token.is_none() && plain.log.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        let path = path.to_str().unwrap();
        for (text, told) in [
            ("# mine\nhttpp = \"x\"\n", "c.toml:2: unknown field `httpp`"),
            ("\n\nlog = \"xml\"\n", "c.toml:3: unknown variant `xml`"),
            (
                "coap = [\"localhost\"]\n",
                "c.toml:1: invalid socket address",
            ),
            ("once = true\n", "add --demo"),
        ] {
            std::fs::write(path, text).unwrap();
            let error = resolve(&["--config", path], None).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        for (flags, secret, told) in [
            (&["--once"][..], None, "add --demo"),
            (
                &[],
                Some("short"),
                "LWM2M_ADMIN_TOKEN: an admin token has at least 16",
            ),
            (
                &["--admin-token-file", "no/such"],
                None,
                "--admin-token-file no/such: ",
            ),
        ] {
            let error = resolve(flags, secret).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
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
