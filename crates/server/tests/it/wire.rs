//! Bytes on the wire: relay, slow readers, closes, torn writes.
