//! The definitions that a program knows, and which one fits a device.

use alloc::vec::Vec;

use crate::{Lwm2mVersion, ObjectDef, Version};

/// Object definitions, several versions of each where there are.
///
/// # Choosing a version
/// A device says the version of an object, or does not and means the default ([`default_version`]). Asked for a
/// version, [`Models::object`] answers with exactly that one; else with the nearest known minor of the same major
/// (the newer of two equally near), which it marks; else with nothing, and values are then decoded by their wire
/// type.
#[derive(Clone, Debug, Default)]
pub struct Models {
    /// By ascending id and version; one of each.
    defs: Vec<ObjectDef>,
}

impl Models {
    /// No definitions at all.
    #[must_use]
    pub const fn empty() -> Self {
        Self { defs: Vec::new() }
    }

    /// With these definitions, which are sorted by id and version.
    pub(crate) const fn from_sorted(defs: Vec<ObjectDef>) -> Self {
        Self { defs }
    }

    /// Adds a definition and returns the one of the same id and version that it replaced.
    pub fn insert(&mut self, def: ObjectDef) -> Option<ObjectDef> {
        match self.position(def.id(), def.version()) {
            Ok(at) => self
                .defs
                .get_mut(at)
                .map(|place| core::mem::replace(place, def)),
            Err(at) => {
                self.defs.insert(at, def);
                None
            }
        }
    }

    /// The number of definitions, each version counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.defs.len()
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.defs.is_empty()
    }

    /// Every definition, by ascending id and version.
    pub fn iter(&self) -> core::slice::Iter<'_, ObjectDef> {
        self.defs.iter()
    }

    /// The definition that fits object `id` of a device that has `version` of it; the newest one when no version is
    /// said. The rules stand at [`Models`].
    #[must_use]
    pub fn object(&self, id: u16, version: Option<Version>) -> Choice<'_> {
        let known = self.versions(id);
        let Some(version) = version else {
            return Choice {
                def: known.last(),
                exact: true,
            };
        };
        let distance = |def: &ObjectDef| def.version().minor.abs_diff(version.minor);
        let mut nearest: Option<&ObjectDef> = None;
        // Ascending, so that of two equally near the newer one stays.
        for def in known
            .iter()
            .filter(|def| def.version().major == version.major)
        {
            if nearest.is_none_or(|best| distance(def) <= distance(best)) {
                nearest = Some(def);
            }
        }
        Choice {
            def: nearest,
            exact: nearest.is_some_and(|def| def.version() == version),
        }
    }

    /// The known versions of an object, the oldest first.
    #[must_use]
    pub fn versions(&self, id: u16) -> &[ObjectDef] {
        let from = self.defs.partition_point(|def| def.id() < id);
        let to = self.defs.partition_point(|def| def.id() <= id);
        self.defs.get(from..to).unwrap_or_default()
    }

    /// The newest definition with this name, upper and lower case being the same.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&ObjectDef> {
        self.newest()
            .find(|def| def.name().eq_ignore_ascii_case(name))
    }

    /// The definition with this URN. One without a version means 1.0.
    #[must_use]
    pub fn by_urn(&self, urn: &str) -> Option<&ObjectDef> {
        self.defs.iter().find(|def| def.urn() == urn)
    }

    /// The newest version of every object that has all words of `text` in its id, its name, its URN or, after
    /// those, the names of its resources. Upper and lower case are the same; no words find everything.
    pub fn search<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a ObjectDef> {
        let by_object = move |def: &ObjectDef| matches_object(def, text, false);
        let by_resource = move |def: &ObjectDef| !by_object(def) && matches_object(def, text, true);
        self.newest()
            .filter(move |def| by_object(def))
            .chain(self.newest().filter(move |def| by_resource(def)))
    }

    fn newest(&self) -> impl Iterator<Item = &ObjectDef> {
        self.defs
            .chunk_by(|a, b| a.id() == b.id())
            .filter_map(<[ObjectDef]>::last)
    }

    fn position(&self, id: u16, version: Version) -> Result<usize, usize> {
        self.defs
            .binary_search_by_key(&(id, version), |def| (def.id(), def.version()))
    }
}

impl<'a> IntoIterator for &'a Models {
    type Item = &'a ObjectDef;
    type IntoIter = core::slice::Iter<'a, ObjectDef>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Extend<ObjectDef> for Models {
    fn extend<T: IntoIterator<Item = ObjectDef>>(&mut self, defs: T) {
        for def in defs {
            self.insert(def);
        }
    }
}

fn matches_object(def: &ObjectDef, text: &str, with_resources: bool) -> bool {
    let mut id = [0; 5];
    let id = decimal(def.id(), &mut id);
    text.split_whitespace().all(|word| {
        id == word.as_bytes()
            || contains(def.name(), word)
            || contains(&def.urn(), word)
            || with_resources
                && def
                    .resources()
                    .any(|resource| contains(resource.name(), word))
    })
}

