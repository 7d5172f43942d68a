//! One call of the C library: giving free memory back to the system. Nothing else may ever be here;
//! it is a crate of its own because it is the one place of the project with `unsafe`.
//!
//! The measured need: after 100,000 connections came and vanished, the bytes in use were what they
//! were before, and the process was 1 to 3 MiB larger, since each thread's arena keeps what it once
//! needed (`make bench-churn`). Other allocators kept less and cost more for each connection.

/// Gives the free pages of all arenas back; whether there were any. Takes each arena's lock in turn,
/// for some milliseconds in all: not for a moment in which every one of them counts. Elsewhere than
/// with glibc it does nothing.
pub fn give_back() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "takes a number, touches only the allocator's own state, under its own locks"
        )]
        let given = unsafe { libc::malloc_trim(0) };
        given == 1
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    /// Of this process, in pages.
    fn resident() -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        pages.unwrap_or_default()
    }

    #[test]
    fn what_was_freed_between_what_lives_goes_back() {
        // Every twentieth lives: no page at the heap's end is free for the library to return alone.
        let mut all: Vec<Box<[u8; 1_000]>> =
            (0..100_000).map(|n| Box::new([n as u8; 1_000])).collect();
        let full = resident();
        let mut n = 0;
        all.retain(|_| {
            n += 1;
            n % 20 == 0
        });
        assert!(super::give_back());
        let left = resident();
        assert!(left + 15_000 < full, "{full} -> {left} pages");
        assert_eq!(all.len(), 5_000);
    }
}
