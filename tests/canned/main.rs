//! The responder, and what redrives dead letters, against canned HTTP answers of AWS's real wire shapes.

mod calls;
mod checks;
mod counted;
mod guardrails;
mod injected;
mod journal;
mod own;
mod redrive;
mod replication;
mod scene;
mod seal;
mod threats;
mod wire;
