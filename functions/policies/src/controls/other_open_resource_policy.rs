//! # Another resource policy lets strangers in
//!
//! **Watches** of CodeArtifact `PutDomainPermissionsPolicy` and `PutRepositoryPermissionsPolicy`; of ECR `PutRegistryPolicy`; of
//! the Serverless Application Repository `PutApplicationPolicy`; of MSK `PutClusterPolicy`; of AWS Glue, CodeBuild, Redshift,
//! Systems Manager, CloudTrail and VPC Lattice `PutResourcePolicy`.
//!
//! **Why** Strangers take code and packages, or put theirs in their place, read what a catalogue describes, a cluster holds or
//! a parameter keeps, and restore snapshots as their own.
//!
//! **Does** Judges the policy in the event. Alerts and touches nothing: no local AWS has these policies to try a revert on, or
//! there is one of them in a Region, which AWS RAM writes as well. The notice has the command that takes the policy away.
//!
//! **Leaves alone**
//! - policies that let in only its own account, accounts and organizations that the operator trusts, and services of AWS

use std::borrow::Cow;

use serde_json::{Value, json};
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, account_in, strangers_in};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::row::OPENED;
use crate::told::quoted;

#[derive(Debug)]
pub(crate) struct OtherOpenResourcePolicy;

/// A call that puts a policy.
struct Put {
    service: &'static str,
    name: &'static str,
    /// What has the policy, and what stands before its name in its ARN.
    kind: &'static str,
    path: &'static str,
    /// Where the call has the policy.
    policy: &'static str,
    /// What takes it away, and how it is told upon what: its options, by what the call or its answer calls them.
    delete: &'static str,
    of: &'static [(&'static str, &'static str)],
}

const BY_ARN: &[(&str, &str)] = &[("--resource-arn", "resourceArn")];

const PUTS: [Put; 11] = [
    Put {
        service: "codeartifact.amazonaws.com",
        name: "PutDomainPermissionsPolicy",
        kind: "CodeArtifact domain",
        path: "domain/",
        policy: "policyDocument",
        delete: "codeartifact delete-domain-permissions-policy",
        of: &[("--domain", "domain")],
    },
    Put {
        service: "codeartifact.amazonaws.com",
        name: "PutRepositoryPermissionsPolicy",
        kind: "CodeArtifact repository",
        path: "repository/",
        policy: "policyDocument",
        delete: "codeartifact delete-repository-permissions-policy",
        of: &[("--domain", "domain"), ("--repository", "repository")],
    },
    Put {
        service: "ecr.amazonaws.com",
        name: "PutRegistryPolicy",
        kind: "account",
        path: "",
        policy: "policyText",
        delete: "ecr delete-registry-policy",
        of: &[],
    },
    // <https://docs.aws.amazon.com/serverlessrepo/latest/devguide/security_iam_resource-based-policy-examples.html>
    Put {
        service: "serverlessrepo.amazonaws.com",
        name: "PutApplicationPolicy",
        kind: "serverless application",
        path: "applications/",
        policy: "statements",
        delete: "serverlessrepo put-application-policy --statements Principals=OWN_ACCOUNT,Actions=Deploy",
        of: &[("--application-id", "applicationId")],
    },
    Put {
        service: "kafka.amazonaws.com",
        name: "PutClusterPolicy",
        kind: "MSK cluster",
        path: "cluster/",
        policy: "policy",
        delete: "kafka delete-cluster-policy",
        of: &[("--cluster-arn", "clusterArn")],
    },
    Put {
        service: "glue.amazonaws.com",
        name: "PutResourcePolicy",
        kind: "account",
        path: "",
        policy: "policyInJson",
        delete: "glue delete-resource-policy",
        of: &[],
    },
    Put {
        service: "codebuild.amazonaws.com",
        name: "PutResourcePolicy",
        kind: "CodeBuild project",
        path: "project/",
        policy: "policy",
        delete: "codebuild delete-resource-policy",
        of: BY_ARN,
    },
    Put {
        service: "redshift.amazonaws.com",
        name: "PutResourcePolicy",
        kind: "Redshift namespace",
        path: "namespace:",
        policy: "policy",
        delete: "redshift delete-resource-policy",
        of: BY_ARN,
    },
    Put {
        service: "ssm.amazonaws.com",
        name: "PutResourcePolicy",
        kind: "parameter",
        path: "parameter/",
        policy: "policy",
        delete: "ssm delete-resource-policy",
        of: &[("--resource-arn", "resourceArn"), ("--policy-id", "policyId"), ("--policy-hash", "policyHash")],
    },
    Put {
        service: "cloudtrail.amazonaws.com",
        name: "PutResourcePolicy",
        kind: "event data store",
        path: "eventdatastore/",
        policy: "resourcePolicy",
        delete: "cloudtrail delete-resource-policy",
        of: BY_ARN,
    },
    Put {
        service: "vpc-lattice.amazonaws.com",
        name: "PutResourcePolicy",
        kind: "VPC Lattice service",
        path: "service/",
        policy: "policy",
        delete: "vpc-lattice delete-resource-policy",
        of: BY_ARN,
    },
];

