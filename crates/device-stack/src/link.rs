//! The transport side of one server: where it is, and as which peer it is known.

use alloc::string::{String, ToString};
use core::net::SocketAddr;

use coap_codec::uri::{Host, Scheme, Uri};
use device_core::{ServerAccount, ServerId};
use lwm2m_ops::Uplink;
use sansio::{Peer, Ticket};

use crate::secure::Session;

/// What is known of the way to a server.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) server: ServerId,
    /// Its slot in the CoAP layer.
    pub(crate) slot: u32,
    pub(crate) address: Option<SocketAddr>,
    /// By which of our sockets it was heard last.
    pub(crate) local_endpoint: Option<u16>,
    pub(crate) peer: Option<Peer>,
    /// What is to be sent as soon as it can be.
    pub(crate) waiting: Option<Waiting>,
    /// The DTLS side of it; empty where there is none.
    pub(crate) session: Session,
    /// Nothing is to be said any more: the peer goes when the CoAP layer has forgotten it.
    pub(crate) closing: bool,
}

impl Link {
    pub(crate) fn new(server: ServerId, slot: u32) -> Self {
        Self {
            server,
            slot,
            address: None,
            local_endpoint: None,
            peer: None,
            waiting: None,
            session: Session::default(),
            closing: false,
        }
    }
}

/// An operation that cannot be sent yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    pub(crate) uplink: Uplink,
    pub(crate) what_for: WaitsFor,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WaitsFor {
    /// The address of a name.
    Address,
    /// A session.
    Session,
}

/// Where an account's URI leads.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// To an address.
    Address(SocketAddr),
    /// To a name that has to be looked up.
    Name { host: String, port: u16 },
}

impl Target {
    /// `None` for a URI that is none, or of a transport or security that is not offered.
    pub(crate) fn of(account: &ServerAccount) -> Option<Self> {
        let uri = Uri::parse(&account.uri).ok()?;
        match (uri.scheme(), account.security.is_secured()) {
            (Scheme::Coap, false) | (Scheme::Coaps, true) => {}
            _ => return None,
        }
        if let Some(address) = uri.socket_addr() {
            return Some(Self::Address(canonical(address)));
        }
        let host = match uri.host() {
            Host::Name(name) => name.chars().collect(),
            Host::Ipv4(address) => address.to_string(),
            // A zone that is a name: only the system knows its number.
            Host::Ipv6(address, None) => address.to_string(),
            Host::Ipv6(address, Some(zone)) => {
                let mut text = address.to_string();
                text.push('%');
                text.extend(zone.chars());
                text
            }
        };
        Some(Self::Name {
            host,
            port: uri.port(),
        })
    }
}

/// One form for each address: an IPv4 address in IPv6 clothes is an IPv4 address.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), v6.port()),
            // The flow label says nothing about who it is.
            None => {
                let mut v6 = v6;
                v6.set_flowinfo(0);
                SocketAddr::V6(v6)
            }
        },
        SocketAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use device_core::{Secret, Security, ServerAccount, ServerId};

    use super::{Target, canonical};

    fn target(uri: &str) -> Option<Target> {
        Target::of(&ServerAccount::new(ServerId::new(1)?, uri))
    }

    #[test]
    fn where_uris_lead() {
        for (uri, want) in [
            ("coap://192.0.2.1", Some("192.0.2.1:5683")),
            ("coap://192.0.2.1:15683", Some("192.0.2.1:15683")),
            ("coap://[2001:db8::1]:7", Some("[2001:db8::1]:7")),
            ("coap://[::ffff:192.0.2.1]", Some("192.0.2.1:5683")),
            ("coaps://192.0.2.1", None),
            ("coap+tcp://192.0.2.1", None),
            ("http://192.0.2.1", None),
            ("192.0.2.1:5683", None),
            ("", None),
        ] {
            let want = want.map(|want| Target::Address(want.parse().unwrap()));
            assert_eq!(target(uri), want, "{uri}");
        }
        let want = Target::Name {
            host: "lwm2m.example".to_string(),
            port: 5683,
        };
        assert_eq!(target("coap://lwm2m.example/"), Some(want));
    }

    #[test]
    fn where_secured_uris_lead() {
        let target = |uri: &str| {
            let security = Security::psk("a", Secret::new(b"b"));
            Target::of(&ServerAccount::new(ServerId::new(1)?, uri).with_security(security))
        };
        let want = Target::Address("192.0.2.1:5684".parse().unwrap());
        assert_eq!(target("coaps://192.0.2.1"), Some(want));
        let want = Target::Address("[2001:db8::1]:7".parse().unwrap());
        assert_eq!(target("coaps://[2001:db8::1]:7"), Some(want));
        let want = Target::Name {
            host: "lwm2m.example".to_string(),
            port: 5684,
        };
        assert_eq!(target("coaps://lwm2m.example/"), Some(want));
        assert_eq!(
            target("coap://192.0.2.1"),
            None,
            "credentials that nobody would use"
        );
        assert_eq!(target("coaps+tcp://192.0.2.1"), None);
    }

    #[test]
    fn addresses_have_one_form() {
        let mapped = "[::ffff:192.0.2.1]:5683".parse().unwrap();
        assert_eq!(canonical(mapped), "192.0.2.1:5683".parse().unwrap());
    }
}
