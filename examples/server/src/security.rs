//! How devices prove who they are, and the server too: flags and files, into what the server runs with.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lwm2m_identity::NoSecPolicy;
use serde::Deserialize;

use crate::identity::{Files, Identity, Watched};

/// The flags.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Security")]
pub(crate) struct Flags {
    /// Listen here for CoAP over DTLS; may be given several times, or once as `off`
    /// [default: 0.0.0.0:5684 and [::]:5684]
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "LWM2M_COAPS",
        value_delimiter = ','
    )]
    coaps: Vec<Listen>,
    /// The server's private key (P-256; PEM, DER, hex or base64): devices may show raw public keys. This file and the two
    /// below are read again when they change
    #[arg(long, value_name = "FILE", env = "LWM2M_IDENTITY_KEY")]
    identity_key: Option<PathBuf>,
    /// The server's certificate and those that lead to an authority: devices may show certificates too
    #[arg(long, value_name = "FILE", env = "LWM2M_IDENTITY_CERT")]
    identity_cert: Option<PathBuf>,
    /// Trust device certificates of the authorities in this folder or file
    #[arg(long, value_name = "DIR", env = "LWM2M_TRUST")]
    trust: Option<PathBuf>,
    /// What devices have to prove, as TOML or JSON (*.json); read again when it changes
    #[arg(long, value_name = "FILE", env = "LWM2M_SECURITY")]
    security: Option<PathBuf>,
    /// Who may come in without security: every device without a record, only those whose record says so, or nobody
    /// but these [default: open]
    #[arg(long, value_name = "open|known|off", env = "LWM2M_NOSEC")]
    nosec: Option<NoSec>,
    /// Connection ids, by which devices may change their address: on (8 bytes), off, or 4 to 16 bytes
    /// [default: on]
    #[arg(long, value_name = "on|off|N", env = "LWM2M_CID")]
    cid: Option<Cid>,
    /// End a session in which nothing was heard for so long: a number with s, m, h or d, or off. The device shakes hands
    /// again when it has something to say [default: 30d]
    #[arg(long, value_name = "DURATION|off", env = "LWM2M_SESSION_IDLE")]
    session_idle: Option<Idle>,
    /// Security sessions at most, in each shard; who was silent longest gives way [default: 1048576]
    #[arg(long, value_name = "N", env = "LWM2M_MAX_SESSIONS")]
    max_sessions: Option<usize>,
    /// Handshakes under way at most, in each shard [default: 10000]
    #[arg(long, value_name = "N", env = "LWM2M_MAX_HANDSHAKES")]
    max_handshakes: Option<usize>,
}

/// The same in the configuration file.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) coaps: Option<Vec<SocketAddr>>,
    pub(crate) identity_key: Option<PathBuf>,
    pub(crate) identity_cert: Option<PathBuf>,
    pub(crate) trust: Option<PathBuf>,
    pub(crate) security: Option<PathBuf>,
    pub(crate) nosec: Option<NoSec>,
    pub(crate) cid: Option<String>,
    pub(crate) session_idle: Option<String>,
    pub(crate) max_sessions: Option<usize>,
    pub(crate) max_handshakes: Option<usize>,
}

/// An address, or none.
#[derive(Clone, Copy, Debug)]
enum Listen {
    Off,
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => text
                .parse()
                .map(Self::At)
                .map_err(|_| "an address with a port, such as 0.0.0.0:5684, or off".to_owned()),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoSec {
    /// Every device without a record
    Open,
    /// Devices whose record says so
    Known,
    /// The same, and others are told that it is off
    Off,
}

/// Bytes of connection ids.
#[derive(Clone, Copy, Debug)]
struct Cid(u8);

impl FromStr for Cid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on" => Ok(Self(8)),
            "off" => Ok(Self(0)),
            _ => match text.parse() {
                Ok(bytes @ 4..=16) => Ok(Self(bytes)),
                _ => Err("on, off, or 4 to 16 bytes".to_owned()),
            },
        }
    }
}

/// How long a session may be silent; `None` for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Idle(Option<Duration>);

impl FromStr for Idle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
        let seconds = units.iter().find_map(|&(unit, seconds)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(seconds).filter(|&all| all > 0)
        });
        seconds
            .map(|seconds| Self(Some(Duration::from_secs(seconds))))
            .ok_or_else(|| "a number with s, m, h or d, such as 30d, or off".to_owned())
    }
}

