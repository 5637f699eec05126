//! What one recorder records and another does not.

use std::collections::BTreeSet;
use std::fmt;

use snapback::change::{RecordedTypes, RecorderSettings, RecordingMode};

/// What `includeGlobalResourceTypes` stands for.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingGroup.html>
const IAM: [&str; 4] = ["AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User"];

/// The most types that are named.
const MOST_NAMED: usize = 5;

/// Types of resources: these, or all others, of which AWS may have new ones at any time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Types {
    Only(BTreeSet<String>),
    But(BTreeSet<String>),
}

impl Types {
    pub(crate) fn recorded(settings: &RecorderSettings) -> Self {
        match &settings.types {
            RecordedTypes::All => Self::But(BTreeSet::new()),
            RecordedTypes::AllButIam => Self::But(IAM.map(str::to_owned).into()),
            RecordedTypes::AllBut(others) => Self::But(others.clone()),
            RecordedTypes::Only(types) => Self::Only(types.clone()),
        }
    }

    /// What is recorded, but less often than each change.
    fn seldom(mode: &RecordingMode) -> Self {
        let is_seldom = |frequency: &str| frequency != RecordingMode::CONTINUOUS;
        let start = if is_seldom(&mode.frequency) { Self::But(BTreeSet::new()) } else { Self::Only(BTreeSet::new()) };
        mode.overrides.iter().fold(start, |all, other| {
            let these = Self::Only(other.types.clone());
            if is_seldom(&other.frequency) { all.with(&these) } else { all.without(&these) }
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Only(types) if types.is_empty())
    }

    pub(crate) fn without(&self, others: &Self) -> Self {
        match (self, others) {
            (Self::Only(these), Self::Only(others)) => Self::Only(these - others),
            (Self::Only(these), Self::But(others)) => Self::Only(these & others),
            (Self::But(these), Self::Only(others)) => Self::But(these | others),
            (Self::But(these), Self::But(others)) => Self::Only(others - these),
        }
    }

    fn with(&self, others: &Self) -> Self {
        match (self, others) {
            (Self::Only(these), Self::Only(others)) => Self::Only(these | others),
            (Self::Only(these), Self::But(but)) | (Self::But(but), Self::Only(these)) => Self::But(but - these),
            (Self::But(these), Self::But(others)) => Self::But(these & others),
        }
    }

    fn settings(self) -> RecordedTypes {
        match self {
            Self::Only(types) => RecordedTypes::Only(types),
            Self::But(others) if others.is_empty() => RecordedTypes::All,
            Self::But(others) => RecordedTypes::AllBut(others),
        }
    }
}

/// What was recorded before and is not now.
pub(crate) fn lost(now: &RecorderSettings, before: &RecorderSettings) -> Types {
    Types::recorded(before).without(&Types::recorded(now))
}

/// What was recorded at each change before, and is recorded more seldom now.
pub(crate) fn rarer(now: &RecorderSettings, before: &RecorderSettings) -> Types {
    let at_each = Types::recorded(before).without(&Types::seldom(&before.mode));
    let seldom = Types::seldom(&now.mode);
    at_each.without(&at_each.without(&seldom))
}

/// All that was recorded before, and what is recorded besides now, in the form that there was before if that is all.
pub(crate) fn restored(now: &RecorderSettings, before: &RecorderSettings) -> RecordedTypes {
    let known = Types::recorded(before);
    let all = known.with(&Types::recorded(now));
    if all == known { before.types.clone() } else { all.settings() }
}

/// Whether it is the role that AWS Config has of itself, which may read all that it records.
pub(crate) fn is_own_role(role: &str) -> bool {
    role.ends_with(":role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig")
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, types) = match self {
            Self::Only(types) => ("", types),
            Self::But(others) if others.is_empty() => return f.write_str("all types of resources"),
            Self::But(others) => ("all types of resources but ", others),
        };
        let named: Vec<&str> = types.iter().take(MOST_NAMED).map(String::as_str).collect();
        write!(f, "{start}{}", named.join(", "))?;
        match types.len() - named.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use snapback::change::RecordingModeOverride;

    use super::*;

    const BUCKET: &str = "AWS::S3::Bucket";
    const ROLE: &str = "AWS::IAM::Role";

