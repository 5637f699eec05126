//! # An alarm was deleted or silenced
//!
//! **Watches** of CloudWatch `DeleteAlarms`, `DisableAlarmActions`, `SetAlarmState`, `PutAlarmMuteRule`.
//!
//! **Why** Alarms tell people what CloudTrail's log group or an application shows. Whoever deletes them, takes their actions or
//! mutes them works in silence (Pacu: `detection__disruption`).
//!
//! **Does** Alerts, if `ModeOverrides` names it: deployments delete alarms all day, and no event tells which of them people
//! rely on. It reverts nothing, and least of all sets it an alarm's state, which would start the alarm's actions.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials or with its service-linked role, as autoscaling does
//!
//! Snapback's own alarms are for `own-changed-alarm`.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::alerts::{Done, called, is_by_aws, texts};

#[derive(Debug)]
pub(crate) struct AlarmSilenced;

impl Noticed for AlarmSilenced {
    const ABOUT: &'static About = &About {
        id: "alarm-silenced",
        title: "An alarm was deleted or silenced",
        happened: "has lost an alarm",
        watches: &[of("DeleteAlarms"), of("DisableAlarmActions"), of("SetAlarmState"), of("PutAlarmMuteRule")],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &[
            "ATT&CK T1562.001",
            "Pacu detection__disruption: delete_alarms",
            "Pacu detection__disruption: disable_alarm_actions",
        ],
        caveat: "What the alarm would have told of meanwhile shows in its metric.",
        source: file!(),
    };

    const OPT_IN: bool = true;

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        let names = texts(&event.request["alarmNames"]);
        let shown = if names.is_empty() { String::new() } else { format!(" `{}`", names.join("`, `")) };
        let one = called(&event.request, "alarmName");
        let done = match event.name.as_str() {
            "DeleteAlarms" => Done::new(
                Severity::Medium,
                format!("deleted alarms{shown}"),
                "aws cloudwatch put-metric-alarm --alarm-name …",
            ),
            "DisableAlarmActions" => Done::new(
                Severity::Medium,
                format!("took from alarms{shown} that they tell anybody"),
                "aws cloudwatch enable-alarm-actions --alarm-names …",
            ),
            "SetAlarmState" => Done::for_good(
                Severity::Low,
                format!("set the state of alarm{one} by hand; its next evaluation corrects that"),
            ),
            _ => Done::new(
                Severity::Medium,
                "made a rule that mutes alarms".to_owned(),
                "aws cloudwatch delete-alarm-mute-rule --alarm-mute-rule-name …",
            ),
        };
        Some(done.risk(event, Subject::account(event)))
    }
}

const fn of(name: &'static str) -> Watch {
    Watch { service: "monitoring.amazonaws.com", name }
}
