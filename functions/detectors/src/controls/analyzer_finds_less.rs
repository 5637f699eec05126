//! # IAM Access Analyzer finds less, or hides what it finds
//!
//! **Watches** of IAM Access Analyzer `DeleteAnalyzer`, `CreateArchiveRule`, `UpdateArchiveRule`.
//!
//! **Why** An analyzer finds who outside of the account or the organization can reach what is in it. Without one, or with a
//! rule that archives what it finds, a door that was opened stays open unseen.
//!
//! **Does** Alerts, and says with which command it is put back. It reverts nothing: an analyzer that was deleted is gone with
//! its findings and rules, and no event tells which of them hid anything.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials or with its service-linked role

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::alerts::{Done, called, is_by_aws, named, option};

#[derive(Debug)]
pub(crate) struct AnalyzerFindsLess;

impl Noticed for AnalyzerFindsLess {
    const ABOUT: &'static About = &About {
        id: "analyzer-finds-less",
        title: "IAM Access Analyzer finds less, or hides what it finds",
        happened: "shows less",
        watches: &[of(DELETE), of("CreateArchiveRule"), of("UpdateArchiveRule")],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["CIS AWS Foundations 1.20", "AWS FSBP IAM.28", "ATT&CK T1562.001"],
        caveat: "A new analyzer finds again what is open then; `aws accessanalyzer list-findings` shows what was archived.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if event.name == DELETE { "was deleted" } else { Self::ABOUT.happened }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        let request = &event.request;
        let analyzer = option("--analyzer-name", request, "analyzerName");
        let done = if event.name == DELETE {
            Done::new(
                Severity::High,
                format!("deleted analyzer{}, with its findings and rules", called(request, "analyzerName")),
                &format!("aws accessanalyzer create-analyzer {analyzer} --type …"),
            )
        } else {
            let (of, rule) = (called(request, "analyzerName"), called(request, "ruleName"));
            let named = option("--rule-name", request, "ruleName");
            Done::new(
                Severity::Medium,
                format!("has findings of analyzer{of} archived unseen by rule{rule}"),
                &format!("aws accessanalyzer delete-archive-rule {analyzer} {named}"),
            )
        };
        let subject = named(request, "analyzerName").map_or_else(
            || Subject::account(event),
            |name| {
                let page = format!("access-analyzer/home?region={}", event.region);
                Subject::part(event, "analyzer", name, "access-analyzer", "analyzer/", &page)
            },
        );
        Some(done.risk(event, subject))
    }
}

const DELETE: &str = "DeleteAnalyzer";

const fn of(name: &'static str) -> Watch {
    Watch { service: "access-analyzer.amazonaws.com", name }
}
