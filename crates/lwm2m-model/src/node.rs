//! A part of a device's tree with its values.

use alloc::vec::Vec;

use crate::{Level, Path, Value};

/// What a path holds: the content of a read, a write or a notification.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Node {
    /// An object with all its instances.
    Object(Object),
    /// One object instance.
    Instance(Instance),
    /// One resource.
    Resource(Resource),
    /// One instance of a multiple resource: its id and its value.
    ResourceInstance(u16, Value),
}

impl Node {
    /// The level of the path that can hold this node.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::Object(_) => Level::Object,
            Self::Instance(_) => Level::Instance,
            Self::Resource(_) => Level::Resource,
            Self::ResourceInstance(..) => Level::ResourceInstance,
        }
    }

    /// The id that the node itself has, the last one of its path.
    #[must_use]
    pub const fn id(&self) -> u16 {
        match self {
            Self::Object(object) => object.id,
            Self::Instance(instance) => instance.id,
            Self::Resource(resource) => resource.id,
            Self::ResourceInstance(id, _) => *id,
        }
    }

    /// The bytes of memory that the node holds beside itself: for whoever keeps nodes of others, and must not keep
    /// too much.
    #[must_use]
    pub fn memory(&self) -> usize {
        match self {
            Self::Object(object) => {
                let below = object.instances.iter().map(Instance::memory);
                room(&object.instances).saturating_add(below.sum())
            }
            Self::Instance(instance) => instance.memory(),
            Self::Resource(resource) => resource.memory(),
            Self::ResourceInstance(_, value) => value.memory(),
        }
    }

    /// Every value below, with its path, in the order of the node.
    ///
    /// `base` is the node's own path or its parent's (the node's own id is taken in either case). With a shorter
    /// `base` there is nowhere to stand, and nothing comes out.
    #[must_use]
    pub fn walk(&self, base: &Path) -> Walk<'_> {
        let mut values = Vec::new();
        let above = self.level().depth().saturating_sub(1);
        if base.ids().len() >= above {
            let parent = base.truncated(above);
            match self {
                Self::Object(object) => {
                    for instance in &object.instances {
                        let Ok(path) = parent.child(object.id) else {
                            break;
                        };
                        instance.collect(path, &mut values);
                    }
                }
                Self::Instance(instance) => instance.collect(parent, &mut values),
                Self::Resource(resource) => resource.collect(parent, &mut values),
                Self::ResourceInstance(id, value) => {
                    values.extend(parent.child(*id).ok().map(|path| (path, value)));
                }
            }
        }
        Walk {
            values: values.into_iter(),
        }
    }
}

fn room<T>(list: &Vec<T>) -> usize {
    list.capacity().saturating_mul(size_of::<T>())
}

/// The values of a [`Node`] with their paths; made by [`Node::walk`].
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    values: alloc::vec::IntoIter<(Path, &'a Value)>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = (Path, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.values.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl ExactSizeIterator for Walk<'_> {}

/// An object with its instances.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an id and what it holds, for good"
)]
pub struct Object {
    /// The object's id.
    pub id: u16,
    /// Its instances.
    pub instances: Vec<Instance>,
}

impl Object {
    /// The object `id` with these instances.
    #[must_use]
    pub const fn new(id: u16, instances: Vec<Instance>) -> Self {
        Self { id, instances }
    }

    /// The instance with this id.
    #[must_use]
    pub fn instance(&self, id: u16) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }
}

/// An object instance with its resources.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an id and what it holds, for good"
)]
pub struct Instance {
    /// The instance's id.
    pub id: u16,
    /// Its resources.
    pub resources: Vec<Resource>,
}

impl Instance {
    /// The instance `id` with these resources.
    #[must_use]
    pub const fn new(id: u16, resources: Vec<Resource>) -> Self {
        Self { id, resources }
    }

