//! # AWS Config checks less
//!
//! **Watches** `DeleteConfigRule`, `DeleteConformancePack`, `DeleteConfigurationAggregator`, `DeleteOrganizationConfigRule`,
//! `DeleteOrganizationConformancePack`.
//!
//! **Why** A rule of AWS Config tells when a resource is not as it should be, an aggregator brings what the rules of all
//! accounts tell to one place. Pacu's `detection__disruption` deletes both.
//!
//! **Does** Alerts. It reverts nothing: neither how a rule was nor what it has found is in the event.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials or with its service-linked role

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::alerts::{Done, called, is_by_aws, option};
use crate::told::SERVICE;

#[derive(Debug)]
pub(crate) struct ConfigDeletedRule;

/// By call, what it deletes, the field that names it, and the command that puts one.
const DELETED: [(&str, &str, &str, &str); 5] = [
    ("DeleteConfigRule", "rule", "configRuleName", "put-config-rule --config-rule …"),
    (
        "DeleteConformancePack",
        "conformance pack",
        "conformancePackName",
        "put-conformance-pack --conformance-pack-name",
    ),
    (
        "DeleteConfigurationAggregator",
        "aggregator",
        "configurationAggregatorName",
        "put-configuration-aggregator --configuration-aggregator-name",
    ),
    (
        "DeleteOrganizationConfigRule",
        "rule of the organization",
        "organizationConfigRuleName",
        "put-organization-config-rule --organization-config-rule-name",
    ),
    (
        "DeleteOrganizationConformancePack",
        "conformance pack of the organization",
        "organizationConformancePackName",
        "put-organization-conformance-pack --organization-conformance-pack-name",
    ),
];

impl Noticed for ConfigDeletedRule {
    const ABOUT: &'static About = &About {
        id: "config-deleted-rule",
        title: "AWS Config checks less",
        happened: "has lost a check of AWS Config",
        watches: &[of(0), of(1), of(2), of(3), of(4)],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &[
            "ATT&CK T1562.008",
            "Pacu detection__disruption: delete_config_rule",
            "Pacu detection__disruption: delete_configuration_aggregator",
        ],
        caveat: "AWS Config still shows how the resources were; a rule that is put again judges them anew.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        let (_, what, field, put) = DELETED.into_iter().find(|(call, ..)| *call == event.name)?;
        let back = if put.ends_with('…') { put.to_owned() } else { option(put, &event.request, field) };
        let did = format!("deleted {what}{} of AWS Config", called(&event.request, field));
        Some(
            Done::new(Severity::Medium, did, &format!("aws configservice {back}")).risk(event, Subject::account(event)),
        )
    }
}

const fn of(index: usize) -> Watch {
    Watch { service: SERVICE, name: DELETED[index].0 }
}
