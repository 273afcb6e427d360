use coap_codec::{
    Code, ContentFormat, Opt, OptionDefinition, OptionFormat, OptionNumber, Options, Request,
    Response,
};
use lwm2m_model::{Level, Path};

use crate::{
    answer::{Refused, UnexpectedResponse},
    cancel::Cancel,
    context::{DecodeContext, Interface},
    create::Create,
    delete::Delete,
    deregister::Deregister,
    discover::Discover,
    execute::Execute,
    illegal::IllegalRequest,
    location::RegistrationId,
    observe::Observe,
    read::Read,
    refusal::{Reason, Refusal},
    register::{RD, Register},
    reply::Reply,
    root,
    update::Update,
    write::Write,
};

/// A request, understood.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once and taken apart at once; a box would allocate on every request"
)]
pub enum Operation {
    /// From a client to a server.
    Uplink(Uplink),
    /// From a server to a client.
    Downlink(Downlink),
}

/// What a client asks of a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Uplink {
    /// Make itself known.
    Register(Register),
    /// Renew the registration.
    Update(Update),
    /// Leave.
    Deregister(Deregister),
}

/// What a server asks of a client.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Downlink {
    /// Values.
    Read(Read),
    /// What there is, and with which attributes.
    Discover(Discover),
    /// New values.
    Write(Write),
    /// An action.
    Execute(Execute),
    /// New object instances.
    Create(Create),
    /// An instance less.
    Delete(Delete),
    /// Values, now and whenever they change.
    Observe(Observe),
    /// The end of an [`Observe`].
    Cancel(Cancel),
}

impl Uplink {
    /// The request to send. It must be sent confirmable.
    ///
    /// # Errors
    /// As the `to_request` of the operation.
    pub fn to_request(&self) -> Result<Request, IllegalRequest> {
        match self {
            Self::Register(register) => register.to_request(),
            Self::Update(update) => update.to_request(),
            Self::Deregister(deregister) => deregister.to_request(),
        }
    }

    /// A stable lower-case name, for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "register",
            Self::Update(_) => "update",
            Self::Deregister(_) => "deregister",
        }
    }
}

impl Downlink {
    /// The request to send to a client whose objects lie under `root` (`""` for most).
    ///
    /// # Errors
    /// [`IllegalRequest::Root`]; what else could be wrong was refused when the operation was
    /// built.
    pub fn to_request(&self, root: &str) -> Result<Request, IllegalRequest> {
        match self {
            Self::Read(read) => read.to_request(root),
            Self::Discover(discover) => discover.to_request(root),
            Self::Write(write) => write.to_request(root),
            Self::Execute(execute) => execute.to_request(root),
            Self::Create(create) => create.to_request(root),
            Self::Delete(delete) => delete.to_request(root),
            Self::Observe(observe) => observe.to_request(root),
            Self::Cancel(cancel) => cancel.to_request(root),
        }
    }

    /// The path the operation is about.
    #[must_use]
    pub fn path(&self) -> Path {
        match self {
            Self::Read(read) => read.path(),
            Self::Discover(discover) => discover.path(),
            Self::Write(write) => write.path(),
            Self::Execute(execute) => execute.path(),
            Self::Create(create) => create.path(),
            Self::Delete(delete) => delete.path(),
            Self::Observe(observe) => observe.path(),
            Self::Cancel(cancel) => cancel.path(),
        }
    }

    /// A stable lower-case name, for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Discover(_) => "discover",
            Self::Write(_) => "write",
            Self::Execute(_) => "execute",
            Self::Create(_) => "create",
            Self::Delete(_) => "delete",
            Self::Observe(_) => "observe",
            Self::Cancel(_) => "cancel",
        }
    }
}

macro_rules! wrap {
    ($outer:ident: $($name:ident)*) => { $(
        impl From<$name> for $outer {
            fn from(operation: $name) -> Self {
                Self::$name(operation)
            }
        }
        impl From<$name> for Operation {
            fn from(operation: $name) -> Self {
                Self::$outer($outer::$name(operation))
            }
        }
    )* };
}
wrap!(Uplink: Register Update Deregister);
wrap!(Downlink: Read Discover Write Execute Create Delete Observe Cancel);

/// Tells which operation a request is, and reads it.
///
/// # Errors
/// A [`Refusal`] with the code to answer. Nothing was done.
pub fn decode(cx: &DecodeContext<'_>, request: &Request) -> Result<Operation, Refusal> {
    // Methods that exist in no specification (0.08 to 0.31) are not allowed on any path.
    if !(Code::GET..=Code::IPATCH).contains(&request.code) {
        return Err(Reason::MethodNotAllowed.into());
    }
    // RFC 7252 §5.4.1: an unrecognised critical option is answered with 4.02. Those of the
    // message layer were consumed there; the ones listed are what operations know.
    if has_bad_option(request.options.as_options()) {
        return Err(Reason::BadOption.into());
    }
    // RFC 7252 §5.10.1: every segment is UTF-8.
    let mut path = request.options.as_options().uri_path();
    if path.any(|segment| segment.is_err()) {
        return Err(Reason::NotUtf8.into());
    }
    match cx.interface {
        Interface::Registration => decode_registration(cx, request).map(Operation::Uplink),
        Interface::DeviceManagement => decode_management(cx, request).map(Operation::Downlink),
    }
}

