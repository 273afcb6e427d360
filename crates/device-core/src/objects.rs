//! Ready-made objects.

pub(crate) mod server;

mod connectivity_monitoring;
mod device;
mod location;
mod temperature;

use lwm2m_model::{Lwm2mVersion, Models, ObjectDef, default_version};

pub use connectivity_monitoring::ConnectivityMonitoringObject;
pub use device::{DeviceObject, PowerSource};
pub use location::LocationObject;
pub use temperature::TemperatureObject;

/// The models hold no definition of an object that a device needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no definition of object {0} is known")]
#[expect(clippy::exhaustive_structs, reason = "an object id, and nothing else")]
pub struct UnknownObject(pub u16);

/// The definition of an object as it came with an enabler version.
fn definition(models: &Models, enabler: Lwm2mVersion, id: u16) -> Result<ObjectDef, UnknownObject> {
    let version = default_version(enabler, id);
    let choice = models.object(id, Some(version)).def;
    choice.cloned().ok_or(UnknownObject(id))
}
