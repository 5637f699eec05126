//! What is suspected and decided of Block Public Access that was switched off, of a bucket and of an account alike.

use snapback::change::{Flag, Flags, S3};
use snapback::control::Given;
use snapback::decision::{Decision, Severity};
use snapback::event::Event;

use crate::exposed::Open;
use crate::told;

/// The settings that close what is open. The two others only refuse what would open it.
const CLOSING: [Flag; 2] = [Flag::IgnorePublicAcls, Flag::RestrictPublicBuckets];

/// Why an event gives reason to look.
pub(crate) fn suspect(event: &Event) -> Option<String> {
    let Some(on) = told::flags(event) else { return Some("the event does not contain the settings".to_owned()) };
    let off: Vec<_> = CLOSING.iter().filter(|flag| !on.contains(flag)).map(ToString::to_string).collect();
    (!off.is_empty()).then(|| format!("the event leaves {} off", off.join(" and ")))
}

/// All settings that are on, for whatever reason.
pub(crate) fn all_on(settings: [Option<&Flags>; 2]) -> Flags {
    settings.into_iter().flatten().flatten().copied().collect()
}

/// Turns on again what was on before; where that is not known and nothing was left on, what closes that which is certainly
/// open. `what` may be open, in the singular.
pub(crate) fn decide(
    what: &str,
    found: Option<&Flags>,
    was_on: Option<(&Flags, String)>,
    open: Vec<Open>,
    given: &Given<'_>,
    change: impl FnOnce(Flags) -> S3,
) -> Decision<S3> {
    if let Some((before, age)) = was_on {
        let is_lost = |flag: &&Flag| found.is_none_or(|on| !on.contains(flag)) && !given.holds.contains(&off(**flag));
        let lost: Flags = before.iter().filter(is_lost).copied().collect();
        if CLOSING.iter().any(|flag| lost.contains(flag)) {
            return turned_back(found, &lost, &age, open, given, change);
        }
    }
    let (certain, unsure): (Vec<_>, Vec<_>) = open.into_iter().partition(|open| open.certain);
    let (held, needed): (Vec<_>, Vec<_>) = certain.into_iter().partition(|open| given.holds.contains(&off(open.flag)));
    let unsure: Vec<String> = unsure.into_iter().map(|open| open.why).collect();
    if needed.is_empty() {
        return match (unsure.is_empty(), held.is_empty()) {
            (false, _) => Decision::Alert { severity: Severity::Medium, why: unsure.join("; ") },
            (true, false) => Decision::Allow { why: "an operator has switched it off again".to_owned() },
            (true, true) => Decision::Allow { why: "nothing is open that Block Public Access would close".to_owned() },
        };
    }
    let severity = if needed.iter().any(|open| open.writes) { Severity::Critical } else { Severity::High };
    let why = needed.iter().map(|open| format!("{}, as {} is off", open.why, open.flag)).collect::<Vec<_>>().join("; ");
    if let Some(on) = found.filter(|on| !on.is_empty()) {
        let on = on.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        return Decision::Alert { severity, why: format!("{why}; with {on} on, {what} may have been public before") };
    }
    let to: Flags = needed.iter().map(|open| open.flag).collect();
    let others: Vec<_> = Flag::ALL.iter().filter(|flag| !to.contains(flag)).map(ToString::to_string).collect();
    let others = format!("{} are off; whether they were on before is not known", others.join(", "));
    Decision::Revert {
        severity,
        why,
        grants: to.iter().copied().map(off).collect(),
        plan: vec![change(to)],
        left: unsure.into_iter().chain([others]).collect(),
    }
}

/// Turns on again what was on before, and what closes what is certainly open if nothing was left on.
fn turned_back(
    found: Option<&Flags>,
    lost: &Flags,
    age: &str,
    open: Vec<Open>,
    given: &Given<'_>,
    change: impl FnOnce(Flags) -> S3,
) -> Decision<S3> {
    let said = |open: &Open| format!("{}, as {} is off", open.why, open.flag);
    let is_held = |open: &Open| given.holds.contains(&off(open.flag));
    let is_all_off = found.is_none_or(Flags::is_empty);
    let needed = open.iter().filter(|open| is_all_off && open.certain && !is_held(open)).map(|open| open.flag);
    let turned: Flags = needed.chain(lost.iter().copied()).collect();
    let (closed, stays): (Vec<_>, Vec<_>) = open.into_iter().partition(|open| turned.contains(&open.flag));
    let severity = match closed.iter().map(|open| open.certain && open.writes).max() {
        Some(true) => Severity::Critical,
        Some(false) => Severity::High,
        None => Severity::Medium,
    };
    let off_now = lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let why = std::iter::once(format!("what was on {age} before is off: {off_now}")).chain(closed.iter().map(said));
    Decision::Revert {
        severity,
        why: why.collect::<Vec<_>>().join("; "),
        grants: turned.iter().copied().map(off).collect(),
        plan: vec![change(found.into_iter().flatten().chain(&turned).copied().collect())],
        left: stays.iter().filter(|open| !is_held(open)).map(said).collect(),
    }
}

/// In these words an undo holds on to it that a setting is off.
pub(crate) fn off(flag: Flag) -> String {
    format!("{flag} off")
}
