//! What people and programs are told, through SNS: one notice for each decision.
//!
//! A notice is made from a journal entry alone, so that it can be sent again after an outage. Email gets text, every
//! other subscriber gets JSON:
//!
//! | field | what |
//! |---|---|
//! | `id` | the journal entry; what `snapback undo` takes |
//! | `outcome` | `reverted`, `asked`, `would-revert`, `alerted`, `held`, `failed` |
//! | `control`, `severity`, `why` | what is risky, how much, and why |
//! | `account`, `region`, `resource`, `console` | where |
//! | `event` | id, service, name, time and actor |
//! | `decidedAt`, `revertedAt`, `secondsOpen` | times in UTC (RFC 3339); seconds from the event to the revert |
//! | `changes` | for each: what was done, before, after |
//! | `left` | what stays open |
//! | `problem` | what went wrong |
//! | `planted` | what the journal has about it that is not genuine, and was not believed |
//! | `repeat` | how often the same change was taken back (`times`), and `since` when |
//! | `apply` | the command that does what was asked for |
//! | `undo` | the command that takes the revert back |
//! | `release` | the commands that end the holds which keep it |
//!
//! What is remembered anew is told once for all: `outcome` `remembered`, `severity`, `account`, `region`, their `number`,
//! and `resources`, each with `control`, `resource` and until when it was the same (`sameUntil`).

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use anyhow::Result;
use aws_config::SdkConfig;
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::{Value, json};

use crate::aws::failure;
use crate::change::Change;
use crate::decision::Decision;
use crate::event::SCHEDULED;
use crate::journal::{Entry, Memory, Outcome, Repeat};
use crate::plain::{on_one_line, plain};

/// What SNS takes in one message, all variants and attributes together.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const LARGEST: usize = 256 * 1024;
/// What is kept free of that for the attributes, whose values are all short.
const ATTRIBUTES: usize = 4 * 1024;
/// An email in which before and after are longer than this is not read by anyone.
const LONGEST_IN_TEXT: usize = 4 * 1024;
/// How many of the things that are remembered anew a notice names.
const MOST_REMEMBERED: usize = 100;
/// SNS refuses a longer subject.
const LONGEST_SUBJECT: usize = 99;

#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub subject: String,
    pub text: String,
    pub json: Value,
    /// For filter policies.
    pub attributes: Vec<(&'static str, String)>,
}

impl Notice {
    #[must_use]
    pub fn of(entry: &Entry, journal: &str) -> Self {
        let severity = entry.severity().map(|severity| severity.to_string()).unwrap_or_default();
        Self {
            subject: subject(entry),
            text: text(entry, journal),
            json: machine_readable(entry, journal, LARGEST),
            attributes: vec![
                ("control", entry.control.clone()),
                ("severity", severity),
                ("account", entry.subject.account.clone()),
                ("region", entry.subject.region.clone()),
                ("outcome", entry.outcome.to_string()),
            ],
        }
    }

    /// The message with a variant for each kind of subscriber, never larger than SNS takes.
    #[must_use]
    pub fn message(&self, entry: &Entry, journal: &str) -> String {
        let with = |json: &Value| {
            let sms = &self.subject;
            json!({"default": json.to_string(), "email": self.text, "sms": sms}).to_string()
        };
        let mut message = with(&self.json);
        let mut longest = LARGEST / 2;
        while message.len() > LARGEST - ATTRIBUTES && longest > 0 {
            message = with(&machine_readable(entry, journal, longest));
            longest /= 2;
        }
        message
    }
}

/// Tells everyone who has subscribed.
///
/// # Errors
/// When SNS does not take the notice.
pub async fn publish(config: &SdkConfig, topic: &str, entry: &Entry, journal: &str) -> Result<()> {
    let notice = Notice::of(entry, journal);
    send(config, topic, &notice.subject, notice.message(entry, journal), &notice.attributes).await
}

