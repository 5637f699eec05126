//! Administrators whom a role may become by assuming yet another role, and with it whoever the role is passed to.

use std::collections::BTreeSet;

use jiff::Timestamp;
use snapback::policy::identity::Identity;

use crate::permissions::Permissions;
use crate::trusted::Trusted;

/// Roles that those who set them up as AWS describes it make administrators of the accounts that they are in. Others take any
/// role that trusts them:
/// - <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html>
/// - <https://docs.aws.amazon.com/controltower/latest/userguide/roles-how.html>
/// - <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html>
const KNOWN: [&str; 3] = [
    "arn:*:iam::*:role/AWSCloudFormationStackSetExecutionRole",
    "arn:*:iam::*:role/AWSControlTowerExecution",
    "arn:*:iam::*:role/OrganizationAccountAccessRole",
];

/// The path by which whoever may assume every role becomes one that is administrator.
const ANY: &str = "sts:AssumeRole";

/// Why a role, which is no administrator by itself, may become one in whatever account: by its policies alone.
pub(crate) fn anywhere(role: &Permissions, judged: &Identity, at: Option<Timestamp>) -> Option<String> {
    if judged.escalation.iter().any(|path| path == ANY) {
        let why = judged.why.iter().find(|why| why.starts_with(&format!("`{ANY}`:"))).map_or(ANY, String::as_str);
        return Some(format!("{why}; whether one that is administrator trusts it is not known"));
    }
    // What is not understood has been told of by whoever has judged it.
    let (known, how) = role.assumes(at, KNOWN).ok().flatten()?;
    let name = known.rsplit('/').next().unwrap_or(known);
    Some(format!(
        "it may assume role `{name}`, {how}; AWS's guides make that one administrator of the accounts that it is in, and \
         whether it is in one, and trusts this role, is not known"
    ))
}

/// Why a role may become one of its own account: of those targets, by their ARNs and by whom they trust. Whether the conditions
/// of their trust are met is not known.
pub(crate) fn here(role: &Permissions, targets: &[(&str, &BTreeSet<Trusted>)], at: Timestamp) -> Option<String> {
    let itself = Trusted::Principal(role.arn.clone());
    let account = Trusted::Principal(role.arn.split(':').nth(4).unwrap_or_default().to_owned());
    let lets_in = |trusts: &BTreeSet<Trusted>| {
        [&itself, &account, &Trusted::Everyone].into_iter().any(|trusted| trusts.contains(trusted))
    };
    let open = targets.iter().filter(|(_, trusts)| lets_in(trusts)).map(|(arn, _)| *arn);
    // Within an account, a trust policy that names a role allows it by itself what nothing denies that role.
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html>
    let naming = targets.iter().find(|(_, trusts)| trusts.contains(&itself)).filter(|_| role.boundary.is_none());
    let (arn, how) = match role.assumes(Some(at), open).ok().flatten() {
        Some(found) => found,
        None => (naming?.0, "which names it in its trust policy".to_owned()),
    };
    let name = arn.rsplit('/').next().unwrap_or(arn);
    Some(format!(
        "it may assume role `{name}`, {how}, if the trust policy of that one asks nothing more; that one is an administrator or \
         may become one"
    ))
}
