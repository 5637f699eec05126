//! What a dead letter says: which function the event was for, and the event. And when it is tried again. Pure.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use snapback::event::{FAILED_BEFORE, FROM_A_QUEUE};
use snapback::json;

/// How long a dead letter waits before the event is handed over again: for the first, the second and the third time.
///
/// Five minutes, as what usually fails is over by then: a deployment, a burst of throttling, a permission that has not
/// reached everywhere. Half an hour for a service that has trouble. Three hours for a person who was woken by the alarm
/// and puts right what no waiting cures. The sum is well below the 24 hours after which an event is announced and no
/// longer acted on.
const WAITS: [SignedDuration; 3] =
    [SignedDuration::from_mins(5), SignedDuration::from_mins(30), SignedDuration::from_hours(3)];

/// Who has put a message into its queue, which says what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// `EventBridge` could not hand over the event: the body is the event, and an attribute names the function.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>
    Rule,
    /// A function failed at it: the body is Lambda's record of the invocation.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
    Function,
    /// A function has an event for another or for itself, which has waited for its time: the body says both
    /// (`snapback::delayed`).
    Delayed,
}

/// An event that a function of the stack has still to handle.
#[derive(Debug, PartialEq)]
pub(crate) struct Letter {
    /// The function's ARN, as the stack names it.
    pub(crate) function: String,
    pub(crate) event: Value,
    /// What the function failed with, if it had the event.
    pub(crate) failure: Option<String>,
}

/// How often an event was handed to its function again, and when for the last time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Redrives {
    pub(crate) times: usize,
    pub(crate) last: Option<Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Wait,
    Redrive,
    GiveUp,
}

impl Letter {
    /// Reads a message.
    ///
    /// # Errors
    /// Why nobody can be given this.
    pub(crate) fn read(
        sender: Sender,
        body: &str,
        target: Option<&str>,
        functions: &BTreeSet<String>,
    ) -> Result<Self, String> {
        let mut said: Value = serde_json::from_str(body).map_err(|error| format!("its body is not JSON: {error}"))?;
        let failed_with = json::text(&said["responsePayload"], "errorMessage").map(str::to_owned);
        let (target, mut event) = match sender {
            Sender::Rule => (target.map(str::to_owned), said),
            Sender::Function => {
                (json::text(&said["requestContext"], "functionArn").map(str::to_owned), said["requestPayload"].take())
            }
            Sender::Delayed => {
                let named = json::text(&said, "function").unwrap_or_default();
                (functions.iter().find(|arn| logical(arn) == named).cloned(), said["event"].take())
            }
        };
        let target = target.ok_or("it does not say which function it was for")?;
        let function = unqualified(&target);
        if !functions.contains(function) {
            return Err(format!("it was for {target}, which is no function of this stack that handles events"));
        }
        let Some(fields) = event.as_object_mut() else { return Err("it has no event in it".to_owned()) };
        // What an earlier delivery failed with is no part of the event, which would have attempts of its own by it.
        let failed_before = fields.remove(FAILED_BEFORE);
        fields.remove(FROM_A_QUEUE);
        let failure = match sender {
            Sender::Rule => None,
            Sender::Function => failed_with,
            Sender::Delayed => failed_before.as_ref().and_then(Value::as_str).map(str::to_owned),
        };
        Ok(Self { function: function.to_owned(), event, failure })
    }

    /// What the function gets: the event, that it comes out of a queue, and what it failed with before, so that it does not
    /// say twice what it cannot write down.
    pub(crate) fn payload(&self) -> Value {
        let mut payload = self.event.clone();
        payload[FROM_A_QUEUE] = true.into();
        if let Some(failure) = &self.failure {
            payload[FAILED_BEFORE] = failure.as_str().into();
        }
        payload
    }

