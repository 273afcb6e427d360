//! Where something stands in a device's tree: `/object/instance/resource/resource instance`.

use core::{fmt, str::FromStr};

/// The address of an object, an instance, a resource or a resource instance, or the root above them all.
///
/// Every id is 0 to 65534: 65535 is reserved and never part of a path. Paths order like the tree is walked:
/// a parent before its children, children by id.
///
/// ```
/// use lwm2m_model::{Path, path};
///
/// let battery: Path = "/3/0/9".parse()?;
/// assert_eq!(battery, path!(3, 0, 9));
/// assert!(battery.starts_with(&path!(3)));
/// assert_eq!(battery.to_string(), "/3/0/9");
/// # Ok::<(), lwm2m_model::PathError>(())
/// ```
///
/// # Specification
/// LwM2M Core 1.1 and 1.2 §7.3; LwM2M 1.0 §6.2.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path {
    /// Unused places hold 0, so that the derived order and hash are those of [`Path::ids`].
    ids: [u16; 4],
    len: u8,
}

impl Path {
    /// The path without any id, `/`.
    pub const ROOT: Self = Self {
        ids: [0; 4],
        len: 0,
    };

    /// The path of an object.
    ///
    /// # Errors
    /// [`PathErrorKind::ReservedId`] for 65535; so in every constructor.
    pub const fn object(object: u16) -> Result<Self, PathError> {
        Self::from_ids(&[object])
    }

    /// The path of an object instance.
    ///
    /// # Errors
    /// As [`Path::object`].
    pub const fn instance(object: u16, instance: u16) -> Result<Self, PathError> {
        Self::from_ids(&[object, instance])
    }

    /// The path of a resource.
    ///
    /// # Errors
    /// As [`Path::object`].
    pub const fn resource(object: u16, instance: u16, resource: u16) -> Result<Self, PathError> {
        Self::from_ids(&[object, instance, resource])
    }

    /// The path of one instance of a multiple resource.
    ///
    /// # Errors
    /// As [`Path::object`].
    pub const fn resource_instance(
        object: u16,
        instance: u16,
        resource: u16,
        resource_instance: u16,
    ) -> Result<Self, PathError> {
        Self::from_ids(&[object, instance, resource, resource_instance])
    }

    /// The path with these ids, from the object downwards; none is the root.
    ///
    /// # Errors
    /// [`PathErrorKind::ReservedId`] for 65535 and [`PathErrorKind::TooDeep`] for more than four ids. The offset is
    /// the index in `ids`.
    pub const fn from_ids(ids: &[u16]) -> Result<Self, PathError> {
        let mut path = Self::ROOT;
        let mut rest = ids;
        while let [id, tail @ ..] = rest {
            path = match path.pushed(*id) {
                Ok(path) => path,
                Err(kind) => {
                    return Err(PathError {
                        offset: path.len as usize,
                        kind,
                    });
                }
            };
            rest = tail;
        }
        Ok(path)
    }

