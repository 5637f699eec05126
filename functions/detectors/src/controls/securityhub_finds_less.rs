//! # Security Hub finds less, or hides what it finds
//!
//! **Watches** of Security Hub `DisableSecurityHub`, `DisableSecurityHubV2`, `DisableSecurityHubFeatureV2`,
//! `BatchDisableStandards`, `UpdateStandardsControl`, `BatchUpdateStandardsControlAssociations`,
//! `DisableImportFindingsForProduct`, `CreateAutomationRule`, `CreateAutomationRuleV2`, `DisassociateFromAdministratorAccount`,
//! `DisassociateFromMasterAccount`, `DisassociateMembers`, `DeleteMembers`, `DisableOrganizationAdminAccount`.
//!
//! **Why** Security Hub shows in one place what all other detectors find. Whoever turns it off, or its standards, or has a rule
//! suppress its findings, keeps people from seeing theirs.
//!
//! **Does** Alerts, and says with which command it is put back, as far as there is one. It reverts nothing: what is turned on
//! again is without its findings and settings of before, which no event tells.
//!
//! **Leaves alone**
//! - controls of a standard that are turned on
//! - what an AWS service does by itself, with nobody's credentials or with its service-linked role

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::alerts::{Done, accounts, called, is_by_aws, named, option, texts};

#[derive(Debug)]
pub(crate) struct SecurityhubFindsLess;

impl Noticed for SecurityhubFindsLess {
    const ABOUT: &'static About = &About {
        id: "securityhub-finds-less",
        title: "Security Hub finds less, or hides what it finds",
        happened: "has lost what Security Hub finds",
        watches: &[
            of("DisableSecurityHub"),
            of("DisableSecurityHubV2"),
            of("DisableSecurityHubFeatureV2"),
            of("BatchDisableStandards"),
            of("UpdateStandardsControl"),
            of("BatchUpdateStandardsControlAssociations"),
            of("DisableImportFindingsForProduct"),
            of("CreateAutomationRule"),
            of("CreateAutomationRuleV2"),
            of("DisassociateFromAdministratorAccount"),
            of("DisassociateFromMasterAccount"),
            of("DisassociateMembers"),
            of("DeleteMembers"),
            of("DisableOrganizationAdminAccount"),
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562.001", "ATT&CK T1562.008"],
        caveat: "What was not looked at meanwhile is not found later: see in CloudTrail what else the same principal has done.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        Some(done(event)?.risk(event, Subject::account(event)))
    }
}

const fn of(name: &'static str) -> Watch {
    Watch { service: "securityhub.amazonaws.com", name }
}

/// Nothing if it is harmless. The fields of its requests begin with capitals.
fn done(event: &Event) -> Option<Done> {
    let request = &event.request;
    let (members, _) = accounts(&request["AccountIds"]);
    Some(match event.name.as_str() {
        "DisableSecurityHub" => Done::new(
            Severity::High,
            "turned off Security Hub, with its standards; after 90 days its findings and settings are deleted",
            "aws securityhub enable-security-hub --no-enable-default-standards",
        ),
        "DisableSecurityHubV2" => {
            Done::new(Severity::High, "turned off Security Hub", "aws securityhub enable-security-hub-v2")
        }
        "DisableSecurityHubFeatureV2" => Done::new(
            Severity::High,
            format!("turned off feature{} of Security Hub", called(request, "FeatureName")),
            &format!(
                "aws securityhub enable-security-hub-feature-v2 {}",
                option("--feature-name", request, "FeatureName")
            ),
        ),
        "BatchDisableStandards" => {
            let standards = texts(&request["StandardsSubscriptionArns"]).join(", ");
            let standards = if standards.is_empty() { standards } else { format!(": {standards}") };
            Done::new(
                Severity::High,
                format!("turned off standards of Security Hub{standards}"),
                "aws securityhub batch-enable-standards --standards-subscription-requests StandardsArn=…",
            )
        }
        "UpdateStandardsControl" => {
            if json::text(request, "ControlStatus") == Some("ENABLED") {
                return None;
            }
            let arn = option("--standards-control-arn", request, "StandardsControlArn");
            Done::new(
                Severity::Medium,
                format!("turned off control{} of a standard of Security Hub", called(request, "StandardsControlArn")),
                &format!("aws securityhub update-standards-control {arn} --control-status ENABLED"),
            )
        }
        "BatchUpdateStandardsControlAssociations" => {
            let updates = json::list(&request["StandardsControlAssociationUpdates"]);
            let is_off = |update: &&&serde_json::Value| json::text(update, "AssociationStatus") != Some("ENABLED");
            let off: Vec<&str> = updates
                .iter()
                .filter(is_off)
                .map(|update| json::text(update, "SecurityControlId").unwrap_or("?"))
                .collect();
            if off.is_empty() && !updates.is_empty() {
                return None;
            }
            let which = if off.is_empty() { String::new() } else { format!(": {}", off.join(", ")) };
            Done::new(
                Severity::Medium,
                format!("turned off controls of a standard of Security Hub{which}"),
                "aws securityhub batch-update-standards-control-associations --standards-control-association-updates …",
            )
        }
        "DisableImportFindingsForProduct" => Done::new(
            Severity::High,
            format!(
                "stopped findings of product{} from coming into Security Hub",
                called(request, "ProductSubscriptionArn")
            ),
            "aws securityhub enable-import-findings-for-product --product-arn …",
        ),
        "CreateAutomationRule" | "CreateAutomationRuleV2" => {
            let (command, flag, field) = if event.name.ends_with("V2") {
                ("delete-automation-rule-v2", "--identifier", "RuleId")
            } else {
                ("batch-delete-automation-rules", "--automation-rules-arns", "RuleArn")
            };
            Done::new(
                Severity::Low,
                format!("made a rule{} by which Security Hub changes or hides findings", called(request, "RuleName")),
                &format!("aws securityhub {command} {}", option(flag, &event.response, field)),
            )
        }
        "DisassociateMembers" | "DeleteMembers" => Done::new(
            Severity::High,
            format!("took members{members} from their administrator in Security Hub"),
            "aws securityhub create-members --account-details AccountId=…",
        ),
        "DisableOrganizationAdminAccount" => {
            let admin = named(request, "AdminAccountId").map(|id| format!(" {id}")).unwrap_or_default();
            let back = option("--admin-account-id", request, "AdminAccountId");
            Done::new(
                Severity::High,
                format!("took from account{admin} the administration of Security Hub for the organization"),
                &format!("aws securityhub enable-organization-admin-account {back}"),
            )
        }
        _ => Done::for_good(
            Severity::High,
            "took this account from its administrator in Security Hub, who adds it again with `aws securityhub create-members`",
        ),
    })
}
