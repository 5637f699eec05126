//! The forms in which people have events, taken apart.
//!
//! CloudTrail's log files and lists of records, what `aws cloudtrail lookup-events` says, what SNS notifies of: as itself,
//! as Lambda gets it, and out of a queue; and Lambda's record of an invocation that failed, which is a dead letter.
//! - <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
//! - <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>
//! - <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
//! - <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>

use serde_json::Value;
use snapback::event::{Event, is_repeating};
use snapback::json;

/// What a document holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Held {
    /// A record, or a record in EventBridge's envelope.
    Event(Value),
    /// Each of these holds something again.
    Many(Vec<Value>),
    /// What lies beside the records and is none: sums, repetitions and digests.
    Nothing,
}

/// With which CloudTrail tries whether it may publish to a topic.
const TEST: &str = "CloudTrail validation message.";

/// Takes off one layer.
///
/// # Errors
/// Says which field is not as it should be.
pub(crate) fn held(mut document: Value) -> Result<Held, String> {
    if let Value::Array(documents) = document {
        return Ok(Held::Many(documents));
    }
    for (field, of_what) in [("Records", "records"), ("Events", "events"), ("Messages", "messages")] {
        match document.get_mut(field).map(Value::take) {
            Some(Value::Array(documents)) => return Ok(Held::Many(documents)),
            Some(_) => return Err(format!("field `{field}`: expected a list of {of_what}")),
            None => {}
        }
    }
    if let Some(event) = document.get_mut("requestPayload").map(Value::take) {
        return Ok(Held::Many(vec![event]));
    }
    if let Some((_, TEST)) = wrapped(&document) {
        return Ok(Held::Nothing);
    }
    if let Some((field, text)) = wrapped(&document) {
        return within(field, text).map(|document| Held::Many(vec![document]));
    }
    let record = document.get("detail").unwrap_or(&document);
    let is_none = is_repeating(json::text(record, "eventType"), json::text(record, "eventCategory"))
        || document.get("digestS3Object").is_some();
    Ok(if is_none { Held::Nothing } else { Held::Event(document) })
}

/// All events that a document holds, in order.
///
/// # Errors
/// Says what is not as it should be.
pub(crate) fn events(document: Value) -> Result<Vec<Value>, String> {
    Ok(match held(document)? {
        Held::Event(event) => vec![event],
        Held::Many(documents) if documents.is_empty() => {
            return Err("expected an event, found an empty list".to_owned());
        }
        Held::Many(documents) => documents.into_iter().map(events).collect::<Result<Vec<_>, _>>()?.concat(),
        Held::Nothing => vec![],
    })
}

/// One event, as a record or in EventBridge's envelope. EventBridge always says whose bus it came over.
///
/// # Errors
/// Says which field is not as it should be.
pub(crate) fn event(document: Value) -> Result<Event, String> {
    let is_envelope = document.get("detail").is_some();
    let is_record = ["eventSource", "eventName", "eventID"].iter().any(|field| document.get(field).is_some());
    if !is_envelope && is_record {
        return Event::from_record(document).map_err(|error| error.to_string());
    }
    if !is_envelope && document.is_object() {
        let is_policy = document.get("Statement").is_some();
        let found = if is_policy { "a policy" } else { "an object with neither `eventName` nor `detail`" };
        return Err(format!("expected an event of EventBridge or a record of CloudTrail, found {found}"));
    }
    let event = Event::from_envelope(document).map_err(|error| error.to_string())?;
    if event.envelope_account.is_empty() {
        return Err("field `account`: expected the account of the event bus, twelve digits, found nothing".to_owned());
    }
    Ok(event)
}

/// The text in which another document stands, and the field that has it.
fn wrapped(document: &Value) -> Option<(&'static str, &str)> {
    let is_notification = json::text(document, "Type") == Some("Notification");
    let is_from_a_queue = json::text(document, "eventSource") == Some("aws:sqs");
    let places = [
        (document, "CloudTrailEvent", true),
        (&document["Sns"], "Message", true),
        (document, "Message", is_notification),
        (document, "body", is_from_a_queue),
        (document, "Body", true),
    ];
    places.into_iter().filter(|(.., may)| *may).find_map(|(of, field, _)| Some((field, json::text(of, field)?)))
}

