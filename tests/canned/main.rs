//! The responder against canned HTTP answers of AWS's real wire shapes.

mod calls;
mod guardrails;
mod injected;
mod journal;
mod own;
mod scene;
mod wire;
