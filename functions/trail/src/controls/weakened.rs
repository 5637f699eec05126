//! # A trail was weakened
//!
//! **Watches** `UpdateTrail`.
//!
//! **Why** A trail that is still logging can be made to log next to nothing: of one Region only, without IAM and the other
//! global services, into another bucket, without validation or encryption of its log files, without the topic that tells of
//! them.
//!
//! **Does** Reads the trail, and how it was in the baseline, which a daily scheduled check keeps and which must be less than
//! two days old. It restores what was weakened, and nothing else: all Regions, global services, log file validation, the KMS
//! key that was cleared or is another account's now, the bucket and prefix, the topic. A bucket is restored only if it is
//! this account's: where that cannot be proven it asks an operator. It reads up from CloudTrail's event history what woke
//! nobody, as `trail-stopped-logging` does.
//!
//! **Leaves alone**
//! - trails that are no weaker than before, such as with another key of this account
//! - trails that are gone by the time Snapback looks
//! - settings that an operator has restored with `snapback undo`
//!
//! It does not even look where the call only strengthens the trail.
//!
//! It alerts, with the command, where it cannot restore: a log group, as whoever may pass CloudTrail a role may pass it any;
//! an organization's trail that became one account's; a bucket that is gone; and without a baseline. The scheduled check also
//! alerts if a trail records fewer events than in the baseline, or no longer logs: then its baseline stays as it was.

use anyhow::Result;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::buckets::Owner;
use snapback::change::{CloudTrail, Setting, Swap, Trail, TrailLogGroup, TrailLogging, TrailSettings};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::noticed::account_in;
use snapback::settings::Settings;

use crate::aws::trails::WholeTrail;
use crate::selected::lost;
use crate::told::{DEAF, SERVICE, subject, trail_of};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct Weakened;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if it is gone.
    trail: Option<WholeTrail>,
    /// How it was when it was last looked at.
    before: Option<Remembered<WholeTrail>>,
    /// Whose the bucket of before is, if it has another now.
    owner: Option<Owner>,
}

/// How a trail is weaker than before.
struct Weakness {
    grant: String,
    severity: Severity,
    /// Restores it; or what an operator has to do, where Snapback cannot.
    restored: Result<fn(&mut TrailSettings, &TrailSettings), String>,
}

