//! The harness of the end-to-end tests: hermetic git, the built binary, folders that go away. It knows nothing of verdicts.
