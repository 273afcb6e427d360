//! The server's own key and certificate, and the authorities of devices: files, read at the start and again when they have
//! changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lwm2m_identity::material::{Certificate, Validity};
use lwm2m_server::Handle;
use lwm2m_server::dtls_core::{CertificateType, Role};
use lwm2m_server::dtls_ecdsa::{Anchors, Credentials, PrivateKey};
use support::{MaterialFileError, files, folder, material};

/// Where they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) key: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) trust: Option<PathBuf>,
}

/// What the files said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) anchors: Anchors,
    /// The certificates that `anchors` was made of.
    trusted: Vec<Bytes>,
    /// How files were understood, in words without secrets.
    pub(crate) understood: Vec<String>,
    /// What works and should not stay so.
    pub(crate) warnings: Vec<String>,
}

/// The files as they were read last.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    files: Files,
    stamp: Vec<Stamp>,
}

/// A file, when it was written, and how long it is.
type Stamp = (PathBuf, Option<(SystemTime, u64)>);

/// How often to look whether a file has changed.
const INTERVAL: Duration = Duration::from_secs(2);

impl Watched {
    /// Reads the files for the first time.
    pub(crate) fn open(files: Files) -> Result<(Self, Identity), String> {
        let stamp = files.stamp();
        let identity = files.read()?;
        Ok((Self { files, stamp }, identity))
    }

    /// Looks at the files until the server is gone, and hands it what they say; `current` is what it runs with. Files that
    /// make no sense change nothing.
    pub(crate) async fn watch(mut self, mut current: Identity, handle: Handle) {
        let Files { key, trust, .. } = &self.files;
        if key.is_none() && trust.is_none() {
            return;
        }
        let mut seen = self.stamp.clone();
        loop {
            tokio::time::sleep(INTERVAL).await;
            let (files, before, last) = (self.files.clone(), self.stamp.clone(), seen);
            let look = tokio::task::spawn_blocking(move || {
                let now = files.stamp();
                // What has just changed may be half written, or not be all that changes.
                let settled = now != before && now == last;
                let read = settled.then(|| files.read());
                (now, read)
            });
            let Ok((now, read)) = look.await else { return };
            seen = now;
            let Some(read) = read else { continue };
            self.stamp.clone_from(&seen);
            match read.and_then(|identity| identity.replace(&current, &handle)) {
                Ok(identity) => current = identity,
                Err(why) => handle.security_refused(format!(
                    "{why}; the key, certificate and authorities from before stay in use"
                )),
            }
        }
    }
}

impl Identity {
    /// Tells the log what was understood.
    pub(crate) fn tell(&self) {
        for line in &self.understood {
            tracing::info!(event = "security.read", "{line}");
        }
        for line in &self.warnings {
            tracing::warn!(event = "security.warning", "{line}");
        }
    }

    /// Hands the server what is other than in `former`.
    fn replace(self, former: &Self, handle: &Handle) -> Result<Self, String> {
        let shown = |identity: &Self| {
            let own = identity.credentials.as_ref();
            own.map(|own| (own.public_key().spki(), own.chain().to_vec()))
        };
        if shown(&self) != shown(former) {
            handle
                .set_credentials(self.credentials.clone())
                .map_err(|error| format!("--identity-key: {error}"))?;
        }
        if self.trusted != former.trusted {
            let mut lost = former.trusted.iter();
            let lost = lost.any(|one| !self.trusted.contains(one));
            handle.set_anchors(self.anchors.clone(), lost);
        }
        self.tell();
        Ok(self)
    }

