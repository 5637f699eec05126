//! The benchmarks stand in `judge.rs`.
