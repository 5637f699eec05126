//! Services without a crate of the SDK: the SDK's runtime sends, retries and tells errors apart for them as well.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::change::{Applied, Change, Holder, PolicyChange};
use snapback::control::Look;
use snapback::event::Event;
use snapback::place::Place;
use workspace_tests::{FUNCTIONS, controls};

use super::scene::{NAMED, PUBLIC, policy};
use super::wire::{Answer, Aws, answer, ok};

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:s-A1b2C3";

fn change(from: &str, to: Option<&str>) -> Change {
    let of = Holder::Resource { word: "secret".to_owned(), id: SECRET.to_owned() };
    PolicyChange { of, from: Some(from.into()), to: to.map(Into::into) }.into()
}

fn shown(policy: &str) -> Answer {
    ok(&json!({"ARN": SECRET, "Name": "s", "ResourcePolicy": policy}).to_string())
}

async fn apply(aws: &Aws, change: &Change) -> Result<Applied> {
    let function = FUNCTIONS.iter().find(|function| function.name == "PoliciesFunction").context("it is there")?;
    (function.apply)(&Place::new("111122223333", aws.retrying()), change).await
}

#[tokio::test]
async fn what_is_throttled_or_met_by_another_write_is_tried_again_and_a_refusal_is_not() -> Result<()> {
    let (from, to) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let put = "secretsmanager.PutResourcePolicy";
    for (refused, times) in [
        ("400 ThrottlingException", 2),
        ("500 InternalServiceError", 2),
        ("409 ConcurrentModificationException", 2),
        ("400 MalformedPolicyDocumentException", 1),
        ("403 AccessDeniedException", 1),
    ] {
        let aws = Aws::default()
            .answers("secretsmanager.GetResourcePolicy", [shown(&from)])
            .answers(put, [answer(put, refused), ok("{}")]);
        let applied = apply(&aws, &change(&from, Some(&to))).await;
        assert_eq!(aws.bodies(put).len(), times, "{refused}");
        assert_eq!(applied.is_ok(), times > 1, "{refused}");
        if let Err(error) = applied {
            assert!(format!("{error:#}").contains(refused.split_once(' ').context("a code")?.1), "{error:#}");
        }
    }
    Ok(())
}

/// The function's role allows nothing else, and an operator's undo of what let everyone in would be refused.
#[tokio::test]
async fn only_what_lets_everyone_in_is_written_without_the_block_of_public_policies() -> Result<()> {
    let (public, closed) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let revert = change(&public, Some(&closed));
    for (there, change, blocks) in [(&public, &revert, true), (&closed, &revert.undo(), false)] {
        let aws = Aws::default().answers("secretsmanager.GetResourcePolicy", [shown(there)]);
        apply(&aws, change).await?;
        let asked: Value = serde_json::from_str(&aws.bodies("secretsmanager.PutResourcePolicy").concat())?;
        assert_eq!((&asked["SecretId"], &asked["BlockPublicPolicy"]), (&json!(SECRET), &json!(blocks)));
    }
    Ok(())
}

#[tokio::test]
async fn every_page_of_a_list_is_asked_for() -> Result<()> {
    let event = Event::of_a_look("111122223333", "eu-central-1", Timestamp::now());
    for (control, operation, pages, asked) in [
        (
            "ecr-open-repository-policy",
            "ecr.DescribeRepositories",
            [
                json!({"repositories": [{"repositoryName": "a"}], "nextToken": "2/2"}),
                json!({"repositories": [{"repositoryName": "b"}]}),
            ],
            json!({"nextToken": "2/2"}).to_string(),
        ),
        (
            "efs-open-file-system-policy",
            "elasticfilesystem.DescribeFileSystems",
            [
                json!({"FileSystems": [{"FileSystemId": "a"}], "NextMarker": "2/2"}),
                json!({"FileSystems": [{"FileSystemId": "b"}]}),
            ],
            // It is in the address.
            String::new(),
        ),
        (
            "dynamodb-open-table-policy",
            "dynamodb.ListTables",
            [json!({"TableNames": ["a"], "LastEvaluatedTableName": "a"}), json!({"TableNames": ["b"]})],
            json!({"ExclusiveStartTableName": "a"}).to_string(),
        ),
    ] {
        let aws = Aws::default().answers(operation, pages.map(|page| ok(&page.to_string())));
        let control = controls().find(|one| one.about.id == control).context(control)?;
        let survey = control.survey.context("it lists them")?;
        let found = (survey.list)(&Look::new(&aws.place()), &event).await?;
        assert_eq!(found.iter().map(|subject| subject.name.as_str()).collect::<Vec<_>>(), ["a", "b"], "{operation}");
        assert_eq!(aws.bodies(operation).last(), Some(&asked), "{operation}");
    }
    Ok(())
}
