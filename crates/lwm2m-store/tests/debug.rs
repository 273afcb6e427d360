//! A store cannot know which values are secret, so none is printed.

use lwm2m_store::{Batch, Key, MemoryRecords, MemoryStore, Store, testsuite::block_on};

#[test]
fn values_are_not_in_debug() {
    let key = Key::new(1, "lamp");
    let mut batch = Batch::new();
    batch
        .put(key.clone(), "hunter2", None)
        .delete(Key::new(1, "other"));
    let mut records = MemoryRecords::new();
    records.commit(batch.clone()).unwrap();
    let shared = MemoryStore::new();
    block_on(shared.commit(batch.clone())).unwrap();
    for text in [
        format!("{batch:?}"),
        format!("{:?}", records.load(&key)),
        format!("{records:?}"),
        format!("{shared:?}"),
    ] {
        assert!(
            text.contains("lamp") && text.contains("(7 bytes)"),
            "{text}"
        );
        assert!(
            !text.contains("hunter2") && !text.contains("104, 117"),
            "{text}"
        );
    }
}
