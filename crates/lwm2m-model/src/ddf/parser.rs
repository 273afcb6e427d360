//! From XML events to definitions.

use alloc::{string::String, vec::Vec};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{DdfError, DdfErrorKind, Limits};
use crate::{Lwm2mVersion, ObjectDef, Operations, ResourceDef, ValueType, Version};

pub(super) fn parse(xml: &[u8], limits: &Limits) -> Result<Vec<ObjectDef>, DdfError> {
    if xml.len() > limits.max_bytes {
        return Err(DdfError::at(xml, limits.max_bytes, DdfErrorKind::TooLarge));
    }
    let text = core::str::from_utf8(xml)
        .map_err(|error| DdfError::at(xml, error.valid_up_to(), DdfErrorKind::NotUtf8))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Parser {
        limits,
        stack: Vec::new(),
        text: String::new(),
        object: None,
        item: None,
        objects: Vec::new(),
        seen_root: false,
        at: 0,
    }
    .run(text)
    .map_err(|(offset, kind)| DdfError::at(text.as_bytes(), offset, kind))
}

/// A fault and the byte where it is.
type Fault = (usize, DdfErrorKind);

/// What an open element means here.
#[derive(Clone, Copy, PartialEq)]
enum Element {
    Root,
    Object,
    Resources,
    Item,
    /// A fact of an object or a resource; its text is collected.
    Fact(&'static str),
    /// Anything else, with all that is in it.
    Other,
}

/// The facts of an object, by element name.
const OBJECT_FACTS: &[&str] = &[
    "Name",
    "ObjectID",
    "ObjectURN",
    "LWM2MVersion",
    "ObjectVersion",
    "MultipleInstances",
    "Mandatory",
];

/// The facts of a resource, by element name.
const ITEM_FACTS: &[&str] = &[
    "Name",
    "Operations",
    "MultipleInstances",
    "Mandatory",
    "Type",
    "RangeEnumeration",
    "Units",
];

struct Parser<'l> {
    limits: &'l Limits,
    /// The open elements, and the byte where each starts.
    stack: Vec<(Element, usize)>,
    text: String,
    object: Option<RawObject>,
    item: Option<RawItem>,
    objects: Vec<ObjectDef>,
    seen_root: bool,
    /// Where the current event starts.
    at: usize,
}

#[derive(Default)]
struct RawObject {
    name: String,
    id: Option<u16>,
    urn: String,
    lwm2m_version: Option<Lwm2mVersion>,
    version: Option<Version>,
    multiple: bool,
    mandatory: bool,
    resources: Vec<RawItem>,
}

#[derive(Default)]
struct RawItem {
    id: u16,
    name: String,
    operations: Operations,
    multiple: bool,
    mandatory: bool,
    value_type: Option<ValueType>,
    range: String,
    unit: String,
}

