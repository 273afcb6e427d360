//! What an Update changed.

use crate::Registration;
use alloc::vec::Vec;
use lwm2m_model::Path;
use lwm2m_ops::ObjectList;

/// What is different between two states of one registration.
#[derive(Clone, Eq, PartialEq, Default, Debug)]
#[non_exhaustive]
pub struct Diff {
    /// The device is somewhere else: what is on its way to the old address is lost.
    pub address: bool,
    /// The lifetime has another length.
    pub lifetime: bool,
    /// The binding is another one.
    pub binding: bool,
    /// Queue mode was switched.
    pub queue_mode: bool,
    /// The SMS number is another one.
    pub sms: bool,
    /// Parameters that the registry only keeps are others.
    pub extra: bool,
    /// The object list is another one, be it in attributes, formats or the root only.
    pub objects: bool,
    /// Objects and object instances that are new, in ascending order.
    pub added: Vec<Path>,
    /// Objects and object instances that are gone, in ascending order.
    pub removed: Vec<Path>,
}

impl Diff {
    /// Compares two states of one registration.
    #[must_use]
    pub fn between(before: &Registration, after: &Registration) -> Self {
        let objects = before.links() != after.links();
        let (added, removed) = match objects {
            true => lists(&before.objects(), &after.objects()),
            false => (Vec::new(), Vec::new()),
        };
        Self {
            address: before.address() != after.address(),
            lifetime: before.lifetime() != after.lifetime(),
            binding: before.binding() != after.binding(),
            queue_mode: before.queue_mode() != after.queue_mode(),
            sms: before.sms() != after.sms(),
            extra: before.extra_bytes() != after.extra_bytes(),
            objects,
            added,
            removed,
        }
    }

    /// True if nothing changed but the time of expiry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// (only in the second, only in the first)
fn lists(before: &ObjectList, after: &ObjectList) -> (Vec<Path>, Vec<Path>) {
    let (before, after) = (paths(before), paths(after));
    let without = |these: &[Path], those: &[Path]| {
        these
            .iter()
            .filter(|path| those.binary_search(path).is_err())
            .copied()
            .collect()
    };
    (without(&after, &before), without(&before, &after))
}

fn paths(list: &ObjectList) -> Vec<Path> {
    let mut paths = Vec::new();
    for object in &list.objects {
        paths.extend(Path::object(object.id));
        paths.extend(
            object
                .instances
                .iter()
                .filter_map(|instance| Path::instance(object.id, *instance).ok()),
        );
    }
    paths.sort_unstable();
    paths
}