    /// What `path!` calls, in a constant only: there a wrong id is an error of the compiler.
    #[doc(hidden)]
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "evaluated while compiling; `path!` wraps it in a const block"
    )]
    pub const fn literal(ids: &[u16]) -> Self {
        match Self::from_ids(ids) {
            Ok(path) => path,
            Err(_) => panic!("a path has at most four ids, each 0 to 65534"),
        }
    }

    /// The ids, from the object downwards.
    #[must_use]
    pub fn ids(&self) -> &[u16] {
        self.ids.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How deep the path goes.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self.len {
            0 => Level::Root,
            1 => Level::Object,
            2 => Level::Instance,
            3 => Level::Resource,
            _ => Level::ResourceInstance,
        }
    }

    /// True for the path without any id.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.len == 0
    }

    /// The object's id, from the object level down.
    #[must_use]
    pub fn object_id(&self) -> Option<u16> {
        self.ids().first().copied()
    }

    /// The object instance's id, from the instance level down.
    #[must_use]
    pub fn instance_id(&self) -> Option<u16> {
        self.ids().get(1).copied()
    }

    /// The resource's id, from the resource level down.
    #[must_use]
    pub fn resource_id(&self) -> Option<u16> {
        self.ids().get(2).copied()
    }

    /// The resource instance's id, at that level only.
    #[must_use]
    pub fn resource_instance_id(&self) -> Option<u16> {
        self.ids().get(3).copied()
    }

    /// The last id; the root has none.
    #[must_use]
    pub fn last_id(&self) -> Option<u16> {
        self.ids().last().copied()
    }

    /// True when `ancestor` is this path or stands above it.
    #[must_use]
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.ids().starts_with(ancestor.ids())
    }

    /// The path one level up; the root has none.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, head) = self.ids().split_last()?;
        Self::from_ids(head).ok()
    }

    /// The path one level down, with `id` at its end.
    ///
    /// # Errors
    /// [`PathErrorKind::ReservedId`] for 65535, [`PathErrorKind::TooDeep`] below a resource instance.
    pub const fn child(&self, id: u16) -> Result<Self, PathError> {
        match self.pushed(id) {
            Ok(path) => Ok(path),
            Err(kind) => Err(PathError {
                offset: self.len as usize,
                kind,
            }),
        }
    }

    /// This path cut to its first `levels` ids.
    #[must_use]
    pub fn truncated(&self, levels: usize) -> Self {
        let ids = self.ids().get(..levels).unwrap_or(self.ids());
        Self::from_ids(ids).unwrap_or(*self)
    }

    const fn pushed(self, id: u16) -> Result<Self, PathErrorKind> {
        if id == u16::MAX {
            return Err(PathErrorKind::ReservedId);
        }
        let [a, b, c, d] = self.ids;
        let (ids, len) = match self.len {
            0 => ([id, b, c, d], 1),
            1 => ([a, id, c, d], 2),
            2 => ([a, b, id, d], 3),
            3 => ([a, b, c, id], 4),
            _ => return Err(PathErrorKind::TooDeep),
        };
        Ok(Self { ids, len })
    }
}

impl FromStr for Path {
    type Err = PathError;

    /// Reads `/3/0/9`. The leading slash may be absent and one at the end is tolerated, as devices write both;
    /// everything else is refused: signs, leading zeros, empty segments, percent signs, an empty text.
    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError {
                offset: 0,
                kind: PathErrorKind::Empty,
            });
        }
        let mut offset = 0;
        let mut rest = text;
        if let Some(tail) = rest.strip_prefix('/') {
            rest = tail;
            offset = 1;
        }
        let mut path = Self::ROOT;
        while !rest.is_empty() {
            let (segment, tail) = rest.split_once('/').unwrap_or((rest, ""));
            let id = segment_id(segment).map_err(|(at, kind)| PathError {
                offset: offset + at,
                kind,
            })?;
            path = path.pushed(id).map_err(|kind| PathError { offset, kind })?;
            offset += segment.len() + 1;
            rest = tail;
        }
        Ok(path)
    }
}

/// One segment: 1 to 5 digits without a leading zero.
fn segment_id(segment: &str) -> Result<u16, (usize, PathErrorKind)> {
    if segment.is_empty() {
        return Err((0, PathErrorKind::EmptySegment));
    }
    if let Some(at) = segment.bytes().position(|byte| !byte.is_ascii_digit()) {
        return Err((at, PathErrorKind::NotADigit));
    }
    if segment.len() > 1 && segment.starts_with('0') {
        return Err((0, PathErrorKind::LeadingZero));
    }
    segment.parse().map_err(|_| (0, PathErrorKind::IdTooLarge))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("/");
        }
        for id in self.ids() {
            write!(f, "/{id}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

/// How deep a [`Path`] goes. Deeper levels compare greater.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the specification has these levels and no other"
)]
pub enum Level {
    /// `/`
    Root,
    /// `/3`
    Object,
    /// `/3/0`
    Instance,
    /// `/3/0/6`
    Resource,
    /// `/3/0/6/1`
    ResourceInstance,
}

impl Level {
    /// The number of ids that a path of this level has.
    #[must_use]
    pub const fn depth(self) -> usize {
        match self {
            Self::Root => 0,
            Self::Object => 1,
            Self::Instance => 2,
            Self::Resource => 3,
            Self::ResourceInstance => 4,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Object => "object",
            Self::Instance => "object instance",
            Self::Resource => "resource",
            Self::ResourceInstance => "resource instance",
        })
    }
}

/// Why a text or a list of ids is no [`Path`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PathError {
    /// Where: the byte in the text, or the index in the list of ids.
    pub offset: usize,
    /// What is wrong there.
    pub kind: PathErrorKind,
}

