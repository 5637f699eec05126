//! Which version of a managed policy is its default, and what a version says.

use anyhow::{Context, Result};
use aws_sdk_iam::Client;
use percent_encoding::percent_decode_str;
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Live, ManagedPolicy, PolicyVersion, Swap};
use snapback::place::Place;
use snapback::policy::PolicyText;

use super::GONE;

/// The default version of a policy and what it says; nothing if the policy is gone.
pub(crate) async fn default(place: &Place, arn: &str) -> Result<Option<(String, PolicyText)>> {
    of_client(&snapback::client!(aws_sdk_iam, &place.config), arn).await
}

/// What a version says; nothing if it is gone.
pub(crate) async fn text(place: &Place, arn: &str, version: &str) -> Result<Option<PolicyText>> {
    text_of(&snapback::client!(aws_sdk_iam, &place.config), arn, version).await
}

pub(super) async fn of_client(client: &Client, arn: &str) -> Result<Option<(String, PolicyText)>> {
    let Some(version) = id(client, arn).await? else { return Ok(None) };
    Ok(text_of(client, arn, &version).await?.map(|text| (version, text)))
}

pub(super) async fn put(place: &Place, change: &Swap<ManagedPolicy, PolicyVersion>) -> Result<Applied> {
    let (client, arn) = (snapback::client!(aws_sdk_iam, &place.config), &change.of.0);
    let read = async { Ok(Live::or(id(&client, arn).await?.map(PolicyVersion), || format!("{} is gone", change.of))) };
    let write = async |to: &PolicyVersion| {
        let call = client.set_default_policy_version().policy_arn(arn).version_id(&to.0).send().await;
        call.map(drop).map_err(|error| failure(error).context(format!("setting the default version of {}", change.of)))
    };
    change.put(read, write).await
}

/// IAM gives documents URL-encoded, as RFC 3986 has it.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html>
///
/// # Errors
/// When the text is no UTF-8.
pub fn decoded(text: &str) -> Result<PolicyText> {
    let text = percent_decode_str(text).decode_utf8().context("reading a policy document that is no UTF-8")?;
    Ok(text.into_owned().into())
}

async fn id(client: &Client, arn: &str) -> Result<Option<String>> {
    let answer = client.get_policy().policy_arn(arn).send().await;
    let answer = unless_gone(answer, GONE, || format!("reading managed policy `{arn}`"))?;
    Ok(answer.and_then(|answer| answer.policy).and_then(|policy| policy.default_version_id))
}

async fn text_of(client: &Client, arn: &str, version: &str) -> Result<Option<PolicyText>> {
    let answer = client.get_policy_version().policy_arn(arn).version_id(version).send().await;
    let answer = unless_gone(answer, GONE, || format!("reading version `{version}` of managed policy `{arn}`"))?;
    let document = answer.and_then(|answer| answer.policy_version).and_then(|version| version.document);
    document.map(|text| decoded(&text)).transpose()
}
