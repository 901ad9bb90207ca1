//! Probes that are data: patterns over syntax trees, run by a dispatcher of our own, since ast-grep's obeys comments in the
//! scanned file. Each rule is matched only at the node kinds that it can match. Next: `python/mod.rs`.
