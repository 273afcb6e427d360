/// The transport's name for one remote party: a slot in the transport's table and the slot's generation.
///
/// A `Peer` never outlives a security session: a new session, or a slot used again, is a new
/// `Peer`; an address migration keeps it. So whatever a machine remembers under a `Peer`
/// (tokens, message ids, observe relations) belongs to exactly one session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Peer {
    slot: u32,
    generation: u32,
}

impl Peer {
    /// The peer in `slot`, which is used for the `generation`th time.
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// Index into the transport's table; small and dense, so a machine may index by it.
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Tells a slot's present owner from its former ones.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// Names an effect that a machine asked for, so that its result finds the way back.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(u64);

impl Ticket {
    /// The ticket with number `id`.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}
