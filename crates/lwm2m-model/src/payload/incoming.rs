//! What the definitions say of a payload that is being read, and the nodes that come out of it.

use alloc::vec::{self, Vec};

use super::{Decoded, PayloadError, PayloadErrorKind, Quirk, QuirkKind};
use crate::{
    Choice, Context, Instance, Level, Node, Object, Path, Resource, ResourceDef, ResourceValue,
    Value, ValueType,
};

/// Checks values against the definitions and collects what is odd.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    cx: &'a Context<'a>,
    object: Option<(u16, Choice<'a>)>,
    /// Of the resource looked up last: an object's values come resource by resource.
    resource: Option<(Path, Known<'a>)>,
    /// Entries and records so far.
    entries: usize,
    pub(super) quirks: Vec<Quirk>,
}

/// What is known of a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) def: Option<ResourceDef<'a>>,
    /// False when the definition is of another version than the device's: its word is a hint only.
    pub(super) firm: bool,
}

impl Known<'_> {
    /// The type that values should have; None when nothing is known.
    pub(super) fn value_type(&self) -> Option<ValueType> {
        let value_type = self.def.map(|def| def.value_type());
        value_type.filter(|value_type| *value_type != ValueType::None)
    }

    /// Whether it has instances; None when nothing is known.
    pub(super) fn is_multiple(&self) -> Option<bool> {
        self.def.map(|def| def.is_multiple())
    }
}

impl<'a> Judge<'a> {
    pub(super) const fn new(cx: &'a Context<'a>) -> Self {
        Self {
            cx,
            object: None,
            resource: None,
            entries: 0,
            quirks: Vec::new(),
        }
    }

