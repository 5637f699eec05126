//! Whether the calls of one who holds a policy meet a condition: always, never, or perhaps.
//!
//! What a call tells of its holder is known, and so is which keys a call of IAM has. Of all else a condition may be met.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use std::borrow::Cow;

use jiff::Timestamp;

use super::Holder;
use crate::partition::Partition;
use crate::policy::pattern::{covers_all_of, matches, overlaps};
use crate::policy::principal::is_account;
use crate::policy::{date, document};

#[derive(Debug)]
pub(super) struct Condition {
    /// In small letters, as is the key; without quantifier and `IfExists`.
    operator: String,
    holds_when_absent: bool,
    /// Whether it is one of `ForAnyValue`.
    is_any: bool,
    pub(super) key: String,
    /// As it is written.
    pub(super) shown: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    Always,
    Never,
    Perhaps,
}

/// What a call says under a key.
enum Told<'a> {
    Nothing,
    /// One of these.
    One(Vec<Cow<'a, str>>),
    Unknown,
}

/// By these a managed policy is attached, and `iam:PolicyARN` tells which.
const ATTACHING: [&str; 3] = ["iam:attachgrouppolicy", "iam:attachrolepolicy", "iam:attachuserpolicy"];

/// AWS's own policies, which nobody else can rewrite, that give no way up by themselves. Of all others some do, and what
/// an account's own policies allow is not known here.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
const HARMLESS: [&str; 24] = [
    "arn:*:iam::aws:policy/*ReadOnly",
    "arn:*:iam::aws:policy/*ReadOnlyAccess",
    "arn:*:iam::aws:policy/*ViewOnlyAccess",
    "arn:*:iam::aws:policy/AWSDenyAll",
    "arn:*:iam::aws:policy/AWSXRayDaemonWriteAccess",
    "arn:*:iam::aws:policy/AmazonDynamoDBFullAccess_v2",
    "arn:*:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser",
    "arn:*:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    "arn:*:iam::aws:policy/AmazonEKSClusterPolicy",
    "arn:*:iam::aws:policy/AmazonEKSVPCResourceController",
    "arn:*:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "arn:*:iam::aws:policy/AmazonEKS_CNI_Policy",
    "arn:*:iam::aws:policy/AmazonS3FullAccess",
    "arn:*:iam::aws:policy/AmazonSNSFullAccess",
    "arn:*:iam::aws:policy/AmazonSQSFullAccess",
    "arn:*:iam::aws:policy/AmazonSSMManagedInstanceCore",
    "arn:*:iam::aws:policy/CloudWatchAgentServerPolicy",
    "arn:*:iam::aws:policy/CloudWatchLogsFullAccess",
    "arn:*:iam::aws:policy/IAMUserChangePassword",
    "arn:*:iam::aws:policy/SecurityAudit",
    "arn:*:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:*:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
    "arn:*:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
    "arn:*:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
];

/// Policies that bound nothing which matters here.
const NO_BOUNDS: [&str; 3] = [
    "arn:aws:iam::aws:policy/AdministratorAccess",
    "arn:aws:iam::aws:policy/IAMFullAccess",
    "arn:aws:iam::aws:policy/*",
];

/// Whether it is a policy of AWS's own that gives no way up.
#[must_use]
pub fn is_harmless(policy: &str) -> bool {
    HARMLESS.iter().any(|harmless| covers_all_of(harmless, policy))
}

