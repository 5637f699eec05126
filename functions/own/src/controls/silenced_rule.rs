//! # A rule that invokes Snapback was disabled or changed
//!
//! **Watches** `DisableRule`, `DeleteRule`, `RemoveTargets`, `PutRule`, `PutTargets`, `EnableRule`, and each
//! `Scheduled Event`, which reads all of Snapback's rules, its own schedule included.
//!
//! **Why** Whoever wants to open something unseen first disables the rule that would report it, or removes its target.
//! A disabled rule reports nothing, not even its own disabling if it is the one that watches for that: so there is a
//! scheduled check every five minutes. A rule that was disabled for a second has missed what was called in that second.
//!
//! **Does** Looks up the rule in the stack, its state and its targets. It enables the rule, and restores the target
//! exactly as in `template.yaml`. Whenever it finds something, and whenever somebody enables a rule, Snapback reads the
//! calls of the last fifteen minutes, and of the fifteen that follow, from CloudTrail's event history, and handles them.
//!
//! **Leaves alone**
//! - rules that are named like Snapback's, but are not part of its stack
//! - rules that are enabled and have their one target, after a deployment
//! - rules that an operator has disabled with `snapback undo`
//!
//! It does not even look at rules with other names or on another event bus.
//!
//! It alerts and touches nothing where it cannot know what was there: a deleted rule, a rewritten rule, further
//! targets, and what a deployment itself leaves disabled (severity `medium`), which the next scheduled check enables
//! again.

use anyhow::Result;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use snapback::change::{EventRule, Own, RuleState, Swap, Target};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::parts::{FUNCTION, Part, RULE, changed, gone, is_default_bus, is_deployment, severity};
use crate::rights;
use crate::{aws, parts};

/// How long EventBridge tries to hand an event over, as `template.yaml` has it for every rule.
pub const RETRIES: i32 = 185;
pub const OLDEST_SECONDS: i32 = 86_400;

const SERVICE: &str = "events.amazonaws.com";

#[derive(Debug)]
pub(crate) struct SilencedRule;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub part: Part,
    /// Nothing if the rule is gone.
    pub rule: Option<Rule>,
    /// The target that the deployment gives it; nothing if the stack does not have what it names.
    pub meant: Option<Target>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub state: RuleState,
    pub targets: Vec<Target>,
    /// The ids of targets that have more than Snapback can write.
    pub not_understood: Vec<String>,
}