fn within(field: &str, text: &str) -> Result<Value, String> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| format!("field `{field}`: {}", json::said(&error)))?;
    if document.get("s3ObjectKey").is_some() {
        return Err(format!("field `{field}`: it tells where a log file lies, and has no record: give that file"));
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_found_in_every_wrapping() {
        let record = json!({"eventID": "e-1", "eventSource": "s3.amazonaws.com", "eventName": "PutBucketPolicy"});
        let envelope = json!({"source": "aws.s3", "detail": record});
        for event in [record, envelope] {
            let text = event.to_string();
            let notification = json!({"Type": "Notification", "MessageId": "m-1", "Message": text});
            for document in [
                event.clone(),
                json!([event]),
                json!({"Records": [event]}),
                json!({"Events": [{"EventId": "e-1", "Resources": [], "CloudTrailEvent": text}], "NextToken": "n"}),
                json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": text}}]}),
                notification.clone(),
                json!({"Records": [{"eventSource": "aws:sqs", "body": text}]}),
                json!({"Records": [{"eventSource": "aws:sqs", "body": notification.to_string()}]}),
                json!({"Messages": [{"MessageId": "m-1", "Body": notification.to_string()}]}),
                json!({"version": "1.0", "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event}),
                json!({"Messages": [{"MessageId": "m-1", "Body": json!({"requestPayload": event}).to_string()}]}),
            ] {
                assert_eq!(events(document.clone()), Ok(vec![event.clone()]), "{document}");
            }
        }
    }

    #[test]
    fn an_envelope_says_whose_bus_it_came_over() {
        let record = json!({"eventID": "e-1", "eventSource": "s3.amazonaws.com", "eventName": "PutBucketPolicy",
            "eventTime": "2026-01-31T12:00:00Z", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333"});
        let mut envelope = json!({"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail",
            "account": "111122223333", "detail": record});
        assert!(event(record).is_ok() && event(envelope.clone()).is_ok());
        for account in [json!(""), Value::Null] {
            envelope["account"] = account;
            let error = event(envelope.clone()).expect_err("no account");
            assert!(error.starts_with("field `account`: expected"), "{error}");
        }
    }

    #[test]
    fn what_lies_beside_the_records_is_passed_over() {
        for document in [
            json!({"eventType": "AwsVpceEvent", "eventName": "PutBucketPolicy"}),
            json!({"eventType": "AwsAggregatedEvent"}),
            json!({"detail-type": "AWS Network Activity Event via CloudTrail", "detail": {"eventCategory": "NetworkActivity"}}),
            json!({"Records": [{"eventType": "AwsCloudTrailInsight"}]}),
            json!({"digestS3Object": "AWSLogs/digest.json.gz", "logFiles": []}),
            json!({"Type": "Notification", "Message": "CloudTrail validation message."}),
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "CloudTrail validation message."}}]}),
        ] {
            assert_eq!(events(document.clone()), Ok(vec![]), "{document}");
        }
    }

    #[test]
    fn what_holds_no_event_is_told_by_its_field() {
        for (document, said) in [
            (json!({"Events": []}), "expected an event, found an empty list"),
            (json!({"Records": 1}), "field `Records`: expected a list of records"),
            (json!({"Events": {}}), "field `Events`: expected a list of events"),
            (json!({"Type": "Notification", "Message": "hello"}), "field `Message`: not JSON"),
            (json!({"Sns": {"Message": "{\"s3ObjectKey\": []}"}}), "field `Message`: it tells where a log file lies"),
        ] {
            let error = events(document.clone()).expect_err("no event");
            assert!(error.starts_with(said), "{document}: {error}");
        }
    }
}
