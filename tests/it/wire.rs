//! The committed generated code is what the .proto files say. `LIGASE_REGENERATE=1 cargo test -p ligase-tests` rewrites it.

use prost::Message as _;
use std::path::Path;

#[test]
fn committed_code_is_what_the_proto_files_generate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let files = ["ligase/v1/task.proto", "ligase/v1/fleet.proto", "ligase/v1/api.proto"];
    let descriptors = protox::compile(files, [&root]).expect("the .proto files compile");
    let described = descriptors.encode_to_vec();
    let out = tempfile::tempdir().unwrap();
    tonic_prost_build::configure().out_dir(out.path()).compile_fds(descriptors).unwrap();
    let fresh = std::fs::read_to_string(out.path().join("ligase.v1.rs")).unwrap();
    let committed = root.join("src/generated/ligase.v1.rs");
    if std::env::var_os("LIGASE_REGENERATE").is_some() {
        std::fs::write(&committed, &fresh).unwrap();
        std::fs::write(root.join("src/generated/ligase.v1.bin"), &described).unwrap();
    }
    let stands = std::fs::read(root.join("src/generated/ligase.v1.bin")).unwrap_or_default();
    assert!(stands == described, "the descriptors for reflection are not those of the .proto files: regenerate them");
    let stands = std::fs::read_to_string(&committed).unwrap_or_default();
    assert!(stands == fresh, "run `LIGASE_REGENERATE=1 cargo test -p ligase-tests` and commit the result");
}
