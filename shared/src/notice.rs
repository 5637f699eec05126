//! What people and programs are told, through SNS: one notice for each decision.
//!
//! A notice is made from a journal entry alone, so that it can be sent again after an outage. Email gets text, every
//! other subscriber gets JSON:
//!
//! | field | what |
//! |---|---|
//! | `id` | the journal entry; what `snapback undo` takes |
//! | `outcome` | `reverted`, `asked`, `would-revert`, `alerted`, `held`, `closed`, `failed`, or `pending` before Snapback restores what its journal needs |
//! | `control`, `severity`, `mode`, `why` | what is risky, how much, what Snapback may do about it, and why it is risky |
//! | `account`, `region`, `resource`, `console` | where |
//! | `event` | id, service, name, time and actor |
//! | `decidedAt`, `revertedAt`, `secondsOpen` | times in UTC (RFC 3339); seconds from the event to the revert |
//! | `changes` | for each change: what it does, before, after |
//! | `left` | what is still open |
//! | `caveat` | what to know and do about what was done in the meantime, once it is reverted, closed, or left to a person |
//! | `due` | when Snapback looks a second time, as AWS does not show the revert yet |
//! | `state`, `request` | what Snapback saw, and the parameters of the call, where it only alerts |
//! | `problem` | what went wrong, or why nothing was done |
//! | `forged` | journal records about this resource that were forged, and ignored |
//! | `repeat` | how often the same change was reverted or the same call was counted (`times`), and `since` when |
//! | `journal` | the journal's table |
//! | `apply` | the command that makes the revert, where Snapback asks or would make it |
//! | `undo` | the command that undoes the revert and restores the original change |
//! | `release` | the commands that end the holds which keep the change in place |
//!
//! Updates of the baseline are told together: `outcome` `baseline-updated`, `severity`, `account`, `region`, their
//! `number`, and `resources`, each with `control`, `resource` and until when it was the same (`sameUntil`).
//!
//! What has changed of coverage is told together once a day: `outcome` `coverage`, `severity`, `account`, `region`, how many
//! accounts and Regions were `checked`, are `notCovered`, `cannotBeTold`, are `new` or `solved`, and `places`, each with
//! `account`, `regions`, `status`, what it `was`, what is `missing` and what is `unknown`.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Write};

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
/// The outcome of what changed in the baseline.
const UPDATED: &str = "baseline-updated";
/// How many updates of the baseline a notice names.
const MOST_REMEMBERED: usize = 100;
/// SNS refuses a longer subject.
const LONGEST_SUBJECT: usize = 99;
/// What a subject keeps free to say what happened, however long the resource's name is.
const ROOM_FOR_WHAT_HAPPENED: usize = 16;
/// How much of one change the summary shows; what it replaces and with what stands further down.
const LONGEST_IN_SUMMARY: usize = 500;

/// The journal's table, which commands name. A resource may be in another Region, and of a member of a hub.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    pub name: &'a str,
    pub region: &'a str,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--journal {} --region {}", self.name, self.region)
    }
}

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
    pub fn of(entry: &Entry, journal: Table<'_>) -> Self {
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
    pub fn message(&self, entry: &Entry, journal: Table<'_>) -> String {
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
pub async fn publish(config: &SdkConfig, topic: &str, entry: &Entry, journal: Table<'_>) -> Result<()> {
    let notice = Notice::of(entry, journal);
    send(config, topic, &notice.subject, notice.message(entry, journal), &notice.attributes).await
}

/// Tells everyone who has subscribed what has changed in the baseline, each with what it was before.
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
    let resources = before.iter().map(|memory| &memory.resource).collect::<BTreeSet<_>>().len();
    let resources = if resources == 1 { "1 resource".to_owned() } else { format!("{resources} resources") };
    let subject = format!("Snapback: Baseline updated for {resources} ({account}, {region})");
    let mut text = format!(
        "LOW: Baseline updated for {resources} in account {account} ({region}).\n\n\
         Snapback has touched nothing. It restores resources to their baseline, and takes as the baseline what they \
         were at the last scheduled check. If you cannot explain one of these updates, look at the resource.\n"
    );
    for Memory { control, resource, seen, .. } in before.iter().take(MOST_REMEMBERED) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}\n    {control}; unchanged until {seen:.0}\n", on_one_line(resource));
    }
    if before.len() > MOST_REMEMBERED {
        let _ = write!(text, "\n... and {} more, which are in the log\n", before.len() - MOST_REMEMBERED);
    }
    let listed = before
        .iter()
        .take(MOST_REMEMBERED)
        .map(|memory| json!({"control": memory.control, "resource": memory.resource, "sameUntil": memory.seen}));
    let json = json!({
        "outcome": UPDATED, "severity": "low", "account": account, "region": region,
        "number": before.len(), "resources": listed.collect::<Vec<_>>(),
    });
    let attributes = [("severity", "low"), ("account", account), ("region", region), ("outcome", UPDATED)];
    let attributes = attributes.map(|(name, value)| (name, value.to_owned())).to_vec();
    tell(config, topic, &Notice { subject, text, json, attributes }).await
}

