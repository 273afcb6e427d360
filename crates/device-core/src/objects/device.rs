//! The Device object (3): what kind of device this is.

use alloc::{string::String, vec::Vec};

use lwm2m_model::{Lwm2mVersion, Models, Resource, Value};

use super::{UnknownObject, definition};
use crate::TableObject;

/// The facts of a device; each that is given becomes a resource of `/3/0`.
///
/// Reboot (4) can always be executed, Factory Reset (5) and Reset Error Code (12) too: the application is told by
/// [`Event::Executed`](crate::Event::Executed) and does them.
///
/// ```
/// # use device_core::DeviceObject;
/// use lwm2m_model::{Lwm2mVersion, Models};
///
/// let mut facts = DeviceObject::default();
/// facts.manufacturer = Some("Example".into());
/// facts.battery_level = Some(93);
/// let object = facts.into_object(&Models::builtin(), Lwm2mVersion::V1_1)?;
/// # Ok::<(), device_core::UnknownObject>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeviceObject {
    /// Resource 0.
    pub manufacturer: Option<String>,
    /// Resource 1.
    pub model_number: Option<String>,
    /// Resource 2.
    pub serial_number: Option<String>,
    /// Resource 3.
    pub firmware_version: Option<String>,
    /// Resource 6, with 7 (mV) and 8 (mA): the available power sources.
    pub power_sources: Vec<PowerSource>,
    /// Resource 9: 0 to 100.
    pub battery_level: Option<u8>,
    /// Resource 10, in kilobytes.
    pub memory_free: Option<u32>,
    /// Resource 13: seconds since 1970. A server may write it, and the application keeps it going.
    pub current_time: Option<i64>,
    /// Resource 14: for example `+02:00`.
    pub utc_offset: Option<String>,
    /// Resource 15: for example `Europe/Berlin`.
    pub timezone: Option<String>,
    /// Resource 17.
    pub device_type: Option<String>,
    /// Resource 18.
    pub hardware_version: Option<String>,
    /// Resource 19.
    pub software_version: Option<String>,
    /// Resource 21, in kilobytes.
    pub memory_total: Option<u32>,
}

/// A power source of the Device object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "resources 6, 7 and 8")]
pub struct PowerSource {
    /// 0 DC, 1 internal battery, 2 external battery, 3 fuel cell, 4 Ethernet, 5 USB, 6 mains, 7 solar.
    pub kind: u8,
    /// Millivolts.
    pub voltage: i32,
    /// Milliamperes.
    pub current: i32,
}

impl DeviceObject {
    /// Builds the object, with the definition that came with an enabler version.
    ///
    /// # Errors
    /// [`UnknownObject`] when the models do not hold it.
    pub fn into_object(
        self,
        models: &Models,
        enabler: Lwm2mVersion,
    ) -> Result<TableObject, UnknownObject> {
        let def = definition(models, enabler, 3)?;
        let text = |text: Option<String>| text.map(Value::String);
        let single = [
            (0, text(self.manufacturer)),
            (1, text(self.model_number)),
            (2, text(self.serial_number)),
            (3, text(self.firmware_version)),
            (
                9,
                self.battery_level.map(|level| Value::Integer(level.into())),
            ),
            (10, self.memory_free.map(|size| Value::Integer(size.into()))),
            (13, self.current_time.map(Value::Time)),
            (14, text(self.utc_offset)),
            (15, text(self.timezone)),
            // LwM2M 1.1 Core §E.4: the bindings that the device can use.
            (16, Some(Value::String("U".into()))),
            (17, text(self.device_type)),
            (18, text(self.hardware_version)),
            (19, text(self.software_version)),
            (
                21,
                self.memory_total.map(|size| Value::Integer(size.into())),
            ),
        ];
        let mut resources: Vec<Resource> = single
            .into_iter()
            .filter_map(|(id, value)| Some(Resource::single(id, value?)))
            .collect();
        // One instance with "no error", as long as there is none.
        resources.push(Resource::multiple(11, alloc::vec![(0, Value::Integer(0))]));
        if !self.power_sources.is_empty() {
            let column = |value: fn(&PowerSource) -> i64| {
                let sources = (0_u16..).zip(&self.power_sources);
                sources
                    .map(|(id, source)| (id, Value::Integer(value(source))))
                    .collect()
            };
            resources.push(Resource::multiple(6, column(|source| source.kind.into())));
            resources.push(Resource::multiple(
                7,
                column(|source| source.voltage.into()),
            ));
            resources.push(Resource::multiple(
                8,
                column(|source| source.current.into()),
            ));
        }
        Ok(TableObject::new(def)
            .with_instance(0, resources)
            .with_executable(4)
            .with_executable(5)
            .with_executable(12))
    }
}
