//! Discover: which objects, instances and resources stand below a path.

use alloc::string::String;
use core::fmt::{Display, Write};

use lwm2m_model::{Level, Lwm2mVersion, Path, ResourceValue, Version, default_version};
use lwm2m_ops::Discover;

use crate::{Object, ObjectError, Tree};

/// Writes the link list that answers a Discover.
///
/// # Specification
/// LwM2M 1.1 and 1.2 Core §6.3.2: an object lists its instances and resources, an instance its resources, a resource
/// itself with `dim` and, from 1.1 on, its resource instances. `depth` (1.2) is measured from the path.
pub(crate) fn discover(
    tree: &Tree,
    request: &Discover,
    version: Lwm2mVersion,
    root: &str,
) -> Result<String, ObjectError> {
    let path = request.path();
    let object = tree.reach(&path)?;
    let usual = match path.level() {
        Level::Object => 2,
        Level::Instance => 1,
        Level::Resource => {
            tree.instantiated(&path)?;
            u8::from(version >= Lwm2mVersion::V1_1)
        }
        Level::Root | Level::ResourceInstance => return Err(ObjectError::NotAllowed),
    };
    // Before 1.2 a device does not know the parameter, and ignores it.
    let asked = request.depth().filter(|_| version >= Lwm2mVersion::V1_2);
    let mut links = Links {
        object,
        version,
        root,
        text: String::new(),
    };
    links.list(&path, asked.unwrap_or(usual));
    Ok(links.text)
}

/// The version of an object where it has to be told: it is not the one that comes with the enabler.
///
/// # Specification
/// LwM2M 1.1 Core §7.2.2.
pub(crate) fn shown_version(object: &dyn Object, enabler: Lwm2mVersion) -> Option<Version> {
    let def = object.definition();
    let version = def.version();
    (version != default_version(enabler, def.id())).then_some(version)
}

struct Links<'a> {
    object: &'a dyn Object,
    version: Lwm2mVersion,
    root: &'a str,
    text: String,
}

impl Links<'_> {
    /// The link of a path, and those of `depth` levels below. A path has four levels, so this ends.
    fn list(&mut self, path: &Path, depth: u8) {
        self.link(path);
        let below = match *path.ids() {
            [_] => {
                if let Some(version) = shown_version(self.object, self.version) {
                    self.attribute("ver", &version);
                }
                self.object.instances()
            }
            [_, instance] => self.object.resources(instance),
            [_, instance, resource] => match self.object.read(instance, resource) {
                Some(ResourceValue::Multiple(values)) => {
                    self.attribute("dim", &values.len());
                    values.into_iter().map(|(id, _)| id).collect()
                }
                Some(ResourceValue::Single(_)) | None => return,
            },
            _ => return,
        };
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        for id in below {
            if let Ok(path) = path.child(id) {
                self.list(&path, depth);
            }
        }
    }

    fn link(&mut self, path: &Path) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(self.text, "<{}{path}>", self.root);
    }

    fn attribute(&mut self, name: &str, value: &dyn Display) {
        let _ = write!(self.text, ";{name}={value}");
    }
}
