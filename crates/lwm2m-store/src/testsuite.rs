//! What every [`Store`] must do, as functions that panic where one does not.
//!
//! [`basics`] wants an empty store for each of its checks; [`contended`] lets several writers fight for one record,
//! also over a store that fails. [`Faulty`] makes a bad store out of a good one, [`block_on`] and [`join`] run
//! futures on the current thread without a runtime.

mod executor;
mod faulty;

pub use executor::{block_on, join, yield_now};
pub use faulty::{Fault, Faulty, Retrying};

use crate::{Batch, CommitError, Key, Record, Store, Version};
use alloc::{format, string::String, vec::Vec};
use bytes::Bytes;
use core::future::Future;

/// Runs every check that a store without faults must pass; `fresh` gives an empty store each time.
///
/// # Panics
/// If the store breaks a promise of the [`Store`] trait.
pub async fn basics<S, F, Fut>(mut fresh: F)
where
    S: Store,
    F: FnMut() -> Fut,
    Fut: Future<Output = S>,
{
    put_load_delete(&fresh().await).await;
    versions_grow_across_deletion(&fresh().await).await;
    expectations_guard_the_whole_batch(&fresh().await).await;
    last_write_of_a_key_wins(&fresh().await).await;
    kinds_and_odd_names_stay_apart(&fresh().await).await;
    scan_pages_in_order(&fresh().await).await;
    scan_survives_changes_beside_it(&fresh().await).await;
    due_follows_every_change(&fresh().await).await;
    large_values_and_batches(&fresh().await).await;
}

async fn load<S: Store>(store: &S, key: &Key) -> Option<Record> {
    let record = store.load(key).await.expect("load");
    if let Some(record) = &record {
        assert_eq!(record.key, *key, "a record carries its key");
    }
    record
}

async fn put<S: Store>(store: &S, key: &Key, value: &str, due: Option<u64>) -> Version {
    let mut batch = Batch::new();
    batch.put(key.clone(), Bytes::copy_from_slice(value.as_bytes()), due);
    store.commit(batch).await.expect("put")
}

async fn delete<S: Store>(store: &S, key: &Key) -> Version {
    let mut batch = Batch::new();
    batch.delete(key.clone());
    store.commit(batch).await.expect("delete")
}

fn names(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8_lossy(&record.key.key).into_owned())
        .collect()
}

async fn put_load_delete<S: Store>(store: &S) {
    let key = Key::new(1, "a");
    assert_eq!(load(store, &key).await, None);
    let version = put(store, &key, "one", Some(7)).await;
    let record = load(store, &key).await.expect("what was put is there");
    assert_eq!(
        (record.version, record.due, &record.value[..]),
        (version, Some(7), &b"one"[..])
    );
    put(store, &key, "", None).await;
    let record = load(store, &key).await.expect("an empty value is a value");
    assert_eq!((record.due, &record.value[..]), (None, &b""[..]));
    delete(store, &key).await;
    assert_eq!(load(store, &key).await, None);
    delete(store, &key).await; // deleting nothing is no error
}

async fn versions_grow_across_deletion<S: Store>(store: &S) {
    let key = Key::new(1, "a");
    let first = put(store, &key, "one", None).await;
    let second = put(store, &key, "one", None).await;
    assert!(second > first, "the same bytes again are a new version");
    delete(store, &key).await;
    let third = put(store, &key, "one", None).await;
    assert!(third > second, "a version never comes back (ABA)");
    let mut stale = Batch::new();
    stale
        .expect(key.clone(), Some(first))
        .put(key.clone(), "stale", None);
    assert_eq!(
        store.commit(stale).await,
        Err(CommitError::Conflict { key })
    );
}

async fn expectations_guard_the_whole_batch<S: Store>(store: &S) {
    let (a, b, c) = (Key::new(1, "a"), Key::new(2, "b"), Key::new(3, "c"));
    let mut create = Batch::new();
    create
        .expect(a.clone(), None)
        .expect(b.clone(), None)
        .put(a.clone(), "a", None)
        .put(b.clone(), "b", None);
    let version = store
        .commit(create.clone())
        .await
        .expect("two records of two kinds at once");
    for key in [&a, &b] {
        assert_eq!(
            load(store, key).await.map(|record| record.version),
            Some(version)
        );
    }
    assert_eq!(
        store.commit(create).await,
        Err(CommitError::Conflict { key: a.clone() })
    );

    let newer = put(store, &b, "b2", None).await;
    let mut half = Batch::new();
    half.expect(a.clone(), Some(version))
        .expect(b.clone(), Some(version));
    half.put(a.clone(), "lost", None)
        .put(c.clone(), "lost", None)
        .delete(b.clone());
    assert_eq!(
        store.commit(half).await,
        Err(CommitError::Conflict { key: b.clone() })
    );
    assert_eq!(
        load(store, &a).await.map(|record| record.value),
        Some(Bytes::from_static(b"a"))
    );
    assert_eq!(
        load(store, &b).await.map(|record| record.version),
        Some(newer)
    );
    assert_eq!(load(store, &c).await, None);

    // An expectation about a record that the batch does not write.
    let mut guarded = Batch::new();
    guarded
        .expect(b.clone(), Some(newer))
        .expect(c.clone(), None)
        .put(a.clone(), "a2", None);
    store.commit(guarded).await.expect("all expectations hold");
    let mut absent = Batch::new();
    absent.expect(c.clone(), Some(newer)).delete(a.clone());
    assert_eq!(
        store.commit(absent).await,
        Err(CommitError::Conflict { key: c })
    );
}