impl Control for SilencedRule {
    const ABOUT: &'static About = &About {
        id: "own-silenced-rule",
        title: "A rule that invokes Snapback was disabled or changed",
        happened: "was changed",
        watches: &[
            Watch { service: SERVICE, name: "DisableRule" },
            Watch { service: SERVICE, name: "DeleteRule" },
            Watch { service: SERVICE, name: "RemoveTargets" },
            Watch { service: SERVICE, name: "PutRule" },
            Watch { service: SERVICE, name: "PutTargets" },
            Watch { service: SERVICE, name: "EnableRule" },
            Watch { service: SERVICE, name: SCHEDULED },
        ],
        reads: &[rights::LIST_STACK_RESOURCES, rights::DESCRIBE_RULE, rights::LIST_TARGETS_BY_RULE],
        writes: &[rights::ENABLE_RULE, rights::PUT_TARGETS],
        undoes: &[
            rights::DESCRIBE_RULE,
            rights::LIST_TARGETS_BY_RULE,
            rights::DISABLE_RULE,
            rights::PUT_ANY_TARGETS,
            rights::REMOVE_TARGETS,
        ],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1562.008"],
        caveat: "What was called while the rule was disabled is read from CloudTrail's event history within half an hour. \
                 Data events, and outside us-east-1 calls to global services, are not in it.",
        source: file!(),
    };

    const MISSES_EVENTS: Option<SignedDuration> = Some(SignedDuration::ZERO);

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        if !is_default_bus(event) {
            return vec![];
        }
        let named = json::text(&event.request, "name").or_else(|| json::text(&event.request, "rule"));
        RULE.suspect(event, settings, named)
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let named = |id: &str| [function_of(id).to_owned(), "RuleDeadLetters".to_owned()];
        let Some((part, [function, letters])) = RULE.look(look, suspicion, named).await? else {
            return Ok(State::default());
        };
        if !part.is(event, &suspicion.subject) {
            return Ok(State { part, ..State::default() });
        }
        let id = RULE.ids.iter().find(|id| suspicion.subject.name.contains(&format!("-{id}-")));
        let (partition, account) = (event.partition(), &look.place.account);
        let region = &look.place.region;
        let meant = function.zip(letters).zip(id).map(|((function, letters), id)| Target {
            id: function_of(id).to_owned(),
            arn: format!("arn:{partition}:lambda:{region}:{account}:function:{function}"),
            retries: Some(RETRIES),
            oldest_seconds: Some(OLDEST_SECONDS),
            dead_letters: Some(format!("arn:{partition}:sqs:{region}:{account}:{}", parts::name(&letters))),
            input: None,
            input_path: None,
        });
        let seen = aws::rule(look.place, part.name.as_deref().unwrap_or_default()).await?;
        let rule = seen.map(|(state, targets)| {
            let (targets, not_understood): (Vec<_>, Vec<_>) = targets.into_iter().partition(Result::is_ok);
            Rule {
                state,
                targets: targets.into_iter().flatten().collect(),
                not_understood: not_understood.into_iter().filter_map(Result::err).collect(),
            }
        });
        Ok(State { part, rule, meant })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Own> {
        let State { part, rule, meant } = state;
        let Some(name) = part.name.as_ref().filter(|_| part.is(event, &suspicion.subject)) else {
            return part.is_none(event, &suspicion.subject);
        };
        let Some(rule) = rule else {
            return gone(event, "the rule is deleted, and nothing wakes Snapback in its place");
        };
        let mut faults: Vec<(String, Own)> = vec![];
        let mut left = vec![];
        if rule.state == RuleState::Disabled {
            let of = EventRule(name.clone());
            let change = Own::RuleState(Swap { of, from: rule.state, to: RuleState::Enabled });
            faults.push((format!("rule `{name}` is disabled"), change));
        }
        match meant {
            Some(meant) if rule.targets.contains(meant) => {}
            Some(meant) if !rule.not_understood.contains(&meant.id) => {
                let from = rule.targets.iter().find(|target| target.id == meant.id).cloned();
                let how = from.as_ref().map_or("no target".to_owned(), |from| format!("the target {from}"));
                let (from, to) = (from.into_iter().collect(), vec![meant.clone()]);
                let change = Own::RuleTargets(Swap { of: EventRule(name.clone()), from, to });
                faults.push((format!("rule `{name}` has {how} in place of Snapback"), change));
            }
            _ => left.push("its target is not Snapback, and what it should be is not known".to_owned()),
        }
        let meant_id = meant.as_ref().map(|meant| &meant.id);
        let ids = rule.targets.iter().map(|target| &target.id).chain(&rule.not_understood);
        left.extend(ids.filter(|id| Some(*id) != meant_id).map(|id| format!("its events also go to target `{id}`")));
        if event.name == "PutRule" && !is_deployment(event) {
            left.push("it was rewritten, and may match something else".to_owned());
        }
        faults.retain(|(grant, _)| !given.holds.contains(grant));
        if event.name == "EnableRule" {
            let missed = "what was called while it was disabled woke nobody, and is now read from CloudTrail's event \
                          history and handled";
            let is_well = faults.is_empty() && left.is_empty();
            if is_well && rule.state == RuleState::Enabled {
                let why = format!("the rule was enabled; {missed}");
                return Decision::Alert { severity: severity(event), why };
            }
            left.extend((!is_well).then(|| missed.to_owned()));
        }
        let why = faults.iter().map(|(grant, _)| grant.as_str()).collect::<Vec<_>>().join("; ");
        if faults.is_empty() && left.is_empty() {
            return Decision::Allow {
                why: "the rule is enabled and wakes Snapback, or an operator wants it so".to_owned(),
            };
        }
        if faults.is_empty() {
            return changed(event, &left.join("; "));
        }
        if is_deployment(event) {
            return changed(event, &why);
        }
        let (grants, plan) = faults.into_iter().unzip();
        Decision::Revert { severity: severity(event), why, grants, plan, left }
    }

    /// What the call did is certain, also where nobody can know what was there before.
    fn happened(event: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        let is_known = is_certain || state.part.name.is_some();
        is_known.then_some(match (event.name.as_str(), &state.rule) {
            (_, None) => "was deleted",
            ("DisableRule", _) => "was disabled",
            ("EnableRule", _) => "was enabled",
            ("PutTargets", _) => "had its targets changed",
            ("RemoveTargets", _) => "lost a target",
            (SCHEDULED, Some(rule)) if rule.state == RuleState::Disabled => "was disabled",
            _ => Self::ABOUT.happened,
        })
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        RULE.found(event, suspicion, &state.part)
    }

    fn after(state: &State, change: &Own) -> State {
        let mut state = state.clone();
        if let Some(rule) = &mut state.rule {
            match change {
                Own::RuleState(change) => rule.state = change.to,
                Own::RuleTargets(change) => rule.targets = change.after(&rule.targets),
                _ => {}
            }
        }
        state
    }
}

