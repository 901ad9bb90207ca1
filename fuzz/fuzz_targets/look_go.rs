//! libFuzzer's side of `look_go`; what it does stands in `../targets/src/`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ligase_fuzz::run("look_go", data));
