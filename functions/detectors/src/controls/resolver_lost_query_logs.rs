//! # DNS queries are no longer logged
//!
//! **Watches** of Route 53 Resolver `DeleteResolverQueryLogConfig`, `DisassociateResolverQueryLogConfig`.
//!
//! **Why** The logs of DNS queries show with whom instances talk, be it to be commanded or to carry data out (Stratus Red Team:
//! `dns-delete-logs`).
//!
//! **Does** Alerts, with the command that makes the same again: the event says where the logs went, or of which VPC they were.
//! It reverts nothing.
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

const DELETE: &str = "DeleteResolverQueryLogConfig";

#[derive(Debug)]
pub(crate) struct ResolverLostQueryLogs;

impl Noticed for ResolverLostQueryLogs {
    const ABOUT: &'static About = &About {
        id: "resolver-lost-query-logs",
        title: "DNS queries are no longer logged",
        happened: "has lost logs of DNS queries",
        watches: &[of(DELETE), of("DisassociateResolverQueryLogConfig")],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562.008", "Stratus aws.defense-evasion.dns-delete-logs"],
        caveat: "Queries of the time without logs are recorded nowhere.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        let request = &event.request;
        let done = if event.name == DELETE {
            let config = &event.response["resolverQueryLogConfig"];
            let to = named(config, "destinationArn").map(|to| format!(", which went to `{to}`")).unwrap_or_default();
            let (name, to_arn) =
                (option("--name", config, "name"), option("--destination-arn", config, "destinationArn"));
            Done::new(
                Severity::High,
                format!("deleted the logging of DNS queries{}{to}", called(request, "resolverQueryLogConfigId")),
                &format!("aws route53resolver create-resolver-query-log-config {name} {to_arn}"),
            )
        } else {
            let config = option("--resolver-query-log-config-id", request, "resolverQueryLogConfigId");
            let vpc = option("--resource-id", request, "resourceId");
            Done::new(
                Severity::High,
                format!("ended the logging of DNS queries of VPC{}", called(request, "resourceId")),
                &format!("aws route53resolver associate-resolver-query-log-config {config} {vpc}"),
            )
        };
        Some(done.risk(event, Subject::account(event)))
    }
}

const fn of(name: &'static str) -> Watch {
    Watch { service: "route53resolver.amazonaws.com", name }
}
