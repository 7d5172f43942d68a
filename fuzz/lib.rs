//! What every target shares: the heap is counted, so that no input makes a decoder ask for more
//! memory than what came justifies.

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Most bytes of heap at once for any input: the frame core's first buffer and what the bodies
/// themselves keep to compare.
const BASE_BYTES: usize = 64 * 1024;
/// And so many more for each byte of it.
const BYTES_A_BYTE: usize = 64;

/// Runs a body on an input.
///
/// # Panics
/// If it held more of the heap at once than the input's length allows.
pub fn bounded(body: fn(&[u8]), data: &[u8]) {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    body(data);
    let most = HEAP.peak_usage().saturating_sub(before);
    let bound = BASE_BYTES + BYTES_A_BYTE * data.len();
    assert!(most <= bound, "{most} bytes of heap for {} of input", data.len());
}
