//! How the device proves who it is, and the server too: flags and files into [`Security`], with the repair where they do
//! not fit.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use lwm2m_client::{Secret, Security, X509};
use lwm2m_identity::{
    material::{Certificate, PrivateKey, PublicKey, Validity, read_psk},
    published,
};
use support::{MaterialFileError, folder, material};

/// The flags.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Security, for coaps:// servers")]
pub(crate) struct CredentialFlags {
    /// PSK identity [default: the endpoint name]
    #[arg(long, value_name = "ID", env = "LWM2M_PSK_IDENTITY")]
    psk_identity: Option<String>,
    /// Take the pre-shared key from the first line of this file: hex:…, base64:… or text:…
    /// [default: LWM2M_PSK]
    #[arg(long, value_name = "FILE", env = "LWM2M_PSK_FILE")]
    psk_file: Option<PathBuf>,
    /// Take the pre-shared key from the first line of standard input
    #[arg(long, conflicts_with = "psk_file")]
    psk_stdin: bool,
    /// The pre-shared key itself; everybody on this machine can see it in the list of processes
    #[arg(long, value_name = "KEY", conflicts_with_all = ["psk_file", "psk_stdin"])]
    psk: Option<String>,
    /// The device's own private key (P-256; PEM, DER, hex or base64)
    #[arg(long, value_name = "FILE", env = "LWM2M_KEY")]
    key: Option<PathBuf>,
    /// The device's certificate, and those that lead to an authority
    #[arg(long, value_name = "FILE", env = "LWM2M_CERT")]
    cert: Option<PathBuf>,
    /// The server's certificate, or an authority's; --cert-usage says which
    #[arg(long, value_name = "FILE", env = "LWM2M_SERVER_CERT")]
    server_cert: Option<PathBuf>,
    /// What --server-cert is to the server's chain: 0 an authority in it, 1 the server's own beside a trusted
    /// chain, 2 the only trusted authority, 3 the server's own [default: 3]
    #[arg(long, value_name = "N", env = "LWM2M_CERT_USAGE", value_parser = clap::value_parser!(u8).range(0..=3))]
    cert_usage: Option<u8>,
    /// Authorities for --cert-usage 0 and 1: a file or a folder
    #[arg(long, value_name = "PATH", env = "LWM2M_TRUST")]
    trust: Option<PathBuf>,
    /// The server's raw public key: the device shows its own raw public key
    #[arg(long, value_name = "FILE", env = "LWM2M_SERVER_KEY")]
    server_key: Option<PathBuf>,
}

/// The same in the configuration file, which holds no secret itself.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) psk_identity: Option<String>,
    pub(crate) psk_file: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) server_cert: Option<PathBuf>,
    pub(crate) cert_usage: Option<u8>,
    pub(crate) trust: Option<PathBuf>,
    pub(crate) server_key: Option<PathBuf>,
}

/// Where a pre-shared key comes from.
enum Source {
    File(PathBuf),
    Stdin,
    Flag(String),
    Environment(String),
}

/// What was made of it all.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) security: Security,
    /// How it was understood, in words without secrets.
    pub(crate) understood: Vec<String>,
    /// What works and should not stay so.
    pub(crate) warnings: Vec<String>,
}