/// Keys of IAM, with the calls that have them.
const OF_IAM: [(&str, &[&str]); 8] = [
    ("iam:associatedresourcearn", &["passrole"]),
    ("iam:awsservicename", &["createservicelinkedrole"]),
    ("iam:fido-certification", &["enablemfadevice"]),
    ("iam:fido-fips-140-2-certification", &["enablemfadevice"]),
    ("iam:passedtoservice", &["passrole"]),
    (
        "iam:permissionsboundary",
        &[
            "attachrolepolicy",
            "attachuserpolicy",
            "createrole",
            "createuser",
            "deleterolepermissionsboundary",
            "deleterolepolicy",
            "deleteuserpermissionsboundary",
            "deleteuserpolicy",
            "detachrolepolicy",
            "detachuserpolicy",
            "putrolepermissionsboundary",
            "putrolepolicy",
            "putuserpermissionsboundary",
            "putuserpolicy",
        ],
    ),
    (
        "iam:policyarn",
        &[
            "attachgrouppolicy",
            "attachrolepolicy",
            "attachuserpolicy",
            "detachgrouppolicy",
            "detachrolepolicy",
            "detachuserpolicy",
        ],
    ),
    ("iam:registersecuritykey", &["enablemfadevice"]),
];

/// Services whose keys only their own calls have.
const CLOSED: [&str; 10] = [
    "cloudformation",
    "dynamodb",
    "elasticloadbalancing",
    "events",
    "kms",
    "rds",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
];

/// What of IAM can be given tags as it is made.
const TAGGED: [&str; 8] = [
    "createinstanceprofile",
    "createopenidconnectprovider",
    "createpolicy",
    "createrole",
    "createsamlprovider",
    "createuser",
    "createvirtualmfadevice",
    "uploadservercertificate",
];

/// Keys that every signed request has.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const ALWAYS_THERE: [&str; 7] = [
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principaltype",
    "aws:securetransport",
    "aws:userid",
];

impl Condition {
    pub(super) fn read(entry: &document::Entry<'_>) -> Self {
        let lower = entry.operator.to_ascii_lowercase();
        let of_all = lower.strip_prefix("forallvalues:");
        let of_any = lower.strip_prefix("foranyvalue:");
        let of_some = of_all.or(of_any).unwrap_or(&lower);
        let bare = of_some.strip_suffix("ifexists");
        Self {
            operator: bare.unwrap_or(of_some).to_owned(),
            holds_when_absent: of_all.is_some() || bare.is_some(),
            is_any: of_any.is_some(),
            key: entry.key.to_ascii_lowercase(),
            shown: entry.key.clone().into_owned(),
            values: entry.values.iter().map(|value| value.text.clone().into_owned()).collect(),
        }
    }

    /// Whether the holder's calls of this action, in small letters, meet it; without an action, whether those of any do.
    pub(super) fn met(&self, action: Option<&str>, holder: &Holder) -> Met {
        if self.is_never_met(holder.at) {
            return Met::Never;
        }
        if self.key == "iam:policyarn" && action.is_some_and(|action| ATTACHING.contains(&action)) {
            return self.met_by_attaching(holder);
        }
        match self.told(action, holder) {
            Told::Unknown => Met::Perhaps,
            Told::Nothing => self.met_without(),
            Told::One(all) => {
                let met: Vec<Option<bool>> = all.iter().map(|value| self.met_by(value)).collect();
                match &met[..] {
                    all if all.iter().all(|met| *met == Some(true)) => Met::Always,
                    all if all.iter().all(|met| *met == Some(false)) => Met::Never,
                    _ => Met::Perhaps,
                }
            }
        }
    }

    /// Whether it lets the holder act upon those only whom a permissions boundary keeps from becoming administrator.
    pub(super) fn is_bounding(&self) -> bool {
        let is_comparison = matches!(self.operator.as_str(), "stringequals" | "stringlike" | "arnequals" | "arnlike");
        let bounds = |value: &String| !value.contains("${") && !NO_BOUNDS.iter().any(|other| overlaps(value, other));
        self.key == "iam:permissionsboundary"
            && is_comparison
            && !self.holds_when_absent
            && !self.values.is_empty()
            && self.values.iter().all(bounds)
    }

