//! The facts of the OMA registry, as a table in the binary.
//!
//! The table is made by `examples/generate_registry.rs` from definition files. All numbers are little-endian:
//!
//! | part | content |
//! |---|---|
//! | head | `u32` objects, `u32` resources, `u32` strings |
//! | objects, 11 bytes each | `u16` id, `u8` major, `u8` minor, `u8` flags (1 multiple, 2 mandatory, 4 and 8 the LwM2M minor), `u16` name, `u16` first resource, `u16` resources; by ascending id and version |
//! | resources, 10 bytes each | `u16` id, `u16` facts (1 read, 2 write, 4 execute, 8 multiple, 16 mandatory, from 32 on the type), `u16` name, `u16` range, `u16` unit; ascending within an object, equal lists stored once |
//! | strings | `u32` end of each, then their bytes; string 0 is empty |

use crate::{Lwm2mVersion, Models, ObjectDef, Operations, ResourceDef, ValueType, Version};

#[cfg(feature = "full-registry")]
static TABLE: Table = Table::new(include_bytes!("registry/full.bin"));
#[cfg(not(feature = "full-registry"))]
static TABLE: Table = Table::new(include_bytes!("registry/core.bin"));

impl Models {
    /// The objects of the OMA registry that this build carries: all of them with the feature `full-registry`, else
    /// the core objects 0 to 9, 21 and 23 to 26; every version of each.
    ///
    /// Definitions stay in the table; what is allocated is one small entry for each.
    #[must_use]
    pub fn builtin() -> Self {
        Self::from_sorted(
            TABLE
                .objects
                .chunks_exact(OBJECT)
                .filter_map(|record| TABLE.object(record))
                .collect(),
        )
    }
}

const OBJECT: usize = 11;
const RESOURCE: usize = 10;

/// The parts of a table.
#[derive(Debug)]
struct Table {
    objects: &'static [u8],
    resources: &'static [u8],
    ends: &'static [u8],
    text: &'static [u8],
}

impl Table {
    /// Finds the parts; runs while compiling, where a table of a wrong length is an error of the compiler.
    #[expect(clippy::panic, reason = "evaluated while compiling")]
    const fn new(bytes: &'static [u8]) -> Self {
        let parts = 'parts: {
            let Some((objects, rest)) = count(bytes) else {
                break 'parts None;
            };
            let Some((resources, rest)) = count(rest) else {
                break 'parts None;
            };
            let Some((strings, rest)) = count(rest) else {
                break 'parts None;
            };
            let Some((objects, rest)) = rest.split_at_checked(objects * OBJECT) else {
                break 'parts None;
            };
            let Some((resources, rest)) = rest.split_at_checked(resources * RESOURCE) else {
                break 'parts None;
            };
            let Some((ends, text)) = rest.split_at_checked(strings * 4) else {
                break 'parts None;
            };
            Some(Self {
                objects,
                resources,
                ends,
                text,
            })
        };
        match parts {
            Some(table) => table,
            None => panic!("the registry table is cut short"),
        }
    }

    fn object(&'static self, record: &[u8]) -> Option<ObjectDef> {
        let [
            id0,
            id1,
            major,
            minor,
            flags,
            name0,
            name1,
            first0,
            first1,
            count0,
            count1,
        ] = *record.first_chunk::<OBJECT>()?;
        let version = Version::new(u16::from(major), u16::from(minor));
        let from = usize::from(u16::from_le_bytes([first0, first1])) * RESOURCE;
        let bytes = usize::from(u16::from_le_bytes([count0, count1])) * RESOURCE;
        let resources = self.resources.get(from..from.checked_add(bytes)?)?;
        let lwm2m_version = match (flags >> 2) & 3 {
            0 => Lwm2mVersion::V1_0,
            1 => Lwm2mVersion::V1_1,
            _ => Lwm2mVersion::V1_2,
        };
        let name = self.string(u16::from_le_bytes([name0, name1]))?;
        let def = ObjectDef::new(u16::from_le_bytes([id0, id1]), name, version)
            .with_multiple(flags & 1 != 0)
            .with_mandatory(flags & 2 != 0)
            .with_lwm2m_version(lwm2m_version);
        Some(def.with_records(Records {
            table: self,
            records: resources,
        }))
    }

    fn string(&self, number: u16) -> Option<&'static str> {
        let number = usize::from(number);
        let from = match number.checked_sub(1) {
            Some(before) => self.end(before)?,
            None => 0,
        };
        core::str::from_utf8(self.text.get(from..self.end(number)?)?).ok()
    }

    fn end(&self, string: usize) -> Option<usize> {
        let bytes = self.ends.get(string.checked_mul(4)?..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }
}

const fn count(bytes: &'static [u8]) -> Option<(usize, &'static [u8])> {
    match bytes.split_first_chunk::<4>() {
        Some((number, rest)) => Some((u32::from_le_bytes(*number) as usize, rest)),
        None => None,
    }
}

/// The resources of one object, where they lie in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records {
    table: &'static Table,
    records: &'static [u8],
}

impl Records {
    pub(crate) fn len(&self) -> usize {
        self.records.len() / RESOURCE
    }

