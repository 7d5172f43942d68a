//! What the C library's heap is told: how many arenas there may be, and to give free memory back to
//! the system. Nothing else may ever be here; it is a crate of its own because its two calls are the
//! one place of the project with `unsafe`.
//!
//! The measured need: after 100,000 connections came and vanished, the bytes in use were what they
//! were before, and the process was 1 to 3 MiB larger, since each thread's arena keeps what it once
//! needed, and every thread that ever worked had one (`make bench-churn`). Other allocators kept less
//! and cost more for each connection.

/// Threads started from now on share at most this many arenas. Whether it was taken; elsewhere than
/// with glibc it is not.
pub fn share_arenas(most: usize) -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let most = libc::c_int::try_from(most.max(1)).unwrap_or(libc::c_int::MAX);
        #[expect(
            unsafe_code,
            reason = "takes two numbers, touches only the allocator's own settings, under its own lock"
        )]
        let taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, most) };
        taken == 1
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        let _ = most;
        false
    }
}

/// Sizes of which a thread keeps freed pieces at hand, bytes, and how many of each: glibc's own figures.
const KEPT_SIZES: std::ops::RangeInclusive<usize> = 24..=1_032;
const KEPT_STEP: usize = 16;
const KEPT_OF_EACH: usize = 7;
/// Pieces of each size that are taken beside those, so that free ones that lie alone are used up.
const SCATTERED: usize = 24;

/// Has this thread keep pieces that lie together in the place of those it keeps. After a crowd these lie
/// anywhere, each on a page that cannot go back for its sake: some 450 of them, more than a thousand
/// kilobytes. Costs a few hundred microseconds and a megabyte for their length; best before [`give_back`].
pub fn renew_kept_pieces() {
    let sizes = || KEPT_SIZES.step_by(KEPT_STEP);
    let round = || sizes().map(|size| std::hint::black_box(Vec::<u8>::with_capacity(size)));
    // What is kept comes first, then what lies alone; the last rounds come from one piece.
    let taken: Vec<Vec<u8>> = (0..KEPT_OF_EACH + SCATTERED)
        .flat_map(|_| round())
        .collect();
    let together: Vec<Vec<u8>> = (0..KEPT_OF_EACH).flat_map(|_| round()).collect();
    // The first to be freed are kept.
    drop(together);
    drop(taken);
}

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
    use std::sync::{Barrier, Mutex, PoisonError};

    /// Both look at what the whole process holds.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Of this process, in pages.
    fn resident() -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        pages.unwrap_or_default()
    }

    /// Arenas beside the first: each takes 64 MiB of addresses, aligned, and makes some of it usable.
    fn arenas() -> usize {
        let text = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let starts = text.lines().filter_map(|line| line.split_once('-'));
        let is_one = |start: &str| {
            let start = u64::from_str_radix(start, 16).unwrap_or_default();
            start >= 0x7000_0000_0000 && start.is_multiple_of(64 << 20)
        };
        starts.filter(|(start, _)| is_one(start)).count()
    }

    #[test]
    fn threads_share_the_arenas_there_may_be() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let before = arenas();
        assert!(super::share_arenas(1));
        let (ready, wait) = (Barrier::new(33), Barrier::new(33));
        std::thread::scope(|scope| {
            for n in 0..32_u8 {
                let (ready, wait) = (&ready, &wait);
                scope.spawn(move || {
                    let kept = vec![n; 10_000];
                    ready.wait();
                    wait.wait();
                    assert_eq!(kept[9_999], n);
                });
            }
            ready.wait();
            let now = arenas();
            wait.wait();
            assert!(now <= before + 1, "{before} -> {now} arenas");
        });
    }

    #[test]
    fn pieces_a_thread_keeps_pin_no_pages_once_they_are_renewed() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let scattered = || {
            // Each piece that is freed last, and so kept, lies on a page of its own.
            let all: Vec<Vec<u8>> = (0..40_000)
                .map(|n| vec![n as u8; 24 + (n % 64) * 16])
                .collect();
            let (mut kept, mut rest) = (Vec::new(), Vec::new());
            for (n, piece) in all.into_iter().enumerate() {
                let list = if n % 81 == 0 { &mut kept } else { &mut rest };
                list.push(piece);
            }
            drop(kept);
            drop(rest);
            super::give_back();
            resident()
        };
        // On a thread of its own: its pieces are nobody else's.
        let (before, after) = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let before = scattered();
                super::renew_kept_pieces();
                super::give_back();
                (before, resident())
            });
            thread.join().unwrap_or_default()
        });
        println!("{before} -> {after} pages");
        assert!(after + 100 < before, "{before} -> {after} pages");
    }

    #[test]
    fn what_was_freed_between_what_lives_goes_back() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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