/// Tells everyone who has subscribed what is no decision. Whoever makes the notice sees to it that it is no larger than SNS
/// takes.
///
/// # Errors
/// When SNS does not take the notice.
pub async fn tell(config: &SdkConfig, topic: &str, notice: &Notice) -> Result<()> {
    let Notice { subject, text, json, attributes } = notice;
    let message = json!({"default": json.to_string(), "email": text, "sms": subject}).to_string();
    send(config, topic, subject, message, attributes).await
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
    let call = crate::retry::client!(aws_sdk_sns, config)
        .publish()
        .topic_arn(topic)
        .subject(subject)
        .message_structure("json")
        .message(message)
        .set_message_attributes(Some(attributes));
    call.send().await.map(drop).map_err(|error| failure(error).context(format!("publishing to topic `{topic}`")))
}

/// ASCII, without control characters, starting with a letter, short: SNS refuses anything else. What happened is cut
/// off first; of the resource's name the middle goes, and its account always stays.
fn subject(entry: &Entry) -> String {
    let Entry { subject, .. } = entry;
    let done = match entry.outcome {
        Outcome::Reverted => "reverted",
        Outcome::WouldRevert => "would revert",
        Outcome::Asked => "asks to revert",
        Outcome::Held => "left alone",
        Outcome::Closed => "noticed",
        Outcome::Failed => "FAILED to revert",
        Outcome::Pending => "reverts",
        Outcome::Alerted | Outcome::Allowed | Outcome::Undone => "alert",
    };
    let (start, kind) = (format!("Snapback {done} [{}]: ", severity(entry)), &subject.kind);
    let (name, account, happened) = (as_ascii(&subject.name), &subject.account, as_ascii(&happened(entry)));
    // The account itself needs no saying which account it is in.
    let place = if *kind == "account" { String::new() } else { format!(" in {account}") };
    let room = LONGEST_SUBJECT.saturating_sub(start.len() + kind.len() + 1 + place.len());
    let name = without_middle(&name, room.saturating_sub(ROOM_FOR_WHAT_HAPPENED.min(happened.len())));
    let happened = words(&happened, room.saturating_sub(name.len()));
    shortened(&format!("{start}{kind} {name}{place}{happened}"), LONGEST_SUBJECT, "...")
}

/// What happened, then what Snapback did, then the one command, then all else.
fn text(entry: &Entry, journal: Table<'_>) -> String {
    let paragraphs = [
        vec![what_happened(entry), format!("{}.", capitalised(&why(entry)))],
        what_was_done(entry),
        commands(entry, journal),
        what_is_left(entry),
        details(entry, journal),
    ];
    // Whatever a text says, it is one line: nobody's name for a thing can look like a line of ours.
    let paragraphs = paragraphs.iter().filter(|lines| !lines.is_empty());
    let paragraphs = paragraphs.map(|lines| lines.iter().map(|line| on_one_line(line) + "\n").collect::<String>());
    paragraphs.collect::<Vec<_>>().join("\n") + &before_and_after(entry)
}

fn what_happened(entry: &Entry) -> String {
    let Entry { subject, .. } = entry;
    let (severity, kind) = (severity(entry).to_uppercase(), capitalised(&subject.kind));
    let place = if subject.kind == "account" { String::new() } else { format!(" in account {}", subject.account) };
    format!("{severity}: {kind} {}{place} ({}){}.", subject.name, subject.region, happened(entry))
}

fn what_was_done(entry: &Entry) -> Vec<String> {
    let mut lines = vec![done(entry)];
    let plan = entry.decision.plan().iter();
    lines.extend(plan.map(|change| format!("  - {}", shortened(&change.to_string(), LONGEST_IN_SUMMARY, "..."))));
    let is_on_purpose = matches!(entry.outcome, Outcome::WouldRevert | Outcome::Asked);
    let label = if is_on_purpose { "Why not" } else { "What went wrong" };
    let problem = entry.problem.iter().filter(|_| entry.outcome != Outcome::Closed);
    lines.extend(problem.map(|problem| format!("{label}: {problem}")));
    lines.extend(entry.forged.iter().map(|forged| format!("SECURITY: forged journal record ignored: {forged}.")));
    lines
}

const TO_APPROVE: &str = "To approve this revert (the command checks again and asks you before it changes anything):";
const TO_APPLY: &str =
    "To make this revert after all (the command checks again and asks you before it changes anything):";

