//! What makes somebody administrator, as the controls say it.

use std::collections::BTreeSet;

use snapback::change::{IamIdentity, IdentityKind};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::policy::identity::{self, Identity};
use snapback::policy::{NotUnderstood, PolicyText};

use crate::permissions::{Permissions, Policies};

/// Why an identity is administrator, or can make itself one, and was neither before.
pub(crate) fn found(judged: &Identity, before: &BTreeSet<String>, was_admin: bool) -> Option<(Severity, String)> {
    if was_admin {
        return None;
    }
    if judged.admin {
        return Some((Severity::Critical, judged.why.join("; ")));
    }
    let is_new = |path: &&String| is_by_itself(path) && !before.contains(*path);
    let new: Vec<&String> = judged.escalation.iter().filter(is_new).collect();
    let first = *new.first()?;
    let told = judged.why.iter().find(|why| why.starts_with(&format!("`{first}`"))).unwrap_or(first);
    let more = if new.len() > 1 { format!(", and {} more such ways", new.len() - 1) } else { String::new() };
    Some((Severity::High, format!("{told}{more}")))
}

/// The same beside what it could do before.
pub(crate) fn added(judged: &Identity, before: &Identity) -> Option<(Severity, String)> {
    found(judged, &before.escalation.iter().cloned().collect(), before.admin)
}

/// What a managed policy makes of whoever holds it and nothing else, that another text did not.
pub(crate) fn adds(
    arn: &str,
    text: &PolicyText,
    old: Option<&PolicyText>,
    event: &Event,
) -> Result<Option<(Severity, String)>, NotUnderstood> {
    let judged = |text: &PolicyText| -> Result<Identity, NotUnderstood> { alone(arn, text).judge(Some(event.time)) };
    let now = judged(text)?;
    Ok(match old.map(judged) {
        // What is not understood of the one before is no reason to keep this one.
        Some(Ok(old)) => added(&now, &old),
        Some(Err(_)) | None => found(&now, &[].into(), false),
    })
}

/// Whether a policy allows nothing that could be a part of a way up, whatever else its holder has.
pub(crate) fn is_no_part_of_a_way(text: &str) -> bool {
    identity::may_allow(text, |action| is_by_itself(action) || action == "sts:AssumeRole").is_ok_and(|may| !may)
}

pub(crate) fn unread(error: &NotUnderstood) -> String {
    format!("what it allows cannot be told: {error}")
}

/// Whether a way leads through no other service. Permission sets are nothing but in the account that manages IAM Identity
/// Center for the organization.
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetsconcept.html>
fn is_by_itself(path: &str) -> bool {
    let grants = |action: &str| action.starts_with("iam:") && action != "iam:PassRole";
    path.split('+').all(|action| grants(action) || action == "sts:AssumeRole") && path != "sts:AssumeRole"
}

/// A managed policy as if somebody held it and nothing else.
fn alone(arn: &str, text: &PolicyText) -> Permissions {
    let of = IamIdentity::named(IdentityKind::Role, "");
    let own = Policies { managed: [(arn.to_owned(), text.clone())].into(), ..Policies::default() };
    Permissions { own, ..Permissions::of(of, arn) }
}
