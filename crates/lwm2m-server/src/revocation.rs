//! What has to end when credentials change, found by who is there and not by going through all changes for each.

use std::collections::HashMap;

use lwm2m_identity::{Closure, Credential, Identity};

/// What has to end at an endpoint, in all shards.
#[derive(Debug)]
pub(crate) struct Revocation {
    pub(crate) closure: Closure,
    /// Who was registered under the endpoint when it changed.
    pub(crate) holder: Option<Identity>,
}

impl Revocation {
    /// Whether the sessions of an identity end.
    fn ends(&self, identity: &Identity, is_registered: &impl Fn(&Identity) -> bool) -> bool {
        let endpoint = Some(self.closure.endpoint.as_str());
        if self.holder.as_ref() == Some(identity) {
            return self.closure.ends_session(identity, endpoint);
        }
        // Of keys the record tells whose they are; a certificate says itself for whom it can speak.
        let derived = match identity {
            Identity::X509 { .. } => identity.endpoint().filter(|it| Some(*it) == endpoint),
            _ => None,
        };
        let speaks_for = derived.filter(|_| !is_registered(identity));
        self.closure.ends_session(identity, speaks_for)
    }
}

/// The revocations of one change. A file may change as many endpoints as there are sessions.
#[derive(Debug)]
pub(crate) struct Revocations {
    all: Vec<Revocation>,
    /// Which of them concern exactly this identity.
    by_identity: HashMap<Identity, Vec<usize>>,
    /// Which concern certificates with this name.
    by_name: HashMap<String, Vec<usize>>,
    /// Which have to be asked about everybody.
    others: Vec<usize>,
}

impl Revocations {
    pub(crate) fn new(all: Vec<Revocation>) -> Self {
        let mut this = Self {
            all: Vec::new(),
            by_identity: HashMap::new(),
            by_name: HashMap::new(),
            others: Vec::new(),
        };
        for (n, Revocation { closure, holder }) in all.iter().enumerate() {
            this.name(&closure.endpoint, n);
            if let Some(holder) = holder {
                this.identity(holder.clone(), n);
            }
            for credential in &closure.gone {
                match credential {
                    Credential::Psk { identity } => {
                        let identity = identity.clone();
                        this.identity(Identity::Psk { identity }, n);
                    }
                    Credential::RawPublicKey { key } => {
                        this.identity(Identity::RawPublicKey { key: key.clone() }, n);
                    }
                    Credential::X509 { name } => this.name(name, n),
                    _ => this.others.push(n),
                }
            }
        }
        this.all = all;
        this
    }

    /// Whether the sessions of an identity end.
    pub(crate) fn end(
        &self,
        identity: &Identity,
        is_registered: impl Fn(&Identity) -> bool,
    ) -> bool {
        let names = match identity {
            Identity::X509 { names } => names.as_slice(),
            _ => &[],
        };
        let named = names.iter().filter_map(|name| self.by_name.get(name));
        self.by_identity
            .get(identity)
            .into_iter()
            .chain(named)
            .chain([&self.others])
            .flatten()
            .filter_map(|&n| self.all.get(n))
            .any(|one| one.ends(identity, &is_registered))
    }

    pub(crate) fn closures(&self) -> impl Iterator<Item = &Closure> {
        self.all.iter().map(|one| &one.closure)
    }

    fn identity(&mut self, identity: Identity, n: usize) {
        self.by_identity.entry(identity).or_default().push(n);
    }

    fn name(&mut self, name: &str, n: usize) {
        self.by_name.entry(name.to_owned()).or_default().push(n);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dtls_ecdsa::PrivateKey;
    use lwm2m_identity::{Change, PskKey, Security, apply};
    use lwm2m_store::MemoryStore;

    use super::*;

    fn psk(identity: &str) -> Identity {
        Identity::Psk {
            identity: identity.to_owned().into(),
        }
    }

    fn certificate(names: &[&str]) -> Identity {
        Identity::X509 {
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    async fn closures(store: &MemoryStore, security: &[(&str, Option<Security>)]) -> Vec<Closure> {
        let changes: Vec<Change<'_>> = security
            .iter()
            .map(|(endpoint, security)| Change {
                endpoint,
                security: security.as_ref().map(std::slice::from_ref),
                set: None,
            })
            .collect();
        apply(store, &changes).await.unwrap().closures
    }

    #[tokio::test]
    async fn the_index_finds_what_going_through_all_finds() {
        let key = |byte| PskKey::new(&[byte; 16]).unwrap();
        let spki = |byte: u8| {
            let key = PrivateKey::from_scalar(&[byte; 32]).unwrap();
            Bytes::from(key.public_key().spki())
        };
        let raw = |byte: u8| Security::RawPublicKey { key: spki(byte) };
        let by_key = |identity: &str, byte| Security::Psk {
            identity: identity.to_owned().into(),
            key: key(byte),
        };
        let name = |name: &str| Security::X509 { name: name.into() };
        let store = MemoryStore::new();
        let before = [
            ("lamp", Some(by_key("lamp-key", 1))),
            ("pump", Some(raw(1))),
            ("gate", Some(name("gate.example"))),
            ("kept", Some(by_key("kept-key", 3))),
        ];
        closures(&store, &before).await;
        let after = [
            ("lamp", Some(by_key("lamp-key", 2))),
            ("pump", None),
            ("gate", Some(raw(2))),
            ("new", Some(by_key("new", 5))),
            ("kept", Some(by_key("kept-key", 3))),
        ];
        let all = closures(&store, &after).await;
        let all: Vec<Revocation> = all
            .into_iter()
            .map(|closure| Revocation {
                holder: (closure.endpoint == "new").then(|| certificate(&["other", "new"])),
                closure,
            })
            .collect();
        let raw_key = |byte: u8| Identity::RawPublicKey { key: spki(byte) };
        let revocations = Revocations::new(all);
        for (identity, ends) in [
            (psk("lamp-key"), true),
            (psk("kept-key"), false),
            (psk("lamp"), false),
            (raw_key(1), true),
            (raw_key(2), false),
            (certificate(&["x", "gate.example"]), true),
            (certificate(&["gate"]), true),
            (certificate(&["new"]), true),
            (certificate(&["other", "new"]), true),
            (certificate(&["other"]), false),
            (Identity::None, false),
        ] {
            let found = revocations.end(&identity, |_| false);
            let mut all = revocations.all.iter();
            let linear = all.any(|one| one.ends(&identity, &|_| false));
            assert_eq!((found, linear), (ends, ends), "{identity:?}");
        }
    }
}
