//! The packed form of an object's bytes: their length, then LZ4. What is kept is JSON and packs to a fifth.
//!
//! It is a way to carry and to keep bytes; a digest always names the bytes themselves. Unpacking is bounded before it
//! begins and total over hostile bytes. Refuses to say what the bytes mean. Format: lz4.org, block format.

use crate::RecordError;
use crate::error::{CANONICAL, LIMIT};

/// The bytes of the length that a packed form begins with, little-endian.
const LENGTH_BYTES: usize = 4;
const WHAT: &str = "packed object";

/// Packs bytes.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("objects of four gigabytes are refused long before");
    let mut out = vec![0; LENGTH_BYTES + lz4_flex::block::get_maximum_output_size(bytes.len())];
    out[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    let written = lz4_flex::block::compress_into(bytes, &mut out[LENGTH_BYTES..]).expect("there is room for the worst");
    out.truncate(LENGTH_BYTES + written);
    out
}

/// How many bytes a packed form says that it holds.
pub fn packed_length(packed: &[u8]) -> Result<usize, RecordError> {
    let Some((length, _)) = packed.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(RecordError::new(CANONICAL, WHAT, "", "a length", format!("{} bytes", packed.len())));
    };
    Ok(u32::from_le_bytes(*length) as usize)
}

/// The bytes of a packed form that holds at most `most` of them.
pub fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, RecordError> {
    let length = packed_length(packed)?;
    if length > most {
        return Err(RecordError::new(LIMIT, WHAT, "", format!("at most {most} bytes"), format!("{length} bytes")));
    }
    let wrong = |found: String| RecordError::new(CANONICAL, WHAT, "", format!("{length} packed bytes"), found);
    let bytes = lz4_flex::block::decompress(&packed[LENGTH_BYTES..], length).map_err(|e| wrong(e.to_string()))?;
    if bytes.len() == length { Ok(bytes) } else { Err(wrong(format!("{} bytes", bytes.len()))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back_and_no_more_than_was_allowed(
            bytes in proptest::collection::vec(0..8u8, 0..3_000),
            most in 0..4_000usize,
        ) {
            let packed = pack(&bytes);
            prop_assert_eq!(packed_length(&packed), Ok(bytes.len()));
            match unpack(&packed, most) {
                Ok(back) => prop_assert_eq!(back, bytes),
                Err(error) => {
                    prop_assert!(bytes.len() > most);
                    prop_assert_eq!(error.code, LIMIT);
                }
            }
        }

        #[test]
        fn hostile_bytes_are_an_error_or_as_many_as_they_say(packed in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(bytes) = unpack(&packed, 1 << 16) {
                prop_assert_eq!(Ok(bytes.len()), packed_length(&packed));
            }
        }
    }
}
