//! Tests of the whole pack.
