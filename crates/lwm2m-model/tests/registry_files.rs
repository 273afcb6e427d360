//! Files of the OMA registry load.
#![cfg(feature = "xml")]

use std::{fs, path::Path};

use lwm2m_model::{
    Models, ValueType, Version,
    ddf::{Limits, parse},
};

/// Reads every definition file of a folder and of its `version_history` into `models` and returns their number.
fn load(folder: &Path, models: &mut Models) -> usize {
    let mut files = 0;
    for folder in [folder.join("version_history"), folder.to_owned()] {
        for entry in fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "xml") {
                let defs = parse(&fs::read(&file).unwrap(), &Limits::default());
                models.extend(defs.unwrap_or_else(|error| panic!("{}: {error}", file.display())));
                files += 1;
            }
        }
    }
    files
}

#[test]
fn the_files_in_this_crate() {
    let mut models = Models::empty();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oma");
    assert_eq!(load(&folder, &mut models), 30);
    let names = |id| models.object(id, None).def.unwrap().name().to_owned();
    assert_eq!(names(3), "Device");
    assert_eq!(names(3303), "Temperature");
    // A readable resource without a type, and an executable one with a type.
    let untyped = models.object(10482, None).def.unwrap().resource(5).unwrap();
    assert_eq!(untyped.value_type(), ValueType::None);
    assert!(untyped.operations().read);
    let execute = models
        .object(10260, Some(Version::V1_0))
        .def
        .unwrap()
        .resource(3)
        .unwrap();
    assert_eq!(execute.value_type(), ValueType::None);
    assert!(execute.operations().execute);
}

/// The whole registry, where a copy is at hand: see the project's data folder, or `LWM2M_TEST_DATA`.
#[test]
fn every_file_of_the_registry() {
    let data = std::env::var("LWM2M_TEST_DATA").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        Into::into,
    );
    let folder = data.join("oma");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: no copy of the OMA registry in {}",
            folder.display()
        );
        return;
    }
    let mut models = Models::empty();
    let files = load(&folder, &mut models);
    assert!(files >= 300 && models.len() >= 300, "{files} files");
    for def in &models {
        let known = Models::builtin();
        let built_in = known.object(def.id(), Some(def.version()));
        if cfg!(feature = "full-registry") {
            assert!(built_in.exact, "{} {}", def.id(), def.version());
        }
        if let (true, Some(built_in)) = (built_in.exact, built_in.def) {
            assert!(def.resources().eq(built_in.resources()), "{}", def.urn());
        }
    }
}