    fn set(types: &[&str]) -> BTreeSet<String> {
        types.iter().map(ToString::to_string).collect()
    }

    fn of(types: RecordedTypes) -> RecorderSettings {
        RecorderSettings { role: "r".to_owned(), types, mode: RecordingMode::default() }
    }

    fn daily(settings: RecorderSettings, overrides: &[(&str, &[&str])]) -> RecorderSettings {
        let overrides = overrides.iter().map(|(frequency, types)| RecordingModeOverride {
            frequency: (*frequency).to_owned(),
            types: set(types),
            label: None,
        });
        let mode = RecordingMode { frequency: "DAILY".to_owned(), overrides: overrides.collect() };
        RecorderSettings { mode, ..settings }
    }

    #[test]
    fn what_is_recorded_no_more_is_said() {
        let (only, but) =
            (|types: &[&str]| RecordedTypes::Only(set(types)), |types: &[&str]| RecordedTypes::AllBut(set(types)));
        for (now, before, expected) in [
            (RecordedTypes::All, RecordedTypes::AllButIam, ""),
            (
                RecordedTypes::AllButIam,
                RecordedTypes::All,
                "AWS::IAM::Group, AWS::IAM::Policy, AWS::IAM::Role, AWS::IAM::User",
            ),
            (but(&IAM), RecordedTypes::AllButIam, ""),
            (but(&[BUCKET, ROLE]), RecordedTypes::AllButIam, BUCKET),
            (only(&[BUCKET]), RecordedTypes::All, "all types of resources but AWS::S3::Bucket"),
            (only(&[]), RecordedTypes::All, "all types of resources"),
            (only(&[BUCKET]), only(&[BUCKET, ROLE]), ROLE),
            (RecordedTypes::AllButIam, only(&[BUCKET, ROLE]), ROLE),
            (only(&["1", "2", "3", "4", "5", "6", "7"]), only(&[]), ""),
            (only(&[]), only(&["1", "2", "3", "4", "5", "6", "7"]), "1, 2, 3, 4, 5 and 2 more"),
        ] {
            let lost = lost(&of(now.clone()), &of(before.clone()));
            assert_eq!(
                if lost.is_empty() { String::new() } else { lost.to_string() },
                expected,
                "{now} instead of {before}"
            );
        }
    }

    #[test]
    fn what_is_recorded_daily_instead_of_at_each_change_is_said() {
        let all = of(RecordedTypes::All);
        for (now, before, expected) in [
            (all.clone(), daily(all.clone(), &[]), ""),
            (daily(all.clone(), &[]), all.clone(), "all types of resources"),
            (daily(all.clone(), &[("CONTINUOUS", &[ROLE])]), all.clone(), "all types of resources but AWS::IAM::Role"),
            (daily(all.clone(), &[]), daily(all.clone(), &[("CONTINUOUS", &[ROLE])]), ROLE),
            (daily(all.clone(), &[]), of(RecordedTypes::Only(set(&[BUCKET]))), BUCKET),
        ] {
            let rarer = rarer(&now, &before);
            assert_eq!(if rarer.is_empty() { String::new() } else { rarer.to_string() }, expected, "{now:?}");
        }
    }

    fn types() -> impl Strategy<Value = RecordedTypes> {
        let some = || {
            prop::collection::btree_set(
                prop::sample::select([&IAM[..], &[BUCKET, "AWS::EC2::Instance"]].concat()),
                0..4,
            )
        };
        let some = move || some().prop_map(|types| types.into_iter().map(str::to_owned).collect::<BTreeSet<String>>());
        prop_oneof![
            Just(RecordedTypes::All),
            Just(RecordedTypes::AllButIam),
            some().prop_map(RecordedTypes::Only),
            some().prop_map(RecordedTypes::AllBut),
        ]
    }

    proptest! {
        #[test]
        fn what_is_restored_records_all_of_before_and_all_of_now(now in types(), before in types()) {
            let (now, before) = (of(now), of(before));
            let restored = of(restored(&now, &before));
            prop_assert!(lost(&restored, &before).is_empty() && lost(&restored, &now).is_empty());
            let more = lost(&restored, &before);
            prop_assert!(more.without(&Types::recorded(&now)).is_empty());
        }
    }
}
