//! Roles: whom each trusts.

use anyhow::{Context, Result};
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Live, PolicyChange};
use snapback::control::Look;
use snapback::event::Event;
use snapback::place::Place;
use snapback::policy::PolicyText;
use snapback::subject::Subject;

use super::GONE;

/// The ARN of a role and its trust policy; nothing if the role is gone.
pub(crate) async fn trust(place: &Place, role: &str) -> Result<Option<(String, Option<PolicyText>)>> {
    let answer = snapback::client!(aws_sdk_iam, &place.config).get_role().role_name(role).send().await;
    let found = unless_gone(answer, GONE, || format!("reading role `{role}`"))?.and_then(|found| found.role);
    let Some(found) = found else { return Ok(None) };
    let document = found.assume_role_policy_document.as_deref().map(decoded).transpose();
    Ok(Some((
        found.arn,
        document.with_context(|| format!("reading the trust of role `{role}`"))?.map(PolicyText::from),
    )))
}

pub(super) async fn put(place: &Place, role: &str, change: &PolicyChange) -> Result<Applied> {
    let read = async {
        let found = trust(place, role).await?;
        Ok(Live::or(found.map(|(_, policy)| policy), || format!("role `{role}` is gone")))
    };
    let write = async |to: &Option<PolicyText>| {
        let to = to.as_ref().map(PolicyText::as_str).unwrap_or_default();
        let call = snapback::client!(aws_sdk_iam, &place.config)
            .update_assume_role_policy()
            .role_name(role)
            .policy_document(to);
        let written = call.send().await.map(drop);
        written.map_err(|error| failure(error).context(format!("writing the trust of role `{role}`")))
    };
    change.put(read, write).await
}

pub(crate) async fn all(look: &Look<'_>, event: &Event) -> Result<Vec<Subject>> {
    let found = snapback::client!(aws_sdk_iam, &look.place.config).list_roles().into_paginator().items().send();
    let found = found.collect::<Result<Vec<_>, _>>().await;
    let found = found.map_err(|error| failure(error).context("listing the roles"))?;
    Ok(found.into_iter().map(|role| Subject::role(event, &role.role_name)).collect())
}

/// A document as IAM gives it: percent-encoded.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html>
fn decoded(document: &str) -> Result<String> {
    let mut bytes = vec![];
    let mut rest = document.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).context("the document is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let decoded = |text| decoded(text).expect("text");
        assert_eq!(decoded("%7B%22a%22%3A%22b+c%20d%22%7D"), r#"{"a":"b+c d"}"#);
        assert_eq!(decoded("{\"100%\": \"%C3%A4%2\"}"), "{\"100%\": \"ä%2\"}");
    }
}
