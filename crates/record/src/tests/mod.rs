//! Tests of the stored forms: arbitrary values, round trips, hostile bytes, and the snapshots that hold the format still.
//! Begin with `roundtrip.rs`.

mod arbitrary;
mod hostile;
mod roundtrip;
mod snapshots;
