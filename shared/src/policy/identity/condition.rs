//! Whether the calls of one who holds a policy meet a condition: always, never, or perhaps.
//!
//! What a call tells of its holder is known, and so is which keys a call of IAM has. Of all else a condition may be met.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use std::borrow::Cow;

use jiff::Timestamp;

use super::Holder;
use crate::partition::Partition;
use crate::policy::pattern::{covers, covers_all_of, is_arn, is_pattern, lower, matches, overlaps, share_a_resource};
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
    /// What one of these patterns means, or nothing at all.
    One(Vec<Option<Cow<'a, str>>>),
    Unknown,
}

/// By these a managed policy is attached, and `iam:PolicyARN` tells which.
const ATTACHING: [&str; 3] = ["iam:attachgrouppolicy", "iam:attachrolepolicy", "iam:attachuserpolicy"];

/// AWS's own policies, which nobody else can rewrite, that give no way up by themselves; of some services all are such. Of
/// all others some do, and what an account's own policies allow is not known here.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
const HARMLESS: [&str; 50] = [
    "arn:*:iam::aws:policy/*ReadOnly",
    "arn:*:iam::aws:policy/*ReadOnlyAccess",
    "arn:*:iam::aws:policy/*ViewOnlyAccess",
    "arn:*:iam::aws:policy/AWSDenyAll",
    "arn:*:iam::aws:policy/AWSQuickSetupPatchPolicyBaselineAccess",
    "arn:*:iam::aws:policy/AWSSystemsManagerEnableExplorerExecutionPolicy",
    "arn:*:iam::aws:policy/AWSXRay*",
    "arn:*:iam::aws:policy/AWSXray*",
    "arn:*:iam::aws:policy/AmazonAPIGateway*",
    "arn:*:iam::aws:policy/AmazonAthena*",
    "arn:*:iam::aws:policy/AmazonCognito*",
    "arn:*:iam::aws:policy/AmazonDynamoDBFullAccess_v2",
    "arn:*:iam::aws:policy/AmazonEC2ContainerRegistry*",
    "arn:*:iam::aws:policy/AmazonEKSClusterPolicy",
    "arn:*:iam::aws:policy/AmazonEKSVPCResourceController",
    "arn:*:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "arn:*:iam::aws:policy/AmazonEKS_CNI_Policy",
    "arn:*:iam::aws:policy/AmazonElastiCache*",
    "arn:*:iam::aws:policy/AmazonElasticContainerRegistry*",
    "arn:*:iam::aws:policy/AmazonElasticFileSystem*",
    "arn:*:iam::aws:policy/AmazonGlacier*",
    "arn:*:iam::aws:policy/AmazonKeyspaces*",
    "arn:*:iam::aws:policy/AmazonKinesisFirehose*",
    "arn:*:iam::aws:policy/AmazonMQ*",
    "arn:*:iam::aws:policy/AmazonMSK*",
    "arn:*:iam::aws:policy/AmazonPolly*",
    "arn:*:iam::aws:policy/AmazonPrometheus*",
    "arn:*:iam::aws:policy/AmazonRekognition*",
    "arn:*:iam::aws:policy/AmazonRoute53*",
    "arn:*:iam::aws:policy/AmazonS3*",
    "arn:*:iam::aws:policy/AmazonSES*",
    "arn:*:iam::aws:policy/AmazonSNS*",
    "arn:*:iam::aws:policy/AmazonSQS*",
    "arn:*:iam::aws:policy/AmazonSSMManagedEC2InstanceDefaultPolicy",
    "arn:*:iam::aws:policy/AmazonSSMManagedInstanceCore",
    "arn:*:iam::aws:policy/AmazonSSMPatchAssociation",
    "arn:*:iam::aws:policy/AmazonSecurityLakePermissionsBoundary",
    "arn:*:iam::aws:policy/AmazonTextract*",
    "arn:*:iam::aws:policy/AmazonTimestream*",
    "arn:*:iam::aws:policy/AmazonTranscribe*",
    "arn:*:iam::aws:policy/AmazonVPC*",
    "arn:*:iam::aws:policy/CloudFront*",
    "arn:*:iam::aws:policy/CloudWatchAgentServerPolicy",
    "arn:*:iam::aws:policy/CloudWatchLogs*",
    "arn:*:iam::aws:policy/IAMUserChangePassword",
    "arn:*:iam::aws:policy/SecurityAudit",
    "arn:*:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:*:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
    "arn:*:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
    "arn:*:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
];

