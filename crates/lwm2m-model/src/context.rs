//! What a payload is read and written against.

use core::fmt;

use crate::{Choice, Models, Path, ResourceDef, Version, payload::Limits};

/// What the payload codecs must know of a device: which definitions hold, in which versions, and where its objects
/// stand.
///
/// ```
/// use lwm2m_model::{Context, Lwm2mVersion, Models, default_version};
///
/// let models = Models::builtin();
/// // A device that registered with lwm2m=1.1, rt="oma.lwm2m" at </lwm2m>, and said no versions.
/// let versions = |object| Some(default_version(Lwm2mVersion::V1_1, object));
/// let context = Context::new(&models).with_versions(&versions).with_root("/lwm2m");
/// assert_eq!(context.object(4).def.map(|def| def.version().to_string()), Some("1.2".into()));
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Context<'a> {
    /// The known definitions.
    pub models: &'a Models,
    /// The version of an object on this device; None takes the newest known one.
    pub versions: &'a dyn Fn(u16) -> Option<Version>,
    /// The path under which the device has its objects: empty, or such as `/lwm2m`.
    pub root: &'a str,
    /// How much a payload may hold.
    pub limits: Limits,
}

impl<'a> Context<'a> {
    /// The newest versions, objects at the root, and the usual limits.
    #[must_use]
    pub fn new(models: &'a Models) -> Self {
        Self {
            models,
            versions: &|_| None,
            root: "",
            limits: Limits::default(),
        }
    }

    /// Takes the version of each object from `versions`.
    #[must_use]
    pub fn with_versions(mut self, versions: &'a dyn Fn(u16) -> Option<Version>) -> Self {
        self.versions = versions;
        self
    }

    /// Puts the objects under `root`.
    #[must_use]
    pub fn with_root(mut self, root: &'a str) -> Self {
        self.root = root;
        self
    }

    /// Takes payloads that hold as much as `limits` say.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The definition of an object on this device.
    #[must_use]
    pub fn object(&self, id: u16) -> Choice<'a> {
        self.models.object(id, (self.versions)(id))
    }

    /// The definition of the resource that `path` names, or whose instance it names.
    #[must_use]
    pub fn resource(&self, path: &Path) -> Option<ResourceDef<'a>> {
        let def = self.object(path.object_id()?).def?;
        def.resource(path.resource_id()?)
    }

    /// The root as a prefix of names: empty or `/lwm2m`, whatever slashes it was given with.
    pub(crate) fn prefix(&self) -> Option<&'a str> {
        let root = self.root.trim_matches('/');
        (!root.is_empty()).then_some(root)
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("definitions", &self.models.len())
            .field("root", &self.root)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