/// `POST /rd`, `POST /rd/<id>`, `DELETE /rd/<id>`.
fn decode_registration(cx: &DecodeContext<'_>, request: &Request) -> Result<Uplink, Refusal> {
    let mut segments = request.options.as_options().all(OptionNumber::URI_PATH);
    if segments.next() != Some(RD.as_bytes()) {
        return Err(Reason::NotFound.into());
    }
    if !matches!(request.code, Code::POST | Code::DELETE) {
        return Err(Reason::MethodNotAllowed.into());
    }
    // LwM2M transport binding, "Registration Interface": all of these are confirmable.
    if !cx.confirmable {
        return Err(Reason::NotConfirmable.into());
    }
    match (request.code, segments.next(), segments.next()) {
        (Code::POST, None, _) => Register::from_request(cx, request).map(Uplink::Register),
        (method, Some(segment), None) if !segment.is_empty() => {
            // A location that we cannot have given out is one that does not exist.
            let id = core::str::from_utf8(segment)
                .ok()
                .and_then(|id| RegistrationId::new(id).ok());
            let id = id.ok_or(Reason::UnknownLocation)?;
            match method {
                Code::POST => Update::from_request(cx, id, request).map(Uplink::Update),
                _ => Ok(Uplink::Deregister(Deregister::from_request(id))),
            }
        }
        _ => Err(Reason::BadUri.into()),
    }
}

/// GET, PUT, POST and DELETE on the object tree.
fn decode_management(cx: &DecodeContext<'_>, request: &Request) -> Result<Downlink, Refusal> {
    let path = root::path(cx.root, request)?;
    match request.code {
        Code::GET => decode_get(path, request),
        Code::PUT => Write::from_put(path, request).map(Downlink::Write),
        Code::POST => decode_post(cx, path, request),
        Code::DELETE => Delete::from_request(path, request).map(Downlink::Delete),
        // The composite operations, which are not offered.
        Code::FETCH | Code::IPATCH => Err(Reason::NotSupported.into()),
        _ => Err(Reason::MethodNotAllowed.into()),
    }
}

/// Accept 40 makes a Discover, Observe an Observe or its end, anything else a Read.
fn decode_get(path: Path, request: &Request) -> Result<Downlink, Refusal> {
    let options = request.options.as_options();
    if options.accept() == Some(ContentFormat::LINK) {
        return Discover::from_request(path, request).map(Downlink::Discover);
    }
    match options.observe() {
        Some(0) => Observe::from_request(path, request).map(Downlink::Observe),
        Some(1) => Cancel::from_request(path, request).map(Downlink::Cancel),
        // RFC 7641 §2: other values are as good as no option.
        _ => Read::from_request(path, request).map(Downlink::Read),
    }
}

/// The level decides: Create, partial Write, Execute (or partial Write of a multiple resource).
fn decode_post(cx: &DecodeContext<'_>, path: Path, request: &Request) -> Result<Downlink, Refusal> {
    match path.level() {
        Level::Object => Create::from_request(path, request).map(Downlink::Create),
        Level::Instance => Write::from_post(path, request).map(Downlink::Write),
        Level::Resource => {
            let format = request.options.as_options().content_format();
            match format.map(ContentFormat::canonical) {
                None | Some(ContentFormat::TEXT) => {
                    Execute::from_request(path, request).map(Downlink::Execute)
                }
                Some(_) if cx.facts.is_executable(&path) => Err(Reason::ArgumentsFormat.into()),
                Some(_) => Write::from_post(path, request).map(Downlink::Write),
            }
        }
        _ => Err(Reason::WrongLevel.into()),
    }
}

/// Reads the answer to an operation.
///
/// # Errors
/// [`UnexpectedResponse`] for a code that the operation does not have, and for a location that
/// cannot be.
pub fn decode_response(
    operation: &Downlink,
    response: &Response,
) -> Result<Reply, UnexpectedResponse> {
    match operation {
        Downlink::Read(_) => Read::decode_response(response),
        Downlink::Discover(_) => Discover::decode_response(response),
        Downlink::Write(_) => Write::decode_response(response),
        Downlink::Execute(_) => Execute::decode_response(response),
        Downlink::Create(create) => create.decode_response(response),
        Downlink::Delete(_) => Delete::decode_response(response),
        Downlink::Observe(_) => Observe::decode_response(response),
        Downlink::Cancel(_) => Cancel::decode_response(response),
    }
}

/// The response to send for a reply. A success that the operation does not have goes out as
/// 5.00, as does a refusal whose code is no error.
#[must_use]
pub fn encode_reply(operation: &Downlink, reply: &Reply) -> Response {
    let fits = match operation {
        Downlink::Read(_) | Downlink::Discover(_) | Downlink::Observe(_) | Downlink::Cancel(_) => {
            matches!(reply, Reply::Content { .. })
        }
        Downlink::Write(_) | Downlink::Execute(_) => matches!(reply, Reply::Changed),
        Downlink::Create(_) => matches!(reply, Reply::Created(_)),
        Downlink::Delete(_) => matches!(reply, Reply::Deleted),
    };
    match reply {
        Reply::Refused(_) => reply.to_response(),
        _ if fits => reply.to_response(),
        _ => Refused::from(Code::INTERNAL_SERVER_ERROR).to_response(),
    }
}

/// Whether a critical option is unknown here, repeated against its definition, or of a length
/// that it cannot have. Text is left to the operations, which answer it with 4.00.
fn has_bad_option(options: Options<'_>) -> bool {
    let mut previous = None;
    options.into_iter().any(|Opt { number, value, .. }| {
        let again = previous.replace(number) == Some(number);
        let bad = |definition: &OptionDefinition| {
            let text = definition.format == OptionFormat::String;
            (again && !definition.repeatable) || !(text || definition.allows_len(value.len()))
        };
        number.is_critical()
            && (!UNDERSTOOD.contains(&number) || number.definition().is_some_and(bad))
    })
}

/// The critical options that an operation may have, and those of the layers below.
const UNDERSTOOD: &[OptionNumber] = &[
    OptionNumber::URI_HOST,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK2,
    OptionNumber::BLOCK1,
];
