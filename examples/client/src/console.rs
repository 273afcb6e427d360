//! Commands on stdin. What they show goes to stdout, what they say to stderr.

use std::io::Write as _;
use std::time::Duration;

use lwm2m_client::{Client, ClientError, LifeError, ServerId, Status, ops::Lifetime};
use lwm2m_model::{Node, Path, ResourceDef, ResourceValue, Value, ValueType};
use support::exit;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::exit_code;

/// Carries out commands until `quit`; returns the exit code: that of the last command that failed.
pub(crate) async fn run(client: Client, interactive: bool) -> u8 {
    let mut code = exit::DONE;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        if interactive {
            let _ = write!(std::io::stderr(), "> ");
        }
        let Ok(Some(line)) = lines.next_line().await else {
            if interactive {
                return code;
            }
            // No commands any more; the client goes on.
            return std::future::pending().await;
        };
        match command(&client, line.trim()).await {
            Ok(Next::Go) => {}
            Ok(Next::Quit) => return code,
            Err(problem) => {
                code = problem.code;
                support::complain!("error: {}", problem.text);
            }
        }
    }
}

enum Next {
    Go,
    Quit,
}

struct Problem {
    text: String,
    code: u8,
}

impl Problem {
    fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            text,
            code: exit::FAILED,
        }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        Self {
            text: error.to_string(),
            code: match error {
                ClientError::Failed(reason) => exit_code(reason),
                _ => exit::FAILED,
            },
        }
    }
}

impl From<LifeError> for Problem {
    fn from(error: LifeError) -> Self {
        ClientError::from(error).into()
    }
}

async fn command(client: &Client, line: &str) -> Result<Next, Problem> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "" => {}
        "help" => support::say!("{HELP}"),
        "quit" | "exit" => return Ok(Next::Quit),
        "list" => list(client),
        "get" => {
            let path = path(rest)?;
            let node = client
                .get(&path)
                .ok_or_else(|| Problem::new(format!("{path}: not there")))?;
            show(&node, &path);
        }
        "set" => set(client, rest)?,
        "wait" => wait(client, server(client, rest)?).await?,
        "register" => {
            let server = server(client, rest)?;
            let registered = client.register(server).await?;
            support::say!("registered with {server} as {}", registered.location);
        }
        "update" => {
            let lifetime = match rest {
                "" => None,
                seconds => {
                    let seconds = seconds.parse();
                    let seconds = seconds.map_err(|_| Problem::new("update [SECONDS]"))?;
                    Some(Lifetime::from_seconds(seconds))
                }
            };
            for server in client.servers() {
                wait(client, server).await?;
                client.update(server, lifetime).await?;
                support::say!("updated with {server}");
            }
        }
        "deregister" => {
            let server = server(client, rest)?;
            client.deregister(Some(server)).await?;
            support::say!("de-registered from {server}");
        }
        "disconnect" => {
            for server in client.servers() {
                client.disconnect(server)?;
            }
            support::say!("disconnected");
        }
        "reconnect" => {
            for server in client.servers() {
                client.reconnect(server)?;
            }
            support::say!("reconnecting");
        }
        word => return Err(Problem::new(format!("no command {word:?}; try help"))),
    }
    Ok(Next::Go)
}

/// The server that is named by its number, or the only one.
fn server(client: &Client, text: &str) -> Result<ServerId, Problem> {
    let servers = client.servers();
    match (text, servers.as_slice()) {
        ("", [only]) => Ok(*only),
        ("", _) => Err(LifeError::Ambiguous.into()),
        (text, _) => {
            let id = text.parse().ok().and_then(ServerId::new);
            id.ok_or_else(|| Problem::new(format!("{text:?} is no short server id")))
        }
    }
}

async fn wait(client: &Client, server: ServerId) -> Result<(), Problem> {
    // Whom nobody asked to register is not waited for.
    if client.status(server) == Some(Status::Unregistered) {
        return Err(LifeError::NotRegistered.into());
    }
    match tokio::time::timeout(PATIENCE, client.registered(server)).await {
        Ok(registered) => {
            registered?;
            Ok(())
        }
        Err(_) => Err(Problem {
            text: format!(
                "not registered with {server} after {} s",
                PATIENCE.as_secs()
            ),
            code: exit::UNREACHABLE,
        }),
    }
}

fn list(client: &Client) {
    for server in client.servers() {
        let status = match client.status(server) {
            Some(Status::Registered {
                location, version, ..
            }) => {
                format!("registered as {location} (LwM2M {version})")
            }
            Some(Status::Unregistered) | None => "not registered".into(),
            Some(Status::Offline) => "disconnected".into(),
            Some(_) => "registering".into(),
        };
        support::say!("server {server}: {status}");
    }
    for (object, instances) in client.objects() {
        let lines = client.with_object(object, |held| {
            let def = held.definition();
            let mut lines = vec![format!("/{object} {}", def.name())];
            for instance in &instances {
                for resource in held.resources(*instance) {
                    let Some(def) = def.resource(resource) else {
                        continue;
                    };
                    let value = held.read(*instance, resource);
                    let value = value.map_or_else(|| "-".into(), |value| text_of(&value));
                    lines.push(format!(
                        "  /{object}/{instance}/{resource} {} [{}] = {value}{}",
                        def.name(),
                        def.operations(),
                        unit(&def)
                    ));
                }
            }
            lines
        });
        for line in lines.unwrap_or_default() {
            support::say!("{line}");
        }
    }
}

