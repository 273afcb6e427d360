//! Prints what a device answered to a read of /3/0, with the names and units of the registry.
//!
//! ```text
//! cargo run -p lwm2m-model --example read_device
//! ```

use coap_codec::ContentFormat;
use lwm2m_model::{
    Context, Models, path,
    payload::{PayloadError, decode},
};

/// The TLV of the specification's example device.
const PAYLOAD: &[u8] = b"\xc8\x00\x14Open Mobile Alliance\
    \xc8\x01\x16Lightweight M2M Client\
    \xc8\x02\x09345000123\
    \xc3\x031.0\
    \x86\x06\x41\x00\x01\x41\x01\x05\
    \x88\x07\x08\x42\x00\x0e\xd8\x42\x01\x13\x88\
    \x87\x08\x41\x00\x7d\x42\x01\x03\x84\
    \xc1\x09\x64\xc1\x0a\x0f\x83\x0b\x41\x00\x00\
    \xc4\x0d\x51\x82\x42\x8f\xc6\x0e+02:00\xc1\x10U";

fn main() -> Result<(), PayloadError> {
    let models = Models::builtin();
    let cx = Context::new(&models);
    let target = path!(3, 0);
    let device = decode(&cx, ContentFormat::TLV, &target, PAYLOAD)?;
    for (path, value) in device.node.walk(&target) {
        let def = cx.resource(&path);
        let name = def.map_or("?", |def| def.name());
        let unit = def.and_then(|def| def.unit()).unwrap_or_default();
        println!("{:<10} {name:<30} {value} {unit}", path.to_string());
    }
    for quirk in &device.quirks {
        println!("{quirk}");
    }
    Ok(())
}
