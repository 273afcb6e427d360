//! What the targets share: a count of what decoding allocates, packs of SenML with their meaning, DTLS endpoints.

pub mod dtls;
pub mod pack;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let before = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        PEAK.fetch_max(before.wrapping_add(layout.size()), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Decodes `input` and checks that it takes no more than 4 bytes per byte of it and 4 KiB, at any moment.
pub fn within_bounds<'a, T>(input: &'a [u8], decode: impl FnOnce(&'a [u8]) -> T) -> T {
    bounded(input.len(), 4, || decode(input))
}

/// The same with another factor, for decoders that build a tree.
pub fn bounded<T>(len: usize, factor: usize, decode: impl FnOnce() -> T) -> T {
    let before = ALLOCATED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = decode();
    let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    let allowed = len.saturating_mul(factor).saturating_add(4096);
    assert!(
        taken <= allowed,
        "{taken} bytes taken to decode {len} bytes"
    );
    result
}