fn commands(entry: &Entry, journal: Table<'_>) -> Vec<String> {
    let is_asked = entry.outcome == Outcome::Asked;
    let to_apply = if is_asked { TO_APPROVE } else { TO_APPLY };
    let apply = apply(entry, journal).map(|command| (to_apply, command));
    let undo = undo(entry, journal).map(|command| {
        ("To undo this revert and restore the original change (Snapback will leave it in place for 30 days):", command)
    });
    let release = release(entry, journal)
        .into_iter()
        .map(|command| ("To end the hold (Snapback will then revert the next change of this kind):", command));
    let closer =
        closer(entry).map(|command| ("To see who closed it (the event history is up to 15 minutes late):", command));
    let commands = apply.into_iter().chain(undo).chain(release).chain(closer);
    commands.flat_map(|(purpose, command)| [purpose.to_owned(), format!("    {command}")]).collect()
}

fn what_is_left(entry: &Entry) -> Vec<String> {
    let mut lines = vec![];
    let left = if let Decision::Revert { left, .. } = &entry.decision { left.as_slice() } else { &[] };
    lines.extend(left.iter().map(|open| format!("STILL OPEN: {open}.")));
    let leaves_some = |change: &Change| change.leaves_some(&entry.basis.request);
    let is_in_part = !left.is_empty() || entry.decision.plan().iter().any(leaves_some);
    if entry.outcome == Outcome::Reverted && entry.event.kind.is_api_call() && is_in_part {
        lines.push("Whatever else the same call changed is still in place.".to_owned());
    }
    lines.extend(entry.repeat.iter().filter(|repeat| repeat.times > 1).map(|repeat| again(entry, repeat)));
    lines.extend(caveat(entry).map(str::to_owned));
    lines
}

/// What people must know and do, whatever Snapback has done. Where a revert is still to come, that comes first.
fn caveat(entry: &Entry) -> Option<&str> {
    let is_theirs = matches!(entry.outcome, Outcome::Reverted | Outcome::Alerted | Outcome::Closed);
    (is_theirs && !entry.caveat.is_empty()).then_some(entry.caveat.as_str())
}

fn details(entry: &Entry, journal: Table<'_>) -> Vec<String> {
    let Entry { subject, event, .. } = entry;
    vec![
        format!("Who:    {}", who(entry)),
        format!("Call:   {} on {} at {} (event {})", event.name, event.service, event.time, entry.event_id()),
        format!("Where:  account {}, {}, {}", subject.account, subject.region, subject.arn),
        format!("        {}", subject.console),
        format!("What:   {} ({}), mode {}", entry.control, severity(entry), entry.mode),
        if entry.unwritten {
            format!("More:   the journal ({}) has no entry of this; keep this notice", journal.name)
        } else {
            format!("More:   journal entry {} in table {}", entry.id, journal.name)
        },
    ]
}

/// Where what does not fit is to be found.
fn pointer(entry: &Entry) -> String {
    if entry.unwritten {
        "[... cut off]".to_owned()
    } else {
        format!("[... the rest is in journal entry {}]", entry.id)
    }
}

/// What was seen, for a person who has to judge it.
fn seen(entry: &Entry) -> Option<&Value> {
    is_for_a_person(entry, &entry.state)
}

/// What the call asked for: who may assume what, which subscription, whose network.
fn asked(entry: &Entry) -> Option<&Value> {
    is_for_a_person(entry, &entry.basis.request)
}

fn is_for_a_person<'e>(entry: &Entry, value: &'e Value) -> Option<&'e Value> {
    (entry.decision.plan().is_empty() && !value.is_null()).then_some(value)
}

fn before_and_after(entry: &Entry) -> String {
    let (plan, mut text) = (entry.decision.plan(), String::new());
    let pointer = format!(" {}", pointer(entry));
    for (what, value) in [("what the call asked for", asked(entry)), ("what Snapback saw", seen(entry))] {
        let Some(value) = value else { continue };
        let value = serde_json::to_string_pretty(value).unwrap_or_default();
        let _ = write!(text, "\n--- {what}\n{}\n", plain(&shortened(&value, LONGEST_IN_TEXT, &pointer)));
    }
    for (number, change) in plan.iter().enumerate() {
        let (before, after) = change.sides();
        let [before, after] = [before, after].map(|side| plain(&shortened(&side, LONGEST_IN_TEXT, &pointer)));
        let which = if plan.len() == 1 { String::new() } else { format!("Change {} of {}:\n", number + 1, plan.len()) };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{which}--- before\n{before}\n--- after\n{after}\n");
    }
    text
}

fn machine_readable(entry: &Entry, journal: Table<'_>, longest: usize) -> Value {
    let Entry { subject, event, decision, .. } = entry;
    let pointer = pointer(entry);
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
        "caveat": caveat(entry),
        "due": entry.due,
        "state": seen(entry).map(|state| short(&state.to_string())),
        "request": asked(entry).map(|request| short(&request.to_string())),
        "problem": entry.problem.as_deref().map(short),
        "forged": entry.forged,
        "repeat": entry.repeat,
        "journal": journal.name,
        "apply": apply(entry, journal),
        "undo": undo(entry, journal),
        "release": release(entry, journal),
    })
}