impl Control for Weakened {
    const ABOUT: &'static About = &About {
        id: "trail-weakened",
        title: "A trail was weakened",
        happened: "was weakened",
        watches: &[Watch { service: SERVICE, name: "UpdateTrail" }],
        reads: rights::READ_ALL,
        writes: &[rights::UPDATE_TRAIL],
        undoes: &[rights::GET_TRAIL, rights::UPDATE_TRAIL],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP CloudTrail.1",
            "AWS FSBP CloudTrail.2",
            "AWS FSBP CloudTrail.4",
            "AWS FSBP CloudTrail.5",
            "CIS AWS Foundations 3.1",
            "CIS AWS Foundations 3.2",
            "CIS AWS Foundations 3.5",
            "ATT&CK T1562.008",
            "Pacu detection__disruption: update_trail",
        ],
        caveat: "Log files that were delivered meanwhile stay where they are and as they are. Calls that were not logged are read \
                 from CloudTrail's event history within half an hour, those of this Region.",
        source: file!(),
    };

    const MISSES_EVENTS: Option<SignedDuration> = Some(DEAF);

    type State = State;
    type Change = CloudTrail;

    const SURVEY: Option<Survey> = Some(aws::trails::TRAILS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let subject = subject(event);
        let why = match (trail_of(&subject), told(&event.request)) {
            (None, _) => "a trail that the event does not name was updated".to_owned(),
            (Some(_), None) => format!("trail `{}` was updated, and the event does not say how", subject.name),
            (Some(_), Some(told)) if told.is_empty() => return vec![],
            (Some(_), Some(told)) => format!("trail `{}` was updated ({})", subject.name, told.join(", ")),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(arn) = trail_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = aws::trails::read(look.place, arn);
        let (trail, before) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        let bucket = before.as_ref().and_then(|before| Some(&before.good.as_ref()?.settings.bucket));
        let is_now = |bucket: &&String| trail.as_ref().is_none_or(|trail| trail.settings.bucket == **bucket);
        let owner = match bucket.filter(|bucket| !is_now(bucket)) {
            Some(bucket) => Some(Box::pin(snapback::buckets::owner(look.place, bucket)).await?),
            None => None,
        };
        Ok(State { trail, before, owner })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<CloudTrail> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let by = || format!("{} by {}", suspicion.why, event.actor);
        let why = if event.is_look() { "the trail is weaker than it was".to_owned() } else { by() };
        let Some(arn) = trail_of(&suspicion.subject) else { return Decision::Alert { severity: Severity::High, why } };
        let Some(trail) = &state.trail else { return allow("the trail is gone") };
        let Some((before, age)) = state.before.as_ref().and_then(|before| before.good_before(event)) else {
            if event.is_look() {
                return allow("it was never seen to be stronger");
            }
            let again =
                format!("to restore what should have stayed: `aws cloudtrail update-trail --name {arn}`, with that");
            let why = format!("{why}; how it was before is not known; {again}");
            return Decision::Alert { severity: Severity::Medium, why };
        };
        let mut weaknesses = weaknesses(&trail.settings, &before.settings, state.owner, arn);
        if event.is_look() {
            weaknesses.extend(silenced(trail, before));
        }
        if weaknesses.is_empty() {
            return allow("it is no weaker than before");
        }
        weaknesses.retain(|weakness| !given.holds.contains(&weakness.grant));
        let Some(severity) = weaknesses.iter().map(|weakness| weakness.severity).max() else {
            return allow("an operator has restored it");
        };
        let said = weaknesses.iter().map(|weakness| weakness.grant.as_str()).collect::<Vec<_>>().join(", ");
        let why = format!("{why}; unlike {age} before, it is {said}");
        let (mut to, mut grants, mut left) = (trail.settings.clone(), vec![], vec![]);
        for Weakness { grant, restored, .. } in weaknesses {
            match restored {
                Ok(restore) => {
                    restore(&mut to, &before.settings);
                    grants.push(grant);
                }
                Err(how) => left.push(how),
            }
        }
        if grants.is_empty() {
            return Decision::Alert { severity, why: format!("{why}; {}", left.join("; ")) };
        }
        let change = CloudTrail::Settings(Swap { of: Trail(arn.to_owned()), from: trail.settings.clone(), to });
        Decision::Revert { severity, why, grants, plan: vec![change], left }
    }

    fn asks(_: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let before = state.before.as_ref().filter(|_| state.owner == Some(Owner::Another))?.good.as_ref()?;
        Some(format!(
            "its log files went to bucket `{}`, which is not this account's: see that it is yours before you have them go \
             there again",
            before.settings.bucket
        ))
    }

    fn after(state: &State, change: &CloudTrail) -> State {
        let mut state = state.clone();
        if let (Some(trail), CloudTrail::Settings(change)) = (&mut state.trail, change) {
            trail.settings = change.to.clone();
        }
        state
    }
}

impl Remembers for Weakened {
    type Good = WholeTrail;

    fn good(state: &State) -> Option<WholeTrail> {
        state.trail.clone()
    }
}

/// What a call sets that may weaken a trail; nothing if it does not tell what it sets.
fn told(request: &Value) -> Option<Vec<String>> {
    let fields = request.as_object().filter(|_| !snapback::json::is_left_out(request))?;
    let may_weaken = |(name, value): &(&String, &Value)| match name.as_str() {
        "name" | "recursiveLogging" => false,
        "isMultiRegionTrail" | "includeGlobalServiceEvents" | "enableLogFileValidation" | "isOrganizationTrail" => {
            **value != Value::Bool(true)
        }
        _ => !value.is_null(),
    };
    let shown = |(name, value): (&String, &Value)| match value {
        Value::String(text) if text.is_empty() => format!("{name} was cleared"),
        Value::String(text) => format!("{name} is `{text}`"),
        other => format!("{name} is {other}"),
    };
    Some(fields.iter().filter(may_weaken).map(shown).collect())
}

/// In which ways a trail that was made again is weaker than before.
pub(super) fn weaker(now: &WholeTrail, before: &WholeTrail, arn: &str) -> Vec<String> {
    let ways = weaknesses(&now.settings, &before.settings, None, arn).into_iter().chain(silenced(now, before));
    ways.map(|weakness| weakness.grant).collect()
}

