//! Two nodes approve the same device at the same time: one wins, the other is told.
//!
//! `cargo run -p lwm2m-store --example compare_and_swap`

use lwm2m_store::{Batch, CommitError, Key, MemoryStore, Store, testsuite::block_on};

const DEVICE: u8 = 1;
const AUDIT: u8 = 2;

async fn approve(store: &impl Store, node: &str) -> Result<(), CommitError> {
    let (device, audit) = (
        Key::new(DEVICE, "lamp"),
        Key::new(AUDIT, format!("0001-{node}")),
    );
    let mut batch = Batch::new();
    batch
        .expect(device.clone(), None) // nobody approved it yet
        .put(device, format!("approved by {node}"), None)
        .put(audit, "lamp approved", None);
    store.commit(batch).await.map(drop)
}

fn main() {
    let store = MemoryStore::new();
    block_on(async {
        for node in ["north", "south"] {
            match approve(&store, node).await {
                Ok(()) => println!("{node}: approved"),
                Err(refused) => println!("{node}: {refused}"),
            }
        }
        let audit = store.scan(AUDIT, b"", None, 10).await.unwrap_or_default();
        println!("{} line in the audit trail: {}", audit.len(), audit[0].key);
    });
}
