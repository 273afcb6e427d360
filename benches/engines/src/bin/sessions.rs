//! What an idle session costs, and what it takes to save and restore it; see `benches/engines.sh`.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use dtls_core::{Config, ConnectionIdPolicy, Datagram, Endpoint};
use dtls_psk::Psk;
use engines::{Clock, KEY, Ours, Secrets, TEXT, cpu};
use sansio::{DatagramBuf, Rng};

fn main() {
    let count: u32 = std::env::args()
        .nth(1)
        .map_or(10_000, |count| count.parse().expect("a number of sessions"));
    let mut clock = Clock::new();
    let mut ours = Ours::new(Secrets::PskWithCid);
    // What is made once.
    let first = connect(&mut ours, &mut clock, u32::MAX);
    // Memory of this program, and not of the endpoint.
    let mut peers = vec![first; count as usize];
    let before = resident();
    let info = allocation_counter::measure(|| {
        for (number, peer) in (0..count).zip(&mut peers) {
            *peer = connect(&mut ours, &mut clock, number);
        }
        // The last flights are forgotten.
        ours.now = ours.now + Duration::from_secs(300);
        while ours.server.poll_timeout().is_some_and(|at| at <= ours.now) {
            ours.server.handle_timeout(ours.now);
        }
    });
    assert_eq!(ours.server.tables().timers, 0);
    assert_eq!(ours.server.tables().sessions, count as usize + 1);
    let each = |bytes: i64| bytes as f64 / f64::from(count);
    println!(
        "row 13: {count} idle psk sessions, identity of 24 bytes, found by address and by connection id"
    );
    println!(
        "  {:.1} bytes each allocated, {:.1} resident (goal <= 400)",
        each(info.bytes_current),
        each(resident() - before)
    );

    let key = [7; 16];
    let start = cpu();
    let saved: Vec<_> = peers
        .iter()
        .map(|peer| ours.server.save(*peer, &key).expect("a session"))
        .collect();
    let saving = cpu() - start;
    let mut config = Config::default();
    config.connection_id = ConnectionIdPolicy::receive(8, &[]);
    let suites = Arc::new(Psk::server());
    let mut other = Endpoint::new(ours.now, config, Some(suites), Rng::from_seed([3; 32]));
    let start = cpu();
    for saved in &saved {
        other.restore(saved, &key).expect("restored");
    }
    let restoring = cpu() - start;
    let bytes: usize = saved.iter().map(Vec::len).sum();
    println!(
        "row 14: {} bytes saved each (identity of 24, connection id of 8; goal <= 200); {:.2} us to save, {:.2} us to restore (goal <= 1.5)",
        bytes / saved.len(),
        each(saving) / 1e3,
        each(restoring) / 1e3
    );

    // Row 11: a record in and one out allocates nothing.
    for secrets in [Secrets::Psk, Secrets::PskWithCid, Secrets::PskCbc] {
        let mut ours = Ours::new(secrets);
        let (_, client) = ours.connect(&mut clock);
        let mut questions: Vec<_> = (0..100).map(|_| ours.question(client, &TEXT)).collect();
        let mut memory = [0; 256];
        let info = allocation_counter::measure(|| {
            for (path, bytes) in &mut questions {
                let mut datagram = Datagram::new(*path, bytes);
                let data = ours.server.handle_datagram(ours.now, &mut datagram);
                let (peer, text) = data.expect("data");
                let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
                buf.space()[..text.len()].copy_from_slice(text);
                buf.set_len(text.len());
                ours.server.seal(peer, &mut buf).expect("sealed");
            }
        });
        println!(
            "row 11: {secrets:?}: {} allocations for 100 records opened and sealed (goal 0)",
            info.count_total
        );
        assert_eq!(info.count_total, 0);
    }
}

/// A device of its own: the server keeps the session, the client does not.
fn connect(ours: &mut Ours, clock: &mut Clock, number: u32) -> sansio::Peer {
    let identity = format!("urn:imei:{:015}", number).into_bytes();
    assert_eq!(identity.len(), 24);
    ours.know(identity.clone());
    let suites = Psk::client(&identity, KEY).expect("a key");
    ours.set_client(Arc::new(suites));
    let (peer, client) = ours.connect(clock);
    ours.forget_client(client);
    ours.forget(&identity);
    peer
}

/// Resident bytes of this process.
fn resident() -> i64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<i64>().ok());
    pages.expect("a number") * 4096
}
