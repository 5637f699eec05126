//! Users.

use anyhow::Result;
use snapback::aws::unless_gone;
use snapback::place::Place;

use super::GONE;

/// The ARN of a user, which has its path; nothing if the user is gone.
pub(crate) async fn arn(place: &Place, user: &str) -> Result<Option<String>> {
    let answer = snapback::client!(aws_sdk_iam, &place.config).get_user().user_name(user).send().await;
    let found = unless_gone(answer, GONE, || format!("reading user `{user}`"))?;
    Ok(found.and_then(|found| found.user).map(|user| user.arn))
}
