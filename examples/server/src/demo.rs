use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use lwm2m_client::{Client, DeviceObject, LocationObject, Secret, TableObject, TemperatureObject};
use lwm2m_console::Token;
use lwm2m_identity::{PskKey, Security};
use lwm2m_model::{Lwm2mVersion, Models, Node, Path, Resource, ResourceValue, Value, path};
use lwm2m_server::{CallOptions, EventKind, EventStream, Handle, StreamItem};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Simulated devices that register with a server on this machine.
#[derive(Default)]
pub(crate) struct Fleet {
    devices: Vec<Simulated>,
    changes: JoinSet<()>,
}

struct Simulated {
    endpoint: String,
    is_secured: bool,
    client: Client,
    /// The value that the story reads first.
    value: Path,
}

/// How long a step of the story may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often simulated values change.
const BEAT: Duration = Duration::from_secs(2);
/// The resource that names the unit of a sensor's value.
const SENSOR_UNITS: u16 = 5701;

/// Starts `count` devices of three kinds in turn.
async fn start(count: u16, fleet: &mut Fleet, handle: &Handle) -> Result<(), Box<dyn Error>> {
    let info = handle.info();
    let plain = info.endpoints.iter().find(|uri| uri.starts_with("coap://"));
    let secured = info
        .endpoints
        .iter()
        .zip(&info.addresses)
        .find(|(uri, _)| uri.starts_with("coaps://"))
        .map(|(_, address)| format!("coaps://{}", reachable(*address)));
    let models = Models::builtin();
    for number in 0..count {
        let (kind, value) = match number % 3 {
            0 => ("thermostat", path!(3303, 0, 5700)),
            1 => ("meter", path!(3305, 0, 5800)),
            _ => ("tracker", path!(6, 0, 0)),
        };
        let endpoint = match number / 3 {
            0 => format!("sim-{kind}"),
            more => format!("sim-{kind}-{}", more + 1),
        };
        let builder = Client::builder()
            .endpoint(&endpoint)
            .lifetime(300)
            .object(facts(kind, number, &models)?);
        let is_secured = secured.is_some() && (number % 3 == 1 || plain.is_none());
        let builder = match (&secured, plain) {
            (Some(server), _) if is_secured => {
                let key = credential(&endpoint, handle).await?;
                builder.server(server).psk(endpoint.as_bytes(), key)
            }
            (_, Some(server)) => builder.server(server),
            _ => return Err("no server to register with".into()),
        };
        let builder = match number % 3 {
            0 => builder.object(TemperatureObject::new().with_sensor(0, 21.4)),
            1 => builder.object(meter(&models)?),
            _ => {
                let mut place = LocationObject::default();
                (place.latitude, place.longitude) = (52.52, 13.405);
                place.timestamp = now()?;
                builder.object(place.into_object(&models, Lwm2mVersion::V1_1)?)
            }
        };
        fleet.devices.push(Simulated {
            endpoint,
            is_secured,
            client: builder.start().await?,
            value,
        });
    }
    Ok(())
}

/// A key for this run alone: drawn here, kept in memory, told to nobody.
async fn credential(endpoint: &str, handle: &Handle) -> Result<Secret, Box<dyn Error>> {
    let mut key = [0; 16];
    getrandom::fill(&mut key)
        .map_err(|error| format!("the system gives no randomness: {error}"))?;
    let security = Security::Psk {
        identity: endpoint.as_bytes().to_vec().into(),
        key: PskKey::new(&key)?,
    };
    handle.set_security(endpoint, &[security]).await?;
    Ok(Secret::from(key.to_vec()))
}

/// Where a device on this machine finds a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Starts `count` devices, reads a value of each as soon as it is there, and sees one change.
pub(crate) async fn tell(
    count: u16,
    fleet: &mut Fleet,
    handle: &Handle,
) -> Result<(), Box<dyn Error>> {
    start(count, fleet, handle).await?;
    let mut events = handle.events(None);
    for device in &fleet.devices {
        let endpoint = device.endpoint.as_str();
        within(registered(device, handle)).await?;
        let answer = handle
            .read(endpoint, device.value, CallOptions::default())
            .await
            .map_err(|error| format!("{endpoint} {}: {error}", device.value))?;
        let unit = unit(handle, device).await;
        let shown = show(device.value, &answer.node, &unit)?;
        support::say!("  ✓ {endpoint:<18} registered → {} = {shown}", device.value);
        if device.is_secured {
            let session = handle
                .session(endpoint)
                .ok_or_else(|| format!("{endpoint} registered without its security session"))?;
            let id = match session.connection_id {
                true => "with a connection id",
                false => "without a connection id",
            };
            support::say!("  ✓ {endpoint:<18} secured    → {}, {id}", session.suite);
        }
    }
    for device in &fleet.devices {
        fleet
            .changes
            .spawn(change(device.client.clone(), device.value));
    }
    if let Some(device) = fleet.devices.first() {
        let (endpoint, path) = (device.endpoint.as_str(), device.value);
        handle
            .observe(endpoint, path, CallOptions::default())
            .await
            .map_err(|error| format!("observing {endpoint} {path}: {error}"))?;
        let node = within(notified(&mut events, path)).await?;
        let shown = show(path, &node, &unit(handle, device).await)?;
        support::say!("  ✓ {endpoint:<18} observed   → {path} = {shown}");
    }
    Ok(())
}

