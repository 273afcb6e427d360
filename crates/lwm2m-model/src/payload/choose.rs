//! Which content format fits.

use coap_codec::ContentFormat;

use crate::{Context, Level, Lwm2mVersion, Node, Path, ResourceValue, ValueType};

/// The formats that [`decode`](super::decode) and [`encode`](super::encode) know.
pub(super) const IMPLEMENTED: &[ContentFormat] = &[
    ContentFormat::TEXT,
    ContentFormat::OPAQUE,
    ContentFormat::CBOR,
    ContentFormat::TLV,
    ContentFormat::SENML_JSON,
    ContentFormat::SENML_CBOR,
];

/// As much of a path's content as decides which formats can hold it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Shape {
    /// The level of the path.
    pub level: Level,
    /// True when the path is that of a resource with instances.
    pub multiple: bool,
    /// The type of the values of a resource; None when unknown, or above the resource level.
    pub value_type: Option<ValueType>,
}

impl Shape {
    /// What the definitions say of a path. A resource that they do not know counts as single, of unknown type.
    #[must_use]
    pub fn of_path(cx: &Context<'_>, path: &Path) -> Self {
        let def = cx.resource(path);
        Self {
            level: path.level(),
            multiple: path.level() == Level::Resource && def.is_some_and(|def| def.is_multiple()),
            value_type: def
                .map(|def| def.value_type())
                .filter(|value_type| *value_type != ValueType::None),
        }
    }

    /// What a node is.
    #[must_use]
    pub fn of_node(node: &Node) -> Self {
        let (multiple, value) = match node {
            Node::Object(_) | Node::Instance(_) => (false, None),
            Node::ResourceInstance(_, value) => (false, Some(value)),
            Node::Resource(resource) => match &resource.value {
                ResourceValue::Single(value) => (false, Some(value)),
                ResourceValue::Multiple(values) => (true, values.first().map(|(_, value)| value)),
            },
        };
        Self {
            level: node.level(),
            multiple,
            value_type: value.map(|value| value.value_type()),
        }
    }

    /// True when there is exactly one value.
    #[must_use]
    pub fn is_one_value(&self) -> bool {
        self.level >= Level::Resource && !self.multiple
    }
}

/// Tells whether the payload codecs know `format` and it can hold such content.
///
/// Text, opaque and CBOR hold one value (opaque: of the type Opaque or of an unknown one), TLV and SenML everything
/// from an object downwards.
#[must_use]
pub fn supported(format: ContentFormat, shape: &Shape) -> bool {
    match format {
        ContentFormat::TEXT | ContentFormat::CBOR => shape.is_one_value(),
        ContentFormat::OPAQUE => {
            shape.is_one_value() && matches!(shape.value_type, None | Some(ValueType::Opaque))
        }
        ContentFormat::TLV | ContentFormat::SENML_JSON | ContentFormat::SENML_CBOR => {
            shape.level != Level::Root
        }
        _ => false,
    }
}

