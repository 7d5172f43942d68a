//! How much memory the process has, as the system counts it.

use api::handle::Memory;

/// Reads it now; zeros where the system does not say.
pub(crate) fn read() -> Memory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Memory {
        rss: field(&status, "VmRSS:"),
        heap_total: field(&status, "VmData:"),
        heap_used: field(&status, "RssAnon:"),
        external: field(&status, "RssFile:"),
    }
}

/// A field of `/proc/self/status` in bytes.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    let kib: u64 = number.and_then(|number| number.parse().ok()).unwrap_or(0);
    kib * 1_024
}

/// Open files of the process.
pub(crate) fn open_files() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_bytes() {
        let status = "Name:\tx\nVmRSS:\t  12 kB\nRssAnon:\t3 kB\n";
        assert_eq!(field(status, "VmRSS:"), 12 * 1_024);
        assert_eq!(field(status, "RssFile:"), 0);
        assert!(read().rss > 1_000_000, "this test itself has memory");
        assert!(open_files() > 2);
    }
}
