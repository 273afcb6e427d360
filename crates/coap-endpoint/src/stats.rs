/// How many entries each table holds now, over all peers.
///
/// A test that lets the lifetimes pass finds all of them 0 but `peers`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tables {
    /// Peers that are open.
    pub peers: usize,
    /// Messages remembered to recognise duplicates.
    pub dedup: usize,
    /// Bytes of the answers to them.
    pub dedup_bytes: usize,
    /// Confirmable messages awaiting an acknowledgement.
    pub in_flight: usize,
    /// Messages waiting for their turn.
    pub queued: usize,
    /// Requests of ours that run, observations included.
    pub requests: usize,
    /// Observations of ours.
    pub observations: usize,
    /// Requests of peers awaiting the application's answer.
    pub exchanges: usize,
    /// Bodies that peers are sending us in blocks.
    pub uploads: usize,
    /// Bytes of them.
    pub upload_bytes: usize,
    /// Bodies kept for peers that fetch them in blocks.
    pub downloads: usize,
    /// Bytes of them.
    pub download_bytes: usize,
    /// Observe relations.
    pub relations: usize,
    /// Datagrams waiting for `poll_transmit`.
    pub transmit_queue: usize,
    /// Events waiting for `poll_event`.
    pub events: usize,
    /// Timers that run.
    pub timers: usize,
}

impl Tables {
    /// Whether nothing is kept that belongs to a conversation; open peers and timers of idle
    /// peers do not count.
    pub fn is_quiet(&self) -> bool {
        let Self {
            peers: _,
            timers: _,
            dedup,
            dedup_bytes,
            in_flight,
            queued,
            requests,
            observations,
            exchanges,
            uploads,
            upload_bytes,
            downloads,
            download_bytes,
            relations,
            transmit_queue,
            events,
        } = *self;
        [
            dedup,
            dedup_bytes,
            in_flight,
            queued,
            requests,
            observations,
            exchanges,
            uploads,
            upload_bytes,
            downloads,
            download_bytes,
            relations,
            transmit_queue,
            events,
        ]
        .iter()
        .all(|&count| count == 0)
    }
}

/// What has happened since the endpoint was made. Counters only grow, and wrap round.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams handed in.
    pub received: u64,
    /// Datagrams given out.
    pub sent: u64,
    /// Bytes handed in.
    pub received_bytes: u64,
    /// Bytes given out.
    pub sent_bytes: u64,
    /// Datagrams ignored: malformed, unmatched or of a closed peer.
    pub ignored: u64,
    /// Datagrams rejected with a Reset message.
    pub rejected: u64,
    /// Messages that had come before.
    pub duplicates: u64,
    /// Confirmable messages sent again.
    pub retransmissions: u64,
    /// Confirmable messages given up.
    pub timeouts: u64,
    /// Remembered messages forgotten before their time.
    pub dedup_evicted: u64,
    /// Bodies dropped before their time.
    pub bodies_evicted: u64,
    /// Requests refused with 5.03 because too many were unanswered.
    pub overloads: u64,
    /// Answers replaced by 4.01 with Echo.
    pub challenges: u64,
    /// Messages lost because a queue was full or they did not fit.
    pub dropped: u64,
}