/// Chooses the content format for a payload, in either role; the only place where that is decided.
///
/// `wanted` is the format that a request or a user demands (the option Accept); it is taken if it can hold the
/// content, whatever the device announced. Else `version` and `announced` decide, which are the device's LwM2M
/// version and the formats of its registration (`ct`), or its own ones on the device itself:
///
/// 1. LwM2M 1.0: TLV.
/// 2. SenML CBOR, then SenML JSON, if announced.
/// 3. For one value: opaque for the type Opaque, else text.
/// 4. TLV.
///
/// Returns None when the wanted format does not do: a server then says so to its user, a device answers 4.06.
///
/// ```
/// use coap_codec::ContentFormat;
/// use lwm2m_model::{Context, Lwm2mVersion, Models, path, payload::{Shape, choose}};
///
/// let models = Models::builtin();
/// let device = Shape::of_path(&Context::new(&models), &path!(3, 0));
/// let announced = [ContentFormat::SENML_JSON, ContentFormat::SENML_CBOR];
/// assert_eq!(
///     choose(None, Lwm2mVersion::V1_1, &announced, &device),
///     Some(ContentFormat::SENML_CBOR)
/// );
/// assert_eq!(choose(Some(ContentFormat::TEXT), Lwm2mVersion::V1_1, &announced, &device), None);
/// ```
///
/// # Specification
/// LwM2M Core 1.1 and 1.2 §7.4; LwM2M 1.0 §6.4.
#[must_use]
pub fn choose(
    wanted: Option<ContentFormat>,
    version: Lwm2mVersion,
    announced: &[ContentFormat],
    shape: &Shape,
) -> Option<ContentFormat> {
    if let Some(wanted) = wanted {
        return supported(wanted, shape).then_some(wanted);
    }
    if shape.level == Level::Root {
        return None;
    }
    if version == Lwm2mVersion::V1_0 {
        return Some(ContentFormat::TLV);
    }
    for format in [ContentFormat::SENML_CBOR, ContentFormat::SENML_JSON] {
        if announced.contains(&format) {
            return Some(format);
        }
    }
    match shape.value_type {
        Some(ValueType::Opaque) if shape.is_one_value() => Some(ContentFormat::OPAQUE),
        Some(_) if shape.is_one_value() => Some(ContentFormat::TEXT),
        _ => Some(ContentFormat::TLV),
    }
}

#[cfg(test)]
mod tests {
    use coap_codec::ContentFormat as Cf;

    use super::{Shape, choose, supported};
    use crate::{Level, Lwm2mVersion::*, ValueType};

    fn shape(level: Level, multiple: bool, value_type: Option<ValueType>) -> Shape {
        Shape {
            level,
            multiple,
            value_type,
        }
    }

    /// LwM2M Core, data formats §1.
    #[test]
    fn choices() {
        let object = shape(Level::Object, false, None);
        let string = shape(Level::Resource, false, Some(ValueType::String));
        let opaque = shape(Level::Resource, false, Some(ValueType::Opaque));
        let unknown = shape(Level::Resource, false, None);
        let multiple = shape(Level::Resource, true, Some(ValueType::Integer));
        let all = &[Cf::LINK, Cf::SENML_JSON, Cf::SENML_CBOR][..];
        let json = &[Cf::SENML_JSON, Cf::LWM2M_CBOR][..];
        for (version, announced, shape, want) in [
            (V1_0, &[][..], &string, Cf::TLV),
            (V1_0, all, &object, Cf::TLV),
            (V1_1, all, &string, Cf::SENML_CBOR),
            (V1_2, json, &object, Cf::SENML_JSON),
            (V1_1, &[], &string, Cf::TEXT),
            (V1_1, &[], &opaque, Cf::OPAQUE),
            (V1_1, &[], &unknown, Cf::TLV),
            (V1_2, &[], &multiple, Cf::TLV),
            (V1_2, &[], &object, Cf::TLV),
        ] {
            assert_eq!(
                choose(None, version, announced, shape),
                Some(want),
                "{shape:?}"
            );
        }
        assert_eq!(choose(Some(Cf::CBOR), V1_0, &[], &string), Some(Cf::CBOR));
        assert_eq!(choose(Some(Cf::CBOR), V1_1, &[], &multiple), None);
        assert_eq!(choose(Some(Cf::OPAQUE), V1_1, &[], &string), None);
        assert_eq!(choose(Some(Cf::LWM2M_JSON), V1_0, &[], &object), None);
        assert_eq!(choose(Some(Cf(65_000)), V1_0, &[], &object), None);
        assert_eq!(
            choose(None, V1_1, &[], &shape(Level::Root, false, None)),
            None
        );
        assert!(supported(Cf::OPAQUE, &unknown) && !supported(Cf::TEXT, &multiple));
    }
}