    /// The server's own key and certificate: both, the key alone, or neither.
    fn own(&mut self, key: Option<&Path>, cert: Option<&Path>) -> Result<(), String> {
        let Some(path) = key else {
            return match cert {
                None => Ok(()),
                Some(_) => {
                    Err("--identity-cert needs its private key: add --identity-key FILE".into())
                }
            };
        };
        let own = material(path)
            .and_then(|reading| {
                reading
                    .private_key()
                    .map_err(|error| MaterialFileError::of(path, error))
            })
            .map_err(|error| format!("--identity-key {error}"))?;
        self.understood.push(format!("{}: {own}", path.display()));
        if let Some(by) = lwm2m_identity::published::public_key(own.public_key().spki()) {
            self.warnings.push(format!(
                "{}: this key is published ({by}), so everybody has it",
                path.display()
            ));
        }
        let pkcs8 = own.to_pkcs8();
        let usable = PrivateKey::from_der(&pkcs8)
            .map_err(|error| format!("--identity-key {}: {error}", path.display()))?;
        let Some(cert) = cert else {
            self.credentials = Some(Credentials::raw_public_key(usable));
            return Ok(());
        };
        let chain = material(cert)
            .and_then(|reading| {
                reading
                    .certificates()
                    .map_err(|error| MaterialFileError::of(cert, error))
            })
            .map_err(|error| format!("--identity-cert {error}"))?;
        let leaf = chain.first().ok_or("--identity-cert: no certificate")?;
        if leaf.public_key() != own.public_key() {
            return Err(format!(
                "{} is not the key of the certificate in {}: its public key has SHA-256 {}, the certificate's {}",
                path.display(),
                cert.display(),
                own.public_key().fingerprint(),
                leaf.public_key().fingerprint()
            ));
        }
        for one in &chain {
            self.certificate(cert, one);
        }
        let chain = chain.iter().map(|one| one.der().to_vec()).collect();
        let credentials = Credentials::x509(usable, chain)
            .map_err(|error| format!("--identity-cert {}: {error}", cert.display()))?;
        for (role, what) in [
            (
                Role::Server,
                "a server, so devices are shown the bare key alone",
            ),
            (
                Role::Client,
                "a client, so the server begins no handshake with devices that show certificates",
            ),
        ] {
            if !credentials.types(role).contains(&CertificateType::X509) {
                self.warnings.push(format!(
                    "{}: the usages of the certificate do not allow {what}",
                    cert.display()
                ));
            }
        }
        self.credentials = Some(credentials.or_raw_public_key());
        Ok(())
    }

    fn trust(&mut self, path: &Path) -> Result<(), String> {
        let all = folder(path).map_err(|error| format!("--trust {error}"))?;
        for one in &all {
            self.certificate(path, one);
        }
        self.trusted = all.iter().map(|one| one.der().clone()).collect();
        self.anchors = Anchors::from_der(&self.trusted)
            .map_err(|error| format!("--trust {}: {error}", path.display()))?;
        Ok(())
    }

    fn certificate(&mut self, path: &Path, one: &Certificate) {
        self.understood.push(format!("{}: {one}", path.display()));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let name = one.common_name().unwrap_or("without a name");
        if one.version() < 3 {
            self.warnings.push(support::old_version(path, name));
        }
        match one.validity(now.map_or(0, |since| since.as_secs())) {
            Validity::Valid => {}
            Validity::Expired => self.warnings.push(format!(
                "{}: the certificate {name:?} has expired",
                path.display()
            )),
            Validity::NotYet => self.warnings.push(format!(
                "{}: the certificate {name:?} is not valid yet; is the clock of this machine right?",
                path.display()
            )),
        }
    }
}

impl Files {
    fn read(&self) -> Result<Identity, String> {
        let mut identity = Identity::default();
        identity.own(self.key.as_deref(), self.cert.as_deref())?;
        if let Some(path) = &self.trust {
            if self.cert.is_none() {
                identity.warnings.push(
                    "--trust is for devices with certificates, and they come in only where the server has one too: add --identity-cert FILE".into(),
                );
            }
            identity.trust(path)?;
        }
        Ok(identity)
    }

    /// Differs as soon as one of the files does.
    fn stamp(&self) -> Vec<Stamp> {
        let single = [&self.key, &self.cert].into_iter().flatten().cloned();
        let trusted = self.trust.iter().flat_map(|path| {
            // A folder that cannot be read is told when it is read.
            files(path).unwrap_or_default()
        });
        single
            .chain(trusted)
            .map(|path| {
                let metadata = std::fs::metadata(&path).ok();
                let stamp = metadata.and_then(|it| Some((it.modified().ok()?, it.len())));
                (path, stamp)
            })
            .collect()
    }
}
