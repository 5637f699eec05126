//! # A policy lets strangers use a table
//!
//! **Watches** `PutResourcePolicy` and `CreateTable`.
//!
//! **Why** Whoever may read a table or its stream has all that is in it, and whoever may write to it changes what is believed.
//!
//! **Does** Reads the policy that the table or the stream has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays as it is. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - tables that are made without a policy
//! - Snapback's own journal, which `own-unprotected-journal` is about
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which table. A scan lists
//! tables, not their streams.

use serde_json::json;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const DYNAMODB: &str = "dynamodb.amazonaws.com";

const TABLES: On = On::new("Tables", &["arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/*"]);
const GET: Right = TABLES.right("dynamodb:GetResourcePolicy");
const PUT: Right = TABLES.right("dynamodb:PutResourcePolicy");
const DELETE: Right = TABLES.right("dynamodb:DeleteResourcePolicy");

#[derive(Debug)]
pub(crate) struct DynamodbOpenTablePolicy;

impl Row for DynamodbOpenTablePolicy {
    const ABOUT: &'static About = &About {
        id: "dynamodb-open-table-policy",
        title: "A policy lets strangers use a table",
        watches: &[
            Watch { service: DYNAMODB, name: "PutResourcePolicy" },
            Watch { service: DYNAMODB, name: "CreateTable" },
        ],
        reads: &[GET],
        writes: &[PUT, DELETE],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1530", "ATT&CK T1537"],
        caveat: "Whoever read items in the meantime has them: check CloudTrail's data events, if a trail records them.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "table";
    const SERVICE: Service = Service::json("dynamodb", "1.0", "DynamoDB_20120810");
    const PATH: &'static str = "table/";
    const PAGE: &'static str = "dynamodbv2";
    const LIST: &'static [Right] = &[On::new("AllTables", &["*"]).right("dynamodb:ListTables")];
    const TAGS: Option<Right> = Some(TABLES.right("dynamodb:ListTagsOfResource"));
    const GONE: &'static [&'static str] = &["PolicyNotFoundException", "ResourceNotFoundException"];
    const POLICY: &'static str = "/Policy";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let request = &event.request;
        let is_made = event.name == "CreateTable";
        let policy = json::text(request, if is_made { "resourcePolicy" } else { "policy" }).map(str::to_owned);
        let has_none = is_made && !json::is_left_out(request) && json::is_nothing(&request["resourcePolicy"]);
        let id = json::text(request, if is_made { "tableName" } else { "resourceArn" });
        (id, if has_none { ToldPolicy::None } else { policy.into() })
    }

    fn is_anothers(table: &Subject, settings: &Settings) -> bool {
        settings.own.journal.as_ref().is_some_and(|journal| table.arn == *journal)
    }

    fn id(table: &Subject) -> &str {
        &table.arn
    }

    fn get(arn: &str) -> Call {
        Call::json("GetResourcePolicy", json!({"ResourceArn": arn}))
    }

    /// What was there before locked nobody out.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutResourcePolicy.html>
    fn put(arn: &str, policy: &str) -> Call {
        let put = json!({"ResourceArn": arn, "Policy": policy, "ConfirmRemoveSelfResourceAccess": true});
        Call::json("PutResourcePolicy", put)
    }

    fn delete(arn: &str) -> Option<Call> {
        Some(Call::json("DeleteResourcePolicy", json!({"ResourceArn": arn})))
    }

    fn list() -> List {
        let next = ["ExclusiveStartTableName", "LastEvaluatedTableName"];
        List { call: Call::json("ListTables", json!({})), all: "TableNames", one: "", next }
    }

    /// Those of a stream are its table's.
    fn tags(table: &Subject) -> Option<(Call, &'static str)> {
        let arn = table.arn.split("/stream/").next();
        Some((Call::json("ListTagsOfResource", json!({"ResourceArn": arn})), "Tags"))
    }
}
