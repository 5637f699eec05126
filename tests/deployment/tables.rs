//! Tables in the documentation.

use std::collections::BTreeSet;
use std::fmt::Write;

use snapback::event::SCHEDULED;
use workspace_tests::controls as all;

use super::operators::{Policy, length};
use crate::docs::anchor;

/// All controls: what each is about, what wakes it, and whether it reverts.
pub(super) fn controls() -> String {
    let mut out = "| control | what it is about | wakes on | does |\n|---|---|---|---|\n".to_owned();
    for control in all() {
        let about = control.about;
        // Some calls come from either of two services.
        let names: BTreeSet<&str> = about.watches.iter().map(|watch| watch.name).collect();
        let calls = names.iter().filter(|name| **name != SCHEDULED).map(|name| format!("`{name}`"));
        let schedule = names.contains(SCHEDULED).then(|| "a schedule".to_owned());
        let events = calls.chain(schedule).collect::<Vec<_>>().join(", ");
        let does = if about.writes.is_empty() { "notifies" } else { "reverts" };
        let does = if control.opt_in { format!("{does}, if `ModeOverrides` names it") } else { does.to_owned() };
        let does = if control.operator_applies() { "asks; an operator applies it".to_owned() } else { does };
        let does = if control.asks_unless_named { format!("asks; {does}, if `ModeOverrides` names it") } else { does };
        let link = format!("docs/controls.md#{}", anchor(about.title));
        let _ = writeln!(out, "| [`{}`]({link}) | {} | {events} | {does} |", about.id, about.title);
    }
    out
}

pub(super) fn policies(policies: &[Policy]) -> String {
    let mut out = "| policy | for | characters of 6,144 |\n|---|---|---|\n".to_owned();
    for (name, about, policy) in policies {
        let _ = writeln!(out, "| [{name}]({name}) | {about} | {} |", length(policy));
    }
    out
}