/// In which ways a trail is set up weaker than before.
fn weaknesses(now: &TrailSettings, before: &TrailSettings, owner: Option<Owner>, arn: &str) -> Vec<Weakness> {
    let mut all = vec![];
    let mut weak = |grant: String, severity, restored| all.push(Weakness { grant, severity, restored });
    if before.all_regions && !now.all_regions {
        let restore: fn(&mut TrailSettings, &TrailSettings) =
            |to, _| (to.all_regions, to.global_services) = (true, true);
        weak("of one Region".to_owned(), Severity::Critical, Ok(restore));
    } else if before.global_services && !now.global_services {
        weak("without global services".to_owned(), Severity::Critical, Ok(|to, _| to.global_services = true));
    }
    if before.validation && !now.validation {
        weak("without log file validation".to_owned(), Severity::High, Ok(|to, _| to.validation = true));
    }
    if let Some(key) = before.key.as_deref().filter(|key| is_lost(key, now.key.as_deref(), arn)) {
        weak(format!("without key {key}"), Severity::High, Ok(|to, before| to.key.clone_from(&before.key)));
    }
    if (&before.bucket, &before.prefix) != (&now.bucket, &now.prefix) {
        let (grant, was) = (format!("with {}", place(now)), place(before));
        if before.bucket != now.bucket && owner == Some(Owner::Nobody) {
            let how = format!(
                "its log files went to {was}, which is gone, so that whoever makes one of that name would get them: make it \
                 again, and then `aws cloudtrail update-trail --name {arn} --s3-bucket-name {}`",
                before.bucket
            );
            weak(grant, Severity::Critical, Err(how));
        } else {
            let restore: fn(&mut TrailSettings, &TrailSettings) = |to, before| {
                to.bucket.clone_from(&before.bucket);
                to.prefix.clone_from(&before.prefix);
            };
            weak(grant, Severity::Critical, Ok(restore));
        }
    }
    if let Some(topic) = before.topic.as_ref().filter(|_| now.topic.is_none()) {
        weak(format!("without topic {topic}"), Severity::Medium, Ok(|to, before| to.topic.clone_from(&before.topic)));
    }
    if let Some((group, how)) = log_group(before, arn).filter(|_| now.log_group != before.log_group) {
        weak(format!("without log group {group}"), Severity::High, Err(how));
    }
    if before.of_organization && !now.of_organization {
        let how = format!(
            "it was the organization's: `aws cloudtrail update-trail --name {arn} --is-organization-trail`, in the management \
             account or its delegated administrator"
        );
        weak("of one account".to_owned(), Severity::Critical, Err(how));
    }
    all
}

/// To which log group the events of a trail went, and how they go there again. Snapback cannot have them do so: whoever may
/// pass CloudTrail a role may pass it any.
pub(super) fn log_group(before: &TrailSettings, arn: &str) -> Option<(String, String)> {
    let TrailLogGroup { arn: group, role } = before.log_group.as_ref()?;
    let how = format!(
        "its events went to log group `{group}`: `aws cloudtrail update-trail --name {arn} --cloud-watch-logs-log-group-arn {group} \
         --cloud-watch-logs-role-arn {role}`"
    );
    Some((group.clone(), how))
}

/// What a scheduled check finds of a trail that other controls revert when it happens: it is said, and does not become a baseline.
fn silenced(now: &WholeTrail, before: &WholeTrail) -> Vec<Weakness> {
    let mut all: Vec<Weakness> = lost(&now.selectors, &before.selectors)
        .into_iter()
        .map(|lost| Weakness {
            grant: format!("without {}", lost.what),
            severity: lost.severity,
            restored: Err(format!("it recorded {}", before.selectors.shown().replace('\n', "; "))),
        })
        .collect();
    if before.logging == TrailLogging::On && now.logging == TrailLogging::Off {
        let restored = Err("it was logging: `aws cloudtrail start-logging`".to_owned());
        all.push(Weakness { grant: "not logging".to_owned(), severity: Severity::Critical, restored });
    }
    all
}

/// Whether log files are encrypted no more by a key of which the trail's account, or that of the key before, is the owner.
fn is_lost(before: &str, now: Option<&str>, arn: &str) -> bool {
    now.is_none_or(|now| now != before && account_in(now) != account_in(before) && account_in(now) != account_in(arn))
}

fn place(settings: &TrailSettings) -> String {
    match &settings.prefix {
        Some(prefix) => format!("bucket {}/{prefix}", settings.bucket),
        None => format!("bucket {}", settings.bucket),
    }
}
