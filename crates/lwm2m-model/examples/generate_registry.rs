//! Makes the tables of the built-in registry from a folder of OMA definition files:
//!
//! ```text
//! cargo run -p lwm2m-model --features xml --example generate_registry -- DIR
//! ```
//!
//! `DIR` holds the current definitions, `DIR/version_history` the older ones. Every file that does not load is
//! reported, and nothing is written then. Only facts go into the table: no descriptions. Its format stands at the
//! head of `src/registry.rs`.

use std::{
    collections::HashMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use lwm2m_model::{
    Lwm2mVersion, Models, ObjectDef, ResourceDef, ValueType,
    ddf::{Limits, parse},
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: generate_registry DIR");
        return Ok(ExitCode::from(2));
    };
    let mut models = Models::empty();
    let (mut files, mut failures) = (0, 0);
    // The current files come last: they are the corrected ones where both define one version.
    for file in [folder.join("version_history"), folder]
        .iter()
        .flat_map(|folder| definition_files(folder))
    {
        files += 1;
        match parse(&fs::read(&file)?, &Limits::default()) {
            Ok(defs) => models.extend(defs),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                failures += 1;
            }
        }
    }
    if files == 0 || failures > 0 {
        eprintln!("{files} files, {failures} failures: nothing written");
        return Ok(ExitCode::FAILURE);
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/registry");
    println!("{files} files");
    for (name, core_only) in [("full.bin", false), ("core.bin", true)] {
        let defs: Vec<_> = models
            .iter()
            .filter(|def| !core_only || matches!(def.id(), 0..=9 | 21 | 23..=26))
            .collect();
        let objects = defs.chunk_by(|a, b| a.id() == b.id()).count();
        let resources: usize = defs.iter().map(|def| def.resources().len()).sum();
        let table = table(&defs)?;
        println!(
            "{name}: {objects} objects, {} versions, {resources} resources, {} bytes",
            defs.len(),
            table.len()
        );
        fs::write(target.join(name), table)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn definition_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    files.sort();
    files
}

fn table(defs: &[&ObjectDef]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut strings = Strings::default();
    strings.number("")?;
    let (mut objects, mut resources) = (Vec::new(), Vec::new());
    let mut known: HashMap<Vec<u8>, u16> = HashMap::new();
    for def in defs {
        let mut records = Vec::new();
        for resource in def.resources() {
            record(&resource, &mut strings, &mut records)?;
        }
        let first = match known.get(&records) {
            Some(first) => *first,
            None => {
                let first = u16::try_from(resources.len() / 10)?;
                resources.extend_from_slice(&records);
                known.insert(records, first);
                first
            }
        };
        let enabler = match def.lwm2m_version() {
            Lwm2mVersion::V1_0 => 0,
            Lwm2mVersion::V1_1 => 4,
            _ => 8,
        };
        objects.extend(def.id().to_le_bytes());
        objects.push(u8::try_from(def.version().major)?);
        objects.push(u8::try_from(def.version().minor)?);
        objects.push(u8::from(def.is_multiple()) | u8::from(def.is_mandatory()) << 1 | enabler);
        objects.extend(strings.number(def.name())?.to_le_bytes());
        objects.extend(first.to_le_bytes());
        objects.extend(u16::try_from(def.resources().len())?.to_le_bytes());
    }
    let mut table = Vec::new();
    for count in [defs.len(), resources.len() / 10, strings.ends.len()] {
        table.extend(u32::try_from(count)?.to_le_bytes());
    }
    table.extend(objects);
    table.extend(resources);
    table.extend(strings.ends.iter().flat_map(|end| end.to_le_bytes()));
    table.extend(strings.text.bytes());
    Ok(table)
}

fn record(
    resource: &ResourceDef<'_>,
    strings: &mut Strings,
    out: &mut Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    let operations = resource.operations();
    let facts = u16::from(operations.read)
        | u16::from(operations.write) << 1
        | u16::from(operations.execute) << 2
        | u16::from(resource.is_multiple()) << 3
        | u16::from(resource.is_mandatory()) << 4
        | value_type(resource.value_type()) << 5;
    for number in [
        resource.id(),
        facts,
        strings.number(resource.name())?,
        strings.number(resource.range().unwrap_or_default())?,
        strings.number(resource.unit().unwrap_or_default())?,
    ] {
        out.extend(number.to_le_bytes());
    }
    Ok(())
}

/// The number of a type in the table; the reader takes the same.
fn value_type(value_type: ValueType) -> u16 {
    match value_type {
        ValueType::String => 1,
        ValueType::Integer => 2,
        ValueType::Unsigned => 3,
        ValueType::Float => 4,
        ValueType::Boolean => 5,
        ValueType::Opaque => 6,
        ValueType::Time => 7,
        ValueType::ObjectLink => 8,
        ValueType::CoreLink => 9,
        _ => 0,
    }
}

/// Each text once.
#[derive(Default)]
struct Strings {
    numbers: HashMap<String, u16>,
    ends: Vec<u32>,
    text: String,
}

impl Strings {
    fn number(&mut self, text: &str) -> Result<u16, Box<dyn Error>> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = u16::try_from(self.ends.len())?;
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len())?);
        self.numbers.insert(text.to_owned(), number);
        Ok(number)
    }
}
