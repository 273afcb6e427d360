//! What endpoints may prove. Secrets come in and never go out, but for a key that is drawn here, once.

mod commands;

use std::borrow::Cow;

use axum::response::Response;
use lwm2m_identity::{
    Credential, MAX_PSK, PlanError, PskKey, SHORT_PSK, Security, SecurityError, check_endpoint,
    material::{FieldError, FieldProblem, MaterialError, PskReadError, PublicKey, SecurityFields},
};
use serde_json::{Map, Value as Json, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::{list as list_of, no_content, ok};
use crate::{
    backend::{CredentialFacts, CredentialFailure, Credentials},
    call::Call,
    json::seconds,
    problem::{Code, Problem},
};

/// `GET /devices/{ep}/credentials`
pub(crate) async fn show(call: Call) -> Result<Response, Problem> {
    let known = call.app.backend.credentials(call.ep()).await?;
    Ok(ok(&Json::Object(credentials(&known.ok_or_else(unknown)?))))
}

/// `GET /security`
pub(crate) async fn list(call: Call) -> Result<Response, Problem> {
    let limit = usize::try_from(call.query.number("limit", 1..=500, 50)?).unwrap_or(50);
    let (text, after) = (call.query.get("q"), call.query.get("after"));
    let page = call.app.backend.all_credentials(text, after, limit).await?;
    let items = page.items.iter().map(credentials).map(Json::Object);
    Ok(list_of(items.collect(), page.next))
}

/// `PUT /devices/{ep}/credentials`
pub(crate) async fn set(mut call: Call) -> Result<Response, Problem> {
    check_endpoint(call.ep()).map_err(endpoint)?;
    let body = Wiped(call.json().await?);
    let security = fields(&body.0)?.security(call.ep())?;
    let set = call
        .app
        .backend
        .set_credentials(call.ep(), security)
        .await?;
    Ok(ok(&Json::Object(credentials(&set))))
}

/// `DELETE /devices/{ep}/credentials`
pub(crate) async fn remove(call: Call) -> Result<Response, Problem> {
    match call.app.backend.remove_credentials(call.ep()).await? {
        true => Ok(no_content()),
        false => Err(unknown()),
    }
}

/// `POST /devices/{ep}/credentials:generate`
pub(crate) async fn generate(mut call: Call) -> Result<Response, Problem> {
    check_endpoint(call.ep()).map_err(endpoint)?;
    let body = call.optional_json().await?.unwrap_or_else(|| json!({}));
    let (identity, length) = wanted(&body, call.ep())?;
    let key = draw(length)?;
    let psk = PskKey::new(&key).map_err(|error| invalid("length", error.to_string()))?;
    let security = Security::Psk {
        identity: identity.as_bytes().to_vec().into(),
        key: psk,
    };
    security
        .check()
        .map_err(|error| told(Code::InvalidCredential, &error.to_string()).field("identity"))?;
    let set = call
        .app
        .backend
        .set_credentials(call.ep(), security)
        .await?;
    let info = call.app.backend.info();
    let commands = commands::server(&info.endpoints, &call.headers)
        .map(|server| commands::all(&server, call.ep(), &identity, &key))
        .unwrap_or_default();
    let mut members = credentials(&set);
    members.insert("key".into(), format!("hex:{}", *hex(&key)).into());
    members.insert("commands".into(), commands.into());
    Ok(ok(&Wiped(Json::Object(members)).0))
}

/// JSON with secrets in it; its texts are wiped when it goes.
struct Wiped(Json);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(json: &mut Json) {
    match json {
        Json::String(text) => text.zeroize(),
        Json::Array(items) => items.iter_mut().for_each(wipe),
        Json::Object(members) => members.values_mut().for_each(wipe),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The members of a body, which are all text.
fn fields(body: &Json) -> Result<SecurityFields<'_>, Problem> {
    let Some(members) = body.as_object() else {
        return Err(invalid("", "an object expected").hint(EXAMPLE));
    };
    let mut fields = SecurityFields::default();
    for (name, value) in members {
        let Some(field) = fields.field(name) else {
            let known = SecurityFields::NAMES.join(", ");
            return Err(invalid(name, "no such member").hint(format!("known here: {known}")));
        };
        match value {
            Json::String(text) => *field = Some(Cow::Borrowed(text)),
            Json::Null => {}
            _ => return Err(invalid(name, "text expected").hint(EXAMPLE)),
        }
    }
    Ok(fields)
}

/// Identity and length of a key that is to be drawn.
fn wanted(body: &Json, ep: &str) -> Result<(String, usize), Problem> {
    let Some(members) = body.as_object() else {
        return Err(invalid("", "an object expected").hint("such as {\"identity\": \"lamp-key\"}"));
    };
    let (mut identity, mut length) = (ep.to_owned(), SHORT_PSK);
    for (name, value) in members {
        match (name.as_str(), value) {
            (_, Json::Null) => {}
            ("identity", Json::String(text)) => identity.clone_from(text),
            ("length", value) => {
                length = value
                    .as_u64()
                    .and_then(|length| usize::try_from(length).ok())
                    .filter(|length| (SHORT_PSK..=MAX_PSK).contains(length))
                    .ok_or_else(|| invalid("length", format!("{SHORT_PSK} to {MAX_PSK} bytes")))?;
            }
            ("identity", _) => return Err(invalid(name, "text expected")),
            _ => {
                return Err(invalid(name, "no such member").hint("known here: identity, length"));
            }
        }
    }
    Ok((identity, length))
}

/// Random bytes without NUL and line feed: programs in C and shells take such a key as it is. That costs a hundredth of
/// a bit per byte.
fn draw(length: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut key = Zeroizing::new(Vec::with_capacity(length));
    let mut drawn = Zeroizing::new([0; 64]);
    while key.len() < length {
        getrandom::fill(drawn.as_mut_slice())
            .map_err(|_| Problem::new(Code::Internal, "the system gives no randomness"))?;
        let usable = drawn.iter().filter(|byte| !matches!(byte, 0 | b'\n'));
        let missing = length.saturating_sub(key.len());
        key.extend(usable.take(missing));
    }
    Ok(key)
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(2)));
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

/// A security record as JSON: members of its first credential, the others in `also`.
pub(crate) fn credentials(known: &Credentials) -> Map<String, Json> {
    let mut all = known.credentials.iter().map(credential);
    let mut members = all.next().unwrap_or_else(|| {
        let mode = if known.nosec { "nosec" } else { "locked" };
        Map::from_iter([
            ("mode".to_owned(), mode.into()),
            ("warnings".to_owned(), json!([])),
        ])
    });
    let also: Vec<Json> = all.map(Json::Object).collect();
    members.insert("ep".into(), known.ep.clone().into());
    members.insert("also".into(), also.into());
    let set = known.set.and_then(|set| i64::try_from(set).ok());
    members.insert("set".into(), set.and_then(seconds).into());
    members
}

fn credential(facts: &CredentialFacts) -> Map<String, Json> {
    let mut members = Map::new();
    let mut member = |name: &str, value: Json| members.insert(name.to_owned(), value);
    match &facts.credential {
        Credential::Psk { identity } => {
            member("mode", "psk".into());
            match core::str::from_utf8(identity) {
                Ok(text) => member("identity", text.into()),
                Err(_) => member("identity_hex", hex(identity).as_str().into()),
            };
            member("key_length", facts.key_length.into());
        }
        Credential::RawPublicKey { key } => {
            member("mode", "rpk".into());
            member("public_key", format!("hex:{}", *hex(key)).into());
            if let Ok(key) = PublicKey::from_spki(key) {
                member("fingerprint", key.fingerprint().into());
                member("curve", key.algorithm().into());
            }
        }
        Credential::X509 { name } => {
            member("mode", "x509".into());
            member("name", name.clone().into());
        }
        _ => {
            member("mode", "locked".into());
        }
    }
    member("warnings", facts.warnings.clone().into());
    members
}

fn unknown() -> Problem {
    Problem::new(
        Code::UnknownCredentials,
        "nothing is recorded about what this endpoint may prove",
    )
    .field("ep")
    .hint("GET /api/v1/security lists what is recorded")
}

fn endpoint(error: lwm2m_identity::EndpointError) -> Problem {
    Problem::new(Code::InvalidParameter, error.to_string()).field("ep")
}

fn invalid(field: &str, detail: impl Into<Cow<'static, str>>) -> Problem {
    let problem = Problem::new(Code::InvalidCredential, detail);
    if field.is_empty() {
        problem
    } else {
        problem.field(field)
    }
}

/// What is wrong with a field, and what to do, which stands behind a colon in the sentence of the error.
fn told(code: Code, text: &str) -> Problem {
    let advice = ADVICE.iter().find_map(|mark| {
        text.split_once(mark)
            .map(|(wrong, advice)| (wrong, mark, advice))
    });
    match advice {
        Some((wrong, mark, advice)) => {
            let verb = mark.trim_start_matches([':', ';', ' ']);
            Problem::new(code, wrong.to_owned()).hint(format!("{verb}{advice}"))
        }
        None => Problem::new(code, text.to_owned()),
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        let code = match &error.problem {
            FieldProblem::Psk(PskReadError::Ambiguous { .. })
            | FieldProblem::Material(MaterialError::Ambiguous) => Code::AmbiguousValue,
            FieldProblem::Security(SecurityError::PublishedKey(_)) => Code::PublishedKey,
            FieldProblem::Material(
                MaterialError::JavaKeyStore
                | MaterialError::JavaObject
                | MaterialError::Pkcs12
                | MaterialError::Encrypted
                | MaterialError::OpenSsh,
            ) => Code::ForeignKeyFile,
            _ => Code::InvalidCredential,
        };
        told(code, &error.problem.to_string()).field(error.field)
    }
}

impl From<CredentialFailure> for Problem {
    fn from(failure: CredentialFailure) -> Self {
        match failure {
            CredentialFailure::Refused(PlanError::Taken {
                credential, owner, ..
            }) => {
                let field = match credential {
                    Credential::RawPublicKey { .. } => "public_key",
                    Credential::X509 { .. } => "name",
                    _ => "identity",
                };
                Self::new(
                    Code::CredentialTaken,
                    format!("{credential} is taken by endpoint {owner:?}"),
                )
                .field(field)
                .hint("choose another one, or remove it there first")
            }
            CredentialFailure::Refused(PlanError::Security { error, .. }) => {
                told(Code::InvalidCredential, &error.to_string())
            }
            CredentialFailure::Refused(PlanError::Unreadable { error, .. }) => Self::new(
                Code::Internal,
                format!("the record in the store cannot be read: {error}"),
            ),
            CredentialFailure::Refused(other) => told(Code::InvalidCredential, &other.to_string()),
            CredentialFailure::Down => Self::new(
                Code::StoreDown,
                "the store of the security records does not answer",
            )
            .hint("nothing was changed; try again"),
            CredentialFailure::Busy => {
                Self::new(Code::StoreDown, "others change the same records").hint("try again")
            }
            CredentialFailure::Unknown => Self::new(
                Code::StoreDown,
                "the store failed, and nobody knows whether the change was kept",
            )
            .hint("do it again"),
        }
    }
}

const EXAMPLE: &str = "such as {\"mode\": \"psk\", \"identity\": \"lamp-key\", \"key\": \"hex:…\"}";
/// How advice begins in the sentences of errors.
const ADVICE: [&str; 10] = [
    ": write ",
    "; export it: ",
    "; take it off: ",
    "; convert it: ",
    ": generate ",
    ": leave ",
    ": give ",
    ": add ",
    ": enter ",
    ": openssl ",
];