/// What the server runs with.
#[derive(Debug)]
pub(crate) struct Security {
    pub(crate) coaps: Vec<SocketAddr>,
    /// Whether the addresses are the default ones, of which a missing family is forgiven.
    pub(crate) coaps_is_default: bool,
    /// The files of the server's own identity, and what they said at the start.
    pub(crate) watched: Watched,
    pub(crate) identity: Identity,
    pub(crate) file: Option<PathBuf>,
    pub(crate) nosec: NoSecPolicy,
    pub(crate) connection_id: u8,
    pub(crate) session_idle: Option<Idle>,
    pub(crate) max_sessions: Option<usize>,
    pub(crate) max_handshakes: Option<usize>,
}

impl Security {
    /// Flags before the file before the defaults; a run that ends by itself takes free ports of this machine.
    pub(crate) fn resolve(flags: Flags, file: File, once: bool) -> Result<Self, String> {
        let off = flags.coaps.iter().any(|one| matches!(one, Listen::Off));
        let given: Vec<SocketAddr> = flags
            .coaps
            .iter()
            .filter_map(|one| match one {
                Listen::At(address) => Some(*address),
                Listen::Off => None,
            })
            .collect();
        if off && !given.is_empty() {
            return Err("--coaps off and an address: leave one of them out".into());
        }
        let given = match (off, given.is_empty()) {
            (true, _) => Some(Vec::new()),
            (false, true) => file.coaps,
            (false, false) => Some(given),
        };
        let cid = match (flags.cid, file.cid) {
            (Some(cid), _) => cid,
            (None, Some(text)) => text.parse().map_err(|error| format!("cid: {error}"))?,
            (None, None) => Cid(8),
        };
        let session_idle = match (flags.session_idle, file.session_idle) {
            (None, Some(text)) => {
                let idle = text.parse();
                Some(idle.map_err(|error| format!("session_idle: {error}"))?)
            }
            (given, _) => given,
        };
        let (watched, identity) = Watched::open(Files {
            key: flags.identity_key.or(file.identity_key),
            cert: flags.identity_cert.or(file.identity_cert),
            trust: flags.trust.or(file.trust),
        })?;
        Ok(Self {
            coaps_is_default: given.is_none(),
            coaps: given.unwrap_or_else(|| match once {
                true => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
                false => vec![
                    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5684)),
                    SocketAddr::from((Ipv6Addr::UNSPECIFIED, 5684)),
                ],
            }),
            watched,
            identity,
            file: flags.security.or(file.security),
            nosec: match flags.nosec.or(file.nosec) {
                None | Some(NoSec::Open) => NoSecPolicy::Open,
                Some(NoSec::Known) => NoSecPolicy::Known,
                Some(NoSec::Off) => NoSecPolicy::Off,
            },
            connection_id: cid.0,
            session_idle,
            max_sessions: flags.max_sessions.or(file.max_sessions),
            max_handshakes: flags.max_handshakes.or(file.max_handshakes),
        })
    }

    /// Into the server's configuration.
    pub(crate) fn apply(&self, config: &mut lwm2m_server::Config) {
        config.coaps.clone_from(&self.coaps);
        config.registry.nosec = self.nosec;
        let security = &mut config.security;
        security.credentials.clone_from(&self.identity.credentials);
        security.anchors.clone_from(&self.identity.anchors);
        security.file.clone_from(&self.file);
        security.connection_id = self.connection_id;
        if let Some(Idle(lifetime)) = self.session_idle {
            security.dtls.session_lifetime = lifetime;
        }
        if let Some(sessions) = self.max_sessions {
            security.dtls.sessions = sessions;
        }
        if let Some(handshakes) = self.max_handshakes {
            security.dtls.handshakes = handshakes;
        }
    }
}

