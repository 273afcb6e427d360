//! The IPSO Temperature object (3303): sensors that remember the extremes they saw.

use alloc::vec::Vec;

use lwm2m_model::{
    Instance, ObjectDef, Operations, Resource, ResourceDef, ResourceValue, Value, ValueType,
    Version,
};
use lwm2m_ops::Arguments;

use crate::{Change, Object, ObjectError, TableObject};

/// Temperature sensors, one per instance.
///
/// Every value set on `/3303/x/5700` also moves the smallest (5601) and the largest (5602) measured value; a server
/// that executes 5605 sets both back to the present one.
#[derive(Clone, Debug)]
pub struct TemperatureObject {
    table: TableObject,
}

impl TemperatureObject {
    /// An object without sensors.
    #[must_use]
    pub fn new() -> Self {
        let table = TableObject::new(definition())
            .with_executable(RESET)
            .with_support(APPLICATION_TYPE);
        Self { table }
    }

    /// Adds a sensor with its first value, in degrees Celsius.
    #[must_use]
    pub fn with_sensor(mut self, instance: u16, value: f64) -> Self {
        let resources = [
            Resource::single(VALUE, Value::Float(value)),
            Resource::single(MIN_MEASURED, Value::Float(value)),
            Resource::single(MAX_MEASURED, Value::Float(value)),
            Resource::single(UNITS, "Cel"),
        ];
        self.table = self.table.with_instance(instance, resources);
        self
    }

    fn value(&self, instance: u16, resource: u16) -> Option<f64> {
        match self.table.read(instance, resource) {
            Some(ResourceValue::Single(value)) => value.as_f64(),
            _ => None,
        }
    }

    fn store(&mut self, instance: u16, resource: u16, value: f64) -> Result<(), ObjectError> {
        let value = ResourceValue::Single(Value::Float(value));
        self.table.set(instance, resource, Some(value))
    }
}

impl Default for TemperatureObject {
    fn default() -> Self {
        Self::new()
    }
}

/// The facts of the registry, version 1.1: here, so that a board needs no table of all objects for them.
fn definition() -> ObjectDef {
    let float = |id, name| ResourceDef::new(id, name, Operations::R, ValueType::Float);
    let text = |id, name, operations| ResourceDef::new(id, name, operations, ValueType::String);
    let integer = |id, name| ResourceDef::new(id, name, Operations::R, ValueType::Integer);
    let reset = "Reset Min and Max Measured Values";
    [
        ResourceDef::new(5518, "Timestamp", Operations::R, ValueType::Time),
        float(MIN_MEASURED, "Min Measured Value"),
        float(MAX_MEASURED, "Max Measured Value"),
        float(5603, "Min Range Value"),
        float(5604, "Max Range Value"),
        ResourceDef::new(RESET, reset, Operations::E, ValueType::None),
        float(VALUE, "Sensor Value").with_mandatory(true),
        text(UNITS, "Sensor Units", Operations::R),
        text(APPLICATION_TYPE, "Application Type", Operations::RW),
        integer(6042, "Measurement Quality Indicator").with_range("0..23"),
        integer(6049, "Measurement Quality Level").with_range("0..100"),
        float(6050, "Fractional Timestamp")
            .with_range("0..1")
            .with_unit("s"),
    ]
    .into_iter()
    .fold(
        ObjectDef::new(3303, "Temperature", Version::new(1, 1)).with_multiple(true),
        ObjectDef::with_resource,
    )
}

impl Object for TemperatureObject {
    fn definition(&self) -> &ObjectDef {
        self.table.definition()
    }

    fn instances(&self) -> Vec<u16> {
        self.table.instances()
    }

    fn resources(&self, instance: u16) -> Vec<u16> {
        self.table.resources(instance)
    }

    fn read(&self, instance: u16, resource: u16) -> Option<ResourceValue> {
        self.table.read(instance, resource)
    }

    fn supports(&self, resource: u16) -> bool {
        self.table.supports(resource)
    }

    fn write(&mut self, instance: u16, change: &Change) -> Result<(), ObjectError> {
        self.table.write(instance, change)
    }

    fn execute(
        &mut self,
        instance: u16,
        resource: u16,
        _arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        let value = self.value(instance, VALUE).ok_or(ObjectError::NotAllowed)?;
        if resource != RESET {
            return Err(ObjectError::NotAllowed);
        }
        self.store(instance, MIN_MEASURED, value)?;
        self.store(instance, MAX_MEASURED, value)
    }

    fn set(
        &mut self,
        instance: u16,
        resource: u16,
        value: Option<ResourceValue>,
    ) -> Result<(), ObjectError> {
        self.table.set(instance, resource, value)?;
        if resource == VALUE
            && let Some(value) = self.value(instance, VALUE)
        {
            let min = self.value(instance, MIN_MEASURED).unwrap_or(value);
            let max = self.value(instance, MAX_MEASURED).unwrap_or(value);
            self.store(instance, MIN_MEASURED, min.min(value))?;
            self.store(instance, MAX_MEASURED, max.max(value))?;
        }
        Ok(())
    }

    fn add_instance(&mut self, instance: Instance) -> Result<(), ObjectError> {
        self.table.add_instance(instance)
    }

    fn remove_instance(&mut self, instance: u16) -> Result<(), ObjectError> {
        self.table.remove_instance(instance)
    }
}

const MIN_MEASURED: u16 = 5601;
const MAX_MEASURED: u16 = 5602;
const RESET: u16 = 5605;
const VALUE: u16 = 5700;
const UNITS: u16 = 5701;
const APPLICATION_TYPE: u16 = 5750;

#[cfg(test)]
mod tests {
    use lwm2m_model::{Models, Version};
    use lwm2m_ops::Arguments;

    use super::{Object, TemperatureObject, VALUE, definition};

    #[test]
    fn the_definition_is_that_of_the_registry() {
        let models = Models::builtin();
        let registry = models.object(3303, Some(Version::new(1, 1)));
        let (Some(def), true) = (registry.def, registry.exact) else {
            panic!("the registry has it");
        };
        let own = definition();
        assert_eq!(own.urn(), def.urn());
        assert_eq!(
            (own.name(), own.is_multiple()),
            (def.name(), def.is_multiple())
        );
        assert!(own.resources().eq(def.resources()));
    }

    #[test]
    fn extremes_are_remembered_and_reset() {
        let mut object = TemperatureObject::new().with_sensor(0, 20.0);
        for value in [25.0, 15.0, 18.0] {
            let value = lwm2m_model::Resource::single(VALUE, value).value;
            object.set(0, VALUE, Some(value)).unwrap();
        }
        assert_eq!(object.value(0, 5601), Some(15.0));
        assert_eq!(object.value(0, 5602), Some(25.0));
        object.execute(0, 5605, &Arguments::NONE).unwrap();
        assert_eq!(object.value(0, 5601), Some(18.0));
        assert_eq!(object.value(0, 5602), Some(18.0));
    }
}
