//! What an object of the tree can do: the trait that an application implements for its own.

use alloc::vec::Vec;
use core::fmt;

use coap_codec::Code;
use lwm2m_model::{Instance, ObjectDef, Resource, ResourceValue};
use lwm2m_ops::Arguments;

/// One object of a device: its definition, its instances and their values.
///
/// The tree checks every request against [`definition`](Self::definition) before it calls the object: paths exist,
/// operations are allowed, values have the right type. An object adds what only it knows, and is asked nothing that
/// can fail half-way: [`write`](Self::write), [`create`](Self::create) and [`delete`](Self::delete) do the whole or
/// refuse.
///
/// Methods are called from the machine and must not block.
/// [`TableObject`](crate::TableObject) implements all of this from a definition and a set of values.
pub trait Object: Send + fmt::Debug {
    /// The definition that the values of this object follow. It never changes while the object is in a tree.
    fn definition(&self) -> &ObjectDef;

    /// The ids of the instances, ascending.
    fn instances(&self) -> Vec<u16>;

    /// The ids of the resources that are instantiated in `instance`, ascending, executable ones included.
    fn resources(&self, instance: u16) -> Vec<u16>;

    /// The present value of a resource, or `None` when it is not instantiated or cannot be read.
    fn read(&self, instance: u16, resource: u16) -> Option<ResourceValue>;

    /// Tells whether this device implements a resource, so that a server may write it into being.
    ///
    /// The default is every resource of the definition.
    fn supports(&self, resource: u16) -> bool {
        self.definition().resource(resource).is_some()
    }

    /// Applies what a server wrote: all of it, or none.
    ///
    /// # Errors
    /// The reason becomes the code of the answer; nothing must have changed then. The default is
    /// [`ObjectError::NotAllowed`], for an object that a server only reads.
    fn write(&mut self, instance: u16, change: &Change) -> Result<(), ObjectError> {
        let _ = (instance, change);
        Err(ObjectError::NotAllowed)
    }

    /// Runs an executable resource. The answer goes out before the application hears of it
    /// ([`Event::Executed`](crate::Event::Executed)), so a reboot belongs there and not here.
    ///
    /// # Errors
    /// The default is [`ObjectError::NotAllowed`].
    fn execute(
        &mut self,
        instance: u16,
        resource: u16,
        arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        let _ = (instance, resource, arguments);
        Err(ObjectError::NotAllowed)
    }

    /// Creates instances with the values that a server gave: all of them, or none. Their ids are free.
    ///
    /// # Errors
    /// The default is [`ObjectError::NotAllowed`].
    fn create(&mut self, instances: Vec<Instance>) -> Result<(), ObjectError> {
        let _ = instances;
        Err(ObjectError::NotAllowed)
    }

    /// Deletes an instance that exists, because a server asks for it.
    ///
    /// # Errors
    /// The default is [`ObjectError::NotAllowed`].
    fn delete(&mut self, instance: u16) -> Result<(), ObjectError> {
        let _ = instance;
        Err(ObjectError::NotAllowed)
    }

    /// Takes a value from the application: also a read-only one, and `None` to remove an optional one.
    ///
    /// # Errors
    /// The default is [`ObjectError::NotAllowed`]: such an object changes by its own means, and the application tells the
    /// machine with [`Device::touch`](crate::Device::touch).
    fn set(
        &mut self,
        instance: u16,
        resource: u16,
        value: Option<ResourceValue>,
    ) -> Result<(), ObjectError> {
        let _ = (instance, resource, value);
        Err(ObjectError::NotAllowed)
    }

    /// Adds an instance, because the application asks for it. The id is free.
    ///
    /// # Errors
    /// The default is [`ObjectError::NotAllowed`].
    fn add_instance(&mut self, instance: Instance) -> Result<(), ObjectError> {
        let _ = instance;
        Err(ObjectError::NotAllowed)
    }

    /// Removes an instance, because the application asks for it.
    ///
    /// # Errors
    /// The default is [`ObjectError::NotAllowed`].
    fn remove_instance(&mut self, instance: u16) -> Result<(), ObjectError> {
        let _ = instance;
        Err(ObjectError::NotAllowed)
    }
}

/// What a write does to an instance, in its final form: values merged, types checked, read-only ones sorted out.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The resources with the values that they have afterwards.
    pub set: Vec<Resource>,
    /// Optional resources that are gone afterwards, ascending.
    pub removed: Vec<u16>,
}

/// Why an operation is not done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ObjectError {
    /// The request or a value of it is wrong.
    BadRequest,
    /// A value cannot be taken: out of its range, of the wrong type, or a link to nothing.
    BadValue,
    /// The instance exists already, or the object holds no more.
    Conflict,
    /// A mandatory resource is missing.
    Incomplete,
    /// The server may not do this.
    Unauthorized,
    /// The target does not exist.
    NotFound,
    /// The target exists and cannot do this.
    NotAllowed,
    /// No content format fits both the answer and what the server accepts.
    NotAcceptable,
    /// The content format of the payload is not known, or does not fit the target.
    UnsupportedFormat,
    /// The payload holds more than is taken at a time.
    TooLarge,
    /// The device failed.
    Internal,
}

impl ObjectError {
    /// The response code that tells it to the server.
    ///
    /// # Specification
    /// LwM2M 1.1 Transport §6.4.4.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::BadRequest | Self::BadValue | Self::Conflict | Self::Incomplete => {
                Code::BAD_REQUEST
            }
            Self::Unauthorized => Code::UNAUTHORIZED,
            Self::NotFound => Code::NOT_FOUND,
            Self::NotAllowed => Code::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => Code::NOT_ACCEPTABLE,
            Self::UnsupportedFormat => Code::UNSUPPORTED_CONTENT_FORMAT,
            Self::TooLarge => Code::REQUEST_ENTITY_TOO_LARGE,
            Self::Internal => Code::INTERNAL_SERVER_ERROR,
        }
    }

    /// A stable identifier for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::BadValue => "bad_value",
            Self::Conflict => "conflict",
            Self::Incomplete => "incomplete",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::NotAcceptable => "not_acceptable",
            Self::UnsupportedFormat => "unsupported_format",
            Self::TooLarge => "too_large",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest => "the request is wrong",
            Self::BadValue => "the value cannot be taken",
            Self::Conflict => "the instance exists or there is no room",
            Self::Incomplete => "a mandatory resource is missing",
            Self::Unauthorized => "the server may not do this",
            Self::NotFound => "nothing is there",
            Self::NotAllowed => "the target cannot do this",
            Self::NotAcceptable => "no accepted content format fits",
            Self::UnsupportedFormat => "the content format is not supported",
            Self::TooLarge => "the payload holds too much",
            Self::Internal => "the device failed",
        })
    }
}

impl core::error::Error for ObjectError {}