    /// The resource with this id.
    #[must_use]
    pub fn resource(&self, id: u16) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    fn memory(&self) -> usize {
        let below = self.resources.iter().map(Resource::memory);
        room(&self.resources).saturating_add(below.sum())
    }

    fn collect<'a>(&'a self, parent: Path, values: &mut Vec<(Path, &'a Value)>) {
        let Ok(path) = parent.child(self.id) else {
            return;
        };
        for resource in &self.resources {
            resource.collect(path, values);
        }
    }
}

/// A resource with its value or values.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an id and what it holds, for good"
)]
pub struct Resource {
    /// The resource's id.
    pub id: u16,
    /// What it holds.
    pub value: ResourceValue,
}

impl Resource {
    /// A resource with one value.
    #[must_use]
    pub fn single(id: u16, value: impl Into<Value>) -> Self {
        Self {
            id,
            value: ResourceValue::Single(value.into()),
        }
    }

    /// A multiple resource with the values of its instances.
    #[must_use]
    pub const fn multiple(id: u16, values: Vec<(u16, Value)>) -> Self {
        Self {
            id,
            value: ResourceValue::Multiple(values),
        }
    }

    fn memory(&self) -> usize {
        match &self.value {
            ResourceValue::Single(value) => value.memory(),
            ResourceValue::Multiple(values) => {
                let below = values.iter().map(|(_, value)| value.memory());
                room(values).saturating_add(below.sum())
            }
        }
    }

    fn collect<'a>(&'a self, parent: Path, values: &mut Vec<(Path, &'a Value)>) {
        let Ok(path) = parent.child(self.id) else {
            return;
        };
        match &self.value {
            ResourceValue::Single(value) => values.push((path, value)),
            ResourceValue::Multiple(instances) => {
                for (id, value) in instances {
                    values.extend(path.child(*id).ok().map(|path| (path, value)));
                }
            }
        }
    }
}

/// What a resource holds.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a resource is single or multiple, nothing else"
)]
pub enum ResourceValue {
    /// One value.
    Single(Value),
    /// Resource instances: id and value of each. None at all is legal.
    Multiple(Vec<(u16, Value)>),
}

impl ResourceValue {
    /// The value of a single resource.
    #[must_use]
    pub const fn as_single(&self) -> Option<&Value> {
        match self {
            Self::Single(value) => Some(value),
            Self::Multiple(_) => None,
        }
    }

    /// The instances of a multiple resource.
    #[must_use]
    pub fn as_multiple(&self) -> Option<&[(u16, Value)]> {
        match self {
            Self::Single(_) => None,
            Self::Multiple(values) => Some(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec, vec::Vec};

    use super::{Instance, Node, Object, Resource};
    use crate::{Path, Value, path};

    #[test]
    fn walk_from_the_own_path_or_the_parents() {
        let instance = Instance::new(
            0,
            vec![
                Resource::single(0, "x"),
                Resource::multiple(6, vec![(0, Value::Integer(1)), (4, Value::Integer(5))]),
            ],
        );
        let texts = |node: &Node, base: &Path| {
            node.walk(base)
                .map(|(path, _)| path.to_string())
                .collect::<Vec<_>>()
        };
        let want = ["/3/0/0", "/3/0/6/0", "/3/0/6/4"];
        let object = Node::Object(Object::new(3, vec![instance.clone()]));
        assert_eq!(texts(&object, &Path::ROOT), want);
        assert_eq!(texts(&object, &path!(3)), want);
        let node = Node::Instance(instance.clone());
        assert_eq!(texts(&node, &path!(3)), want);
        assert_eq!(texts(&node, &path!(3, 0)), want);
        assert!(texts(&node, &Path::ROOT).is_empty());
        let node = Node::Resource(instance.resources[1].clone());
        assert_eq!(texts(&node, &path!(3, 0, 6)), want[1..]);
        let node = Node::ResourceInstance(4, Value::Integer(5));
        assert_eq!(texts(&node, &path!(3, 0, 6, 4)), want[2..]);
    }
}