async fn last_write_of_a_key_wins<S: Store>(store: &S) {
    let (a, b) = (Key::new(1, "a"), Key::new(1, "b"));
    let mut batch = Batch::new();
    batch
        .put(a.clone(), "1", Some(1))
        .put(a.clone(), "2", Some(2))
        .put(b.clone(), "1", Some(1))
        .delete(b.clone());
    store.commit(batch).await.expect("commit");
    assert_eq!(
        load(store, &a).await.map(|record| record.value),
        Some(Bytes::from_static(b"2"))
    );
    assert_eq!(load(store, &b).await, None);
    assert_eq!(names(&store.due(1, 9, 9).await.expect("due")), ["a"]);
    store
        .commit(Batch::new())
        .await
        .expect("an empty batch is no error");
}

async fn kinds_and_odd_names_stay_apart<S: Store>(store: &S) {
    let long = alloc::vec![b'x'; 252];
    let odd: [&[u8]; 8] = [
        b"",
        b"\0",
        b"a\0",
        b"a\0b",
        b"\xff\xff",
        b"=cmd|x",
        b"<script>\r\n",
        &long,
    ];
    for kind in [0, 1, 255] {
        for name in odd {
            put(
                store,
                &Key::new(kind, Bytes::copy_from_slice(name)),
                &format!("{kind}{name:?}"),
                None,
            )
            .await;
        }
    }
    for kind in [0, 1, 255] {
        for name in odd {
            let record = load(store, &Key::new(kind, Bytes::copy_from_slice(name)))
                .await
                .expect("stored raw");
            assert_eq!(record.value, format!("{kind}{name:?}"));
        }
        let mut sorted: Vec<_> = odd.to_vec();
        sorted.sort_unstable();
        let scanned = store.scan(kind, b"", None, 99).await.expect("scan");
        assert_eq!(
            scanned
                .iter()
                .map(|record| &record.key.key[..])
                .collect::<Vec<_>>(),
            sorted
        );
    }
    assert_eq!(store.scan(2, b"", None, 9).await.expect("scan"), []);
}

async fn scan_pages_in_order<S: Store>(store: &S) {
    let mut batch = Batch::new();
    for i in (0..50).rev() {
        batch.put(Key::new(1, format!("dev-{i:02}")), "x", None);
    }
    batch
        .put(Key::new(1, "de"), "x", None)
        .put(Key::new(1, "dev."), "x", None)
        .put(Key::new(2, "dev-99"), "x", None);
    store.commit(batch).await.expect("commit");
    let (mut all, mut after): (Vec<String>, Option<Bytes>) = (Vec::new(), None);
    loop {
        let page = store
            .scan(1, b"dev-", after.as_deref(), 7)
            .await
            .expect("scan");
        assert!(page.len() <= 7);
        all.extend(names(&page));
        after = page.last().map(|record| record.key.key.clone());
        if page.len() < 7 {
            break;
        }
    }
    assert_eq!(
        all,
        (0..50).map(|i| format!("dev-{i:02}")).collect::<Vec<_>>()
    );
    // `after` need not exist, and may stand before or behind every name of the prefix.
    assert_eq!(
        names(
            &store
                .scan(1, b"dev-", Some(b"dev-47x"), 9)
                .await
                .expect("scan")
        ),
        ["dev-48", "dev-49"]
    );
    assert_eq!(
        store
            .scan(1, b"dev-", Some(b"a"), 99)
            .await
            .expect("scan")
            .len(),
        50
    );
    assert_eq!(
        store.scan(1, b"dev-", Some(b"z"), 99).await.expect("scan"),
        []
    );
    assert_eq!(store.scan(1, b"dev-", None, 0).await.expect("scan"), []);
}

async fn scan_survives_changes_beside_it<S: Store>(store: &S) {
    for name in ["b", "d", "f", "h"] {
        put(store, &Key::new(1, name), "x", None).await;
    }
    let first = store.scan(1, b"", None, 2).await.expect("scan");
    assert_eq!(names(&first), ["b", "d"]);
    delete(store, &Key::new(1, "d")).await;
    put(store, &Key::new(1, "a"), "x", None).await;
    put(store, &Key::new(1, "g"), "x", None).await;
    assert_eq!(
        names(&store.scan(1, b"", Some(b"d"), 9).await.expect("scan")),
        ["f", "g", "h"]
    );
}

