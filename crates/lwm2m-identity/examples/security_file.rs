//! Checks a security file and says how every device of it was understood.
//!
//! `cargo run -p lwm2m-identity --example security_file -- FILE`; without a file, a small one of its own.

use lwm2m_identity::file::{Format, SecurityFile};
use lwm2m_identity::material::PublicKey;
use lwm2m_identity::{Plan, Security};
use std::process::ExitCode;

const OWN: &str = r#"
[[device]]
endpoint = "lamp"
mode = "psk"
identity = "lamp-key"
key = "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90"

[[device]]
endpoint = "gate"
mode = "x509"

[[device]]
endpoint = "meter"
mode = "psk"
key = "text:a1b2c3d4e5f60718" # probably hex: was meant
"#;

fn main() -> ExitCode {
    let path = std::env::args().nth(1);
    let text = match &path {
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::FAILURE;
            }
        },
        None => OWN.into(),
    };
    let format = Format::of_name(path.as_deref().unwrap_or_default());
    let file = match SecurityFile::parse(&text, format) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("{}: {error}", path.as_deref().unwrap_or("the example"));
            return ExitCode::FAILURE;
        }
    };
    for (endpoint, security) in file.devices() {
        let how = match security {
            Security::Psk { identity, key } => format!(
                "identity \"{}\", key of {} bytes",
                identity.escape_ascii(),
                key.bytes().len()
            ),
            Security::RawPublicKey { key } => PublicKey::from_spki(key)
                .map_or_else(|error| error.to_string(), |key| key.to_string()),
            Security::X509 { name } => format!("name {name:?} in a trusted certificate"),
            _ => "without security".into(),
        };
        println!("{endpoint:>12}  {:5}  {how}", security.mode());
    }
    let nothing = SecurityFile::default();
    let changes = file.changes_since(&nothing);
    match Plan::new(&changes).and_then(|plan| plan.decide(&[])) {
        Ok(planned) => {
            for warning in planned.warnings {
                println!("warning: {warning}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
