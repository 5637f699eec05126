//! # A policy lets strangers use a data stream
//!
//! **Watches** `PutResourcePolicy`.
//!
//! **Why** Whoever may read a stream or one of its consumers sees every record that goes through it, and whoever may write
//! to it feeds what works them off.
//!
//! **Does** Reads the policy that the stream or the consumer has now and removes from it what lets in everyone, or accounts
//! and organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays byte for byte. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which stream. A scan lists
//! streams, not their consumers.

use serde_json::json;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const STREAMS: On = On::new("Streams", &["arn:${AWS::Partition}:kinesis:${AWS::Region}:${AWS::AccountId}:stream/*"]);
const GET: Right = STREAMS.right("kinesis:GetResourcePolicy");
const PUT: Right = STREAMS.right("kinesis:PutResourcePolicy");
const DELETE: Right = STREAMS.right("kinesis:DeleteResourcePolicy");

#[derive(Debug)]
pub(crate) struct KinesisOpenStreamPolicy;

impl Row for KinesisOpenStreamPolicy {
    const ABOUT: &'static About = &About {
        id: "kinesis-open-stream-policy",
        title: "A policy lets strangers use a data stream",
        watches: &[Watch { service: "kinesis.amazonaws.com", name: "PutResourcePolicy" }],
        reads: &[GET],
        writes: &[PUT, DELETE],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1530", "ATT&CK T1537"],
        caveat: "Whoever read records in the meantime has them: check CloudTrail's data events, if a trail records them.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "data stream";
    const SERVICE: Service = Service::json("kinesis", "1.1", "Kinesis_20131202");
    const PATH: &'static str = "stream/";
    const LIST: &'static [Right] = &[On::new("AllStreams", &["*"]).right("kinesis:ListStreams")];
    const TAGS: Option<Right> = Some(STREAMS.right("kinesis:ListTagsForStream"));
    const GONE: &'static [&'static str] = &["ResourceNotFoundException"];
    const POLICY: &'static str = "/Policy";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let policy = json::text(&event.request, "policy").map(str::to_owned);
        (json::text(&event.request, "resourceARN"), policy.into())
    }

    fn id(stream: &Subject) -> &str {
        &stream.arn
    }

    fn get(arn: &str) -> Call {
        Call::json("GetResourcePolicy", json!({"ResourceARN": arn}))
    }

    fn put(arn: &str, policy: &str) -> Call {
        Call::json("PutResourcePolicy", json!({"ResourceARN": arn, "Policy": policy}))
    }

    fn delete(arn: &str) -> Option<Call> {
        Some(Call::json("DeleteResourcePolicy", json!({"ResourceARN": arn})))
    }

    fn list() -> List {
        List { call: Call::json("ListStreams", json!({})), all: "StreamNames", one: "", next: ["NextToken"; 2] }
    }

    /// Those of a consumer are its stream's.
    fn tags(stream: &Subject) -> Option<(Call, &'static str)> {
        let arn = stream.arn.split("/consumer/").next();
        Some((Call::json("ListTagsForStream", json!({"StreamARN": arn})), "Tags"))
    }
}
