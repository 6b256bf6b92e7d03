//! Tests of `replica`.
