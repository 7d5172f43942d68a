//! Lines on their way out. An io thread holds those of one pass of its tasks together and writes
//! them at once: a call of the kernel for each was a tenth of a join. It lets go before it sleeps,
//! with every beat, when much waits, and before a warning, which is out when the call returns. All
//! other threads hold nothing.

use std::cell::RefCell;
use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::Redacting;

/// Bytes of lines that a thread holds at most, and the longest line on top.
const HELD_MAX: usize = 8 * 1024;

/// What a thread holds; written when it ends.
#[derive(Default)]
struct Held(Vec<u8>);

impl Held {
    /// Holds a line, and writes all if that was enough or must not wait.
    fn take(&mut self, line: &[u8], urgent: bool, out: impl Write) -> io::Result<()> {
        self.0.extend_from_slice(line);
        if urgent || self.0.len() >= HELD_MAX {
            return self.let_go(out);
        }
        Ok(())
    }

    fn let_go(&mut self, mut out: impl Write) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let written = out.write_all(&self.0);
        // What could not be written now will not be later either, and is not kept.
        self.0.clear();
        written
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Where the log is gone there is nobody to tell.
        let _ = self.let_go(io::stderr());
    }
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// From now on this thread holds its lines; whoever calls this sees to [`let_go`].
pub(crate) fn hold() {
    HELD.with_borrow_mut(|held| {
        held.get_or_insert_default();
    });
}

/// Writes what this thread holds.
pub(crate) fn let_go() {
    HELD.with_borrow_mut(|held| {
        if let Some(held) = held {
            // Where the log is gone there is nobody to tell.
            let _ = held.let_go(io::stderr());
        }
    });
}

/// Where the subscriber's lines go.
pub(crate) struct Lines;

/// One line.
pub(crate) struct Line {
    urgent: bool,
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Redacting<Line>;

    fn make_writer(&'w self) -> Self::Writer {
        Redacting(Line { urgent: true })
    }

    fn make_writer_for(&'w self, meta: &Metadata<'_>) -> Self::Writer {
        Redacting(Line {
            urgent: *meta.level() <= Level::WARN,
        })
    }
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line)?;
        Ok(line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        // While a thread ends it holds nothing any more.
        let held = HELD.try_with(|held| {
            let mut held = held.borrow_mut();
            let held = held.as_mut()?;
            Some(held.take(line, self.urgent, io::stderr()))
        });
        match held {
            Ok(Some(done)) => done,
            Ok(None) | Err(_) => io::stderr().write_all(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_until_they_are_let_go_are_many_or_cannot_wait() {
        let (mut held, mut out) = (Held::default(), Vec::new());
        held.take(b"one\n", false, &mut out).unwrap();
        assert_eq!(out, b"");
        held.let_go(&mut out).unwrap();
        assert_eq!(out, b"one\n");
        held.take(b"two\n", false, &mut out).unwrap();
        held.take(b"a warning\n", true, &mut out).unwrap();
        assert_eq!(out, b"one\ntwo\na warning\n", "in their order");
        out.clear();
        for _ in 0..HELD_MAX {
            held.take(b"1234567\n", false, &mut out).unwrap();
            assert!(held.0.len() < HELD_MAX);
        }
        held.let_go(&mut out).unwrap();
        assert_eq!(out, b"1234567\n".repeat(HELD_MAX), "none is lost or torn");
    }
}