/// Policies that bound nothing which matters here, as far as is known.
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
    /// Users can be renamed, so a name of theirs denies them nothing for good.
    pub(super) fn met(&self, action: Option<&str>, holder: &Holder, allows: bool) -> Met {
        if self.is_never_met(holder.at) {
            return Met::Never;
        }
        if self.date().has_begun(self.values.iter().map(String::as_str), holder.at) {
            return Met::Always;
        }
        if self.key == "iam:policyarn" && action.is_some_and(|action| ATTACHING.contains(&action)) {
            return self.met_by_attaching(holder);
        }
        match self.told(action, holder, allows) {
            Told::Unknown => Met::Perhaps,
            Told::One(all) => {
                let mut met = all.iter().map(|told| match told {
                    None => self.met_without(),
                    Some(told) => match self.met_by(told) {
                        Some(true) => Met::Always,
                        Some(false) => Met::Never,
                        None => Met::Perhaps,
                    },
                });
                let first = met.next().unwrap_or(Met::Perhaps);
                if met.all(|other| other == first) { first } else { Met::Perhaps }
            }
        }
    }

    /// Whether it lets the holder act upon those only whom a permissions boundary keeps from becoming administrator.
    pub(super) fn is_bounding(&self) -> bool {
        matches!(self.operator.as_str(), "stringequals" | "stringlike" | "arnequals" | "arnlike")
            && !self.holds_when_absent
            && self.names_bounds()
    }

    /// Whether all others meet it, and those who have no boundary at all.
    pub(super) fn is_of_the_unbounded(&self) -> bool {
        matches!(self.operator.as_str(), "stringnotequals" | "stringnotlike" | "arnnotequals" | "arnnotlike")
            && !self.is_any
            && self.names_bounds()
    }

    fn names_bounds(&self) -> bool {
        let may_be_none = |value: &str| NO_BOUNDS.iter().any(|other| overlaps(value, other));
        let bounds = |value: &String| !value.contains("${") && (is_harmless(value) || !may_be_none(value));
        self.key == "iam:permissionsboundary" && !self.values.is_empty() && self.values.iter().all(bounds)
    }

    fn told<'a>(&self, action: Option<&str>, holder: &'a Holder, allows: bool) -> Told<'a> {
        let these = |all: Vec<String>| Told::One(all.into_iter().map(|one| Some(one.into())).collect());
        let one = |value: Option<&'a str>| value.map_or(Told::Unknown, |value| Told::One(vec![Some(value.into())]));
        let is_of_iam = action.is_some_and(|action| action.starts_with("iam:"));
        match self.key.as_str() {
            "aws:principalaccount" => one(holder.account.as_deref()),
            "aws:resourceaccount" if is_of_iam => one(holder.account.as_deref()),
            "aws:principalarn" => these(arns(holder, allows)),
            "aws:username" if holder.is_role() => Told::One(vec![None]),
            // A federated session has none.
            "aws:username" => match holder.user() {
                Some(name) => Told::One(vec![Some(if allows { name.into() } else { "*".into() }), None]),
                None => Told::Unknown,
            },
            "aws:principalisawsservice" => one(Some("false")),
            // IAM answers over TLS only.
            "aws:securetransport" if is_of_iam => one(Some("true")),
            "aws:principaltype" if holder.is_user() => these(["User", "FederatedUser"].map(str::to_owned).to_vec()),
            "aws:principaltype" if holder.is_role() => one(Some("AssumedRole")),
            "aws:requestedregion" if is_of_iam => {
                let partition = holder.arn.as_deref().and_then(|arn| arn.split(':').nth(1));
                let meant = Partition::ALL.into_iter().filter(|of| partition.is_none_or(|name| name == of.name()));
                let regions = meant.filter_map(Partition::region_of_iam);
                let regions: Vec<_> = regions.map(|region| Some(Cow::Borrowed(region))).collect();
                if regions.is_empty() { Told::Unknown } else { Told::One(regions) }
            }
            key if action.is_some_and(|action| is_absent(key, action)) => Told::One(vec![None]),
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

    /// Nothing where it cannot be told, as it holds for some of what the pattern means.
    fn met_by(&self, told: &str) -> Option<bool> {
        let (operator, is_negated) = match self.operator.as_str() {
            "stringnotequals" => ("stringequals", true),
            "stringnotequalsignorecase" => ("stringequalsignorecase", true),
            "stringnotlike" => ("stringlike", true),
            "arnnotequals" | "arnnotlike" => ("arnlike", true),
            "arnequals" => ("arnlike", false),
            operator => (operator, false),
        };
        let is_one = |is: bool| if is_pattern(told) && is { None } else { Some(is) };
        let is = |value: &String| match operator {
            "stringequals" => is_one(matches(told, value)),
            "stringequalsignorecase" | "bool" => is_one(matches(&lower(told), &lower(value))),
            "stringlike" if covers(value, told) => Some(true),
            "stringlike" => (!overlaps(value, told)).then_some(false),
            "arnlike" if is_arn(value) && covers_all_of(value, told) => Some(true),
            // What is no ARN matches none, as far as AWS says.
            "arnlike" => (is_arn(value) && !share_a_resource(value, told)).then_some(false),
            "null" if value.eq_ignore_ascii_case("false") => Some(true),
            "null" if value.eq_ignore_ascii_case("true") => Some(false),
            _ => None,
        };
        let is = |value: &String| if value.contains("${") { None } else { is(value) };
        let met: Vec<Option<bool>> = self.values.iter().map(is).collect();
        match () {
            () if met.contains(&Some(true)) => Some(!is_negated),
            () if met.contains(&None) => None,
            () => Some(is_negated),
        }
    }

    /// Whoever attaches a policy always tells which. To attach one that is harmless is no way up, nor can one be attached
    /// that is another account's or that there is not.
    fn met_by_attaching(&self, holder: &Holder) -> Met {
        let is_exact = matches!(self.operator.as_str(), "stringequals" | "stringnotequals");
        let is_others = |policy: &str| {
            let account = policy.split(':').nth(4).filter(|account| is_arn(policy) && !overlaps(account, "aws"));
            account.is_some_and(|account| holder.account.as_ref().is_some_and(|own| !overlaps(account, own)))
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
            "stringequals" | "stringequalsignorecase" | "stringlike" => {
                self.values.iter().any(|value| !value.contains("${") && self.is_met_by_name(value, service))
            }
            "stringnotequals" | "stringnotequalsignorecase" | "stringnotlike" => {
                !self.values.is_empty() && !self.values.iter().any(|value| self.may_mean(value, service))
            }
            _ => false,
        };
        self.key == "iam:passedtoservice" && services.iter().all(is_named)
    }

    pub(super) fn lets_pass_to(&self, services: &[&str]) -> bool {
        match self.operator.as_str() {
            "stringequals" | "stringlike" | "stringequalsignorecase" => {
                services.iter().any(|service| self.values.iter().any(|value| self.may_mean(value, service)))
            }
            "stringnotequals" | "stringnotequalsignorecase" | "stringnotlike" => {
                let is_named = |service: &&str| self.values.iter().any(|value| self.is_met_by_name(value, service));
                !services.iter().all(is_named)
            }
            _ => true,
        }
    }

    fn is_met_by_name(&self, value: &str, service: &str) -> bool {
        match self.operator.as_str() {
            "stringlike" | "stringnotlike" => matches(value, service),
            "stringequalsignorecase" | "stringnotequalsignorecase" => value.eq_ignore_ascii_case(service),
            _ => value == service,
        }
    }

    /// Whether a value may be a name of this service, which has a principal for each Region too, and one for each partition.
    fn may_mean(&self, value: &str, service: &str) -> bool {
        let names = format!("{}.*amazonaws.*", service.trim_end_matches(".amazonaws.com"));
        let is_one = |value: &str| value == service || matches(&names, value);
        match self.operator.as_str() {
            _ if value.contains("${") => true,
            "stringlike" | "stringnotlike" => overlaps(value, service) || overlaps(value, &names),
            "stringequalsignorecase" | "stringnotequalsignorecase" => is_one(&lower(value)),
            _ => is_one(value),
        }
    }

    /// Whether `AdministratorAccess` is attached by who meets it, in some partition; nothing if it is about something else.
    pub(super) fn attaches_administrator_access(&self) -> Option<bool> {
        let of = |partition: Partition| format!("arn:{}:iam::aws:policy/AdministratorAccess", partition.name());
        let may = |policy: String| self.met_by(&policy) != Some(false);
        (self.key == "iam:policyarn").then(|| Partition::ALL.into_iter().map(of).any(may))
    }

    fn date(&self) -> date::Asked<'_> {
        let Self { key, operator, holds_when_absent, .. } = self;
        date::Asked { key, operator, holds_if_absent: *holds_when_absent }
    }

    /// Whether no holder of an identity policy can meet it, at this time or later.
    fn is_never_met(&self, at: Option<Timestamp>) -> bool {
        if self.date().is_over(self.values.iter().map(String::as_str), at) {
            return true;
        }
        let is_true = || !self.values.is_empty() && self.values.iter().all(|value| value.eq_ignore_ascii_case("true"));
        match self.operator.as_str() {
            "null" => ALWAYS_THERE.contains(&self.key.as_str()) && is_true(),
            operator => self.values.is_empty() && !self.holds_when_absent && !operator.contains("not"),
        }
    }
}

/// What calls tell as the ARN of who makes them. Sessions of users that are federated have an ARN of their own, and the
/// policies of their user.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn>
fn arns(holder: &Holder, allows: bool) -> Vec<String> {
    let partition = holder.arn.as_deref().and_then(|arn| arn.split(':').nth(1)).unwrap_or("*");
    let account = holder.account.as_deref().unwrap_or("*");
    let own = holder.arn.clone().filter(|_| holder.is_role() || holder.is_user() && allows);
    let of = |service: &str, kind: &str| format!("arn:{partition}:{service}::{account}:{kind}/*");
    let user = || vec![of("iam", "user"), of("sts", "federated-user")];
    match own {
        Some(own) if holder.is_role() => vec![own],
        Some(own) => vec![own, of("sts", "federated-user")],
        None if holder.arn.is_some() => user(),
        None => [user(), vec![of("iam", "role")]].concat(),
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