/// The function that a rule wakes: both begin with the same word.
#[must_use]
pub fn function_of(rule: &str) -> &'static str {
    let wakes = |function: &&&str| rule.starts_with(function.trim_end_matches("Function"));
    // One name may begin with another.
    FUNCTION.ids.iter().filter(wakes).max_by_key(|function| function.len()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controls::tests::{call, look};

    const NAME: &str = "snapback-S3Rule-1A2B3C";

    #[test]
    fn every_rule_wakes_a_function() {
        assert!(RULE.ids.iter().all(|rule| !function_of(rule).is_empty()));
        assert_eq!(function_of("OwnLambdaRule"), "OwnFunction");
        assert_eq!((function_of("IamRule"), function_of("IamWriterIamRule")), ("IamFunction", "IamWriterFunction"));
    }

    #[test]
    fn rules_of_others_are_not_looked_at() {
        let settings = Settings::default();
        for (name, bus) in [("other-S3Rule-1A2B3C", "default"), ("snapback-Web-1A2B3C", "default"), (NAME, "orders")] {
            let event = call("events", "DisableRule", json!({"name": name, "eventBusName": bus}));
            assert!(SilencedRule::suspect(&event, &settings).is_empty(), "{name} on {bus}");
        }
        let mut whole = settings;
        whole.own.has_organizations = true;
        assert_eq!(SilencedRule::suspect(&look(), &whole).len(), RULE.ids.len());
    }

    #[test]
    fn where_iam_is_not_guarded_its_rules_are_not_missed() {
        let mut settings = Settings::default();
        (settings.own.has_iam, settings.own.has_organizations) = (false, true);
        let looked_at = SilencedRule::suspect(&look(), &settings);
        let of_iam = ["-IamRule-", "-IamStsRule-", "-IamSchedule-", "-IamWriterIamRule-", "-IamWriterSchedule-"];
        let is_of_iam = |name: &str| of_iam.iter().any(|part| name.contains(part));
        assert!(!looked_at.iter().any(|suspicion| is_of_iam(&suspicion.subject.name)));
        assert_eq!(looked_at.len(), RULE.ids.len() - of_iam.len(), "all others are looked at");
    }

    #[test]
    fn where_the_organization_is_not_guarded_its_rule_is_not_missed() {
        let looked_at = SilencedRule::suspect(&look(), &Settings::default());
        assert!(!looked_at.iter().any(|suspicion| suspicion.subject.name.contains("-Organizations")));
        assert!(looked_at.len() < RULE.ids.len());
    }
}