/// What happened to the resource, to be read after its name. Where Snapback cannot tell, it does not say that it did.
fn happened(entry: &Entry) -> String {
    match (&entry.happened, entry.outcome) {
        (Some(happened), _) => format!(" {happened}"),
        (None, Outcome::Held) => format!(": {}", entry.title),
        (None, _) => format!(" may be affected: {}", entry.title),
    }
}

/// Why it is risky; once it is reverted, what was found then.
fn why(entry: &Entry) -> String {
    let why = without_repetition(entry.decision.why(), entry);
    if entry.outcome == Outcome::Reverted { format!("Found: {why}") } else { why }
}

/// The resource is named in the line above.
fn without_repetition(why: &str, entry: &Entry) -> String {
    let name = format!("{} `{}` ", entry.subject.kind, entry.subject.name);
    why.strip_prefix(&name).map_or_else(|| why.to_owned(), |rest| format!("it {rest}"))
}

fn severity(entry: &Entry) -> String {
    entry.severity().map(|severity| severity.to_string()).unwrap_or_default()
}

fn done(entry: &Entry) -> String {
    match entry.outcome {
        Outcome::Reverted => {
            let when = entry.reverted_at.map(|at| format!(" at {at:.0}")).unwrap_or_default();
            let open =
                seconds_open(entry).map(|seconds| format!(", about {seconds} s after the call")).unwrap_or_default();
            let pending = entry.due.map(|due| {
                let shown = if entry.has_written_all() {
                    "AWS does not show it yet"
                } else {
                    "It was so already when Snapback came to write it"
                };
                format!(
                    " {shown}: check pending until {}. If it is not reverted then, Snapback tries again and notifies you.",
                    due.strftime("%H:%M UTC")
                )
            });
            let left = matches!(&entry.decision, Decision::Revert { left, .. } if !left.is_empty());
            let left = if left { " Something is STILL OPEN, see below." } else { "" };
            let plan = if entry.has_written_all() { "What Snapback did:" } else { "What Snapback had planned:" };
            format!("Reverted{when}{open}.{}{left} {plan}", pending.unwrap_or_default())
        }
        Outcome::Asked => "Snapback has touched nothing yet. If you approve, it will:".to_owned(),
        Outcome::WouldRevert if entry.problem.is_some() => "Snapback has touched nothing. What it would do:".to_owned(),
        Outcome::WouldRevert => {
            "Snapback has touched nothing: its mode is `notify`. What it would do in mode `revert`:".to_owned()
        }
        Outcome::Closed => closed(entry),
        Outcome::Held => {
            "Snapback has touched nothing: an operator has undone a revert of this, and a hold keeps it in place."
                .to_owned()
        }
        Outcome::Failed => {
            "Snapback could NOT revert this. It will try again, but look at the resource now. What it tries:".to_owned()
        }
        Outcome::Pending => "Snapback is reverting this now. What it does:".to_owned(),
        Outcome::Alerted | Outcome::Allowed | Outcome::Undone => {
            "Snapback has touched nothing: this needs your judgement.".to_owned()
        }
    }
}

/// Since when it was open, and until when at most.
fn closed(entry: &Entry) -> String {
    let (from, until) = (entry.event.time, entry.decided_at);
    let was = if entry.happened.is_some() { "was" } else { "may have been" };
    let by = entry.problem.as_ref().map(|by| format!(" {by}.")).unwrap_or_default();
    format!(
        "Snapback has touched nothing: it {was} open from {from:.0} and was closed by {until:.0}, before Snapback could do \
         that.{by}"
    )
}

fn again(entry: &Entry, repeat: &Repeat) -> String {
    if entry.decision.plan().is_empty() {
        return format!(
            "AGAIN: This has happened {} times since {:.0}. Snapback goes on counting, and notifies you less often.",
            repeat.times, repeat.since
        );
    }
    let actor = &entry.event.actor;
    let agent = actor.user_agent.as_deref().unwrap_or_default();
    let by = [&actor.invoked_by, &actor.source_address].into_iter().flatten();
    let tool = if agent.contains("Terraform") || agent.contains("HashiCorp") {
        " This looks like Terraform reapplying its configuration: change it there."
    } else if agent.contains("Pulumi") {
        " This looks like Pulumi reapplying its program: change it there."
    } else if by.into_iter().any(|by| by == "cloudformation.amazonaws.com") {
        " This looks like CloudFormation redeploying its template: change it there."
    } else {
        ""
    };
    format!(
        "AGAIN: Snapback has reverted this same change {} times since {}. This time {actor} made it.{tool} Snapback \
         keeps reverting it, and notifies you less often.",
        repeat.times, repeat.since
    )
}

