//! The Connectivity Monitoring object (4): which network the device is on, and how well.

use alloc::{string::String, vec::Vec};

use lwm2m_model::{Lwm2mVersion, Models, Resource, Value};

use super::{UnknownObject, definition};
use crate::TableObject;

/// What is known of the network; the application sets later values with [`Device::set`](crate::Device::set).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectivityMonitoringObject {
    /// Resource 0: 0 to 20 cellular, 21 WLAN, 41 Ethernet.
    pub network_bearer: u8,
    /// Resource 1, of the same numbers.
    pub available_bearers: Vec<u8>,
    /// Resource 2, in dBm.
    pub signal_strength: i32,
    /// Resource 3.
    pub link_quality: Option<i32>,
    /// Resource 4.
    pub addresses: Vec<String>,
    /// Resource 5.
    pub router_addresses: Vec<String>,
}

impl Default for ConnectivityMonitoringObject {
    fn default() -> Self {
        Self {
            network_bearer: 41,
            available_bearers: alloc::vec![41],
            signal_strength: 0,
            link_quality: None,
            addresses: Vec::new(),
            router_addresses: Vec::new(),
        }
    }
}

impl ConnectivityMonitoringObject {
    /// Builds the object, with the definition that came with an enabler version.
    ///
    /// # Errors
    /// [`UnknownObject`] when the models do not hold it.
    pub fn into_object(
        self,
        models: &Models,
        enabler: Lwm2mVersion,
    ) -> Result<TableObject, UnknownObject> {
        fn list<T>(items: Vec<T>, value: fn(T) -> Value) -> Vec<(u16, Value)> {
            (0_u16..).zip(items.into_iter().map(value)).collect()
        }
        let def = definition(models, enabler, 4)?;
        let bearers = list(self.available_bearers, |bearer| {
            Value::Integer(bearer.into())
        });
        let mut resources = alloc::vec![
            Resource::single(0, Value::Integer(self.network_bearer.into())),
            Resource::multiple(1, bearers),
            Resource::single(2, Value::Integer(self.signal_strength.into())),
            Resource::multiple(4, list(self.addresses, Value::String)),
        ];
        if let Some(quality) = self.link_quality {
            resources.push(Resource::single(3, Value::Integer(quality.into())));
        }
        if !self.router_addresses.is_empty() {
            resources.push(Resource::multiple(
                5,
                list(self.router_addresses, Value::String),
            ));
        }
        Ok(TableObject::new(def).with_instance(0, resources))
    }
}
