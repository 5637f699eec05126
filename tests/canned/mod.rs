//! The responder, and what redrives dead letters, against canned HTTP answers of AWS's real wire shapes.

mod checks;
mod counted;
mod crowds;
mod guardrails;
mod injected;
mod interrupted;
mod journal;
mod members;
mod own;
mod redrive;
mod replication;
mod retried;
pub(crate) mod scene;
mod seal;
mod second;
mod shuffled;
mod signature;
mod surveys;
mod sweep;
mod threats;
mod together;
pub(crate) mod wire;
mod without_a_crate;
