//! Who gets in under the name `lamp`, and what the others are told.
//!
//! `cargo run -p lwm2m-identity --example who_may_enter`

use lwm2m_identity::{
    Access, Credential, DeviceRecord, Identity, Interface, Lookup, NoSecPolicy, authorize,
};

fn main() {
    let mut keyed = DeviceRecord::default();
    keyed.credentials.push(Credential::Psk {
        identity: "lamp-key".into(),
    });

    let senders = [
        Identity::None,
        Identity::Psk {
            identity: "lamp-key".into(),
        },
        Identity::Psk {
            identity: "other-key".into(),
        },
        Identity::X509 {
            names: vec!["lamp".into()],
        },
    ];
    let records = [
        ("no record", Lookup::Absent),
        ("a key", Lookup::Found(&keyed)),
        ("?", Lookup::Unavailable),
    ];
    for (name, record) in records {
        for identity in &senders {
            let access = Access {
                interface: Interface::Register,
                endpoint: "lamp",
                identity,
                record,
                holder: None,
                nosec: NoSecPolicy::Open,
            };
            let said = match authorize(&access) {
                Ok(grant) => format!("in ({grant:?})"),
                Err(reason) => {
                    let code = reason.coap_code(access.interface);
                    format!("{}.{:02} {reason}", code >> 5, code & 0x1f)
                }
            };
            println!("{name:>9}, {:>5}: {said}", identity.mode());
        }
    }
}