/// True when `word` stands somewhere in `text`, upper and lower case of ASCII letters being the same.
fn contains(text: &str, word: &str) -> bool {
    text.as_bytes()
        .windows(word.len().max(1))
        .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// The decimal digits of a number.
fn decimal(mut number: u16, digits: &mut [u8; 5]) -> &[u8] {
    let mut used = 0_usize;
    for place in digits.iter_mut().rev() {
        *place = b'0' | (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    digits
        .get(digits.len().saturating_sub(used)..)
        .unwrap_or_default()
}

/// The definition that was found for a device's object.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Choice<'a> {
    /// The definition, if any.
    pub def: Option<&'a ObjectDef>,
    /// True when it has the version that was asked for, or no version was asked for.
    pub exact: bool,
}

/// The version that object `id` has when a device that registered with `enabler` does not say one: for the core
/// objects the one that shipped with that enabler, else 1.0.
///
/// 1.1 and 1.1.1 (and 1.2, 1.2.1, 1.2.2) look the same in a registration; the later one is assumed.
///
/// # Specification
/// LwM2M Core 1.1 and 1.2 §7.2; the table follows the registry's references to the enabler releases.
#[must_use]
pub const fn default_version(enabler: Lwm2mVersion, id: u16) -> Version {
    let [v1_0, v1_1, v1_2] = match id {
        0 | 1 => [(1, 0), (1, 1), (1, 2)],
        2 => [(1, 0), (1, 0), (1, 1)],
        3 => [(1, 0), (1, 1), (1, 2)],
        4 => [(1, 0), (1, 2), (1, 3)],
        5 => [(1, 0), (1, 0), (1, 2)],
        21 => [(1, 0), (1, 0), (2, 0)],
        25 => [(1, 0), (1, 0), (2, 0)],
        _ => [(1, 0); 3],
    };
    let (major, minor) = match enabler {
        Lwm2mVersion::V1_0 => v1_0,
        Lwm2mVersion::V1_1 => v1_1,
        Lwm2mVersion::V1_2 => v1_2,
    };
    Version::new(major, minor)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{Models, default_version};
    use crate::{Lwm2mVersion, ObjectDef, Operations, ResourceDef, ValueType, Version};

    fn models() -> Models {
        let mut models = Models::empty();
        for (major, minor) in [(1, 3), (1, 0), (2, 0), (1, 1)] {
            models.insert(
                ObjectDef::new(4, "Connectivity Monitoring", Version::new(major, minor))
                    .with_resource(ResourceDef::new(
                        2,
                        "Radio Signal Strength",
                        Operations::R,
                        ValueType::Integer,
                    )),
            );
        }
        models.insert(ObjectDef::new(3303, "Temperature", Version::V1_0));
        models
    }

    /// Ruling 20: exact, else the nearest known minor of the same major and marked, else nothing.
    #[test]
    fn version_choice() {
        let models = models();
        for (asked, found, exact) in [
            (Some((1, 0)), Some((1, 0)), true),
            (Some((1, 1)), Some((1, 1)), true),
            (Some((1, 2)), Some((1, 3)), false),
            (Some((1, 9)), Some((1, 3)), false),
            (Some((2, 4)), Some((2, 0)), false),
            (Some((3, 0)), None, false),
            (None, Some((2, 0)), true),
        ] {
            let asked = asked.map(|(major, minor)| Version::new(major, minor));
            let choice = models.object(4, asked);
            let version = choice.def.map(ObjectDef::version);
            assert_eq!(
                version.map(|version| (version.major, version.minor)),
                found,
                "{asked:?}"
            );
            assert_eq!(choice.exact, exact, "{asked:?}");
        }
        assert!(models.object(5, None).def.is_none());
    }

    #[test]
    fn look_ups() {
        let models = models();
        let ids = |text| models.search(text).map(ObjectDef::id).collect::<Vec<_>>();
        assert_eq!(ids("SIGNAL radio"), [4]);
        assert_eq!(ids("4"), [4]);
        assert_eq!(ids("temp"), [3303]);
        assert_eq!(ids("ext:3303"), [3303]);
        assert_eq!(ids(""), [4, 3303]);
        assert!(ids("temp radio").is_empty());
        assert_eq!(models.by_name("temperature").map(ObjectDef::id), Some(3303));
        let by_urn = |urn| {
            models
                .by_urn(urn)
                .map(|def| (def.id(), def.version().minor))
        };
        assert_eq!(by_urn("urn:oma:lwm2m:oma:4:1.3"), Some((4, 3)));
        assert_eq!(by_urn("urn:oma:lwm2m:oma:4"), Some((4, 0)));
        assert_eq!(by_urn("urn:oma:lwm2m:x:4"), None);
    }

    #[test]
    fn insert_replaces_the_same_version() {
        let mut models = models();
        let count = models.len();
        let old = models.insert(ObjectDef::new(4, "Mine", Version::V1_0));
        assert_eq!(
            old.map(|def| def.name().len()),
            Some("Connectivity Monitoring".len())
        );
        assert_eq!(models.len(), count);
    }

    #[test]
    fn defaults_of_the_enablers() {
        use Lwm2mVersion::*;
        for (id, want) in [
            (1, ["1.0", "1.1", "1.2"]),
            (2, ["1.0", "1.0", "1.1"]),
            (3, ["1.0", "1.1", "1.2"]),
            (4, ["1.0", "1.2", "1.3"]),
            (5, ["1.0", "1.0", "1.2"]),
            (6, ["1.0", "1.0", "1.0"]),
            (21, ["1.0", "1.0", "2.0"]),
            (3303, ["1.0", "1.0", "1.0"]),
        ] {
            for (enabler, want) in [V1_0, V1_1, V1_2].into_iter().zip(want) {
                assert_eq!(
                    Ok(default_version(enabler, id)),
                    want.parse(),
                    "{id} {enabler}"
                );
            }
        }
    }
}