impl Credentials {
    /// Reads what the flags, else the file, name; `secret` is the key that the environment has, `first_line` reads the
    /// first line of standard input.
    pub(crate) fn resolve(
        flags: CredentialFlags,
        file: File,
        secret: Option<String>,
        servers: &[String],
        endpoint: &str,
        first_line: impl FnOnce() -> std::io::Result<String>,
    ) -> Result<Self, String> {
        let source = match (
            flags.psk,
            flags.psk_stdin,
            flags.psk_file,
            secret,
            file.psk_file,
        ) {
            (Some(key), ..) => Some(Source::Flag(key)),
            (_, true, ..) => Some(Source::Stdin),
            (_, _, Some(path), ..) => Some(Source::File(path)),
            (_, _, _, Some(key), _) => Some(Source::Environment(key)),
            (.., path) => path.map(Source::File),
        };
        let identity = flags.psk_identity.or(file.psk_identity);
        let (key, cert) = (flags.key.or(file.key), flags.cert.or(file.cert));
        let server_cert = flags.server_cert.or(file.server_cert);
        let server_key = flags.server_key.or(file.server_key);
        let usage = flags.cert_usage.or(file.cert_usage);
        let trust = flags.trust.or(file.trust);
        let mut made = Self {
            security: Security::NoSec,
            understood: Vec::new(),
            warnings: Vec::new(),
        };
        let psk = source.is_some() || identity.is_some();
        let keyed =
            key.is_some() || cert.is_some() || server_cert.is_some() || server_key.is_some();
        made.check_servers(servers, psk || keyed)?;
        if psk && keyed {
            return Err("a pre-shared key and a key pair are given: keep the --psk flags, or those with --key".into());
        }
        if usage.is_some() && server_cert.is_none() {
            return Err("--cert-usage says what --server-cert FILE is: add it".into());
        }
        if trust.is_some() && !matches!(usage, Some(0 | 1)) {
            return Err(
                "--trust goes with --cert-usage 0 or 1: add it, or leave --trust out".into(),
            );
        }
        if let Some(source) = source {
            made.psk(source, identity.as_deref().unwrap_or(endpoint), first_line)?;
        } else if psk {
            return Err("--psk-identity needs its key: add --psk-file FILE or --psk-stdin".into());
        }
        match (key, cert, server_cert, server_key) {
            (None, None, None, None) => {}
            (_, _, Some(_), Some(_)) => {
                return Err("--server-cert goes with certificates, --server-key with raw public keys: leave one of them out".into());
            }
            (Some(key), None, None, Some(server)) => made.raw_public_key(&key, &server)?,
            (Some(key), Some(cert), Some(server), None) => {
                made.x509(&key, &cert, &server, usage.unwrap_or(3), trust.as_deref())?;
            }
            (Some(_), None, None, None) => {
                return Err("--key proves nothing alone: add --server-key FILE (raw public keys), or --cert FILE and --server-cert FILE (certificates)".into());
            }
            (Some(_), Some(_), None, Some(_)) => {
                return Err("--cert is for certificates and --server-key for raw public keys: replace --server-key by --server-cert FILE, or leave --cert out".into());
            }
            (Some(_), Some(_), None, None) => {
                return Err("with --cert the server shows a certificate too: add --server-cert FILE (its own, or with --cert-usage 2 its authority's)".into());
            }
            (Some(_), None, Some(_), None) => {
                return Err(
                    "--server-cert goes with a certificate of the device: add --cert FILE".into(),
                );
            }
            (None, ..) => {
                return Err("the private key of the device is missing: add --key FILE".into());
            }
        }
        Ok(made)
    }

    /// Whether the URIs and the credentials go together.
    fn check_servers(&mut self, servers: &[String], credentials: bool) -> Result<(), String> {
        for server in servers {
            if let Some(rest) = server.strip_prefix("coaps://") {
                if !credentials {
                    let plain = rest
                        .strip_suffix(":5684")
                        .map_or_else(|| rest.to_owned(), |host| format!("{host}:5683"));
                    return Err(format!(
                        "{server} needs credentials: add --psk-file FILE (pre-shared key), --key with --server-key (raw \
                         public keys) or --key, --cert and --server-cert (certificates); without security it is coap://{plain}"
                    ));
                }
                if let Some(host) = rest.strip_suffix(":5683") {
                    self.warnings.push(format!(
                        "{server}: 5683 is the port of coap; do you mean coaps://{host}:5684?"
                    ));
                }
            } else if let Some(rest) = server.strip_prefix("coap://") {
                if credentials {
                    let secured = rest
                        .strip_suffix(":5683")
                        .map_or_else(|| rest.to_owned(), |host| format!("{host}:5684"));
                    return Err(format!(
                        "credentials are given and {server} does not use them: write coaps://{secured}, or leave the credentials out"
                    ));
                }
                if let Some(host) = rest.strip_suffix(":5684") {
                    self.warnings.push(format!(
                        "{server}: 5684 is the port of coaps; do you mean coaps://{host}:5684, with credentials, or coap://{host}:5683?"
                    ));
                }
            }
        }
        Ok(())
    }

    fn psk(
        &mut self,
        source: Source,
        identity: &str,
        first_line: impl FnOnce() -> std::io::Result<String>,
    ) -> Result<(), String> {
        let (name, text) = match source {
            Source::Flag(key) => {
                self.warnings.push(
                    "--psk shows in the list of processes: --psk-file or --psk-stdin keep the key to yourself".into(),
                );
                ("--psk".to_owned(), key)
            }
            Source::Environment(key) => ("LWM2M_PSK".to_owned(), key),
            Source::Stdin => {
                let line = first_line().map_err(|error| format!("--psk-stdin: {error}"))?;
                ("--psk-stdin".to_owned(), line)
            }
            Source::File(path) => {
                let name = format!("--psk-file {}", path.display());
                let text =
                    std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
                (name, text.lines().next().unwrap_or_default().to_owned())
            }
        };
        let text = Secret::from(text.into_bytes());
        let written = std::str::from_utf8(text.expose()).unwrap_or_default();
        let reading = read_psk(written).map_err(|error| format!("{name}: {error}"))?;
        if !(1..=lwm2m_identity::MAX_IDENTITY).contains(&identity.len()) {
            return Err(format!(
                "--psk-identity: {} bytes, and 1 to {} are allowed",
                identity.len(),
                lwm2m_identity::MAX_IDENTITY
            ));
        }
        let key = reading.key.bytes();
        if let Some(by) = published::psk(key) {
            self.warnings.push(format!(
                "{name}: this key is published ({by}), so everybody has it"
            ));
        }
        if reading.key.is_short() {
            let len = key.len();
            self.warnings.push(format!(
                "{name}: the key has only {len} bytes; 16 random bytes or more are recommended"
            ));
        }
        self.understood
            .push(format!("PSK identity {identity:?}, {reading}"));
        self.security = Security::psk(identity, Secret::new(key));
        Ok(())
    }