/// Tells everyone who has subscribed what is remembered anew, each with what was remembered before.
///
/// # Errors
/// When SNS does not take the notice.
pub async fn publish_remembered(
    config: &SdkConfig,
    topic: &str,
    account: &str,
    region: &str,
    before: &[Memory],
) -> Result<()> {
    let things = if before.len() == 1 { "1 thing".to_owned() } else { format!("{} things", before.len()) };
    let subject = format!("Snapback: Remembers {things} anew ({account}, {region})");
    let mut text = format!(
        "What Snapback would put back has changed for {things} in account {account}, {region}. Nothing was touched. \
         If you do not know why one of them has changed, look at it.\n"
    );
    for Memory { control, resource, seen, .. } in before.iter().take(MOST_REMEMBERED) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}\n    {control}; the same until {seen:.0}\n", on_one_line(resource));
    }
    if before.len() > MOST_REMEMBERED {
        let _ = write!(text, "\n... and {} more, which are in the log\n", before.len() - MOST_REMEMBERED);
    }
    let listed = before
        .iter()
        .take(MOST_REMEMBERED)
        .map(|memory| json!({"control": memory.control, "resource": memory.resource, "sameUntil": memory.seen}));
    let json = json!({
        "outcome": "remembered", "severity": "low", "account": account, "region": region,
        "number": before.len(), "resources": listed.collect::<Vec<_>>(),
    });
    let message = json!({"default": json.to_string(), "email": text, "sms": subject}).to_string();
    let attributes = [("severity", "low"), ("account", account), ("region", region), ("outcome", "remembered")];
    send(config, topic, &subject, message, attributes.map(|(name, value)| (name, value.to_owned())).as_slice()).await
}