/// Sees that the page and the API answer, to those with the token and to nobody else.
pub(crate) async fn check_http(http: SocketAddr, token: &Token) -> Result<(), Box<dyn Error>> {
    let authorization = format!("Authorization: Bearer {}\r\n", token.reveal());
    for (path, header, wanted) in [
        ("/readyz", "", "200"),
        ("/", "", "200"),
        ("/api/v1/devices", "", "401"),
        ("/api/v1/devices", authorization.as_str(), "200"),
    ] {
        let mut stream = TcpStream::connect(http).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {http}\r\n{header}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
        if status != wanted {
            return Err(format!("GET {path} is answered with {status} instead of {wanted}").into());
        }
    }
    support::say!("  ✓ page and API answer");
    Ok(())
}

impl Fleet {
    /// De-registers all devices.
    pub(crate) async fn stop(mut self) {
        self.changes.shutdown().await;
        for device in &self.devices {
            device.client.stop().await;
        }
    }
}

fn facts(kind: &str, number: u16, models: &Models) -> Result<TableObject, Box<dyn Error>> {
    let mut facts = DeviceObject::default();
    facts.manufacturer = Some("LwM2M for Rust".into());
    facts.model_number = Some(format!("simulated {kind}"));
    facts.serial_number = Some(format!("{number:05}"));
    facts.battery_level = Some(93);
    Ok(facts.into_object(models, Lwm2mVersion::V1_1)?)
}

fn meter(models: &Models) -> Result<TableObject, Box<dyn Error>> {
    let def = models
        .object(3305, None)
        .def
        .ok_or("the registry has no object 3305")?;
    let values = [
        Resource::single(5800, Value::Float(230.0)),
        Resource::single(5805, Value::Float(1.5)),
    ];
    Ok(TableObject::new(def.clone()).with_instance(0, values))
}

async fn registered(device: &Simulated, handle: &Handle) -> Result<(), Box<dyn Error>> {
    for &server in &device.client.servers() {
        device.client.registered(server).await?;
    }
    match handle.device(&device.endpoint) {
        Some(_) => Ok(()),
        None => Err(format!("{} says it is registered and is not", device.endpoint).into()),
    }
}

async fn notified(events: &mut EventStream, observed: Path) -> Result<Node, Box<dyn Error>> {
    while let Some(item) = events.next().await {
        if let StreamItem::Event(event) = item
            && let EventKind::ObservationNotified {
                path,
                node: Some(node),
                ..
            } = &event.kind
            && *path == observed
        {
            return Ok(node.clone());
        }
    }
    Err("the server ended".into())
}

/// Lets a value drift, for the page's charts.
async fn change(client: Client, path: Path) {
    let mut step = 0.0;
    loop {
        tokio::time::sleep(BEAT).await;
        step += 0.7;
        let before = client.get(&path);
        let Some(before) = before.as_ref().and_then(single).and_then(Value::as_f64) else {
            return;
        };
        let after = before + f64::sin(step) * 0.3;
        if client.set(&path, (after * 100.0).round() / 100.0).is_err() {
            return;
        }
    }
}

/// A single value with its unit.
fn show(path: Path, node: &Node, unit: &str) -> Result<String, Box<dyn Error>> {
    let value = single(node).ok_or_else(|| format!("{path} is not a single value"))?;
    Ok(format!("{value} {unit}").trim_end().to_owned())
}

/// The unit of a device's value: what its definition says, or else what the device says beside it
/// (Sensor Units, as all sensors of the registry have them).
async fn unit(handle: &Handle, device: &Simulated) -> String {
    let models = handle.models();
    let (object, resource) = (device.value.object_id(), device.value.resource_id());
    let def = object.and_then(|object| models.object(object, None).def);
    let def = def
        .zip(resource)
        .and_then(|(def, resource)| def.resource(resource));
    if let Some(unit) = def.and_then(|def| def.unit()) {
        return unit.to_owned();
    }
    let beside = device
        .value
        .parent()
        .and_then(|instance| instance.child(SENSOR_UNITS).ok());
    let Some(beside) = beside else {
        return String::new();
    };
    let answer = handle
        .read(&device.endpoint, beside, CallOptions::default())
        .await;
    match answer.as_ref().ok().and_then(|answer| single(&answer.node)) {
        Some(Value::String(unit)) => unit.clone(),
        _ => String::new(),
    }
}

fn single(node: &Node) -> Option<&Value> {
    match node {
        Node::Resource(Resource {
            value: ResourceValue::Single(value),
            ..
        }) => Some(value),
        _ => None,
    }
}

/// Seconds since 1970.
fn now() -> Result<i64, Box<dyn Error>> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}

async fn within<T>(
    step: impl Future<Output = Result<T, Box<dyn Error>>>,
) -> Result<T, Box<dyn Error>> {
    match tokio::time::timeout(PATIENCE, step).await {
        Ok(done) => done,
        Err(_) => Err(format!("a step took longer than {} s", PATIENCE.as_secs()).into()),
    }
}
