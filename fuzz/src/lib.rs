//! What the targets share: the promise that decoding allocates no more than 4 bytes per byte of input and 4 KiB.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Decodes `input` and checks that what is held afterwards is in proportion to it.
///
/// What a decoder allocates and frees again in between is bounded by the targets' memory limit
/// (`-rss_limit_mb`) and by the time limit.
pub fn within_bounds<T>(input: &[u8], decode: impl FnOnce(&[u8]) -> T) -> T {
    bounded(input.len(), 4, || decode(input))
}

/// The same with another factor, for decoders that build a tree.
pub fn bounded<T>(len: usize, factor: usize, decode: impl FnOnce() -> T) -> T {
    let before = ALLOCATED.load(Ordering::Relaxed);
    let result = decode();
    let held = ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);
    let allowed = len.saturating_mul(factor).saturating_add(4096);
    assert!(held <= allowed, "{held} bytes held after decoding {len} bytes");
    result
}