async fn send(
    config: &SdkConfig,
    topic: &str,
    subject: &str,
    message: String,
    attributes: &[(&'static str, String)],
) -> Result<()> {
    let attribute = |value: &String| MessageAttributeValue::builder().data_type("String").string_value(value).build();
    let attributes = attributes.iter().filter(|(_, value)| !value.is_empty());
    let attributes: HashMap<_, _> =
        attributes.map(|(name, value)| Ok(((*name).to_owned(), attribute(value)?))).collect::<Result<_>>()?;
    let call = aws_sdk_sns::Client::new(config)
        .publish()
        .topic_arn(topic)
        .subject(subject)
        .message_structure("json")
        .message(message)
        .set_message_attributes(Some(attributes));
    call.send().await.map(drop).map_err(|error| failure(error).context(format!("publishing to topic `{topic}`")))
}

/// ASCII, without control characters, starting with a letter, short: SNS refuses anything else.
fn subject(entry: &Entry) -> String {
    let said = match entry.outcome {
        Outcome::Reverted => "Reverted",
        Outcome::WouldRevert => "Would revert",
        Outcome::Asked => "Asks to revert",
        Outcome::Held => "Held",
        Outcome::Failed => "FAILED to revert",
        Outcome::Pending | Outcome::Alerted | Outcome::Allowed | Outcome::Undone => "Alert",
    };
    let (what, account) = (format!("Snapback: {said}: {} - ", entry.title), format!(" ({})", entry.subject.account));
    let room = LONGEST_SUBJECT.saturating_sub(what.len() + account.len());
    let text = format!("{what}{}{account}", shortened(&entry.subject.name, room, "..."));
    let ascii = text.chars().map(|char| if (' '..='~').contains(&char) { char } else { '?' });
    shortened(&ascii.collect::<String>(), LONGEST_SUBJECT, "...")
}

fn text(entry: &Entry, journal: &str) -> String {
    let Entry { subject, event, decision, .. } = entry;
    let mut text = String::new();
    // Whatever a text says, it is one line: nobody's name for a thing can look like a line of ours.
    let mut line = |line: &str| {
        text.push_str(&on_one_line(line));
        text.push('\n');
    };
    line(&format!("{} {} {}: {}.", capitalised(&subject.kind), subject.name, happened(entry), decision.why()));
    line("");
    line(&done(entry));
    if let Some(problem) = &entry.problem {
        let is_on_purpose = matches!(entry.outcome, Outcome::WouldRevert | Outcome::Asked);
        let label = if is_on_purpose { "Why not" } else { "What went wrong" };
        line(&format!("{label}: {problem}"));
    }
    for planted in &entry.planted {
        line(&format!("SOMEBODY WRITES THE JOURNAL: {planted}."));
    }
    if let Decision::Revert { left, .. } = decision {
        for open in left {
            line(&format!("STILL OPEN: {open}."));
        }
    }
    if let Some(repeat) = entry.repeat.as_ref().filter(|repeat| repeat.times > 1) {
        line(&again(entry, repeat));
    }
    if entry.outcome == Outcome::Reverted {
        line(&entry.caveat);
    }
    line("");
    if let Some(command) = apply(entry, journal) {
        line("To have it done (it looks again, and asks you):");
        line(&format!("    {command}"));
        line("");
    }
    if let Some(command) = undo(entry, journal) {
        line("To take it back (it will then be left alone):");
        line(&format!("    {command}"));
        line("");
    }
    for command in release(entry, journal) {
        line("To end the hold (the next change that opens it is then taken back):");
        line(&format!("    {command}"));
        line("");
    }
    line(&format!("Who:    {}", who(entry)));
    line(&format!("Call:   {} on {} at {} (event {})", event.name, event.service, event.time, event.id));
    line(&format!("Where:  account {}, {}, {}", subject.account, subject.region, subject.arn));
    line(&format!("        {}", subject.console));
    let severity = entry.severity().map(|severity| severity.to_string()).unwrap_or_default();
    line(&format!("What:   {} ({severity}), mode {}", entry.control, entry.mode));
    line(&format!("More:   journal entry {} in table {journal}", entry.id));
    for change in decision.plan() {
        let (before, after) = change.sides();
        let pointer = format!(" [... the rest is in journal entry {}]", entry.id);
        let [before, after] = [before, after].map(|side| plain(&shortened(&side, LONGEST_IN_TEXT, &pointer)));
        let change = on_one_line(&capitalised(&change.to_string()));
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{change}:\n--- before\n{before}\n--- after\n{after}\n");
    }
    text
}

fn machine_readable(entry: &Entry, journal: &str, longest: usize) -> Value {
    let Entry { subject, event, decision, .. } = entry;
    let pointer = format!("[... the rest is in journal entry {}]", entry.id);
    let short = |text: &str| shortened(text, longest, &pointer);
    let changes = decision.plan().iter().map(|change| {
        let (before, after) = change.sides();
        json!({"change": short(&change.to_string()), "before": short(&before), "after": short(&after)})
    });
    let left = match decision {
        Decision::Revert { left, .. } => left.iter().map(|open| short(open)).collect(),
        Decision::Allow { .. } | Decision::Alert { .. } => vec![],
    };
    json!({
        "id": entry.id,
        "outcome": entry.outcome,
        "control": entry.control,
        "severity": entry.severity(),
        "mode": entry.mode,
        "why": short(decision.why()),
        "account": subject.account,
        "region": subject.region,
        "resource": subject.arn,
        "console": subject.console,
        "event": event,
        "decidedAt": entry.decided_at,
        "revertedAt": entry.reverted_at,
        "secondsOpen": seconds_open(entry),
        "changes": changes.collect::<Vec<_>>(),
        "left": short_list(left, longest),
        "problem": entry.problem.as_deref().map(short),
        "planted": entry.planted,
        "repeat": entry.repeat,
        "journal": journal,
        "apply": apply(entry, journal),
        "undo": undo(entry, journal),
        "release": release(entry, journal),
    })
}

fn happened(entry: &Entry) -> &'static str {
    let is_own = entry.decision.plan().iter().any(|change| matches!(change, Change::Own(_)));
    // A setting lets nobody in by itself.
    let is_setting = matches!(entry.subject.kind.as_str(), "account setting" | "instance");
    match (&entry.decision, entry.outcome) {
        (Decision::Revert { .. }, Outcome::Reverted) if is_own => "was changed and has been put back",
        (Decision::Revert { .. }, _) if is_own => "has been changed",
        (Decision::Revert { .. }, Outcome::Reverted) if is_setting => "was loosened and has been put back",
        (Decision::Revert { .. }, Outcome::Reverted) => "was opened and has been put back",
        (Decision::Revert { .. }, _) | (_, Outcome::Held) if is_setting => "has been loosened",
        (Decision::Revert { .. }, _) | (_, Outcome::Held) => "has been opened",
        _ => "needs a look",
    }
}

fn done(entry: &Entry) -> String {
    match entry.outcome {
        Outcome::Reverted => {
            let when = entry.reverted_at.map(|at| format!(" at {at:.0}")).unwrap_or_default();
            let open =
                seconds_open(entry).map(|seconds| format!(", about {seconds} s after the call")).unwrap_or_default();
            format!("Snapback has taken the change back{when}{open}.")
        }
        Outcome::Asked => "Snapback has touched nothing: it asks. The plan stands below.".to_owned(),
        Outcome::WouldRevert if entry.problem.is_some() => "Snapback has touched nothing.".to_owned(),
        Outcome::WouldRevert => {
            "Snapback has touched nothing: its mode is `notify`. In mode `revert` it would take this back.".to_owned()
        }
        Outcome::Held => "Snapback has touched nothing: an operator has put it back before, and holds it.".to_owned(),
        Outcome::Failed => "Snapback could NOT take it back. It will be tried again; look at it now.".to_owned(),
        Outcome::Pending | Outcome::Alerted | Outcome::Allowed | Outcome::Undone => {
            "Snapback has touched nothing: this needs a person's judgement.".to_owned()
        }
    }
}

fn again(entry: &Entry, repeat: &Repeat) -> String {
    let actor = &entry.event.actor;
    let agent = actor.user_agent.as_deref().unwrap_or_default();
    let by = [&actor.invoked_by, &actor.source_address].into_iter().flatten();
    let tool = if agent.contains("Terraform") || agent.contains("HashiCorp") {
        "That looks like Terraform applying its configuration again: change it there. "
    } else if agent.contains("Pulumi") {
        "That looks like Pulumi applying its program again: change it there. "
    } else if by.into_iter().any(|by| by == "cloudformation.amazonaws.com") {
        "That looks like CloudFormation deploying its template again: change it there. "
    } else {
        ""
    };
    format!(
        "AGAIN: Snapback has taken this same change back {} times since {}, this time from {actor}. {tool}It goes on \
         taking it back, and says so more and more seldom.",
        repeat.times, repeat.since
    )
}

fn who(entry: &Entry) -> String {
    if entry.event.name == SCHEDULED {
        return "not known: it was found by a look on schedule; CloudTrail's event history tells".to_owned();
    }
    let actor = &entry.event.actor;
    let mut who = actor.to_string();
    let mut add = |label: &str, value: &Option<String>| {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(who, ", {label} {value}");
        }
    };
    add("from", &actor.source_address);
    add("access key", &actor.access_key);
    add("with", &actor.user_agent.as_ref().map(|agent| shortened(agent, 200, "...")));
    add("on behalf of somebody through", &actor.invoked_by);
    who.push_str(if actor.console { ", in the console" } else { ", by the API" });
    who.push_str(if actor.mfa { ", with MFA" } else { ", without MFA" });
    if let Some(arn) = &actor.arn {
        let _ = write!(who, " ({arn})");
    }
    who
}

