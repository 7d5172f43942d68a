//! Masking, which is also unmasking: XOR with a four-byte key.
//!
//! Separate because it is the one loop that touches every received byte; it is written so that the
//! compiler turns it into wide vector instructions without `unsafe`.

/// Applies `key` to `bytes` in place, where `bytes` starts `offset` bytes into the frame's payload.
pub fn unmask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let key = rotate(key, offset);
    let word = u32::from_ne_bytes(key);
    let wide = u128::from(word) * 0x0000_0001_0000_0001_0000_0001_0000_0001;
    let (blocks, rest) = bytes.as_chunks_mut::<64>();
    for block in blocks {
        let (quads, _) = block.as_chunks_mut::<16>();
        for quad in quads {
            *quad = (u128::from_ne_bytes(*quad) ^ wide).to_ne_bytes();
        }
    }
    let (words, tail) = rest.as_chunks_mut::<4>();
    for four in words {
        *four = (u32::from_ne_bytes(*four) ^ word).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key as it applies from `offset` on.
fn rotate(mut key: [u8; 4], offset: usize) -> [u8; 4] {
    key.rotate_left(offset % 4);
    key
}
