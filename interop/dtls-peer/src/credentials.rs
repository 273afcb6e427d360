//! Suites out of the files that ../credentials.sh makes.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::sync::Arc;

use dtls_core::{
    Alert, Answer, CipherSuite, Failure, FailureReason, IdentityKind, Question, Secret, Suites,
};
use dtls_ecdsa::{
    Anchors, Credentials, Ecdsa, PrivateKey, PublicKey, Ring, Trust, verify_client_chain,
};
use dtls_psk::Psk;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Who this side is, and whom it knows.
pub(crate) struct Files {
    folder: String,
    /// The name of the own files: `server`, `client` or `stranger`.
    pub(crate) who: String,
    /// Another pre-shared key than that of the files, in hexadecimal.
    pub(crate) key: Option<String>,
}

impl Files {
    pub(crate) fn new(folder: &str, extra: &HashMap<String, String>, role: &str) -> Self {
        Self {
            folder: folder.into(),
            who: extra.get("who").map_or(role, String::as_str).into(),
            key: extra.get("key").cloned(),
        }
    }

    fn read(&self, name: &str) -> Fallible<Vec<u8>> {
        let path = format!("{}/{name}", self.folder);
        Ok(fs::read(&path).map_err(|error| format!("{path}: {error}"))?)
    }

    fn psk(&self) -> Fallible<(Vec<u8>, Vec<u8>)> {
        let text = match &self.key {
            Some(key) => key.clone(),
            None => String::from_utf8(self.read("psk.key")?)?,
        };
        let digits = text.trim().as_bytes();
        let key: Result<Vec<u8>, _> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("?"), 16))
            .collect();
        Ok((self.read("psk.identity")?, key?))
    }

    fn private_key(&self) -> Fallible<PrivateKey> {
        Ok(PrivateKey::from_der(
            &self.read(&format!("{}.key.der", self.who))?,
        )?)
    }

    fn chain(&self) -> Fallible<Vec<Vec<u8>>> {
        Ok(vec![self.read(&format!("{}.der", self.who))?])
    }

    fn anchors(&self) -> Fallible<Anchors> {
        Ok(Anchors::from_der([self.read("ca.der")?])?)
    }

    /// What a client offers for `suite`, such as `rpk-ccm8`.
    pub(crate) fn client(&self, suite: &str) -> Fallible<Arc<dyn Suites>> {
        let (credential, number) = parse(suite)?;
        Ok(match credential {
            "rpk" | "x509" => {
                let key = self.private_key()?;
                let (credentials, trust) = if credential == "rpk" {
                    let server = PublicKey::from_spki(&self.read("server.pub.der")?)?;
                    (Credentials::raw_public_key(key), Trust::Keys(vec![server]))
                } else {
                    (
                        Credentials::x509(key, self.chain()?)?,
                        Trust::Anchors(self.anchors()?),
                    )
                };
                let own = [number];
                Arc::new(Ecdsa::with_suites(
                    Ring::new(),
                    credentials,
                    trust,
                    &own,
                    &own,
                )?)
            }
            _ => {
                let (identity, key) = self.psk()?;
                Arc::new(Psk::client(&identity, &key)?.with_suites(&[number])?)
            }
        })
    }

    /// What a server accepts for `suite`; for `all`, everything that there is, side by side.
    pub(crate) fn server(&self, suite: &str) -> Fallible<Arc<dyn Suites>> {
        if suite == "all" {
            let credentials = Credentials::x509(self.private_key()?, self.chain()?)?;
            let both = credentials.or_raw_public_key();
            let kinds: Vec<Arc<dyn Suites>> = vec![
                Arc::new(Psk::server()),
                Arc::new(Ecdsa::new(Ring::new(), both, Trust::Ask)?),
            ];
            return Ok(Arc::new(kinds));
        }
        let (credential, number) = parse(suite)?;
        Ok(match credential {
            "rpk" | "x509" => {
                let key = self.private_key()?;
                let credentials = if credential == "rpk" {
                    Credentials::raw_public_key(key)
                } else {
                    Credentials::x509(key, self.chain()?)?
                };
                let own = [number];
                Arc::new(Ecdsa::with_suites(
                    Ring::new(),
                    credentials,
                    Trust::Ask,
                    &own,
                    &own,
                )?)
            }
            _ => Arc::new(Psk::server().with_suites(&[number])?),
        })
    }

    /// What a server knows of a peer.
    pub(crate) fn answer(&self, question: &Question, now: u64) -> Fallible<Answer> {
        Ok(match question {
            Question::Psk { identity, .. } => {
                let (known, key) = self.psk()?;
                Answer::Psk((known == *identity).then(|| Secret::new(&key)))
            }
            Question::Trust {
                kind: IdentityKind::RAW_PUBLIC_KEY,
                chain,
                ..
            } => {
                let client = self.read("client.pub.der")?;
                let known = chain.first() == Some(&client);
                let stranger = FailureReason::Refused("a key that nobody knows");
                Answer::Trust(match known {
                    true => Ok(()),
                    false => Err(Failure::new(Alert::ACCESS_DENIED, stranger)),
                })
            }
            Question::Trust { chain, .. } => Answer::Trust(
                verify_client_chain(&Ring::new(), &self.anchors()?, chain, now).map(drop),
            ),
            _ => return Err("a question that this program does not know".into()),
        })
    }
}

/// `rpk-ccm8` and the like: the credential, and the suite's number.
fn parse(suite: &str) -> Fallible<(&str, CipherSuite)> {
    let (credential, mode) = suite.rsplit_once('-').ok_or("a suite is two words")?;
    let number = match (credential, mode) {
        ("psk", "ccm8") => CipherSuite::PSK_WITH_AES_128_CCM_8,
        ("psk", "ccm") => CipherSuite::PSK_WITH_AES_128_CCM,
        ("psk", "gcm") => CipherSuite::PSK_WITH_AES_128_GCM_SHA256,
        ("psk", "cbc") => CipherSuite::PSK_WITH_AES_128_CBC_SHA256,
        ("ecdhe-psk", "cbc") => CipherSuite::ECDHE_PSK_WITH_AES_128_CBC_SHA256,
        ("rpk" | "x509", "ccm8") => CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8,
        ("rpk" | "x509", "ccm") => CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM,
        ("rpk" | "x509", "gcm") => CipherSuite::ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ("rpk" | "x509", "cbc") => CipherSuite::ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
        _ => return Err(format!("no such suite: {suite}").into()),
    };
    Ok((credential, number))
}