/// CloudTrail tells the time of a call to the second.
fn seconds_open(entry: &Entry) -> Option<i64> {
    let since_known = entry.reverted_at.filter(|_| entry.event.name != SCHEDULED);
    since_known.map(|at| (at.as_second() - entry.event.time.as_second()).max(0))
}

fn undo(entry: &Entry, journal: &str) -> Option<String> {
    command("undo", Outcome::Reverted, entry, journal)
}

fn apply(entry: &Entry, journal: &str) -> Option<String> {
    command("apply", Outcome::Asked, entry, journal)
}

fn command(verb: &str, of: Outcome, entry: &Entry, journal: &str) -> Option<String> {
    let region = &entry.subject.region;
    (entry.outcome == of).then(|| format!("snapback {verb} {} --journal {journal} --region {region}", entry.id))
}

/// One command for each undo that has left a hold.
fn release(entry: &Entry, journal: &str) -> Vec<String> {
    if entry.outcome != Outcome::Held {
        return vec![];
    }
    let undone: BTreeSet<&String> = entry.basis.holds.iter().map(|hold| &hold.entry).collect();
    let region = &entry.subject.region;
    undone.into_iter().map(|id| format!("snapback release {id} --journal {journal} --region {region}")).collect()
}

/// At most so many bytes, with a mark where something is missing.
fn shortened(text: &str, longest: usize, mark: &str) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(longest.saturating_sub(mark.len()));
    format!("{}{mark}", &text[..end])
}