    fn raw_public_key(&mut self, key: &Path, server: &Path) -> Result<(), String> {
        let own = self.private_key(key)?;
        let server_key = public_key(server)?;
        self.understood
            .push(format!("{}: {server_key} (the server's)", server.display()));
        self.security = Security::raw_public_key(secret(&own), server_key.spki().to_vec());
        Ok(())
    }

    fn x509(
        &mut self,
        key: &Path,
        cert: &Path,
        server: &Path,
        usage: u8,
        trust: Option<&Path>,
    ) -> Result<(), String> {
        let own = self.private_key(key)?;
        let chain = self.certificates(cert)?;
        let leaf = chain.first().ok_or("no certificate")?;
        if leaf.public_key() != own.public_key() {
            return Err(format!(
                "{} is not the key of the certificate in {}: its public key has SHA-256 {}, the certificate's {}",
                key.display(),
                cert.display(),
                own.public_key().fingerprint(),
                leaf.public_key().fingerprint()
            ));
        }
        let servers = self.certificates(server)?;
        let first = servers.first().ok_or("no certificate")?;
        let mut x509 = X509::new(
            secret(&own),
            chain.iter().map(|one| one.der().to_vec()).collect(),
            first.der().to_vec(),
        );
        x509.certificate_usage = usage;
        x509.anchors = match (usage, trust) {
            (0 | 1, Some(path)) => {
                let anchors = folder(path).map_err(|error| format!("--trust {error}"))?;
                anchors.iter().map(|one| one.der().to_vec()).collect()
            }
            (1, None) => {
                return Err("--cert-usage 1 wants a chain to an authority that is trusted: add --trust PATH, or take --cert-usage 3".into());
            }
            // The authority that has to be in the chain is the one that is trusted.
            (0, None) => vec![first.der().to_vec()],
            _ => Vec::new(),
        };
        self.security = Security::X509(x509);
        Ok(())
    }

    fn private_key(&mut self, path: &Path) -> Result<PrivateKey, String> {
        let key = material(path)
            .and_then(|reading| {
                reading
                    .private_key()
                    .map_err(|error| MaterialFileError::of(path, error))
            })
            .map_err(|error| format!("--key {error}"))?;
        self.understood.push(format!("{}: {key}", path.display()));
        Ok(key)
    }

    fn certificates(&mut self, path: &Path) -> Result<Vec<Certificate>, String> {
        let all = material(path)
            .and_then(|reading| {
                reading
                    .certificates()
                    .map_err(|error| MaterialFileError::of(path, error))
            })
            .map_err(|error| error.to_string())?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        for one in &all {
            self.understood.push(format!("{}: {one}", path.display()));
            let name = one.common_name().unwrap_or("without a name");
            if one.version() < 3 {
                self.warnings.push(support::old_version(path, name));
            }
            match one.validity(now) {
                Validity::Valid => {}
                Validity::Expired => self.warnings.push(format!("{}: the certificate {name:?} has expired", path.display())),
                Validity::NotYet => self.warnings.push(format!(
                    "{}: the certificate {name:?} is not valid yet; is the clock of this machine right?",
                    path.display()
                )),
            }
        }
        Ok(all)
    }
}

fn public_key(path: &Path) -> Result<PublicKey, String> {
    material(path)
        .and_then(|reading| {
            reading
                .public_key()
                .map_err(|error| MaterialFileError::of(path, error))
        })
        .map_err(|error| format!("--server-key {error}"))
}