    /// The resource at a position.
    pub(crate) fn at(&self, position: usize) -> Option<ResourceDef<'static>> {
        let record = self.records.get(position.checked_mul(RESOURCE)?..)?;
        let [
            id0,
            id1,
            facts0,
            facts1,
            name0,
            name1,
            range0,
            range1,
            unit0,
            unit1,
        ] = *record.first_chunk::<RESOURCE>()?;
        let facts = u16::from_le_bytes([facts0, facts1]);
        let operations = Operations {
            read: facts & 1 != 0,
            write: facts & 2 != 0,
            execute: facts & 4 != 0,
        };
        let string = |low, high| self.table.string(u16::from_le_bytes([low, high]));
        let value_type = value_type(facts >> 5);
        let id = u16::from_le_bytes([id0, id1]);
        let def = ResourceDef::new(id, string(name0, name1)?, operations, value_type)
            .with_multiple(facts & 8 != 0)
            .with_mandatory(facts & 16 != 0)
            .with_range(string(range0, range1)?)
            .with_unit(string(unit0, unit1)?);
        Some(def)
    }

    /// The resource with an id.
    pub(crate) fn find(&self, id: u16) -> Option<ResourceDef<'static>> {
        let (mut low, mut high) = (0_usize, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let record = self.records.get(middle.checked_mul(RESOURCE)?..)?;
            match u16::from_le_bytes(*record.first_chunk()?).cmp(&id) {
                core::cmp::Ordering::Less => low = middle.saturating_add(1),
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return self.at(middle),
            }
        }
        None
    }
}

/// The number of a type in the table; the generator writes the same.
fn value_type(number: u16) -> ValueType {
    match number {
        1 => ValueType::String,
        2 => ValueType::Integer,
        3 => ValueType::Unsigned,
        4 => ValueType::Float,
        5 => ValueType::Boolean,
        6 => ValueType::Opaque,
        7 => ValueType::Time,
        8 => ValueType::ObjectLink,
        9 => ValueType::CoreLink,
        _ => ValueType::None,
    }
}

#[cfg(test)]
mod tests {
    use super::{OBJECT, TABLE};
    use crate::{Models, Operations, ValueType, Version};

    #[test]
    fn the_table_is_whole() {
        let models = Models::builtin();
        assert_eq!(models.len(), TABLE.objects.len() / OBJECT);
        let keys = models.iter().map(|def| (def.id(), def.version()));
        assert!(keys.is_sorted_by(|a, b| a < b));
        for def in &models {
            assert!(!def.name().is_empty(), "{def:?}");
            assert!(def.resources().len() > 0 && def.resources().all(|r| !r.name().is_empty()));
            let ids = || def.resources().map(|resource| resource.id());
            assert!(ids().is_sorted_by(|a, b| a < b), "{def:?}");
            assert!(ids().all(|id| def.resource(id).is_some_and(|found| found.id() == id)));
            assert!(def.resource(u16::MAX).is_none());
            assert_eq!(models.by_urn(&def.urn()), Some(def));
        }
        let size =
            TABLE.objects.len() + TABLE.resources.len() + TABLE.ends.len() + TABLE.text.len();
        assert!(size < 400_000, "{size}");
    }

    /// the OMA registry, table of object 3.
    #[test]
    fn device() {
        let models = Models::builtin();
        let device = models.object(3, None).def.unwrap();
        assert_eq!(
            (device.name(), device.version()),
            ("Device", Version::new(1, 2))
        );
        assert!(!device.is_multiple() && device.is_mandatory());
        assert_eq!(device.resources().len(), 23);
        let battery = device.resource(9).unwrap();
        assert_eq!(battery.name(), "Battery Level");
        assert_eq!(battery.unit(), Some("/100"));
        assert_eq!(battery.range(), Some("0..100"));
        assert_eq!(battery.operations(), Operations::R);
        assert_eq!(battery.value_type(), ValueType::Integer);
        assert_eq!(device.resource(4).unwrap().operations(), Operations::E);
        assert!(device.resource(6).unwrap().is_multiple());
        assert_eq!(
            device.resource(22).unwrap().value_type(),
            ValueType::ObjectLink
        );
        let before = models.object(3, Some(Version::V1_0));
        assert!(before.exact);
        assert_eq!(before.def.unwrap().resource(9).unwrap().unit(), Some("%"));
    }

    /// Every older version that the OMA registry lists for the core objects.
    #[test]
    fn versions_of_the_core_objects() {
        let models = Models::builtin();
        for (id, count) in [
            (0, 3),
            (1, 3),
            (2, 2),
            (3, 3),
            (4, 4),
            (5, 3),
            (6, 1),
            (21, 3),
            (25, 2),
        ] {
            assert_eq!(models.versions(id).len(), count, "{id}");
        }
        let has = |id, minor, resource| {
            let choice = models.object(id, Some(Version::new(1, minor)));
            choice.exact
                && choice
                    .def
                    .is_some_and(|def| def.resource(resource).is_some())
        };
        assert!(
            !has(4, 0, 11) && has(4, 1, 11) && !has(4, 1, 12) && has(4, 2, 12) && has(4, 3, 13)
        );
        assert!(!has(5, 0, 10) && has(5, 1, 13) && !has(5, 1, 14) && has(5, 2, 14));
    }

    #[cfg(feature = "full-registry")]
    #[test]
    fn search() {
        let models = Models::builtin();
        let temperature = models.by_name("temperature").unwrap();
        assert_eq!(
            (temperature.id(), temperature.version()),
            (3303, Version::new(1, 1))
        );
        assert_eq!(
            temperature.resource(5700).unwrap().operations(),
            Operations::R
        );
        assert_eq!(
            models.search("3303").map(crate::ObjectDef::id).next(),
            Some(3303)
        );
        assert!(models.search("firmware update").any(|def| def.id() == 5));
        assert!(models.search("MAGNETO").any(|def| def.id() == 3314));
    }
}
