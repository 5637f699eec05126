//! # A resource lost its web ACL, or a web ACL its log
//!
//! **Watches** of AWS WAF `DisassociateWebACL`, `DeleteLoggingConfiguration`.
//!
//! **Why** A web ACL keeps attacks from a load balancer, an API or a user pool, and its log shows them. Whoever takes it away
//! lets them through, or has nobody see them.
//!
//! **Does** Alerts. It reverts nothing: neither which web ACL a resource had nor where its log went is in the event.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials or with its service-linked role
//!
//! A `CloudFront` distribution gets and loses its web ACL by `UpdateDistribution`, which is not watched.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::alerts::{Done, called, is_by_aws, option};

const DISASSOCIATE: &str = "DisassociateWebACL";

#[derive(Debug)]
pub(crate) struct WafLostProtection;

impl Noticed for WafLostProtection {
    const ABOUT: &'static About = &About {
        id: "waf-lost-protection",
        title: "A resource lost its web ACL, or a web ACL its log",
        happened: "has lost what a web ACL does",
        watches: &[of(DISASSOCIATE), of("DeleteLoggingConfiguration")],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["AWS FSBP WAF.11", "ATT&CK T1562.007", "ATT&CK T1562.008"],
        caveat: "Look in the logs of the resource for what came through meanwhile.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        let request = &event.request;
        let done = if event.name == DISASSOCIATE {
            let resource = option("--resource-arn", request, "resourceArn");
            Done::new(
                Severity::Medium,
                format!("took the web ACL from resource{}", called(request, "resourceArn")),
                &format!("aws wafv2 associate-web-acl --web-acl-arn … {resource}"),
            )
        } else {
            Done::new(
                Severity::Medium,
                format!("ended the log of web ACL{}", called(request, "resourceArn")),
                "aws wafv2 put-logging-configuration --logging-configuration …",
            )
        };
        Some(done.risk(event, Subject::account(event)))
    }
}

const fn of(name: &'static str) -> Watch {
    Watch { service: "wafv2.amazonaws.com", name }
}
