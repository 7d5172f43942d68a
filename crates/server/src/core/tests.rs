//! Parts of the core alone; whole servers are in `tests/it`.