    fn told<'a>(&self, action: Option<&str>, holder: &'a Holder) -> Told<'a> {
        let one = |value: Option<&'a str>| value.map_or(Told::Unknown, |value| Told::One(vec![value.into()]));
        let is_of_iam = action.is_some_and(|action| action.starts_with("iam:"));
        match self.key.as_str() {
            "aws:principalaccount" => one(holder.account.as_deref()),
            "aws:resourceaccount" if is_of_iam => one(holder.account.as_deref()),
            "aws:principalarn" => one(holder.arn.as_deref().filter(|_| holder.is_user() || holder.is_role())),
            "aws:username" if holder.is_role() => Told::Nothing,
            "aws:username" => one(holder.user()),
            "aws:principalisawsservice" => one(Some("false")),
            // IAM answers over TLS only.
            "aws:securetransport" if is_of_iam => one(Some("true")),
            "aws:principaltype" if holder.is_user() => one(Some("User")),
            "aws:principaltype" if holder.is_role() => one(Some("AssumedRole")),
            "aws:requestedregion" if is_of_iam => {
                let partition = holder.arn.as_deref().and_then(|arn| arn.split(':').nth(1));
                let meant = Partition::ALL.into_iter().filter(|of| partition.is_none_or(|name| name == of.name()));
                let regions: Vec<_> = meant.filter_map(Partition::region_of_iam).map(Cow::Borrowed).collect();
                if regions.is_empty() { Told::Unknown } else { Told::One(regions) }
            }
            key if action.is_some_and(|action| is_absent(key, action)) => Told::Nothing,
            _ => Told::Unknown,
        }
    }

    fn met_without(&self) -> Met {
        let is = |text: &str| self.values.iter().all(|value| value.eq_ignore_ascii_case(text));
        match self.operator.as_str() {
            "null" if is("true") => Met::Always,
            "null" if is("false") => Met::Never,
            // AWS does not say what `ForAnyValue` with `IfExists` gives for a key that is absent.
            "null" => Met::Perhaps,
            _ if self.holds_when_absent && self.is_any => Met::Perhaps,
            _ if self.holds_when_absent => Met::Always,
            operator if operator.contains("not") && !self.is_any => Met::Always,
            _ => Met::Never,
        }
    }

    /// Nothing where it cannot be told.
    fn met_by(&self, told: &str) -> Option<bool> {
        let (operator, is_negated) = match self.operator.as_str() {
            "stringnotequals" => ("stringequals", true),
            "stringnotequalsignorecase" => ("stringequalsignorecase", true),
            "stringnotlike" => ("stringlike", true),
            "arnnotequals" | "arnnotlike" => ("arnlike", true),
            "arnequals" => ("arnlike", false),
            operator => (operator, false),
        };
        let is = |value: &String| match operator {
            "stringequals" => Some(value == told),
            "stringequalsignorecase" | "bool" => Some(value.eq_ignore_ascii_case(told)),
            "stringlike" | "arnlike" => Some(matches(value, told)),
            "null" if value.eq_ignore_ascii_case("false") => Some(true),
            "null" if value.eq_ignore_ascii_case("true") => Some(false),
            _ => None,
        };
        let (known, variable): (Vec<&String>, Vec<&String>) =
            self.values.iter().partition(|value| !value.contains("${"));
        let known: Option<Vec<bool>> = known.into_iter().map(is).collect();
        match known?.contains(&true) {
            true => Some(!is_negated),
            false if variable.is_empty() => Some(is_negated),
            false => None,
        }
    }

    /// Whoever attaches a policy always tells which. To attach one that is harmless is no way up, nor can one be attached
    /// that is another account's or that there is not.
    fn met_by_attaching(&self, holder: &Holder) -> Met {
        let is_exact = matches!(self.operator.as_str(), "stringequals" | "stringnotequals");
        let is_others = |policy: &str| {
            let account = policy.split(':').nth(4).filter(|account| is_account(account));
            account.is_some_and(|account| holder.account.as_ref().is_some_and(|own| own != account))
        };
        let is_in_vain =
            |policy: &String| is_harmless(policy) || is_others(policy) || is_exact && policy.contains(['*', '?']);
        match self.operator.as_str() {
            _ if self.values.is_empty() || !self.values.iter().all(is_in_vain) => Met::Perhaps,
            "stringequals" | "stringlike" | "arnequals" | "arnlike" => Met::Never,
            "stringnotequals" | "stringnotlike" | "arnnotequals" | "arnnotlike" => Met::Always,
            _ => Met::Perhaps,
        }
    }

    /// Whether whoever passes a role to any of these services certainly meets it.
    pub(super) fn is_met_by_passing_to(&self, services: &[&str]) -> bool {
        let is_named = |service: &&str| match self.operator.as_str() {
            "stringequals" | "stringequalsignorecase" => {
                self.values.iter().any(|value| value.eq_ignore_ascii_case(service))
            }
            "stringlike" => self.values.iter().any(|value| matches(&value.to_ascii_lowercase(), service)),
            // A service has a principal for each region too, and one for each partition.
            "stringnotequals" | "stringnotequalsignorecase" | "stringnotlike" => {
                let name = service.split('.').next().unwrap_or(service);
                let may_mean = |value: &String| overlaps(&value.to_ascii_lowercase(), &format!("{name}.*"));
                !self.values.is_empty() && !self.values.iter().any(may_mean)
            }
            _ => false,
        };
        self.key == "iam:passedtoservice" && services.iter().all(is_named)
    }

    pub(super) fn lets_pass_to(&self, services: &[&str]) -> bool {
        // A service has a principal for each region too, and one for each partition, all beginning with its name.
        let may_mean = |service: &str, value: &str| {
            let name = service.split('.').next().unwrap_or(service);
            overlaps(value, service) || overlaps(value, &format!("{name}.*"))
        };
        let values: Vec<String> = self.values.iter().map(|value| value.to_ascii_lowercase()).collect();
        match self.operator.as_str() {
            "stringequals" | "stringlike" | "stringequalsignorecase" => {
                services.iter().any(|service| values.iter().any(|value| may_mean(service, value)))
            }
            "stringnotequals" | "stringnotequalsignorecase" => {
                !services.iter().all(|service| values.iter().any(|value| value == service))
            }
            "stringnotlike" => !services.iter().all(|service| values.iter().any(|value| matches(value, service))),
            _ => true,
        }
    }

    /// Whether no holder of an identity policy can meet it, at this time or later.
    fn is_never_met(&self, at: Option<Timestamp>) -> bool {
        let Self { key, operator, holds_when_absent, .. } = self;
        let asked = date::Asked { key, operator, holds_if_absent: *holds_when_absent };
        if asked.is_over(self.values.iter().map(String::as_str), at) {
            return true;
        }
        let is_true = || !self.values.is_empty() && self.values.iter().all(|value| value.eq_ignore_ascii_case("true"));
        match self.operator.as_str() {
            "null" => ALWAYS_THERE.contains(&self.key.as_str()) && is_true(),
            operator => self.values.is_empty() && !self.holds_when_absent && !operator.contains("not"),
        }
    }
}

/// Whether calls of an action, both in small letters, never have a key. Keys that a session may have are those of its
/// identity provider and of what it runs on; of services that are not listed, they may be among theirs.
fn is_absent(key: &str, action: &str) -> bool {
    let Some((service, verb)) = action.split_once(':') else { return false };
    let Some((of, _)) = key.split_once(':') else { return false };
    let has_tags = || verb.starts_with("tag") || TAGGED.contains(&verb);
    match of {
        "aws" => service == "iam" && !has_tags() && (key == "aws:tagkeys" || key.starts_with("aws:requesttag/")),
        "iam" => OF_IAM.iter().any(|(one, calls)| *one == key && !(service == "iam" && calls.contains(&verb))),
        _ => CLOSED.contains(&of) && of != service,
    }
}
