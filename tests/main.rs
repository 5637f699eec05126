//! What must hold across the workspace.

mod benign;
mod cycles;
mod decisions;
mod deployment;
mod docs;
mod events;
mod guardrails;
mod organization;
mod pages;
mod quotas;
mod recorded;
mod template;
mod threats;
