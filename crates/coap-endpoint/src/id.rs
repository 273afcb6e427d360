use sansio::Peer;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name {
            peer: Peer,
            serial: u64,
        }

        impl $name {
            pub(crate) fn new(peer: Peer, serial: u64) -> Self {
                Self { peer, serial }
            }

            pub(crate) fn serial(self) -> u64 {
                self.serial
            }

            /// The peer at the other end.
            pub fn peer(self) -> Peer {
                self.peer
            }
        }
    };
}

id! {
    /// Names a request of ours, from [`request`](crate::Endpoint::request) to its last event. Never used again.
    RequestId
}
id! {
    /// Names a request of a peer until it is answered by [`respond`](crate::Endpoint::respond). Never used again.
    ExchangeId
}
id! {
    /// Names a peer's observation of one of our resources, until it ends. Never used again.
    RelationId
}
