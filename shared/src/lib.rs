//! Snapback takes risky changes in AWS accounts back: the vocabulary, and the one loop that all functions share.
//!
//! Read in this order: [`event`] (what happened), [`control`] (what a risky change is), [`decision`] (what is
//! concluded), [`change`] (everything that can be done to an account), [`responder`] (the way of an event).
//! [`policy`] and [`network`] judge exposure; [`guardrail`] is the operator's say; [`journal`] remembers; [`notice`]
//! tells people.

pub mod aws;
pub mod buckets;
pub mod change;
pub mod control;
pub mod decision;
pub mod delayed;
pub mod digest;
pub mod event;
pub mod guardrail;
pub mod journal;
pub mod json;
pub mod lambda;
pub mod learning;
pub mod logfile;
pub mod metric;
pub mod mode;
pub mod network;
pub mod notice;
pub mod noticed;
pub mod partition;
pub mod place;
pub mod plain;
pub mod policed;
pub mod policy;
pub mod responder;
pub mod retry;
pub mod right;
pub mod settings;
pub mod sharing;
pub mod subject;
pub mod trusted;
