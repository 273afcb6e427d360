//! A client with an object of its own: /32769/0/0 tells how long it runs, /32769/0/1 starts anew.
use lwm2m_client::model::{ObjectDef, Operations, ResourceDef, ResourceValue, ValueType, Version};
use lwm2m_client::{Client, Object, ObjectError, ops::Arguments};
use std::time::Instant;

#[derive(Debug)]
struct Uptime(ObjectDef, Instant);

impl Object for Uptime {
    fn definition(&self) -> &ObjectDef {
        &self.0
    }
    fn instances(&self) -> Vec<u16> {
        vec![0]
    }
    fn resources(&self, _instance: u16) -> Vec<u16> {
        vec![0, 1]
    }
    fn read(&self, _instance: u16, resource: u16) -> Option<ResourceValue> {
        let seconds = self.1.elapsed().as_secs_f64();
        (resource == 0).then(|| ResourceValue::Single(seconds.into()))
    }
    fn execute(&mut self, _: u16, _: u16, _: &Arguments) -> Result<(), ObjectError> {
        self.1 = Instant::now();
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = ResourceDef::new(0, "Seconds", Operations::R, ValueType::Float);
    let restart = ResourceDef::new(1, "Restart", Operations::E, ValueType::None);
    let def = ObjectDef::new(32_769, "Uptime", Version::V1_0);
    let def = def.with_resource(seconds).with_resource(restart);
    let server = std::env::args().nth(1);
    let server = server.unwrap_or_else(|| "coap://localhost".into());
    let client = Client::builder().endpoint("own-object").server(server);
    let client = client.object(Uptime(def, Instant::now())).start().await?;
    let mut events = client.events();
    while let Some(event) = events.next().await {
        println!("{event:?}");
    }
    Ok(())
}