fn unit(def: &ResourceDef<'_>) -> String {
    def.unit()
        .map(|unit| format!(" {unit}"))
        .unwrap_or_default()
}

fn show(node: &Node, path: &Path) {
    for (path, value) in node.walk(path) {
        support::say!("{path} = {}", value_text(value));
    }
}

fn text_of(value: &ResourceValue) -> String {
    match value {
        ResourceValue::Single(value) => value_text(value),
        ResourceValue::Multiple(values) => {
            let items: Vec<String> = values
                .iter()
                .map(|(id, value)| format!("{id}: {}", value_text(value)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) | Value::CoreLink(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Unsigned(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Opaque(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("hex:{digits}")
        }
        Value::Time(seconds) => match jiff::Timestamp::from_second(*seconds) {
            Ok(time) => time.to_string(),
            Err(_) => seconds.to_string(),
        },
        Value::ObjectLink(link) => link.to_string(),
        value => format!("{value:?}"),
    }
}

fn path(text: &str) -> Result<Path, Problem> {
    text.parse()
        .map_err(|error| Problem::new(format!("{text:?}: {error}")))
}

fn set(client: &Client, rest: &str) -> Result<(), Problem> {
    let usage = "set PATH VALUE, for example: set /3303/0/5700 21.5";
    let (target, text) = rest
        .split_once(char::is_whitespace)
        .ok_or_else(|| Problem::new(usage))?;
    let path = path(target)?;
    let kind = path
        .object_id()
        .zip(path.resource_id())
        .and_then(|(object, resource)| {
            client.with_object(object, |held| {
                Some(held.definition().resource(resource)?.value_type())
            })?
        });
    let kind = kind.ok_or_else(|| Problem::new(format!("{path}: no such resource")))?;
    let value = parse(kind, text.trim())
        .ok_or_else(|| Problem::new(format!("{text:?} is no {}", kind.as_str())))?;
    client
        .set(&path, value)
        .map_err(|error| Problem::new(format!("{path}: {error}")))
}

/// A value as people write it.
fn parse(kind: ValueType, text: &str) -> Option<Value> {
    Some(match kind {
        ValueType::String => Value::String(text.into()),
        ValueType::CoreLink => Value::CoreLink(text.into()),
        ValueType::Integer => Value::Integer(text.parse().ok()?),
        ValueType::Unsigned => Value::Unsigned(text.parse().ok()?),
        ValueType::Float => Value::Float(text.parse().ok()?),
        ValueType::Boolean => Value::Boolean(text.parse().ok()?),
        ValueType::ObjectLink => Value::ObjectLink(text.parse().ok()?),
        ValueType::Time => match text.parse::<jiff::Timestamp>() {
            Ok(time) => Value::Time(time.as_second()),
            Err(_) => Value::Time(text.parse().ok()?),
        },
        ValueType::Opaque => Value::from(hex(text.strip_prefix("hex:").unwrap_or(text))?),
        _ => return None,
    })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2).map(|at| text.get(at..at + 2));
    pairs
        .map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect()
}

const PATIENCE: Duration = Duration::from_secs(10);

const HELP: &str = "\
list                  servers, objects and values
get PATH              the values at a path
set PATH VALUE        a new value; opaque as hex:00ff, times as 2024-01-31T12:00:00Z
wait [SERVER]         until registered, 10 s at most
register [SERVER]     now, also when registered
update [SECONDS]      now, with a new lifetime if one is given
deregister [SERVER]   leave
disconnect            fall silent, and keep the registration
reconnect             speak again
quit                  leave, and end";

#[cfg(test)]
mod tests {
    use lwm2m_model::{ObjectLink, Value, ValueType};

    use super::{parse, value_text};

    #[test]
    fn values_as_people_write_them() {
        for (kind, text, value) in [
            (ValueType::Float, "21.5", Some(Value::Float(21.5))),
            (ValueType::Float, "x", None),
            (ValueType::Integer, "-3", Some(Value::Integer(-3))),
            (ValueType::Unsigned, "-3", None),
            (ValueType::Boolean, "true", Some(Value::Boolean(true))),
            (ValueType::String, "a b", Some(Value::String("a b".into()))),
            (
                ValueType::Opaque,
                "hex:00ff",
                Some(Value::from(vec![0, 255])),
            ),
            (ValueType::Opaque, "0ff", None),
            (ValueType::Opaque, "+1", None),
            (
                ValueType::Time,
                "2024-01-31T12:00:00Z",
                Some(Value::Time(1_706_702_400)),
            ),
            (ValueType::Time, "60", Some(Value::Time(60))),
            (
                ValueType::ObjectLink,
                "65535:65535",
                Some(Value::ObjectLink(ObjectLink::NULL)),
            ),
            (ValueType::None, "x", None),
        ] {
            assert_eq!(parse(kind, text), value, "{kind:?} {text}");
        }
        assert_eq!(value_text(&Value::from(vec![0, 255])), "hex:00ff");
        assert_eq!(value_text(&Value::Time(0)), "1970-01-01T00:00:00Z");
    }
}
