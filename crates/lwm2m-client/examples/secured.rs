//! A client with a pre-shared key: `secured coaps://localhost urn:dev:lamp FILE`, where the file holds the key's bytes.
use lwm2m_client::{Client, Secret, TemperatureObject};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [server, identity, key] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: secured URI IDENTITY KEY-FILE")?;
    let key = Secret::from(std::fs::read(key)?);
    let client = Client::builder()
        .endpoint(&identity)
        .server(server)
        .psk(identity, key)
        .object(TemperatureObject::new().with_sensor(0, 20.5));
    let client = client.start().await?;
    let mut events = client.events();
    while let Some(event) = events.next().await {
        // A secured session, a registration, or why there is none.
        println!("{event:?}");
    }
    Ok(())
}
