//! # An alarm of Snapback was changed
//!
//! **Watches** `DeleteAlarms`, `DisableAlarmActions`, `SetAlarmState`, `PutMetricAlarm`.
//!
//! **Why** The alarms tell when Snapback fails, is throttled or is not woken any more. Whoever wants that unseen deletes
//! the alarm, takes its action or sets its state to `OK`.
//!
//! **Does** Alerts, and says how to put it right. Snapback has no right to change its own alarms.
//!
//! **Leaves alone**
//! - alarms that are named like Snapback's, but are not part of its stack
//! - alarms of other names
//!
//! Changes made by a deployment are of severity `medium`.

use anyhow::Result;
use snapback::change::Own;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::parts::{ALARM, Part, changed, changed_so, gone};
use crate::rights;

const SERVICE: &str = "monitoring.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ChangedAlarm;

impl Control for ChangedAlarm {
    const ABOUT: &'static About = &About {
        id: "own-changed-alarm",
        title: "An alarm of Snapback was changed",
        happened: "was changed",
        watches: &[
            Watch { service: SERVICE, name: "DeleteAlarms" },
            Watch { service: SERVICE, name: "DisableAlarmActions" },
            Watch { service: SERVICE, name: "SetAlarmState" },
            Watch { service: SERVICE, name: "PutMetricAlarm" },
        ],
        reads: &[rights::LIST_STACK_RESOURCES],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1562.006"],
        caveat: "What failed in the meantime is in the logs and in the dead letters: look there.",
        source: file!(),
    };

    type State = Part;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let alarms = json::list(&event.request["alarmNames"]);
        if alarms.is_empty() {
            return ALARM.suspect(event, settings, json::text(&event.request, "alarmName"));
        }
        let names = alarms.into_iter().map(serde_json::Value::as_str);
        names.flat_map(|name| ALARM.suspect(event, settings, name)).collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<Part> {
        let seen = ALARM.look(look, suspicion, |_| []).await?;
        Ok(seen.map(|(part, [])| part).unwrap_or_default())
    }

    fn decide(event: &Event, suspicion: &Suspicion, part: &Part, _: &Given<'_>) -> Decision<Own> {
        let Subject { name, region, .. } = &suspicion.subject;
        if !part.is(event, &suspicion.subject) {
            return part.is_none(event, &suspicion.subject);
        }
        match event.name.as_str() {
            "DeleteAlarms" => gone(event, "the alarm is deleted, and what it would tell of goes unnoticed"),
            "DisableAlarmActions" => {
                let how = format!("`aws cloudwatch enable-alarm-actions --region {region} --alarm-names {name}`");
                changed_so(event, &("it tells nobody any more".to_owned(), how))
            }
            "SetAlarmState" => {
                let state = json::text(&event.request, "stateValue").unwrap_or("another");
                let how = "its next evaluation corrects that; see what it would have told of".to_owned();
                changed_so(event, &(format!("its state was set to `{state}` by hand"), how))
            }
            _ => changed(event, "what it measures, or whom it tells, was changed"),
        }
    }

    fn after(part: &Part, _: &Own) -> Part {
        part.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controls::tests::call;

    #[test]
    fn of_many_alarms_in_one_call_each_of_ours_is_suspected() {
        let request = json!({"alarmNames": ["cpu", "snapback-OwnAsleep-1A2B3C", "snapback-GivenUp-1A2B3C"]});
        let suspicions = ChangedAlarm::suspect(&call("monitoring", "DeleteAlarms", request), &Settings::default());
        let names: Vec<_> = suspicions.into_iter().map(|suspicion| suspicion.subject.name).collect();
        assert_eq!(names, ["snapback-OwnAsleep-1A2B3C", "snapback-GivenUp-1A2B3C"]);
    }
}
