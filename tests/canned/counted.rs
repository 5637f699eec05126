//! How many calls to AWS stand between an event and its revert: each is a round trip, and together they are most of what
//! a revert takes there. The record is kept so that more of them do not go unnoticed; `make bench` shows what it comes to.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use snapback::control::AnyControl;
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::right;
use workspace_tests::{controls, workspace};

use crate::calls::{DENIED, Situation, actions, deployed, situations};
use crate::scene::{NAMED, bucket_policy_was_put, deliver, deployment, policy};
use crate::wire::Aws;

/// AWS in a situation, which from the first write of a control on is as the revert has left it.
#[derive(Debug, Clone)]
struct Reverting {
    aws: Aws,
    control: &'static AnyControl,
    reverted: fn(&Aws),
    /// How many calls there were before that write.
    before: Arc<OnceLock<usize>>,
}

impl HttpClient for Reverting {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Reverting {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.aws.call(request);
        let calls = self.aws.calls();
        let body = calls.last().and_then(|call| self.aws.bodies(call).pop()).unwrap_or_default();
        let needed = calls.last().map(|call| actions(call, &body)).unwrap_or_default();
        if needed.iter().any(|action| right::actions(self.control.about.writes).contains(&action.as_str())) {
            self.before.get_or_init(|| {
                (self.reverted)(&self.aws);
                calls.len() - 1
            });
        }
        answer
    }
}

/// The calls before the revert, and how many there are in all.
async fn counted(control: &'static AnyControl, number: usize, situation: Situation) -> Result<(Vec<String>, usize)> {
    let Situation { function, event, aws, reverted } = situation;
    let reverting = Reverting { aws: aws.clone(), control, reverted, before: Arc::default() };
    let (settings, deployment) = (deployed(control.about.id, number), deployment(workspace("guardrails")));
    let (event, suspected) = function.suspect(event, &settings)?.context("it is suspicious")?;
    let config = aws.config().into_builder().http_client(reverting.clone()).build();
    Responder::new(&settings, &deployment, config).respond(function, &event, &suspected).await?;
    let mut calls = aws.calls();
    let all = calls.len();
    calls.truncate(*reverting.before.get().context("it reverts")?);
    Ok((calls, all))
}

/// `2 S3.GetBucketPolicy, 1 KMS.GenerateMac`
fn in_words(calls: &[String]) -> String {
    let mut number = BTreeMap::new();
    for call in calls {
        *number.entry(call).or_insert(0) += 1;
    }
    number.iter().map(|(call, number)| format!("{number} {call}")).collect::<Vec<_>>().join(", ")
}

/// The calls that a bucket policy costs which nobody has to take back.
async fn benign(policy: &str) -> Result<Vec<String>> {
    let aws = Aws::default();
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(policy)).await?;
    Ok(aws.calls())
}

#[tokio::test]
async fn calls_until_the_revert_are_recorded() -> Result<()> {
    let mut said = vec![];
    for control in controls().filter(|control| !control.about.writes.is_empty()) {
        let id = control.about.id;
        let mut most = (vec![], 0);
        for (number, situation) in situations(control).await?.into_iter().enumerate() {
            let found = counted(control, number, situation).await.context(id)?;
            if found.0.len() > most.0.len() {
                most = found;
            }
        }
        let (before, all) = most;
        ensure!(!before.is_empty(), "{id} reverts before it looks");
        said.push(format!("{id}: {} before the revert, {all} in all", before.len()));
        said.push(format!("    {}", in_words(&before)));
    }
    // The one ordinary event that raises suspicions (`tests/benign.rs`): a policy was put on a bucket of which nothing is
    // remembered.
    let (denies_nothing, denies) = (benign(&policy(&[NAMED])).await?, benign(&policy(&[NAMED, DENIED])).await?);
    let (nothing, any) = (denies_nothing.len(), denies.len());
    said.push(format!("benign: {nothing} for a bucket policy that denies nothing, {any} for another, 0 for all else"));
    said.push(format!("    {}", in_words(&denies_nothing)));
    insta::assert_snapshot!(said.join("\n"));
    Ok(())
}
