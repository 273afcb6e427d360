use lwm2m_model::Path;

/// What decoding must know besides the bytes of the request.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DecodeContext<'a> {
    /// The interface the request came in by: the same bytes mean different operations.
    pub interface: Interface,
    /// The alternate path of the client, `""` or for example `"/lwm2m"`. Device side only.
    pub root: &'a str,
    /// What the object tree says. Device side only.
    pub facts: &'a dyn Facts,
    /// Whether the message was confirmable, or came over a reliable transport.
    pub confirmable: bool,
    /// How much is accepted.
    pub limits: Limits,
}

impl<'a> DecodeContext<'a> {
    /// For a request that a server received.
    #[must_use]
    pub const fn registration(confirmable: bool) -> Self {
        Self {
            interface: Interface::Registration,
            root: "",
            facts: &NoFacts,
            confirmable,
            limits: Limits::DEFAULT,
        }
    }

    /// For a request that a client received from a server it is registered with.
    #[must_use]
    pub const fn device_management(root: &'a str, facts: &'a dyn Facts, confirmable: bool) -> Self {
        Self {
            interface: Interface::DeviceManagement,
            root,
            facts,
            confirmable,
            limits: Limits::DEFAULT,
        }
    }
}

impl core::fmt::Debug for DecodeContext<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DecodeContext")
            .field("interface", &self.interface)
            .field("root", &self.root)
            .field("confirmable", &self.confirmable)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Which of the LwM2M interfaces a request arrived on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Interface {
    /// A server, asked by a client: `/rd` and below.
    Registration,
    /// A client, asked by a server it is registered with: the object tree.
    DeviceManagement,
}

/// What the object tree tells the decoder.
pub trait Facts {
    /// Whether the resource is one that can be executed.
    ///
    /// It decides what a POST to a resource with a structured payload is: badly labelled
    /// arguments of an Execute, or a partial Write. An unknown path is `false`.
    fn is_executable(&self, path: &Path) -> bool;
}

/// A tree that is not known: no resource is executable.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFacts;

impl Facts for NoFacts {
    fn is_executable(&self, _: &Path) -> bool {
        false
    }
}

/// How much one registration may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Links in an object list; more are answered with 4.13.
    pub links: usize,
    /// Bytes of an object list; more are answered with 4.13.
    pub list_bytes: usize,
    /// Query parameters; more are answered with 4.00.
    pub parameters: usize,
}

impl Limits {
    /// 4096 links, 64 KiB, 64 parameters.
    pub const DEFAULT: Self = Self {
        links: 4096,
        list_bytes: 65_536,
        parameters: 64,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