/// The rule that a path broke.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PathErrorKind {
    /// The text is empty; the root is written `/`.
    Empty,
    /// Two slashes follow each other.
    EmptySegment,
    /// A character that is no decimal digit.
    NotADigit,
    /// A number written with a leading zero.
    LeadingZero,
    /// A number above 65535.
    IdTooLarge,
    /// The reserved id 65535.
    ReservedId,
    /// More than four ids.
    TooDeep,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            PathErrorKind::Empty => "a path cannot be empty text",
            PathErrorKind::EmptySegment => "empty path segment",
            PathErrorKind::NotADigit => "a path segment holds decimal digits only",
            PathErrorKind::LeadingZero => "a path segment has no leading zero",
            PathErrorKind::IdTooLarge => "an id is at most 65534",
            PathErrorKind::ReservedId => "the id 65535 is reserved",
            PathErrorKind::TooDeep => "a path has at most four ids",
        };
        write!(f, "{what} (at {})", self.offset)
    }
}

impl core::error::Error for PathError {}

/// Writes a [`Path`] whose ids are checked while compiling: `path!(3, 0, 9)`; `path!()` is the root.
///
/// ```compile_fail
/// lwm2m_model::path!(3, 65535); // the reserved id
/// ```
#[macro_export]
macro_rules! path {
    ($($id:expr),* $(,)?) => {
        const { $crate::Path::literal(&[$($id),*]) }
    };
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Level, Path, PathErrorKind};

    #[test]
    fn texts() {
        for (text, ids) in [
            ("/", &[][..]),
            ("/3", &[3]),
            ("/3/", &[3]),
            ("3/0", &[3, 0]),
            ("/65534/65534/65534/65534", &[65534; 4]),
            ("/0/0/0/0", &[0; 4]),
        ] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.ids(), ids, "{text}");
            assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    /// the catalogue of hostile inputs K17: none of these is a path, and the error says where.
    #[test]
    fn hostile_k17_path_texts() {
        use PathErrorKind::*;
        for (text, offset, kind) in [
            ("", 0, Empty),
            ("/65536", 1, IdTooLarge),
            ("/65535", 1, ReservedId),
            ("/3/0/65535", 5, ReservedId),
            ("/99999999999999999999", 1, IdTooLarge),
            ("/-1", 1, NotADigit),
            ("/+1", 1, NotADigit),
            ("//", 1, EmptySegment),
            ("//3", 1, EmptySegment),
            ("/3//0", 3, EmptySegment),
            ("/3/0/1/2/3", 9, TooDeep),
            ("/03", 1, LeadingZero),
            ("/00", 1, LeadingZero),
            ("/3/0 ", 4, NotADigit),
            (" /3", 0, NotADigit),
            ("%2e%2e", 0, NotADigit),
            ("/..", 1, NotADigit),
            ("/3/%30", 3, NotADigit),
            ("/٣", 1, NotADigit),
            ("/3\0", 2, NotADigit),
        ] {
            let error = text.parse::<Path>().unwrap_err();
            assert_eq!((error.offset, error.kind), (offset, kind), "{text:?}");
        }
    }

    #[test]
    fn parents_come_before_their_children() {
        let sorted = [
            "/", "/1", "/3", "/3/0", "/3/0/0", "/3/0/0/0", "/3/0/1", "/3/1", "/10",
        ]
        .map(|text| text.parse::<Path>().unwrap());
        assert!(sorted.is_sorted());
        assert!(sorted.windows(2).all(|pair| pair[0].ids() < pair[1].ids()));
    }

    #[test]
    fn up_and_down() {
        let path = crate::path!(3, 0, 6, 1);
        assert_eq!(path.level(), Level::ResourceInstance);
        assert_eq!(path.parent(), Some(crate::path!(3, 0, 6)));
        assert_eq!(path.truncated(1), crate::path!(3));
        assert_eq!(path.truncated(9), path);
        assert_eq!(path.child(0).unwrap_err().kind, PathErrorKind::TooDeep);
        assert_eq!(Path::ROOT.parent(), None);
        assert_eq!(Path::ROOT.child(3), Ok(crate::path!(3)));
        assert!(path.starts_with(&Path::ROOT));
        assert!(!crate::path!(33).starts_with(&crate::path!(3)));
    }
}