async fn due_follows_every_change<S: Store>(store: &S) {
    let (a, b, c, d) = (
        Key::new(1, "a"),
        Key::new(1, "b"),
        Key::new(1, "c"),
        Key::new(1, "d"),
    );
    put(store, &a, "x", Some(30)).await;
    put(store, &b, "x", Some(10)).await;
    put(store, &c, "x", Some(20)).await;
    put(store, &d, "x", None).await;
    put(store, &Key::new(2, "other kind"), "x", Some(1)).await;
    assert_eq!(store.due(1, 9, 9).await.expect("due"), []);
    let due = store.due(1, 20, 9).await.expect("due");
    assert_eq!(names(&due), ["b", "c"], "at or before, the earliest first");
    assert_eq!((due[0].due, &due[0].value[..]), (Some(10), &b"x"[..]));
    assert_eq!(
        names(&store.due(1, u64::MAX, 2).await.expect("due")),
        ["b", "c"]
    );
    put(store, &b, "x", Some(40)).await; // moved
    put(store, &c, "x", None).await; // no longer due
    delete(store, &a).await;
    put(store, &d, "x", Some(5)).await;
    assert_eq!(
        names(&store.due(1, u64::MAX, 9).await.expect("due")),
        ["d", "b"]
    );
    put(store, &b, "y", Some(40)).await; // the same time again
    assert_eq!(names(&store.due(1, 40, 9).await.expect("due")), ["d", "b"]);
    put(store, &b, "y", Some(u64::MAX)).await;
    put(store, &d, "y", Some(0)).await;
    assert_eq!(names(&store.due(1, 0, 9).await.expect("due")), ["d"]);
    assert_eq!(
        names(&store.due(1, u64::MAX, 9).await.expect("due")),
        ["d", "b"]
    );
}

async fn large_values_and_batches<S: Store>(store: &S) {
    let value = Bytes::from(alloc::vec![0xa5; 256 * 1024]);
    let mut batch = Batch::new();
    for i in 0..100_u32 {
        batch.put(
            Key::new(1, i.to_be_bytes().to_vec()),
            value.slice(..usize::try_from(i).unwrap_or(0)),
            Some(5),
        );
    }
    batch.put(Key::new(2, "large"), value.clone(), None);
    store.commit(batch).await.expect("commit");
    assert_eq!(
        load(store, &Key::new(2, "large"))
            .await
            .map(|record| record.value),
        Some(value)
    );
    assert_eq!(store.due(1, 5, 1000).await.expect("due").len(), 100);
    assert_eq!(
        store.scan(1, b"", None, 1000).await.expect("scan").len(),
        100
    );
}

/// Lets `writers` add 1 to one record `rounds` times each, by compare-and-swap, all at the same time, and counts.
///
/// The store may be slow, answer out of order, refuse with `Conflict` or fail. What it confirmed must be there,
/// what it refused must not; only commits that ended in [`CommitError::Down`] may count or not. A writer tries
/// again until it succeeds, so a store that always fails never returns.
///
/// # Panics
/// If a confirmed write was lost, a refused one was applied, or two writers won with one version.
pub async fn contended<S: Store>(store: &S, writers: u32, rounds: u32) {
    let key = &Key::new(9, "counter");
    let writer = async |_| {
        let (mut confirmed, mut unknown) = (Vec::new(), 0_u64);
        while confirmed.len() < rounds as usize {
            let Ok(seen) = store.load(key).await else {
                continue;
            };
            let (version, count) = match &seen {
                Some(record) => (Some(record.version), number(&record.value)),
                None => (None, 0),
            };
            let mut batch = Batch::new();
            batch.expect(key.clone(), version).put(
                key.clone(),
                (count + 1).to_be_bytes().to_vec(),
                None,
            );
            match store.commit(batch).await {
                Ok(version) => confirmed.push(version),
                Err(CommitError::Conflict { key: of }) => assert_eq!(of, *key),
                Err(CommitError::Down) => unknown += 1,
            }
        }
        (confirmed, unknown)
    };
    let outcomes = join((0..writers).map(writer)).await;
    let mut versions: Vec<Version> = outcomes
        .iter()
        .flat_map(|(confirmed, _)| confirmed.clone())
        .collect();
    let unknown: u64 = outcomes.iter().map(|(_, unknown)| unknown).sum();
    let confirmed = versions.len() as u64;
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(
        versions.len() as u64,
        confirmed,
        "two writers won with one version"
    );
    let count = loop {
        if let Ok(record) = store.load(key).await {
            break record.map_or(0, |record| number(&record.value));
        }
    };
    assert!(
        (confirmed..=confirmed + unknown).contains(&count),
        "{confirmed} confirmed, {unknown} unknown, {count} stored"
    );
}

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().expect("eight bytes as written"))
}
