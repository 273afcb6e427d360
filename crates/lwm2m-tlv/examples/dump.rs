//! Prints a TLV payload, given in hexadecimal, as a tree.
//!
//! `cargo run -p lwm2m-tlv --example dump -- 08000FC10001C40100015180C10601C10755`

use lwm2m_tlv::{DecodeError, Reader};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let hex: String = std::env::args().skip(1).collect();
    let hex = if hex.is_empty() {
        "8606410001410105C10964C3 03312E30"
    } else {
        &hex
    };
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| {
            c.to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
                .ok_or("not hexadecimal")
        })
        .collect::<Result<_, _>>()?;
    let payload: Vec<u8> = digits
        .chunks(2)
        .map(|c| c.iter().fold(0, |a, d| a << 4 | d))
        .collect();
    print(Reader::new(&payload), 0)?;
    Ok(())
}

fn print(entries: Reader<'_>, depth: usize) -> Result<(), DecodeError> {
    for entry in entries {
        let entry = entry?;
        let (indent, kind, id) = (depth * 2, entry.kind, entry.id);
        match entry.nested() {
            Ok(inside) => {
                println!("{:indent$}{kind} {id}", "");
                print(inside, depth + 1)?;
            }
            Err(_) => println!("{:indent$}{kind} {id}: {:02x?}", "", entry.value),
        }
    }
    Ok(())
}
