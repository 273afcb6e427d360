//! Reads SenML JSON, shows the records, and writes them as SenML CBOR in hexadecimal.
//!
//! `cargo run -p senml --example convert -- '[{"bn":"/3/0/","n":"9","v":100}]'`

use senml::{Fields, cbor, json};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let pack = std::env::args().nth(1).unwrap_or_else(|| {
        r#"[{"bn":"/3303/0/","bt":1700000000,"n":"5700","v":22.5},{"n":"5701","vs":"Cel"}]"#.into()
    });
    let records: Vec<_> = json::Reader::new(pack.as_bytes()).collect::<Result<_, _>>()?;
    let names: Vec<_> = records.iter().map(|record| record.name.to_cow()).collect();
    for record in &records {
        println!("{} = {:?} at {:?}", record.name, record.value, record.time);
    }
    let cbor = cbor::to_vec(|writer| {
        records.iter().zip(&names).try_for_each(|(record, name)| {
            let mut fields = Fields::named(name);
            fields.unit = record.unit;
            fields.time = record.time;
            fields.value = record.value;
            writer.record(&fields)
        })
    })?;
    let hex: String = cbor.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{hex}");
    Ok(())
}
