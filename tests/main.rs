//! What must hold across the workspace.

// The futures of a scene are deep.
#![recursion_limit = "256"]

mod advisories;
mod benign;
mod canned;
mod cases;
mod coverage;
mod cycles;
mod deployment;
mod docs;
mod escalation;
mod events;
mod guardrails;
mod iam;
mod laws;
mod organization;
mod pages;
mod quotas;
mod recorded;
mod template;
mod threats;
mod told;