    /// The same for every dead letter about this event and this function, and for no other: it is made of the whole
    /// event, so that nobody uses up the attempts of one event with another that has its id.
    pub(crate) fn key(&self) -> String {
        let whole = format!("{}\n{}", self.function, json::canonical(&self.event));
        Sha256::digest(whole).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The logical id in the ARN of a function of the stack: `CloudFormation` calls it `<stack>-<logical id>-<random>`.
fn logical(arn: &str) -> &str {
    arn.rsplit('-').nth(1).unwrap_or_default()
}

/// The ARN of a function without the version that Lambda's records add to it (`:$LATEST`).
fn unqualified(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(end, _)| &arn[..end])
}

/// Whether a message is so young that nothing is done, however often its event was tried.
pub(crate) fn is_fresh(sent: Timestamp, now: Timestamp) -> bool {
    now.duration_since(sent) < WAITS[0]
}

impl Redrives {
    /// What becomes of a message that was sent then. A message stays where it is when the attempt could not be made
    /// (Lambda did not take it), so that the wait begins at whatever was later.
    pub(crate) fn next(self, sent: Timestamp, now: Timestamp) -> Next {
        let since = self.last.map_or(sent, |last| last.max(sent));
        match WAITS.get(self.times) {
            None => Next::GiveUp,
            Some(wait) if now.duration_since(since) < *wait => Next::Wait,
            Some(_) => Next::Redrive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const S3: &str = "arn:aws:lambda:eu-central-1:111122223333:function:snapback-S3Function-1";

    fn functions() -> BTreeSet<String> {
        BTreeSet::from([S3.to_owned()])
    }

    fn of_function(arn: &str, event: &Value) -> Result<Letter, String> {
        let record = json!({"version": "1.0", "timestamp": "2026-01-31T12:00:00.000Z",
            "requestContext": {"requestId": "1", "functionArn": arn, "condition": "RetriesExhausted",
                "approximateInvokeCount": 3},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorType": "Error", "errorMessage": "AWS answered AccessDenied"}});
        Letter::read(Sender::Function, &record.to_string(), None, &functions())
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn lambdas_record_and_eventbridges_message_are_the_same_letter() {
        let event = json!({"b": 1, "a": 2});
        let of_rule = Letter::read(Sender::Rule, r#"{"a": 2, "b": 1}"#, Some(S3), &functions()).expect("a letter");
        let of_function = of_function(&format!("{S3}:$LATEST"), &event).expect("a letter");
        let failure = Some("AWS answered AccessDenied".to_owned());
        assert_eq!(of_function, Letter { function: S3.to_owned(), event, failure });
        assert_eq!(of_function.key(), of_rule.key());
        assert_eq!(of_rule.payload(), json!({"a": 2, "b": 1, FROM_A_QUEUE: true}));
        // However often it comes back, it is the same letter.
        let again = self::of_function(S3, &of_function.payload()).expect("a letter");
        assert_eq!((&again, again.key()), (&of_function, of_rule.key()));
    }

    #[test]
    fn a_delayed_event_is_for_the_function_of_the_stack_that_it_names() {
        let read = |body: Value| Letter::read(Sender::Delayed, &body.to_string(), None, &functions());
        let letter = read(json!({"function": "S3Function", "event": {"a": 1}})).expect("a letter");
        assert_eq!(letter, Letter { function: S3.to_owned(), event: json!({"a": 1}), failure: None });
        // What it failed with when its function sent it there goes back to the function.
        let sent = json!({"a": 1, FAILED_BEFORE: "the journal is out"});
        let letter = read(json!({"function": "S3Function", "event": sent})).expect("a letter");
        let handed_over = json!({"a": 1, FAILED_BEFORE: "the journal is out", FROM_A_QUEUE: true});
        assert_eq!((letter.payload(), letter.event), (handed_over, json!({"a": 1})));
        for (function, event) in [("payroll", json!({})), ("", json!({})), ("S3Function", json!(null)), (S3, json!({}))]
        {
            assert!(read(json!({"function": function, "event": event})).is_err(), "{function} {event}");
        }
    }

    #[test]
    fn another_event_has_attempts_of_its_own() {
        let key = |event: Value| of_function(S3, &event).expect("a letter").key();
        assert_ne!(key(json!({"detail": {"eventID": "1"}})), key(json!({"detail": {"eventID": "1", "more": ""}})));
    }

    #[test]
    fn what_is_for_nobody_here_is_no_letter() {
        for foreign in [
            "arn:aws:lambda:eu-central-1:111122223333:function:payroll",
            "arn:aws:lambda:eu-central-1:444455556666:function:snapback-S3Function-1",
            "arn:aws:lambda:eu-central-1:111122223333:function:snapback-S3Function-12",
            "snapback-S3Function-1",
        ] {
            let why = of_function(foreign, &json!({})).expect_err(foreign);
            assert!(why.contains(foreign), "{why}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_letter() {
        for (sender, body, target) in [
            (Sender::Rule, "", Some(S3)),
            (Sender::Rule, "[]", Some(S3)),
            (Sender::Rule, "{}", None),
            (Sender::Function, "{}", Some(S3)),
            (Sender::Function, "null", None),
            (Sender::Function, &json!({"requestContext": {"functionArn": S3}}).to_string(), None),
            (
                Sender::Function,
                &json!({"requestContext": {"functionArn": S3}, "requestPayload": "x"}).to_string(),
                None,
            ),
        ] {
            assert!(Letter::read(sender, body, target, &functions()).is_err(), "{body}");
        }
    }

    #[test]
    fn an_event_is_tried_three_times_ever_more_seldom_and_then_no_more() {
        let sent = at(0);
        for (times, waits, due) in [(0, 4, 5), (1, 29, 30), (2, 179, 180)] {
            let redrives = Redrives { times, last: None };
            assert_eq!(redrives.next(sent, at(waits)), Next::Wait, "{times}");
            assert_eq!(redrives.next(sent, at(due)), Next::Redrive, "{times}");
        }
        for times in [3, 4] {
            assert_eq!(Redrives { times, last: None }.next(sent, sent), Next::GiveUp, "{times}");
        }
    }

    #[test]
    fn copies_of_a_message_do_not_hurry_its_attempts() {
        let just_tried = Redrives { times: 1, last: Some(at(5)) };
        assert_eq!(just_tried.next(at(0), at(34)), Next::Wait);
        assert_eq!(just_tried.next(at(0), at(35)), Next::Redrive);
    }

    #[test]
    fn all_attempts_end_well_within_the_day_in_which_events_are_acted_on() {
        let sum: SignedDuration = WAITS.iter().sum();
        assert!(sum < SignedDuration::from_hours(12), "{sum}");
    }
}
