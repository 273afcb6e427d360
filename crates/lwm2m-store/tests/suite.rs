//! The test suite over the memory store: whole, slow, failing, contended and out of order.

use lwm2m_store::testsuite::{Fault, Faulty, Retrying, basics, block_on, contended, join};
use lwm2m_store::{Batch, CommitError, Down, Key, MemoryStore, Store};
use std::cell::RefCell;

/// A plan of faults that looks random and is the same every time.
fn mix(n: u32, seed: u32) -> u32 {
    let mut x = n.wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
    for _ in 0..3 {
        x ^= x >> 15;
        x = x.wrapping_mul(0x2c1b_3c6d);
        x ^= x >> 12;
    }
    x
}

#[test]
fn memory_store_keeps_every_promise() {
    block_on(basics(async || MemoryStore::new()));
    block_on(contended(&MemoryStore::new(), 8, 100));
}

#[test]
fn a_slow_store_keeps_every_promise() {
    block_on(basics(async || {
        Faulty::new(MemoryStore::new(), |n| Fault::Slow(n % 4))
    }));
}

#[test]
fn a_failing_store_keeps_every_promise_once_it_answers() {
    block_on(basics(async || {
        Retrying(Faulty::new(MemoryStore::new(), |n| {
            if mix(n, 1).is_multiple_of(3) {
                Fault::None
            } else {
                Fault::Down
            }
        }))
    }));
}

#[test]
fn writers_never_lose_a_confirmed_write() {
    for seed in 0..50 {
        let plan = move |n| match mix(n, seed) % 8 {
            0 => Fault::Down,
            1 => Fault::LostAnswer,
            2 => Fault::Conflict,
            3..=5 => Fault::Slow(mix(n, !seed) % 9),
            _ => Fault::None,
        };
        block_on(contended(&Faulty::new(MemoryStore::new(), plan), 6, 20));
    }
}

#[test]
fn slow_calls_end_out_of_order() {
    let store = Faulty::new(MemoryStore::new(), |n| {
        Fault::Slow(10_u32.saturating_sub(n))
    });
    let (store, ended) = (&store, &RefCell::new(Vec::new()));
    let results = block_on(join((0..10_u8).map(async |i| {
        let mut batch = Batch::new();
        batch.put(Key::new(1, "x"), vec![i], None);
        let result = store.commit(batch).await;
        ended.borrow_mut().push(i);
        result.is_ok()
    })));
    assert_eq!(results, [true; 10]);
    assert_eq!(*ended.borrow(), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    let record = block_on(store.inner().load(&Key::new(1, "x")))
        .unwrap()
        .unwrap();
    assert_eq!(
        record.value[..],
        [0],
        "the call that was made first was done last"
    );
}

#[test]
fn the_answers_of_a_store_that_is_down() {
    let store = Faulty::new(MemoryStore::new(), |_| Fault::Down);
    let mut batch = Batch::new();
    batch.put(Key::new(1, "a\n"), "x", None);
    block_on(async {
        assert_eq!(store.load(&Key::new(1, "a")).await, Err(Down));
        assert_eq!(store.commit(batch).await, Err(CommitError::Down));
        assert_eq!(store.scan(1, b"", None, 1).await, Err(Down));
        assert_eq!(store.due(1, 1, 1).await, Err(Down));
    });
    assert!(store.inner().is_empty());
    assert_eq!(CommitError::Down.to_string(), "the store is down");
    let conflict = CommitError::Conflict {
        key: Key::new(1, "a\n"),
    };
    assert_eq!(
        conflict.to_string(),
        "record 1/a\\n was changed by somebody else"
    );
}

#[test]
fn suite_catches_stores_that_break_a_promise() {
    // A store that confirms what it does not do, once in a while.
    struct Liar(MemoryStore);
    impl Store for Liar {
        async fn load(&self, key: &Key) -> Result<Option<lwm2m_store::Record>, Down> {
            self.0.load(key).await
        }
        async fn commit(&self, batch: Batch) -> Result<lwm2m_store::Version, CommitError> {
            let mut blind = Batch::new();
            for write in batch.writes() {
                if let lwm2m_store::Write::Put { key, value, due } = write {
                    blind.put(key.clone(), value.clone(), *due);
                }
            }
            self.0.commit(blind).await
        }
        async fn scan(
            &self,
            kind: u8,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Result<Vec<lwm2m_store::Record>, Down> {
            self.0.scan(kind, prefix, after, limit).await
        }
        async fn due(
            &self,
            kind: u8,
            until: u64,
            limit: usize,
        ) -> Result<Vec<lwm2m_store::Record>, Down> {
            self.0.due(kind, until, limit).await
        }
    }
    let caught =
        |test: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)).is_err();
    assert!(caught(&|| block_on(basics(async || Liar(
        MemoryStore::new()
    )))));
    assert!(caught(&|| {
        block_on(contended(
            &Faulty::new(Liar(MemoryStore::new()), |n| Fault::Slow(n % 3)),
            4,
            10,
        ));
    }));
}