fn who(entry: &Entry) -> String {
    if entry.event.name == SCHEDULED {
        return "unknown: a scheduled check found it. Search CloudTrail's event history".to_owned();
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
    add("on somebody's behalf through", &actor.invoked_by);
    who.push_str(if actor.console { ", in the console" } else { ", by the API" });
    who.push_str(if actor.mfa { ", with MFA" } else { ", without MFA" });
    if let Some(arn) = &actor.arn {
        let _ = write!(who, " ({arn})");
    }
    who
}

/// From the call until what it opened was closed, where both are known. CloudTrail tells the time of a call to the second.
#[must_use]
pub fn seconds_open(entry: &Entry) -> Option<i64> {
    let over_at = if entry.outcome == Outcome::Closed { Some(entry.decided_at) } else { entry.reverted_at };
    let since_known = over_at.filter(|_| entry.event.name != SCHEDULED);
    since_known.map(|at| (at.as_second() - entry.event.time.as_second()).max(0))
}

fn undo(entry: &Entry, journal: Table<'_>) -> Option<String> {
    command("undo", &[Outcome::Reverted], entry, journal)
}

fn apply(entry: &Entry, journal: Table<'_>) -> Option<String> {
    command("apply", &[Outcome::Asked, Outcome::WouldRevert], entry, journal)
}

fn command(verb: &str, of: &[Outcome], entry: &Entry, journal: Table<'_>) -> Option<String> {
    (of.contains(&entry.outcome) && !entry.unwritten).then(|| format!("snapback {verb} {} {journal}", entry.id))
}

/// Whose calls about the resource followed, until it was seen to be closed. The event history has no calls about objects,
/// and their keys may be anything, also what a shell would run.
fn closer(entry: &Entry) -> Option<String> {
    let Entry { subject, event, decided_at, .. } = entry;
    (entry.outcome == Outcome::Closed && subject.kind != "object").then(|| {
        format!(
            "aws cloudtrail lookup-events --region {} --start-time {:.0} --end-time {decided_at:.0} --lookup-attributes \
             'AttributeKey=ResourceName,AttributeValue={}'",
            subject.region, event.time, subject.name
        )
    })
}

/// One command for each undo that has left a hold.
fn release(entry: &Entry, journal: Table<'_>) -> Vec<String> {
    if entry.outcome != Outcome::Held {
        return vec![];
    }
    let undone: BTreeSet<&String> = entry.basis.holds.iter().map(|hold| &hold.entry).collect();
    undone.into_iter().map(|id| format!("snapback release {id} {journal}")).collect()
}

/// At most so many bytes, with a mark where something is missing.
fn shortened(text: &str, longest: usize, mark: &str) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(longest.saturating_sub(mark.len()));
    format!("{}{mark}", &text[..end])
}

/// At most so many bytes: the beginning and the end tell resources apart that belong together.
fn without_middle(ascii: &str, longest: usize) -> String {
    if ascii.len() <= longest {
        return ascii.to_owned();
    }
    let kept = longest.saturating_sub(3);
    format!("{}...{}", &ascii[..kept.div_ceil(2)], &ascii[ascii.len() - kept / 2..])
}

/// As many whole words as fit.
fn words(text: &str, longest: usize) -> String {
    let whole = shortened(text, longest, "...");
    match whole.strip_suffix("...").and_then(|cut| cut.rsplit_once(' ')) {
        Some((words, _)) if whole != text => format!("{words}..."),
        _ => whole,
    }
}