/// At most so many bytes of elements, and how many more there are.
fn short_list(list: Vec<String>, longest: usize) -> Vec<String> {
    let (all, mut size) = (list.len(), 0);
    let mut short: Vec<String> = list
        .into_iter()
        .take_while(|element| {
            size += element.len();
            size <= longest
        })
        .collect();
    if short.len() < all {
        short.push(format!("... and {} more", all - short.len()));
    }
    short
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::change::{Change, Holder, PolicyChange};
    use crate::decision::Severity;
    use crate::event::Actor;
    use crate::journal::{Basis, Cause};
    use crate::mode::Mode;
    use crate::settings::Settings;
    use crate::subject::Subject;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn reverted(bucket: &str, from: &str) -> Entry {
        let change = PolicyChange { of: Holder::Bucket(bucket.to_owned()), from: Some(from.into()), to: None };
        Entry {
            id: "0123456789abcdef0123".to_owned(),
            control: "s3-public-bucket-policy".to_owned(),
            title: "A bucket policy lets everyone in".to_owned(),
            caveat: "What was read before the revert has been read.".to_owned(),
            subject: Subject {
                kind: "bucket".to_owned(),
                name: bucket.to_owned(),
                arn: format!("arn:aws:s3:::{bucket}"),
                account: "111122223333".to_owned(),
                region: "eu-central-1".to_owned(),
                console: "https://eu-central-1.console.aws.amazon.com/s3/buckets/b".to_owned(),
            },
            event: Cause {
                kind: crate::event::Kind::ApiCall,
                id: "0b6e7a54-0000-4000-8000-000000000002".to_owned(),
                service: "s3.amazonaws.com".to_owned(),
                name: "PutBucketPolicy".to_owned(),
                time: time("2026-01-31T12:00:00Z"),
                actor: Actor {
                    kind: "AssumedRole".to_owned(),
                    arn: Some("arn:aws:sts::111122223333:assumed-role/Admin/alice".to_owned()),
                    account: Some("111122223333".to_owned()),
                    name: Some("Admin".to_owned()),
                    role: Some("arn:aws:iam::111122223333:role/Admin".to_owned()),
                    session: Some("alice".to_owned()),
                    access_key: Some("ASIAIOSFODNN7EXAMPLE".to_owned()),
                    source_address: Some("198.51.100.7".to_owned()),
                    vpc_endpoint: None,
                    user_agent: Some("aws-cli/2.31".to_owned()),
                    invoked_by: None,
                    mfa: true,
                    console: false,
                },
            },
            suspicion: "statement 1 lets everyone do s3:GetObject".to_owned(),
            basis: Basis {
                request: Value::Null,
                response: Value::Null,
                resources: vec![],
                settings: Settings::default(),
                holds: vec![],
            },
            state: Value::Null,
            decision: Decision::Revert {
                severity: Severity::High,
                why: "statement 1 lets everyone do s3:GetObject".to_owned(),
                grants: vec![],
                plan: vec![Change::from(change)],
                left: vec![
                    "statement 2 lets everyone do s3:GetObject, if the condition on `x` does not keep them out"
                        .to_owned(),
                ],
            },
            mode: Mode::Revert,
            outcome: Outcome::Reverted,
            decided_at: time("2026-01-31T12:00:02Z"),
            reverted_at: Some(time("2026-01-31T12:00:03Z")),
            applied_by: None,
            repeat: None,
            applied: vec![],
            problem: None,
            planted: BTreeSet::new(),
            announced: false,
            undone: None,
            expires: time("2027-01-31T12:00:02Z"),
        }
    }

    #[test]
    fn the_text_tells_what_who_where_when_and_how_to_take_it_back() {
        let entry = reverted("b", "{\"Statement\":[]}");
        insta::assert_snapshot!(Notice::of(&entry, "journal").text);
    }

    #[test]
    fn what_was_not_done_is_not_claimed() {
        let touched = |outcome| {
            let text = Notice::of(&Entry { outcome, ..reverted("b", "{}") }, "journal").text;
            (text.contains("touched nothing"), text.contains("snapback undo"), text.contains("could NOT"))
        };
        assert_eq!(touched(Outcome::WouldRevert), (true, false, false));
        assert_eq!(touched(Outcome::Alerted), (true, false, false));
        assert_eq!(touched(Outcome::Failed), (false, false, true));
        assert_eq!(touched(Outcome::Reverted), (false, true, false));
    }

    #[test]
    fn what_was_left_on_purpose_is_not_called_wrong() {
        let problem = Some("Snapback is stopped by ops: a drill".to_owned());
        let text =
            |outcome| Notice::of(&Entry { outcome, problem: problem.clone(), ..reverted("b", "{}") }, "journal").text;
        assert!(
            text(Outcome::WouldRevert).contains("touched nothing.\nWhy not: Snapback is stopped by ops: a drill\n")
        );
        assert!(text(Outcome::Failed).contains("What went wrong: Snapback is stopped"));
    }

    #[test]
    fn what_is_planted_in_the_journal_is_said_and_is_not_the_reason() {
        let planted = BTreeSet::from(["the emergency stop is not genuine".to_owned()]);
        let notice = Notice::of(&Entry { outcome: Outcome::WouldRevert, planted, ..reverted("b", "{}") }, "journal");
        assert!(notice.text.contains(
            "In mode `revert` it would take this back.\nSOMEBODY WRITES THE JOURNAL: the emergency stop is not genuine.\n"
        ));
        assert!(!notice.text.contains("Why not"));
    }

    #[test]
    fn who_keeps_doing_it_is_named_and_what_that_looks_like() {
        let mut entry = reverted("b", "{}");
        entry.repeat = Some(Repeat { times: 3, since: time("2026-01-31T09:00:00Z") });
        entry.event.actor.user_agent = Some("APN/1.0 HashiCorp/1.0 Terraform/1.14.0".to_owned());
        let notice = Notice::of(&entry, "journal");
        assert!(
            notice.text.contains("3 times since 2026-01-31T09:00:00Z, this time from role `Admin` in session `alice`")
        );
        assert!(notice.text.contains("looks like Terraform"));
        assert_eq!(notice.json["repeat"]["times"], 3);
    }

    #[test]
    fn the_subject_is_what_sns_takes_whatever_the_name() {
        for name in ["b", &"long".repeat(50), "größer\nals"] {
            let subject = Notice::of(&reverted(name, "{}"), "journal").subject;
            assert!(subject.len() < 100 && subject.chars().all(|char| (' '..='~').contains(&char)), "{subject}");
            assert!(subject.starts_with("Snapback: Reverted: A bucket policy"));
            assert!(subject.ends_with(" (111122223333)"), "{subject}");
        }
    }

    #[test]
    fn however_much_there_is_to_say_sns_takes_it_and_the_journal_has_the_rest() {
        let quotes = "\"\\".repeat(200 * 1024);
        for policy in ["{}", &"x".repeat(20 * 1024), &"x".repeat(1024 * 1024), &quotes] {
            let entry = reverted("b", policy);
            let notice = Notice::of(&entry, "journal");
            let message = notice.message(&entry, "journal");
            let attributes: usize = notice.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(message.len() + attributes <= LARGEST, "{} bytes", message.len());
            let message: Value = serde_json::from_str(&message).expect("JSON");
            let json: Value = serde_json::from_str(message["default"].as_str().expect("a text")).expect("JSON in it");
            assert_eq!(json["undo"], "snapback undo 0123456789abcdef0123 --journal journal --region eu-central-1");
            let before = json["changes"][0]["before"].as_str().expect("a text");
            assert!(before == policy || before.ends_with("the rest is in journal entry 0123456789abcdef0123]"));
        }
    }
}
