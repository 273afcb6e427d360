use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($(#[$doc:meta])* $Counters:ident of $Stats:ty: $($name:ident)*) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $Counters {
            $($name: AtomicU64,)*
        }

        impl $Counters {
            /// Leaves the present counts.
            pub(crate) fn publish(&self, stats: &$Stats) {
                $(self.$name.store(stats.$name, Ordering::Relaxed);)*
            }

            /// Adds the last counts left.
            pub(crate) fn add_to(&self, total: &mut $Stats) {
                $(total.$name = total.$name.saturating_add(self.$name.load(Ordering::Relaxed));)*
            }
        }
    };
}

counters!(
    /// A shard's counters, left by the shard for whoever asks. Neither waits for the other.
    Counters of coap_endpoint::Stats:
    received sent received_bytes sent_bytes ignored rejected duplicates retransmissions timeouts
    dedup_evicted bodies_evicted overloads challenges dropped
);

counters!(
    /// The same of its security sessions.
    DtlsCounters of dtls_core::Stats:
    cookies_sent cookies_good connected resumed failed evicted opened sealed bad_records replayed
    dropped moved
);
