//! The objects that can be asked for by id.

use std::fmt;

use lwm2m_client::{
    ConnectivityMonitoringObject, DeviceObject, LocationObject, Object, PowerSource, TableObject,
    TemperatureObject,
};
use lwm2m_model::{
    Lwm2mVersion, Models, ObjectDef, ObjectLink, Resource, ResourceDef, ResourceValue, Value,
    ValueType, default_version,
};

/// The object with this id, with plausible values.
pub(crate) fn object(id: u16, enabler: Lwm2mVersion) -> Result<Box<dyn Object>, Unknown> {
    let models = Models::builtin();
    let object = match id {
        3 => device().into_object(&models, enabler),
        4 => network().into_object(&models, enabler),
        6 => place().into_object(&models, enabler),
        3303 => return Ok(Box::new(TemperatureObject::new().with_sensor(0, 20.0))),
        // The machine keeps these itself.
        0 | 1 | 21 => return Err(Unknown(id)),
        _ => {
            let choice = models.object(id, Some(default_version(enabler, id))).def;
            let def = choice.or(models.object(id, None).def).ok_or(Unknown(id))?;
            Ok(blank(def))
        }
    };
    match object {
        Ok(object) => Ok(Box::new(object)),
        Err(_) => Err(Unknown(id)),
    }
}

fn device() -> DeviceObject {
    let mut facts = DeviceObject::default();
    facts.manufacturer = Some("LwM2M for Rust".into());
    facts.model_number = Some("lwm2m-client".into());
    facts.serial_number = Some("0001".into());
    facts.firmware_version = Some(env!("CARGO_PKG_VERSION").into());
    facts.power_sources = vec![PowerSource {
        kind: 1,
        voltage: 3700,
        current: 15,
    }];
    facts.battery_level = Some(93);
    facts.memory_free = Some(4_096);
    facts.memory_total = Some(16_384);
    facts.current_time = Some(jiff::Timestamp::now().as_second());
    facts.utc_offset = Some("+00:00".into());
    facts.timezone = Some("Etc/UTC".into());
    facts.device_type = Some("demo".into());
    facts.hardware_version = Some("1".into());
    facts.software_version = facts.firmware_version.clone();
    facts
}

fn network() -> ConnectivityMonitoringObject {
    let mut network = ConnectivityMonitoringObject::default();
    network.signal_strength = -60;
    network.addresses = vec!["127.0.0.1".into(), "::1".into()];
    network
}

fn place() -> LocationObject {
    let mut place = LocationObject::default();
    place.latitude = 51.4779;
    place.longitude = -0.0015;
    place.altitude = Some(46.0);
    place.timestamp = jiff::Timestamp::now().as_second();
    place
}

/// An object of the registry with one instance, empty or zero: what is mandatory, or everything
/// where nothing is. What else can be written is taken when it is, all that can be executed does
/// nothing, and instances are created as that first one.
fn blank(def: &ObjectDef) -> TableObject {
    let readable = || {
        def.resources()
            .filter(|def| !def.operations().execute)
            .collect::<Vec<_>>()
    };
    let mut held = readable();
    held.retain(ResourceDef::is_mandatory);
    if held.is_empty() {
        held = readable();
    }
    let values: Vec<Resource> = held.iter().filter_map(blank_resource).collect();
    let mut object = TableObject::new(def.clone()).with_instance(0, values.clone());
    for def in def.resources() {
        let operations = def.operations();
        if operations.execute {
            object = object.with_executable(def.id());
        } else if operations.write {
            object = object.with_support(def.id());
        }
    }
    if def.is_multiple() {
        object = object.with_create(values);
    }
    object
}

fn blank_resource(def: &ResourceDef<'_>) -> Option<Resource> {
    let value = match def.value_type() {
        ValueType::String => Value::String(String::new()),
        ValueType::Integer => Value::Integer(0),
        ValueType::Unsigned => Value::Unsigned(0),
        ValueType::Float => Value::Float(0.0),
        ValueType::Boolean => Value::Boolean(false),
        ValueType::Opaque => Value::from(Vec::new()),
        ValueType::Time => Value::Time(0),
        ValueType::ObjectLink => Value::ObjectLink(ObjectLink::NULL),
        ValueType::CoreLink => Value::CoreLink(String::new()),
        _ => return None,
    };
    Some(match def.is_multiple() {
        true => Resource::multiple(def.id(), vec![(0, value)]),
        false => Resource {
            id: def.id(),
            value: ResourceValue::Single(value),
        },
    })
}

/// No such object is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unknown(pub(crate) u16);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "objects: {} cannot be made: not in the OMA registry, or kept by the client itself",
            self.0
        )
    }
}