/// How a mode that is off can be had.
pub(crate) fn flags_of(mode: &str) -> &'static str {
    match mode {
        "nosec" => "--coap ADDR:PORT, --nosec open",
        "psk" => "--coaps ADDR:PORT",
        "rpk" => "--identity-key FILE",
        _ => "--identity-cert FILE, --identity-key FILE, --trust DIR",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        flags: Flags,
    }

    fn resolve(flags: &[&str]) -> Result<Security, String> {
        let words = std::iter::once(&"server").chain(flags);
        let program = Program::try_parse_from(words).map_err(|error| error.to_string())?;
        Security::resolve(program.flags, File::default(), false)
    }

    fn files() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("key.pem", KEY), ("cert.pem", CERT), ("other.pem", OTHER)] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        std::fs::write(
            folder.path().join("store.jks"),
            b"\xfe\xed\xfe\xed\0\0\0\x02",
        )
        .unwrap();
        folder
    }

    #[test]
    fn the_modes_follow_from_what_is_there() {
        let files = files();
        let at = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
        let plain = resolve(&[]).unwrap();
        assert!(plain.identity.credentials.is_none() && plain.identity.anchors.is_empty());
        assert!(plain.coaps_is_default);
        assert_eq!(
            (
                plain.coaps[0].port(),
                plain.coaps[1].port(),
                plain.connection_id
            ),
            (5684, 5684, 8)
        );
        let rpk = resolve(&["--identity-key", &at("key.pem")]).unwrap();
        assert!(rpk.identity.credentials.unwrap().chain().is_empty());
        let both = [
            "--identity-key",
            &at("key.pem"),
            "--identity-cert",
            &at("cert.pem"),
            "--trust",
            &at("cert.pem"),
        ];
        let x509 = resolve(&both).unwrap();
        assert_eq!(
            (
                x509.identity.credentials.as_ref().unwrap().chain().len(),
                x509.identity.anchors.len()
            ),
            (1, 1)
        );
        assert!(
            x509.identity.understood[1].contains("CN \"lwm2m.example\""),
            "{:?}",
            x509.identity.understood
        );
        assert!(!format!("{x509:?}").contains(SCALAR));
        std::fs::write(at("server-only.pem"), SERVER_ONLY).unwrap();
        let both = [both[0], both[1], both[2], &at("server-only.pem")];
        let warnings = resolve(&both).unwrap().identity.warnings;
        assert!(
            warnings[0].contains("do not allow a client") && warnings.len() == 1,
            "{warnings:?}"
        );
        let off = resolve(&["--coaps", "off", "--cid", "off", "--nosec", "known"]).unwrap();
        assert!(off.coaps.is_empty() && !off.coaps_is_default);
        assert_eq!((off.connection_id, off.nosec), (0, NoSecPolicy::Known));
        let limits = resolve(&[
            "--max-sessions",
            "7",
            "--max-handshakes",
            "5",
            "--cid",
            "12",
        ])
        .unwrap();
        let mut config = lwm2m_server::Config::default();
        limits.apply(&mut config);
        let dtls = &config.security.dtls;
        assert_eq!(
            (
                dtls.sessions,
                dtls.handshakes,
                config.security.connection_id
            ),
            (7, 5, 12)
        );
    }

    #[test]
    fn sessions_may_be_silent_for_so_long() {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        let lifetime = |flags: &[&str], file: Option<&str>| {
            let words = std::iter::once(&"server").chain(flags);
            let file = File {
                session_idle: file.map(str::to_owned),
                ..File::default()
            };
            let flags = Program::parse_from(words).flags;
            let mut config = lwm2m_server::Config::default();
            Security::resolve(flags, file, false)
                .unwrap()
                .apply(&mut config);
            config.security.dtls.session_lifetime
        };
        assert_eq!(lifetime(&[], None), hours(30 * 24));
        assert_eq!(lifetime(&[], Some("2d")), hours(48));
        assert_eq!(lifetime(&["--session-idle", "120m"], Some("2d")), hours(2));
        assert_eq!(lifetime(&["--session-idle", "7200s"], None), hours(2));
        assert_eq!(lifetime(&["--session-idle", "off"], Some("2d")), None);
    }

    #[test]
    fn what_is_wrong_is_told_with_the_repair() {
        let files = files();
        let at = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
        for (flags, told) in [
            (
                &["--identity-cert", &at("cert.pem")][..],
                "add --identity-key FILE",
            ),
            (
                &[
                    "--identity-key",
                    &at("other.pem"),
                    "--identity-cert",
                    &at("cert.pem"),
                ],
                "is not the key of the certificate",
            ),
            (
                &["--identity-key", &at("cert.pem")],
                "there is no private key in it",
            ),
            (
                &["--identity-key", &at("store.jks")],
                "keytool -importkeystore",
            ),
            (
                &["--trust", &at("key.pem")],
                "there is no certificate in it",
            ),
            (
                &["--identity-key", "no/such"],
                "--identity-key cannot read no/such",
            ),
            (&["--coaps", "off,127.0.0.1:1"], "leave one of them out"),
            (&["--coaps", "5684"], "such as 0.0.0.0:5684, or off"),
            (&["--cid", "3"], "4 to 16 bytes"),
            (&["--session-idle", "25"], "such as 30d, or off"),
            (&["--session-idle", "0s"], "such as 30d, or off"),
            (&["--session-idle", "99999999999999999d"], "such as 30d"),
            (&["--nosec", "never"], "possible values: open, known, off"),
        ] {
            let error = resolve(flags).unwrap_err();
            assert!(error.contains(told), "{flags:?}: {error}");
        }
    }

    /// openssl ecparam -name prime256v1 -genkey -noout
    const KEY: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIMeJCwN1TRbePjCFdojLT+15ZZF74tXYLTS+hWJx2xRKoAoGCCqGSM49
