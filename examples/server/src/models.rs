use std::fs;
use std::path::Path;

use lwm2m_model::Models;

/// The built-in definitions and those of a folder, file by file in the order of their names: of
/// two that define the same version of an object, the later one holds.
pub(crate) fn load(folder: Option<&Path>) -> Result<Models, String> {
    let mut models = Models::builtin();
    let Some(folder) = folder else {
        return Ok(models);
    };
    let unreadable = |error| format!("--models {}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.sort();
    for path in paths {
        let is_xml = |extension: &std::ffi::OsStr| extension.eq_ignore_ascii_case("xml");
        if path.extension().is_some_and(is_xml) {
            let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let xml = fs::read(&path).map_err(|error| wrong(&error))?;
            models.load_xml(&xml).map_err(|error| wrong(&error))?;
        }
    }
    Ok(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "<LWM2M><Object ObjectType=\"MODefinition\"><Name>Own</Name>\
        <Description1/><ObjectID>32770</ObjectID><ObjectURN>urn:oma:lwm2m:x:32770</ObjectURN>\
        <MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory>\
        <Resources/><Description2/></Object></LWM2M>";

    #[test]
    fn definitions_of_a_folder_join_the_built_in_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("own.XML"), OWN).unwrap();
        fs::write(folder.path().join("notes.txt"), "no XML").unwrap();
        let models = load(Some(folder.path())).unwrap();
        assert_eq!(models.object(32_770, None).def.unwrap().name(), "Own");
        assert!(models.object(3303, None).def.is_some());
    }

    #[test]
    fn a_broken_file_is_told_with_its_name_and_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.xml"), "<LWM2M>\n<Object>\n</Objekt>").unwrap();
        let error = load(Some(folder.path())).unwrap_err();
        assert!(error.contains("a.xml: line 3, column"), "{error}");
        let error = load(Some(Path::new("no/such/folder"))).unwrap_err();
        assert!(error.starts_with("--models no/such/folder: "), "{error}");
    }
}