const WATCHES: [Watch; PUTS.len()] = {
    let mut watches = [const { Watch { service: "", name: "" } }; PUTS.len()];
    let mut at = 0;
    while at < PUTS.len() {
        watches[at] = Watch { service: PUTS[at].service, name: PUTS[at].name };
        at += 1;
    }
    watches
};

impl Noticed for OtherOpenResourcePolicy {
    const ABOUT: &'static About = &About {
        id: "other-open-resource-policy",
        title: "Another resource policy lets strangers in",
        watches: &WATCHES,
        frameworks: &["ATT&CK T1537"],
        caveat: "What strangers did in the meantime stays done: look in CloudTrail for calls upon it by other accounts.",
        source: file!(),
        ..OPENED
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let put = PUTS.iter().find(|put| put.service == event.service && put.name == event.name)?;
        let said = |field: &str| json::text(&event.request, field).or_else(|| json::text(&event.response, field));
        let id = put.of.first().and_then(|(_, field)| said(field));
        // A call upon another account's resource is told to the caller's account as well.
        let owner = id.and_then(account_in).or_else(|| said("domainOwner"));
        if owner.is_some_and(|account| account != event.account) {
            return None;
        }
        let (severity, open) = strangers_in(policy(&event.request[put.policy]).as_deref(), event, settings)?;
        let service = put.service.split('.').next().unwrap_or_default();
        let mut delete = format!("aws {} --region {}", put.delete, event.region);
        let mut name = vec![];
        for (option, field) in put.of {
            let value = said(field).map_or(Cow::Borrowed("…"), quoted);
            delete.extend([" ", option, " ", &value]);
            name.extend(json::text(&event.request, field));
        }
        let delete = delete.replace("OWN_ACCOUNT", &event.account);
        let name = name.join("/");
        let name = name.rsplit_once(put.path).filter(|_| !put.path.is_empty()).map_or(name.as_str(), |(_, name)| name);
        let page = format!("{service}/home?region={}", event.region);
        let part = id.map(|_| Subject::part(event, put.kind, name, service, put.path, &page));
        let subject = part.unwrap_or_else(|| Subject::account(event));
        let why = format!("{open}. If it should not be so, put a narrower policy, or take it away with `{delete}`");
        Some(Risk { subject, severity, why })
    }
}

/// A policy as the event has it, or one of the statements that it tells of an application.
fn policy(put: &Value) -> Option<String> {
    let Value::Array(statements) = put else { return put.as_str().map(str::to_owned) };
    let of = |statement: &Value| {
        let mut allow = json!({"Effect": "Allow", "Action": "serverlessrepo:*", "Resource": "*"});
        allow["Principal"] = json!({"AWS": statement["principals"]});
        if let Value::Array(organizations) = &statement["principalOrgIDs"] {
            allow["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": organizations}});
        }
        allow
    };
    Some(json!({"Version": "2012-10-17", "Statement": statements.iter().map(of).collect::<Vec<_>>()}).to_string())
}
