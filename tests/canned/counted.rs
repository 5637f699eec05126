//! How many calls to AWS stand between an event and its revert: each is a round trip, and together they are most of what
//! a revert takes there. The record is kept so that more of them do not go unnoticed; `make bench` shows what it comes to.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use aws_config::Region;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use serde_json::json;
use snapback::control::{AnyControl, Remembered};
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::right;
use snapback::settings::Settings;
use workspace_tests::{controls, for_all, workspace};

use super::scene::{DENIED, NAMED, bucket_policy_was_put, deliver, deployment, policy, remembering_in};
use super::wire::Aws;
use crate::cases::{Answers, Case, cases};
use crate::deployment::filled;
use crate::iam::actions;
use crate::recorded::is_recorded;

/// The AWS of a case, which from the first write of a control on answers as the revert has left it.
#[derive(Debug, Clone)]
struct Reverting {
    aws: Aws,
    control: &'static AnyControl,
    afterwards: Arc<Answers>,
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
                for (operation, answers) in self.afterwards.iter() {
                    self.aws.set(operation, answers.clone());
                }
                calls.len() - 1
            });
        }
        answer
    }
}

/// The calls of a control before the revert, and how many there are in all.
async fn counted(case: &Case) -> Result<(Vec<String>, usize)> {
    let (aws, afterwards) = case.aws()?;
    if let Some((resource, Remembered { good, .. })) = case.remembered() {
        let kept = remembering_in(&case.event.region, case.control.about.id, &resource, json!(good)).await?;
        aws.set("DynamoDB.GetItem(memory)", [kept]);
    }
    let (control, before) = (case.control, Arc::default());
    let reverting = Reverting { aws: aws.clone(), control, afterwards: Arc::new(afterwards), before };
    let settings = Settings { modes: for_all(Mode::Revert), ..case.settings.clone() };
    let deployment = deployment(workspace("guardrails"));
    let (event, suspected) = case.function.suspect(case.event_of_now(), &settings)?.context("it is suspicious")?;
    let suspected: Vec<_> = suspected.into_iter().filter(|(one, _)| one.about.id == control.about.id).collect();
    let region = Region::new(event.region.clone());
    let config = aws.config().into_builder().region(region).http_client(reverting.clone()).build();
    Responder::new(&settings, &deployment, config).respond(case.function, &event, &suspected).await?;
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
    let (mut said, mut numbers) = (vec![], vec![]);
    let cases = cases()?;
    for control in controls().filter(|control| !control.operator_applies() && !control.writes().is_empty()) {
        let id = control.about.id;
        let mut most = (vec![], 0);
        for case in cases.iter().filter(|case| case.control.about.id == id && case.tells_answers()) {
            if case.decide(case.state())?.plan().is_empty() || case.asks()? {
                continue;
            }
            let found = counted(case).await.with_context(|| case.place())?;
            if found.0.len() > most.0.len() {
                most = found;
            }
        }
        let (before, all) = most;
        ensure!(!before.is_empty(), "{id} reverts before it looks");
        said.push(format!("{id}: {} before the revert, {all} in all", before.len()));
        said.push(format!("    {}", in_words(&before)));
        numbers.push((before.len(), id));
    }
    // An ordinary event that raises suspicions (`tests/benign.rs`): a policy was put on a bucket of which nothing is
    // remembered. Others are looked at as risky ones are.
    let (denies_nothing, denies) = (benign(&policy(&[NAMED])).await?, benign(&policy(&[NAMED, DENIED])).await?);
    let (nothing, any) = (denies_nothing.len(), denies.len());
    let benign = format!(
        "{nothing} for a bucket policy that denies nothing, {any} for another; as many as a risky one where no event tells \
         which it is: `RemovePermission` of a topic or a queue, and what gives an identity permissions; 1 for a tag of a user or \
         role with a baseline, a role that is passed and has one, a virtual MFA device that is not named after its creator, or a \
         log group that is deleted, loses a filter or keeps its logs for less than a year; 0 for all else"
    );
    said.push(format!("benign: {benign}"));
    said.push(format!("    {}", in_words(&denies_nothing)));
    let page = workspace("docs/performance.md");
    let text = filled(&fs::read_to_string(&page)?, "calls", &in_sum(numbers, &benign)?)?;
    is_recorded(&page, &text)?;
    insta::assert_snapshot!(said.join("\n"));
    Ok(())
}

/// What the documentation says of all controls together.
fn in_sum(mut numbers: Vec<(usize, &str)>, benign: &str) -> Result<String> {
    numbers.sort_unstable();
    let all = numbers.len();
    let (most, _) = *numbers.last().context("no control reverts")?;
    // Of an even number, the upper one of the two in the middle.
    let (median, _) = numbers[all / 2];
    let which: Vec<String> = numbers.iter().filter(|(of, _)| *of == most).map(|(_, id)| format!("`{id}`")).collect();
    Ok(format!(
        "AWS calls before the revert, over all {all} controls that revert: median {median}, at most {most} ({}).\n\
         AWS calls for a benign event: {benign}.\n",
        which.join(", ")
    ))
}