fn as_ascii(text: &str) -> String {
    text.chars().map(|char| if (' '..='~').contains(&char) { char } else { '?' }).collect()
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
    use crate::change::{Applied, Direction, Ec2, Holder, PolicyChange, Rule, SecurityGroup, Source, Swap};
    use crate::decision::Severity;
    use crate::event::Actor;
    use crate::journal::{Basis, Cause};
    use crate::mode::Mode;
    use crate::settings::Settings;
    use crate::subject::Subject;

    /// In another Region than the resource, as a hub's is.
    const JOURNAL: Table<'_> = Table { name: "journal", region: "us-east-1" };

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn reverted(bucket: &str, from: &str) -> Entry {
        let change = PolicyChange { of: Holder::Bucket(bucket.to_owned()), from: Some(from.into()), to: None };
        Entry {
            id: "0123456789abcdef0123".to_owned(),
            control: "s3-public-bucket-policy".to_owned(),
            title: "A bucket policy lets everyone in".to_owned(),
            happened: Some("was opened to everyone by its policy".to_owned()),
            caveat: "Data may have been read in the meantime.".to_owned(),
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
                    assumed_root: false,
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
            unwritten: false,
            forged: BTreeSet::new(),
            announced: false,
            due: None,
            undone: None,
            expires: time("2027-01-31T12:00:02Z"),
        }
    }

    #[test]
    fn the_text_tells_what_happened_what_was_done_and_how_to_undo_it() {
        let mut entry = reverted("b", "");
        let statement = |of: &str| {
            let everyone = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*""#;
            format!("{everyone}{of}}}")
        };
        let left = statement(r#","Condition":{"StringLike":{"x":"?*"}}"#);
        let [from, to] = [format!("{},{left}", statement("")), left];
        let [from, to] = [from, to].map(|statements| Some(format!("{{\"Statement\":[{statements}]}}").as_str().into()));
        if let Decision::Revert { plan, .. } = &mut entry.decision {
            *plan = vec![PolicyChange { of: Holder::Bucket("b".to_owned()), from, to }.into()];
        }
        insta::assert_snapshot!(Notice::of(&entry, JOURNAL).text);
    }

    #[test]
    fn what_was_not_done_is_not_claimed() {
        let touched = |outcome| {
            let text = Notice::of(&Entry { outcome, ..reverted("b", "{}") }, JOURNAL).text;
            (text.contains("touched nothing"), text.contains("snapback undo"), text.contains("could NOT"))
        };
        assert_eq!(touched(Outcome::WouldRevert), (true, false, false));
        assert_eq!(touched(Outcome::Alerted), (true, false, false));
        assert_eq!(touched(Outcome::Failed), (false, false, true));
        assert_eq!(touched(Outcome::Reverted), (false, true, false));
    }

    #[test]
    fn what_is_left_to_a_person_comes_with_what_to_do() {
        for (outcome, is_said) in [
            (Outcome::Reverted, true),
            (Outcome::Alerted, true),
            (Outcome::Closed, true),
            (Outcome::WouldRevert, false),
            (Outcome::Asked, false),
            (Outcome::Held, false),
            (Outcome::Failed, false),
        ] {
            let caveat = "Data may have been read in the meantime: check the access logs.";
            let entry = Entry { outcome, caveat: caveat.to_owned(), ..reverted("b", "{}") };
            let Notice { text, json, .. } = Notice::of(&entry, JOURNAL);
            assert_eq!(text.contains(&format!("\n{caveat}\n")), is_said, "{text}");
            assert_eq!(json["caveat"].as_str(), is_said.then_some(caveat), "{outcome}");
        }
    }

    #[test]
    fn what_was_not_reverted_comes_with_the_command_that_reverts_it() {
        let apply = "snapback apply 0123456789abcdef0123 --journal journal --region us-east-1";
        for (outcome, purpose) in [
            (Outcome::WouldRevert, Some("To make this revert after all")),
            (Outcome::Asked, Some("To approve this revert")),
            (Outcome::Reverted, None),
            (Outcome::Alerted, None),
            (Outcome::Failed, None),
        ] {
            let Notice { text, json, .. } = Notice::of(&Entry { outcome, ..reverted("b", "{}") }, JOURNAL);
            assert_eq!(json["apply"].as_str(), purpose.map(|_| apply), "{outcome}");
            assert_eq!(text.contains(&format!("\n    {apply}\n")), purpose.is_some(), "{text}");
            assert!(purpose.is_none_or(|purpose| text.contains(&format!("\n{purpose} ("))), "{text}");
        }
        let unwritten = Entry { outcome: Outcome::WouldRevert, unwritten: true, ..reverted("b", "{}") };
        assert_eq!(Notice::of(&unwritten, JOURNAL).json["apply"], Value::Null);
    }

    #[test]
    fn what_was_found_before_the_revert_is_told_as_that() {
        let first_lines = |outcome| {
            let text = Notice::of(&Entry { outcome, ..reverted("b", "{}") }, JOURNAL).text;
            text.lines().nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(first_lines(Outcome::Reverted), "Found: statement 1 lets everyone do s3:GetObject.");
        assert_eq!(first_lines(Outcome::WouldRevert), "Statement 1 lets everyone do s3:GetObject.");
        let still_open = Notice::of(&reverted("b", "{}"), JOURNAL).text;
        assert!(still_open.contains("STILL OPEN: statement 2 lets everyone do s3:GetObject"), "{still_open}");
    }

    #[test]
    fn what_was_left_on_purpose_is_not_called_wrong() {
        let problem = Some("Snapback is stopped by ops: a drill".to_owned());
        let text =
            |outcome| Notice::of(&Entry { outcome, problem: problem.clone(), ..reverted("b", "{}") }, JOURNAL).text;
        assert!(text(Outcome::WouldRevert).contains("\nWhy not: Snapback is stopped by ops: a drill\n"));
        assert!(text(Outcome::Failed).contains("\nWhat went wrong: Snapback is stopped by ops: a drill\n"));
    }

    #[test]
    fn a_forged_journal_record_is_said_and_is_not_the_reason() {
        let forged = BTreeSet::from(["the emergency stop is not genuine".to_owned()]);
        let notice = Notice::of(&Entry { outcome: Outcome::WouldRevert, forged, ..reverted("b", "{}") }, JOURNAL);
        let said = "\nSECURITY: forged journal record ignored: the emergency stop is not genuine.\n";
        assert!(notice.text.contains("its mode is `notify`") && notice.text.contains(said), "{}", notice.text);
        assert!(!notice.text.contains("Why not"));
    }

    #[test]
    fn that_something_of_the_call_stays_is_said_only_where_something_does() {
        let said = |plan: Change, request: Value| {
            let mut entry = reverted("b", "{}");
            entry.basis.request = request;
            if let Decision::Revert { plan: planned, left, .. } = &mut entry.decision {
                (*planned, *left) = (vec![plan], vec![]);
            }
            Notice::of(&entry, JOURNAL).text.contains("Whatever else the same call changed is still in place.")
        };
        let policy = |to: Option<&str>| {
            let of = Holder::Bucket("b".to_owned());
            PolicyChange { of, from: Some("{}".into()), to: to.map(Into::into) }.into()
        };
        assert!(said(policy(Some(r#"{"Statement":[]}"#)), json!({})));
        assert!(!said(policy(None), json!({"bucketPolicy": {"Statement": [{}, {}]}})));
        let rule = Rule {
            id: "sgr-1".to_owned(),
            protocol: "tcp".to_owned(),
            from_port: Some(22),
            to_port: Some(22),
            source: Source::Ipv4("0.0.0.0/0".to_owned()),
            direction: Direction::Ingress,
            description: None,
            tags: std::collections::BTreeMap::new(),
        };
        let rules = || Swap { of: SecurityGroup("sg-1".to_owned()), from: vec![rule.clone()], to: vec![] };
        let asked = |ranges: Value| {
            json!({"groupId": "sg-1", "ipPermissions": {"items": [{"ipRanges": {"items": ranges}, "groups": {}}]},
                "tagSpecificationSet": {"items": [{"tags": [{"key": "a"}, {"key": "b"}]}]}})
        };
        for (request, is_said) in [
            (asked(json!([{"cidrIp": "0.0.0.0/0"}])), false),
            (asked(json!([{"cidrIp": "0.0.0.0/0"}, {"cidrIp": "10.0.0.0/8"}])), true),
            (json!({"groupId": "sg-1", "cidrIp": "0.0.0.0/0"}), false),
            (Value::Null, true),
        ] {
            assert_eq!(said(Ec2::Rules(rules()).into(), request.clone()), is_said, "{request}");
        }
    }

    #[test]
    fn an_alert_has_what_the_call_asked_for_and_what_was_seen() {
        let mut entry = Entry { outcome: Outcome::Alerted, state: json!({"confirmed": 1}), ..reverted("b", "{}") };
        let subscription = "arn:aws:sns:eu-central-1:111122223333:topic:3f2c1e0d-0000-4000-8000-000000000001";
        entry.basis.request = json!({"subscriptionArn": subscription});
        let seen_of = |entry: &Entry| {
            let Notice { text, json, .. } = Notice::of(entry, JOURNAL);
            let both = [text.contains(subscription), json["request"].to_string().contains(subscription)];
            (both, text.contains("\"confirmed\": 1"))
        };
        assert_eq!(seen_of(&entry), ([false, false], false), "where there is a plan, its two sides say it");
        entry.decision = Decision::Alert { severity: Severity::High, why: "somebody is not told any more".to_owned() };
        assert_eq!(seen_of(&entry), ([true, true], true));
    }

    #[test]
    fn what_is_closed_comes_with_the_command_that_says_by_whom() {
        let alert = Decision::Alert { severity: Severity::High, why: "it was open".to_owned() };
        let entry = Entry { outcome: Outcome::Closed, decision: alert, ..reverted("b", "{}") };
        let command = "    aws cloudtrail lookup-events --region eu-central-1 --start-time 2026-01-31T12:00:00Z --end-time \
                       2026-01-31T12:00:02Z --lookup-attributes 'AttributeKey=ResourceName,AttributeValue=b'\n";
        let text = Notice::of(&entry, JOURNAL).text;
        assert!(text.contains(command), "{text}");
        let mut of_object = entry;
        (of_object.subject.kind, of_object.subject.name) = ("object".to_owned(), "b/x'; rm -rf ~; '".to_owned());
        let text = Notice::of(&of_object, JOURNAL).text;
        assert!(!text.contains("aws cloudtrail"), "its key is no part of a command: {text}");
    }

    #[test]
    fn what_is_still_open_is_said_beside_what_was_reverted() {
        let mut entry = reverted("b", "{}");
        let says = |entry: &Entry| Notice::of(entry, JOURNAL).text.contains("STILL OPEN, see below. What Snapback did");
        assert!(says(&entry));
        if let Decision::Revert { left, .. } = &mut entry.decision {
            left.clear();
        }
        assert!(!says(&entry));
    }

    #[test]
    fn what_was_so_already_is_not_said_to_be_done_by_snapback() {
        let says = |applied| {
            let entry = Entry { applied: vec![applied], ..reverted("b", "{}") };
            Notice::of(&entry, JOURNAL).text.contains("What Snapback did:")
        };
        assert!(says(Applied::Done { made: [].into() }));
        assert!(!says(Applied::Already));
    }

    #[test]
    fn what_is_not_certain_is_not_said_as_if_it_were() {
        let entry = Entry { happened: None, outcome: Outcome::Alerted, ..reverted("b", "{}") };
        let Notice { subject, text, .. } = Notice::of(&entry, JOURNAL);
        let said = "bucket b in 111122223333 may be affected: A bucket policy lets everyone in";
        assert_eq!(subject, format!("Snapback alert [high]: {said}"));
        assert!(!text.contains("was opened"), "{text}");
    }

    #[test]
    fn a_resource_that_its_reason_begins_with_is_named_once() {
        let mut entry = reverted("sg-1", "{}");
        entry.subject.kind = "security group".to_owned();
        entry.happened = Some("let anyone in".to_owned());
        if let Decision::Revert { why, .. } = &mut entry.decision {
            *why = "security group `sg-1` lets in tcp/22 from 0.0.0.0/0".to_owned();
        }
        let text = Notice::of(&entry, JOURNAL).text;
        let said = "HIGH: Security group sg-1 in account 111122223333 (eu-central-1) let anyone in.\n\
                    Found: it lets in tcp/22 from 0.0.0.0/0.\n";
        assert!(text.starts_with(said), "{text}");
    }

    #[test]
    fn who_keeps_doing_it_is_named_and_what_that_looks_like() {
        let mut entry = reverted("b", "{}");
        entry.repeat =
            Some(Repeat { times: 3, since: time("2026-01-31T09:00:00Z"), hourly: false, after_failure: false });
        entry.event.actor.user_agent = Some("APN/1.0 HashiCorp/1.0 Terraform/1.14.0".to_owned());
        let notice = Notice::of(&entry, JOURNAL);
        assert!(
            notice
                .text
                .contains("3 times since 2026-01-31T09:00:00Z. This time role `Admin` in session `alice` made it.")
        );
        assert!(notice.text.contains("looks like Terraform"));
        assert_eq!(notice.json["repeat"]["times"], 3);
    }

    #[test]
    fn the_subject_is_what_sns_takes_whatever_the_name() {
        for name in ["b", &"long".repeat(50), "größer\nals"] {
            let subject = Notice::of(&reverted(name, "{}"), JOURNAL).subject;
            assert!(subject.len() < 100 && subject.chars().all(|char| (' '..='~').contains(&char)), "{subject}");
            assert!(subject.starts_with("Snapback reverted [high]: bucket "), "{subject}");
            assert!(subject.contains(" in 111122223333 was opened"), "{subject}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end_in_the_subject() {
        let name = "example-corp-analytics-production-reports-eu-central-1-0123456";
        let entry = Entry { outcome: Outcome::Failed, ..reverted(name, "{}") };
        let subject = Notice::of(&entry, JOURNAL).subject;
        let said = "Snapback FAILED to revert [critical]: bucket example-co...1-0123456 in 111122223333 was opened...";
        assert_eq!(subject, said);
    }

    /// As a group in mode `notify` is told, which most people see first.
    #[test]
    fn an_id_of_ordinary_length_leaves_room_for_what_happened() {
        let mut entry = Entry { outcome: Outcome::WouldRevert, ..reverted("sg-0123456789abcdef0", "{}") };
        entry.subject.kind = "security group".to_owned();
        entry.happened = Some("let anyone in".to_owned());
        let subject = Notice::of(&entry, JOURNAL).subject;
        let said = "Snapback would revert [high]: security group sg-0123456789abcdef0 in 111122223333 let anyone in";
        assert_eq!(subject, said);
    }

    #[test]
    fn however_much_there_is_to_say_sns_takes_it_and_the_journal_has_the_rest() {
        let quotes = "\"\\".repeat(200 * 1024);
        for policy in ["{}", &"x".repeat(20 * 1024), &"x".repeat(1024 * 1024), &quotes] {
            let entry = reverted("b", policy);
            let notice = Notice::of(&entry, JOURNAL);
            let message = notice.message(&entry, JOURNAL);
            let attributes: usize = notice.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(message.len() + attributes <= LARGEST, "{} bytes", message.len());
            let message: Value = serde_json::from_str(&message).expect("JSON");
            let json: Value = serde_json::from_str(message["default"].as_str().expect("a text")).expect("JSON in it");
            assert_eq!(json["undo"], "snapback undo 0123456789abcdef0123 --journal journal --region us-east-1");
            let before = json["changes"][0]["before"].as_str().expect("a text");
            assert!(before == policy || before.ends_with("the rest is in journal entry 0123456789abcdef0123]"));
        }
    }
}
