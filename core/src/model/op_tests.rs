//! Tests of `op`.