AwEHoUQDQgAECOBY638nhvOECmV2OPIkjfeiuSsa6mFhtqsx/vJNa16gAl7S1+nS
dGP4fbeVK7/6RcSLoXk0k95wEJmCi5/PiA==
-----END EC PRIVATE KEY-----
";
    /// openssl req -x509 -key key.pem -subj /CN=lwm2m.example -days 36500
    const CERT: &str = "\
-----BEGIN CERTIFICATE-----
MIIBiDCCAS2gAwIBAgIUKMcSz/6u20JOmY1RkWV8+NxAPCswCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNbHdtMm0uZXhhbXBsZTAgFw0yNjExMjkwMDA3MTFaGA8yMTI2
MTEwNTAwMDcxMVowGDEWMBQGA1UEAwwNbHdtMm0uZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABAjgWOt/J4bzhApldjjyJI33orkrGuphYbarMf7yTWte
oAJe0tfp0nRj+H23lSu/+kXEi6F5NJPecBCZgoufz4ijUzBRMB0GA1UdDgQWBBS7
SLZ9YycBGDpZ1GUSThU+qScEwTAfBgNVHSMEGDAWgBS7SLZ9YycBGDpZ1GUSThU+
qScEwTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCB633+5d7j
fEaYn8IwIFtYIWSVcfhMC5wgp+fGv2a+rwIhANCGU4NJJQDTPAB4Pbk33w4nP0y9
sQqyb9Y1mfgXEEKf
-----END CERTIFICATE-----
";
    /// The same with -addext extendedKeyUsage=serverAuth -addext basicConstraints=CA:FALSE
    const SERVER_ONLY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBljCCATygAwIBAgIUJg6dO3myICgPBw13Bnlv4usvvzAwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNbHdtMm0uZXhhbXBsZTAgFw0yNjExMjkwMjA0MzlaGA8yMTI2
MTEwNTAyMDQzOVowGDEWMBQGA1UEAwwNbHdtMm0uZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABAjgWOt/J4bzhApldjjyJI33orkrGuphYbarMf7yTWte
oAJe0tfp0nRj+H23lSu/+kXEi6F5NJPecBCZgoufz4ijYjBgMB0GA1UdDgQWBBS7
SLZ9YycBGDpZ1GUSThU+qScEwTAfBgNVHSMEGDAWgBS7SLZ9YycBGDpZ1GUSThU+
qScEwTATBgNVHSUEDDAKBggrBgEFBQcDATAJBgNVHRMEAjAAMAoGCCqGSM49BAMC
A0gAMEUCIQCfNM/l79FqMVRrhIse0Z4CaKtyBjeiOl9/RwthLWwv+AIgfGflj7Oq
+bFNxWX17xFvJV/1bj0DPnpZTqmoKs3FvIs=
-----END CERTIFICATE-----
";
    /// Another key.
    const OTHER: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIC6cjKjdk2sNLw6R2kfeo0bBQLfGnfr1P4jA3lEHrthmoAoGCCqGSM49
AwEHoUQDQgAEMejtlupmBzRty3mLBDbABfx8UYdojoR5+NsLhaKH6067oGVuOpeR
l1DZoI7q8qej5FZ0jmK9qOmuiHtYkWXZlg==
-----END EC PRIVATE KEY-----
";
    /// The private number of the first.
    const SCALAR: &str = "c7890b03754d16de3e30857688cb4fed7965917be2d5d82d34be856271db144a";
}