    /// The root under which the device has its objects, without slashes around it.
    pub(super) fn prefix(&self) -> Option<&'a str> {
        self.cx.prefix()
    }

    /// Counts an entry or a record of the payload, which is refused when it is one too many.
    pub(super) fn admit(&mut self, path: &Path, offset: usize) -> Result<(), PayloadError> {
        if self.left() == 0 {
            let limit = self.cx.limits.entries;
            let kind = PayloadErrorKind::TooManyEntries(limit);
            return Err(PayloadError::new(*path, offset, kind));
        }
        self.entries += 1;
        Ok(())
    }

    /// How many more entries are admitted.
    pub(super) fn left(&self) -> usize {
        self.cx.limits.entries.saturating_sub(self.entries)
    }

    pub(super) fn quirk(&mut self, path: Path, kind: QuirkKind) {
        let limit = self.cx.limits.quirks;
        if self.quirks.len() < limit {
            self.quirks.push(Quirk { path, kind });
        } else if let Some(last) = self.quirks.last_mut()
            && last.kind != QuirkKind::More
        {
            let kind = QuirkKind::More;
            *last = Quirk { path, kind };
        }
    }

    /// Looks up the object; tells once when it is unknown or of another version.
    pub(super) fn object(&mut self, id: u16) -> Choice<'a> {
        if let Some((known, choice)) = self.object
            && known == id
        {
            return choice;
        }
        let choice = self.cx.object(id);
        self.object = Some((id, choice));
        if let Ok(path) = Path::object(id) {
            match choice.def {
                None => self.quirk(path, QuirkKind::UnknownObject),
                Some(def) if !choice.exact => {
                    self.quirk(path, QuirkKind::OtherVersion(def.version()));
                }
                Some(_) => {}
            }
        }
        choice
    }

    /// Looks up the resource of a path or of its instance; tells once when it is unknown.
    pub(super) fn resource(&mut self, path: &Path) -> Known<'a> {
        let path = path.truncated(Level::Resource.depth());
        if let Some((last, known)) = self.resource
            && last == path
        {
            return known;
        }
        let (Some(object), Some(resource)) = (path.object_id(), path.resource_id()) else {
            return Known {
                def: None,
                firm: false,
            };
        };
        let choice = self.object(object);
        let known = Known {
            def: choice.def.and_then(|def| def.resource(resource)),
            firm: choice.exact,
        };
        match known.def {
            None if choice.def.is_some() => self.quirk(path, QuirkKind::UnknownResource),
            Some(def) if def.value_type() == ValueType::None => {
                self.quirk(path, QuirkKind::Untyped);
            }
            _ => {}
        }
        self.resource = Some((path, known));
        known
    }

    /// Checks that a resource has one value, or several, as defined.
    pub(super) fn multiplicity(
        &mut self,
        path: &Path,
        offset: usize,
        multiple: bool,
    ) -> Result<(), PayloadError> {
        let known = self.resource(path);
        match known.is_multiple() {
            Some(defined) if defined != multiple && known.firm => Err(PayloadError::new(
                *path,
                offset,
                if multiple {
                    PayloadErrorKind::NotMultiple
                } else {
                    PayloadErrorKind::NotSingle
                },
            )),
            Some(defined) if defined != multiple => {
                self.quirk(*path, QuirkKind::OtherMultiplicity);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives a value the type that its resource is defined with.
    ///
    /// `usual` tells which conversions the format asks for by itself; others are told as quirks.
    pub(super) fn value(
        &mut self,
        path: &Path,
        offset: usize,
        value: Value,
        usual: fn(ValueType, ValueType) -> bool,
    ) -> Result<Value, PayloadError> {
        let known = self.resource(path);
        let from = value.value_type();
        let Some(to) = known.value_type().filter(|to| *to != from) else {
            return Ok(value);
        };
        let kept = (!known.firm).then(|| value.clone());
        match (value.convert(to), kept) {
            (Ok(value), _) => {
                if !usual(from, to) {
                    self.quirk(*path, QuirkKind::Converted(from, to));
                }
                Ok(value)
            }
            (Err(_), Some(value)) => {
                self.quirk(*path, QuirkKind::Mistyped(from, to));
                Ok(value)
            }
            (Err(error), None) => Err(PayloadError::new(
                *path,
                offset,
                PayloadErrorKind::Type(error),
            )),
        }
    }

    /// What a payload without times held.
    pub(super) fn finish(self, node: Node) -> Decoded {
        Decoded {
            node,
            time: None,
            older: Vec::new(),
            quirks: self.quirks,
        }
    }
}

/// The node of a path that holds exactly one value.
pub(super) fn one_value(path: &Path, value: Value) -> Option<Node> {
    Some(match path.resource_instance_id() {
        Some(id) => Node::ResourceInstance(id, value),
        None => Node::Resource(Resource::single(path.resource_id()?, value)),
    })
}

/// One value of a payload in which every value has its whole path.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: Path,
    pub(super) offset: usize,
    pub(super) value: Value,
}

/// Builds the node of `target` from values that lie in it.
pub(super) fn build(
    judge: &mut Judge<'_>,
    target: &Path,
    mut entries: Vec<Entry>,
) -> Result<Node, PayloadError> {
    entries.sort_by_key(|entry| entry.path);
    for pair in entries.windows(2) {
        // In this order a single resource stands right before its alleged instances.
        if let [before, after] = pair
            && after.path.starts_with(&before.path)
        {
            return Err(PayloadError::new(
                after.path,
                after.offset,
                PayloadErrorKind::Duplicate,
            ));
        }
    }
    let target_id = target.last_id().unwrap_or_default();
    if entries.is_empty() {
        return empty(judge, target);
    }
    let mut entries = entries.into_iter();
    Ok(match target.level() {
        Level::Root | Level::Object => Node::Object(Object::new(
            target_id,
            instances(judge, target, &mut entries)?,
        )),
        Level::Instance => Node::Instance(Instance::new(
            target_id,
            resources(judge, target, &mut entries)?,
        )),
        Level::Resource => Node::Resource(resource(judge, target, &mut entries)?),
        Level::ResourceInstance => match entries.next_back() {
            Some(entry) => {
                judge.multiplicity(target, entry.offset, true)?;
                Node::ResourceInstance(target_id, entry.value)
            }
            None => return empty(judge, target),
        },
    })
}

/// The node of a path for which a payload holds nothing at all.
pub(super) fn empty(judge: &mut Judge<'_>, target: &Path) -> Result<Node, PayloadError> {
    let id = target.last_id().unwrap_or_default();
    match target.level() {
        Level::Object => Ok(Node::Object(Object::new(id, Vec::new()))),
        Level::Instance => Ok(Node::Instance(Instance::new(id, Vec::new()))),
        Level::Resource if judge.resource(target).is_multiple() != Some(false) => {
            Ok(Node::Resource(Resource::multiple(id, Vec::new())))
        }
        _ => Err(PayloadError::new(*target, 0, PayloadErrorKind::Empty)),
    }
}

fn instances(
    judge: &mut Judge<'_>,
    object: &Path,
    entries: &mut vec::IntoIter<Entry>,
) -> Result<Vec<Instance>, PayloadError> {
    let mut out = Vec::with_capacity(children(object, Level::Instance, entries.as_slice()));
    while let Some(path) = next_child(object, Level::Instance, entries.as_slice()) {
        let id = path.last_id().unwrap_or_default();
        out.push(Instance::new(id, resources(judge, &path, entries)?));
    }
    Ok(out)
}

fn resources(
    judge: &mut Judge<'_>,
    instance: &Path,
    entries: &mut vec::IntoIter<Entry>,
) -> Result<Vec<Resource>, PayloadError> {
    let mut out = Vec::with_capacity(children(instance, Level::Resource, entries.as_slice()));
    while let Some(path) = next_child(instance, Level::Resource, entries.as_slice()) {
        out.push(resource(judge, &path, entries)?);
    }
    Ok(out)
}

/// A resource from its values, of which there is at least one.
fn resource(
    judge: &mut Judge<'_>,
    path: &Path,
    entries: &mut vec::IntoIter<Entry>,
) -> Result<Resource, PayloadError> {
    let id = path.last_id().unwrap_or_default();
    let mut values = Vec::new();
    if let Some(first) = entries.as_slice().first() {
        let multiple = first.path != *path;
        judge.multiplicity(path, first.offset, multiple)?;
        if multiple {
            values.reserve_exact(below(path, entries.as_slice()).count());
        }
    }
    while below(path, entries.as_slice()).next().is_some()
        && let Some(entry) = entries.next()
    {
        match entry.path.resource_instance_id() {
            Some(instance) => values.push((instance, entry.value)),
            None => return Ok(Resource::single(id, entry.value)),
        }
    }
    Ok(Resource {
        id,
        value: ResourceValue::Multiple(values),
    })
}

/// The entries at the start of sorted ones that lie in `path`.
fn below<'a>(path: &Path, entries: &'a [Entry]) -> impl Iterator<Item = &'a Entry> {
    entries
        .iter()
        .take_while(move |entry| entry.path.starts_with(path))
}

/// How many paths of `level` the entries in `path` have, at the start of sorted ones.
fn children(path: &Path, level: Level, entries: &[Entry]) -> usize {
    let mut last = None;
    below(path, entries)
        .filter(|entry| {
            let child = Some(entry.path.truncated(level.depth()));
            core::mem::replace(&mut last, child) != child
        })
        .count()
}

/// The path of `level` that the first entry has, if it lies in `path`.
fn next_child(path: &Path, level: Level, entries: &[Entry]) -> Option<Path> {
    let first = below(path, entries).next()?;
    Some(first.path.truncated(level.depth()))
}

/// Refuses ids that repeat in what an object, an instance or a resource holds, and sorts by id. `None` is all well.
pub(super) fn sorted<T>(items: &mut [(usize, T)], id: impl Fn(&T) -> u16) -> Option<(usize, u16)> {
    items.sort_by_key(|(_, item)| id(item));
    items.windows(2).find_map(|pair| match pair {
        [(_, a), (offset, b)] if id(a) == id(b) => Some((*offset, id(b))),
        _ => None,
    })
}