impl Parser<'_> {
    fn run(mut self, xml: &str) -> Result<Vec<ObjectDef>, Fault> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        loop {
            self.at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event = reader.read_event().map_err(|_| {
                let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                (at, DdfErrorKind::Malformed)
            })?;
            match event {
                Event::Start(start) => self.start(&start)?,
                Event::End(_) => self.end()?,
                Event::Text(text) => self.characters(&text.into_inner())?,
                Event::CData(text) => self.characters(&text.into_inner())?,
                Event::GeneralRef(reference) => {
                    let character = if reference.is_char_ref() {
                        reference.resolve_char_ref().ok().flatten()
                    } else {
                        predefined(&reference.into_inner())
                    };
                    let character = character.ok_or((self.at, DdfErrorKind::Entity))?;
                    self.characters(character.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => return Err((self.at, DdfErrorKind::DocumentType)),
                Event::Decl(declaration) => {
                    let utf8 = declaration.encoding().is_none_or(|name| {
                        name.is_ok_and(|name| {
                            name.eq_ignore_ascii_case("utf-8")
                                || name.eq_ignore_ascii_case("us-ascii")
                        })
                    });
                    if !utf8 {
                        return Err((self.at, DdfErrorKind::NotUtf8));
                    }
                }
                // With `expand_empty_elements` there is no empty element.
                Event::Empty(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if !self.stack.is_empty() || !self.seen_root {
            return Err((xml.len(), DdfErrorKind::Truncated));
        }
        Ok(self.objects)
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Fault> {
        if self.stack.len() >= self.limits.max_depth {
            return Err((self.at, DdfErrorKind::TooDeep));
        }
        let id = self.attributes(start)?;
        let name = start.name();
        let name: &str = name.as_ref();
        let element = match (self.stack.last().map(|(element, _)| *element), name) {
            (None, _) if self.seen_root => return Err((self.at, DdfErrorKind::Malformed)),
            (None, "LWM2M") => Element::Root,
            (None, _) => return Err((self.at, DdfErrorKind::NotADefinition)),
            (_, name) if name.ends_with(":include") => {
                return Err((self.at, DdfErrorKind::Include));
            }
            (Some(Element::Root), "Object") => {
                if self.objects.len() >= self.limits.max_objects {
                    return Err((self.at, DdfErrorKind::TooManyObjects));
                }
                self.object = Some(RawObject::default());
                Element::Object
            }
            (Some(Element::Object), "Resources") => Element::Resources,
            (Some(Element::Object), name) => fact(OBJECT_FACTS, name),
            (Some(Element::Resources), "Item") => {
                self.item = Some(RawItem {
                    id: id.ok_or((self.at, DdfErrorKind::Missing("Item ID")))?,
                    ..RawItem::default()
                });
                Element::Item
            }
            (Some(Element::Item), name) => fact(ITEM_FACTS, name),
            (Some(_), _) => Element::Other,
        };
        self.seen_root = true;
        self.text.clear();
        self.stack.push((element, self.at));
        Ok(())
    }

    /// Counts the attributes and finds the id among them. The reader's own check for repeated names, which costs
    /// the square of their number, is off.
    fn attributes(&self, start: &BytesStart<'_>) -> Result<Option<u16>, Fault> {
        let mut id = None;
        let mut attributes = start.attributes();
        for (count, attribute) in attributes.with_checks(false).enumerate() {
            if count >= self.limits.max_attributes {
                return Err((self.at, DdfErrorKind::TooManyAttributes));
            }
            let attribute = attribute.map_err(|_| (self.at, DdfErrorKind::Malformed))?;
            let key: &str = attribute.key.as_ref();
            if key == "ID" {
                let number = identifier(attribute.value.trim());
                id = Some(number.ok_or((self.at, DdfErrorKind::Invalid("Item ID")))?);
            }
        }
        Ok(id)
    }

    fn characters(&mut self, text: &str) -> Result<(), Fault> {
        match self.stack.last() {
            Some((Element::Fact(name), _)) => {
                if self.text.len().saturating_add(text.len()) > self.limits.max_text {
                    return Err((self.at, DdfErrorKind::TextTooLong(name)));
                }
                self.text.push_str(text);
            }
            None if !text.trim().is_empty() => return Err((self.at, DdfErrorKind::Malformed)),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some((element, at)) = self.stack.pop() else {
            return Err((self.at, DdfErrorKind::Malformed));
        };
        match element {
            Element::Fact(name) => {
                let text = collapsed(&self.text);
                self.text.clear();
                let known = match (&mut self.item, &mut self.object) {
                    (Some(item), _) => item.fact(name, text),
                    (None, Some(object)) => object.fact(name, text),
                    (None, None) => Some(()),
                };
                known.ok_or((at, DdfErrorKind::Invalid(name)))
            }
            Element::Item => {
                let (Some(item), Some(object)) = (self.item.take(), &mut self.object) else {
                    return Ok(());
                };
                if object.resources.len() >= self.limits.max_resources {
                    return Err((at, DdfErrorKind::TooManyResources));
                }
                if item.name.is_empty() {
                    return Err((at, DdfErrorKind::Missing("Name")));
                }
                object.resources.push(item);
                Ok(())
            }
            Element::Object => {
                let Some(object) = self.object.take() else {
                    return Ok(());
                };
                let def = object.define().map_err(|kind| (at, kind))?;
                let same =
                    |other: &ObjectDef| (other.id(), other.version()) == (def.id(), def.version());
                if self.objects.iter().any(same) {
                    return Err((at, DdfErrorKind::Duplicate(def.id())));
                }
                self.objects.push(def);
                Ok(())
            }
            Element::Root | Element::Resources | Element::Other => Ok(()),
        }
    }
}

impl RawObject {
    /// Takes one fact; None if its text means nothing.
    fn fact(&mut self, name: &str, text: String) -> Option<()> {
        match name {
            "Name" => self.name = text,
            "ObjectID" => self.id = Some(identifier(&text)?),
            "ObjectURN" => self.urn = text,
            "LWM2MVersion" if !text.is_empty() => {
                self.lwm2m_version = Some(Lwm2mVersion::for_announced(text.parse().ok()?)?);
            }
            "ObjectVersion" if !text.is_empty() => self.version = Some(text.parse().ok()?),
            "MultipleInstances" => self.multiple = either(&text, "Multiple", "Single")?,
            "Mandatory" => self.mandatory = either(&text, "Mandatory", "Optional")?,
            _ => {}
        }
        Some(())
    }

    fn define(self) -> Result<ObjectDef, DdfErrorKind> {
        let id = self.id.ok_or(DdfErrorKind::Missing("ObjectID"))?;
        if self.name.is_empty() {
            return Err(DdfErrorKind::Missing("Name"));
        }
        let mut def = ObjectDef::new(id, self.name, self.version.unwrap_or(Version::V1_0))
            .with_multiple(self.multiple)
            .with_mandatory(self.mandatory)
            .with_lwm2m_version(self.lwm2m_version.unwrap_or(Lwm2mVersion::V1_0));
        if !self.urn.is_empty() {
            def = def.with_urn(&self.urn);
        }
        let mut resources = self.resources;
        resources.sort_by_key(|item| item.id);
        for pair in resources.windows(2) {
            if let [a, b] = pair
                && a.id == b.id
            {
                return Err(DdfErrorKind::Duplicate(a.id));
            }
        }
        Ok(resources
            .iter()
            .fold(def, |def, item| def.with_resource(item.define())))
    }
}

impl RawItem {
    /// Takes one fact; None if its text means nothing.
    fn fact(&mut self, name: &str, text: String) -> Option<()> {
        match name {
            "Name" => self.name = text,
            "Operations" => self.operations = operations(&text)?,
            "MultipleInstances" => self.multiple = either(&text, "Multiple", "Single")?,
            "Mandatory" => self.mandatory = either(&text, "Mandatory", "Optional")?,
            "Type" => self.value_type = Some(value_type(&text)?),
            "RangeEnumeration" => self.range = text,
            "Units" => self.unit = text,
            _ => {}
        }
        Some(())
    }

    fn define(&self) -> ResourceDef<'_> {
        // An executable resource has no value, whatever type a file states.
        let value_type = match self.value_type {
            Some(value_type) if self.operations != Operations::E => value_type,
            _ => ValueType::None,
        };
        ResourceDef::new(self.id, &self.name, self.operations, value_type)
            .with_multiple(self.multiple)
            .with_mandatory(self.mandatory)
            .with_range(&self.range)
            .with_unit(&self.unit)
    }
}

fn fact(facts: &[&'static str], name: &str) -> Element {
    facts
        .iter()
        .find(|fact| **fact == name)
        .map_or(Element::Other, |fact| Element::Fact(fact))
}

/// The characters that XML itself names.
fn predefined(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// An id: digits only, 0 to 65534.
fn identifier(text: &str) -> Option<u16> {
    if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|id| *id != u16::MAX)
}

fn either(text: &str, yes: &str, no: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case(yes) {
        Some(true)
    } else {
        text.eq_ignore_ascii_case(no).then_some(false)
    }
}

fn operations(text: &str) -> Option<Operations> {
    let mut operations = Operations::NONE;
    for letter in text.chars() {
        match letter {
            'R' | 'r' => operations.read = true,
            'W' | 'w' => operations.write = true,
            'E' | 'e' => operations.execute = true,
            _ => return None,
        }
    }
    Some(operations)
}

fn value_type(text: &str) -> Option<ValueType> {
    [
        ValueType::String,
        ValueType::Integer,
        ValueType::Unsigned,
        ValueType::Float,
        ValueType::Boolean,
        ValueType::Opaque,
        ValueType::Time,
        ValueType::ObjectLink,
        ValueType::CoreLink,
        ValueType::None,
    ]
    .into_iter()
    .find(|value_type| value_type.as_str().eq_ignore_ascii_case(text))
}

/// White space at the ends removed and between words made one blank.
fn collapsed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
