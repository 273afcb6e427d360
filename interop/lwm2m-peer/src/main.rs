//! Our LwM2M server and device over DTLS, driven by the lines of the Leshan judges (../java).
//!
//! `lwm2m-peer server PORT CREDENTIALS [cid=N]`: device-psk, device-rpk and device-1 (by certificate) may come in.
//! `lwm2m-peer device PORT CREDENTIALS psk|rpk|x509 [ep=NAME] [lt=S] [usage=N]`: objects 1, 3 and 3303/0.

mod device;
mod server;

use std::collections::HashMap;
use std::error::Error;
use std::fs;

pub(crate) type Fallible<T> = Result<T, Box<dyn Error>>;

/// The files that ../credentials.sh makes.
pub(crate) struct Files(String);

impl Files {
    pub(crate) fn read(&self, name: &str) -> Fallible<Vec<u8>> {
        let path = format!("{}/{name}", self.0);
        Ok(fs::read(&path).map_err(|error| format!("{path}: {error}"))?)
    }

    pub(crate) fn psk(&self) -> Fallible<Vec<u8>> {
        let text = String::from_utf8(self.read("psk.key")?)?;
        let bytes: Result<_, _> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("?"), 16))
            .collect();
        Ok(bytes?)
    }
}

fn main() -> Fallible<()> {
    let mut plain = Vec::new();
    let mut extra = HashMap::new();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some((name, value)) => drop(extra.insert(name.to_owned(), value.to_owned())),
            None => plain.push(argument),
        }
    }
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    match plain.as_slice() {
        ["server", port, folder] => server::run(port.parse()?, &Files((*folder).into()), &extra),
        ["device", port, folder, mode] => {
            device::run(port.parse()?, &Files((*folder).into()), mode, &extra)
        }
        _ => Err("usage: lwm2m-peer server PORT CREDENTIALS | device PORT CREDENTIALS MODE".into()),
    }
}
