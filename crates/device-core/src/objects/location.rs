//! The Location object (6): where the device is.

use lwm2m_model::{Lwm2mVersion, Models, Resource, Value};

use super::{UnknownObject, definition};
use crate::TableObject;

/// A position; the application sets later ones with [`Device::set`](crate::Device::set).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LocationObject {
    /// Resource 0, in degrees, north positive.
    pub latitude: f64,
    /// Resource 1, in degrees, east positive.
    pub longitude: f64,
    /// Resource 2, in metres above sea level.
    pub altitude: Option<f64>,
    /// Resource 3: the radius of uncertainty in metres.
    pub radius: Option<f64>,
    /// Resource 5: when the position was taken, in seconds since 1970.
    pub timestamp: i64,
    /// Resource 6, in metres per second.
    pub speed: Option<f64>,
}

impl LocationObject {
    /// Builds the object, with the definition that came with an enabler version.
    ///
    /// # Errors
    /// [`UnknownObject`] when the models do not hold it.
    pub fn into_object(
        self,
        models: &Models,
        enabler: Lwm2mVersion,
    ) -> Result<TableObject, UnknownObject> {
        let def = definition(models, enabler, 6)?;
        let values = [
            (0, Some(Value::Float(self.latitude))),
            (1, Some(Value::Float(self.longitude))),
            (2, self.altitude.map(Value::Float)),
            (3, self.radius.map(Value::Float)),
            (5, Some(Value::Time(self.timestamp))),
            (6, self.speed.map(Value::Float)),
        ];
        let resources = values
            .into_iter()
            .filter_map(|(id, v)| Some(Resource::single(id, v?)));
        Ok(TableObject::new(def).with_instance(0, resources))
    }
}
