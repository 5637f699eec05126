//! What IAM has to allow for the controls of AWS Organizations, and on what.
//!
//! The ARNs are those of an organization that this account manages. A policy of AWS's own, such as the one that allows
//! everything, has another, so that nobody can attach it with these rights.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html>

use snapback::right::{On, Right, When};

const POLICIES: &str = "arn:${AWS::Partition}:organizations::${AWS::AccountId}:policy/o-*/*";
const TARGETS: [&str; 3] = [
    "arn:${AWS::Partition}:organizations::${AWS::AccountId}:root/o-*/*",
    "arn:${AWS::Partition}:organizations::${AWS::AccountId}:ou/o-*/*",
    "arn:${AWS::Partition}:organizations::${AWS::AccountId}:account/o-*/*",
];
const POLICIES_OF_AWS: &str = "arn:${AWS::Partition}:organizations::aws:policy/*";

const READ: On = On::new("Policies", &[POLICIES, POLICIES_OF_AWS]);
pub(crate) const DESCRIBE_POLICY: Right = READ.right("organizations:DescribePolicy");

const OWN: On = On::new("Tagged", &[POLICIES]);
pub(crate) const LIST_TAGS: Right = OWN.right("organizations:ListTagsForResource");

const ATTACHED: On = On::new("Targets", &TARGETS);
pub(crate) const LIST_POLICIES_FOR_TARGET: Right = ATTACHED.right("organizations:ListPoliciesForTarget");

/// The types of policies that are attached again.
pub(crate) const WRITTEN: [&str; 6] = [
    "AISERVICES_OPT_OUT_POLICY",
    "BACKUP_POLICY",
    "DECLARATIVE_POLICY_EC2",
    "RESOURCE_CONTROL_POLICY",
    "SERVICE_CONTROL_POLICY",
    "TAG_POLICY",
];

const WRITE: On = On::new("Attachments", &[POLICIES, TARGETS[0], TARGETS[1], TARGETS[2]])
    .when(&[When::new("StringEquals", "organizations:PolicyType", &WRITTEN)])
    .why("Only policies that somebody of the organization wrote: those of AWS itself allow everything.");
pub(crate) const ATTACH_POLICY: Right = WRITE.right("organizations:AttachPolicy");
pub(crate) const DETACH_POLICY: Right = WRITE.right("organizations:DetachPolicy");

const ORGANIZATION: On = On::new("Organization", &["*"]);
pub(crate) const LIST_SERVICE_ACCESS: Right = ORGANIZATION.right("organizations:ListAWSServiceAccessForOrganization");

/// The services that keep watch over all accounts, or bring Snapback's members into them.
pub(crate) const WATCHING: [&str; 12] = [
    "access-analyzer.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "config-multiaccountsetup.amazonaws.com",
    "config.amazonaws.com",
    "detective.amazonaws.com",
    "guardduty.amazonaws.com",
    "inspector2.amazonaws.com",
    "macie.amazonaws.com",
    "malware-protection.guardduty.amazonaws.com",
    "member.org.stacksets.cloudformation.amazonaws.com",
    "securityhub.amazonaws.com",
    "securitylake.amazonaws.com",
];

const SERVICES: On = On::new("Services", &["*"])
    .when(&[When::new("StringEquals", "organizations:ServicePrincipal", &WATCHING)])
    .why("AWS knows no resource for it, but which service it is.");
pub(crate) const ENABLE_SERVICE_ACCESS: Right = SERVICES.right("organizations:EnableAWSServiceAccess");
pub(crate) const DISABLE_SERVICE_ACCESS: Right = SERVICES.right("organizations:DisableAWSServiceAccess");