fn secret(key: &PrivateKey) -> Secret {
    Secret::new(&key.to_pkcs8())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        flags: CredentialFlags,
    }

    fn resolve(server: &str, flags: &[&str], secret: Option<&str>) -> Result<Credentials, String> {
        let words = std::iter::once(&"client").chain(flags);
        let flags = Program::try_parse_from(words)
            .map_err(|error| error.to_string())?
            .flags;
        let servers = [server.to_owned()];
        let secret = secret.map(str::to_owned);
        Credentials::resolve(flags, File::default(), secret, &servers, "lamp", || {
            Ok("hex:a1b2c3d4e5f60718293a4b5c6d7e8f90\n".to_owned())
        })
    }

    const PLAIN: &str = "coap://gw.example:5683";
    const SECURED: &str = "coaps://gw.example:5684";

    /// Whoever mixes flags is told the repair.
    #[test]
    fn flags_that_do_not_fit_suggest_the_repair() {
        for (server, flags, told) in [
            (
                SECURED,
                &[][..],
                "without security it is coap://gw.example:5683",
            ),
            (
                PLAIN,
                &["--psk", "text:not a good key"],
                "write coaps://gw.example:5684",
            ),
            (
                SECURED,
                &["--psk-identity", "x"],
                "add --psk-file FILE or --psk-stdin",
            ),
            (
                SECURED,
                &["--key", "k"],
                "add --server-key FILE (raw public keys), or --cert FILE",
            ),
            (SECURED, &["--cert", "c"], "add --key FILE"),
            (SECURED, &["--server-key", "s"], "add --key FILE"),
            (
                SECURED,
                &["--key", "k", "--cert", "c"],
                "add --server-cert FILE",
            ),
            (
                SECURED,
                &["--key", "k", "--server-cert", "s"],
                "add --cert FILE",
            ),
            (
                SECURED,
                &["--key", "k", "--cert", "c", "--server-key", "s"],
                "replace --server-key by --server-cert",
            ),
            (
                SECURED,
                &["--key", "k", "--server-cert", "c", "--server-key", "s"],
                "leave one of them out",
            ),
            (
                SECURED,
                &["--psk-stdin", "--key", "k", "--server-key", "s"],
                "keep the --psk flags",
            ),
            (
                SECURED,
                &["--psk-stdin", "--cert-usage", "2"],
                "--server-cert FILE is: add it",
            ),
            (
                SECURED,
                &["--psk-stdin", "--trust", "t"],
                "--cert-usage 0 or 1",
            ),
            (
                SECURED,
                &["--psk-stdin", "--psk-file", "t"],
                "cannot be used with",
            ),
            (SECURED, &["--psk-file", "no/such"], "--psk-file no/such: "),
            (
                SECURED,
                &["--psk", "a1b2c3d4"],
                "--psk: it could be hex (4 bytes), base64 (6 bytes) or text (8 bytes)",
            ),
            (
                SECURED,
                &["--psk", "hex:abc"],
                "3 hexadecimal digits, an odd number",
            ),
            (
                SECURED,
                &["--psk-stdin", "--psk-identity", ""],
                "1 to 128 are allowed",
            ),
        ] {
            let error = resolve(server, flags, None).unwrap_err();
            assert!(error.contains(told), "{flags:?}: {error}");
        }
    }

    #[test]
    fn the_default_of_the_other_scheme_is_asked_back() {
        let made = resolve("coaps://gw:5683", &["--psk-stdin"], None).unwrap();
        assert!(made.warnings[0].contains("do you mean coaps://gw:5684?"));
        let made = resolve("coap://gw:5684", &[], None).unwrap();
        assert!(made.warnings[0].contains("coap://gw:5683?"));
        for (server, flags) in [
            (SECURED, &["--psk-stdin"][..]),
            (PLAIN, &[]),
            ("coaps://gw", &["--psk-stdin"]),
        ] {
            assert_eq!(resolve(server, flags, None).unwrap().warnings, [""; 0]);
        }
    }

    #[test]
    fn a_key_by_each_way_and_never_in_the_words() {
        let key = "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("psk");
        std::fs::write(&path, format!("{key}\nsecond line\n")).unwrap();
        let path = path.to_str().unwrap();
        let ways = [
            (&["--psk-stdin"][..], None, 0),
            (&["--psk-file", path], None, 0),
            (&[], Some(key), 0),
            (&["--psk", key], None, 1),
        ];
        for (flags, secret, warnings) in ways {
            let made = resolve(SECURED, flags, secret).unwrap();
            assert_eq!(made.warnings.len(), warnings, "{flags:?}");
            let Security::Psk(psk) = &made.security else {
                panic!("{made:?}")
            };
            assert_eq!(
                (psk.identity.as_slice(), psk.key.expose()[0]),
                (&b"lamp"[..], 0xa1)
            );
            assert_eq!(
                made.understood,
                ["PSK identity \"lamp\", pre-shared key of 16 bytes, read as hex"]
            );
            assert!(!format!("{made:?}").contains("a1b2c3"));
        }
        let weak = resolve(SECURED, &["--psk-identity", "id"], Some("text:secretPSK")).unwrap();
        assert!(
            weak.warnings[0].contains("published") && weak.warnings[1].contains("only 9 bytes")
        );
    }
}
