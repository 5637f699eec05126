//! How far Snapback may go, for everything or by the names of controls.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::policy::pattern;

/// How far Snapback goes, the least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Is not asked at all. Only single controls can be off, by an override.
    Off,
    /// Says what it would do.
    #[default]
    Notify,
    /// Says what it would do, and how an operator has it done: `snapback apply`.
    Ask,
    /// Puts it back.
    Revert,
}

/// The mode of each control.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Modes {
    everywhere: Mode,
    /// Patterns of control ids. The last that matches counts.
    overrides: Vec<(String, Mode)>,
}

impl Modes {
    /// What `everywhere` and its overrides say: `iam-*=ask,ec2-open-security-group=notify`.
    ///
    /// # Errors
    /// The first override that is none.
    pub fn read(everywhere: Mode, overrides: &str) -> Result<Self, String> {
        let named = overrides.split(',').map(str::trim).filter(|one| !one.is_empty());
        let read = |one: &str| {
            let (pattern, mode) = one.split_once('=')?;
            let may_be_an_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-*?".contains(c);
            let is_pattern = !pattern.is_empty() && pattern.chars().all(may_be_an_id);
            is_pattern.then_some((pattern.to_owned(), mode.parse().ok()?))
        };
        let overrides = named.map(|one| read(one).ok_or_else(|| one.to_owned())).collect::<Result<_, _>>()?;
        Ok(Self { everywhere, overrides })
    }

    #[must_use]
    pub fn of(&self, control: &str) -> Mode {
        let matching = self.overrides.iter().rev().find(|(pattern, _)| pattern::matches(pattern, control));
        matching.map_or(self.everywhere, |(_, mode)| *mode)
    }

    /// That of a control that is opt-in: off, unless an override names it by its id.
    #[must_use]
    pub fn of_opt_in(&self, control: &str) -> Mode {
        let named = self.overrides.iter().rev().find(|(pattern, _)| pattern == control);
        if named.is_some_and(|(_, mode)| *mode > Mode::Off) { self.of(control) } else { Mode::Off }
    }

    /// That of a control that only asks, unless an override names it by its id.
    #[must_use]
    pub fn of_asking(&self, control: &str) -> Mode {
        let is_named = self.overrides.iter().any(|(pattern, mode)| pattern == control && *mode == Mode::Revert);
        if is_named { self.of(control) } else { self.of(control).min(Mode::Ask) }
    }

    /// The same, with nothing that goes further than this.
    #[must_use]
    pub fn at_most(&self, most: Mode) -> Self {
        let overrides = self.overrides.iter().map(|(pattern, mode)| (pattern.clone(), (*mode).min(most)));
        Self { everywhere: self.everywhere.min(most), overrides: overrides.collect() }
    }

    /// The first override that means a control of the same service as these and none of them: a slip of the hand, by
    /// which a control would go further than somebody believes, or would stay off.
    #[must_use]
    pub fn meaning_nothing(&self, controls: &[&str], opt_in: &[&str]) -> Option<&str> {
        let service = |id: &str| id.split('-').next().map(str::to_owned);
        let is_theirs = |pattern: &str| controls.iter().chain(opt_in).any(|id| service(id) == service(pattern));
        let means_one =
            |pattern: &str| controls.iter().any(|id| pattern::matches(pattern, id)) || opt_in.contains(&pattern);
        let mut patterns = self.overrides.iter().map(|(pattern, _)| pattern.as_str());
        patterns.find(|pattern| is_theirs(pattern) && !means_one(pattern))
    }
}

impl From<Mode> for Modes {
    fn from(everywhere: Mode) -> Self {
        Self { everywhere, overrides: vec![] }
    }
}

impl FromStr for Mode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Off, Self::Notify, Self::Ask, Self::Revert].into_iter().find(|mode| mode.to_string() == text).ok_or(())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Notify => "notify",
            Self::Ask => "ask",
            Self::Revert => "revert",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modes(overrides: &str) -> Modes {
        Modes::read(Mode::Revert, overrides).expect("overrides")
    }

    #[test]
    fn the_last_override_that_matches_counts() {
        let modes = modes("s3-*=ask, s3-public-bucket-policy=notify,iam-*=ask,*-policy=revert,s3-public-*=ask");
        assert_eq!(modes.of("s3-public-bucket-policy"), Mode::Ask);
        assert_eq!(modes.of("s3-replication"), Mode::Ask);
        assert_eq!(modes.of("iam-user-policy"), Mode::Revert);
        assert_eq!(modes.of("iam-login-profile"), Mode::Ask);
        assert_eq!(modes.of("ec2-open-security-group"), Mode::Revert);
    }

    #[test]
    fn what_is_no_override_is_named() {
        for wrong in ["s3-*", "s3-*=Ask", "=ask", "S3-*=ask", "s3 *=ask", "s3-*=ask=revert"] {
            assert_eq!(Modes::read(Mode::Notify, &format!("iam-*=ask,{wrong}")), Err(wrong.to_owned()));
        }
        assert_eq!(modes(""), Modes::from(Mode::Revert));
    }

    #[test]
    fn a_pattern_of_ones_own_service_that_means_no_control_is_noticed() {
        let controls = ["s3-public-bucket-policy", "s3-public-acl"];
        let opt_in = ["s3-replication"];
        let nothing = |overrides: &str| modes(overrides).meaning_nothing(&controls, &opt_in).map(str::to_owned);
        assert_eq!(nothing("s3-*=ask,iam-*=ask,*-acl=ask,s3-replication=ask"), None);
        assert_eq!(nothing("s3-*=ask,s3-pubic-*=notify"), Some("s3-pubic-*".to_owned()));
        assert_eq!(nothing("s3-*=ask,s3-repl*=revert"), Some("s3-repl*".to_owned()));
    }

    #[test]
    fn what_only_asks_reverts_once_it_is_named_by_its_id() {
        for (overrides, mode) in [
            ("", Mode::Ask),
            ("iam-*=revert,*=revert", Mode::Ask),
            ("iam-*=notify", Mode::Notify),
            ("iam-open-trust=revert", Mode::Revert),
            ("iam-open-trust=ask,iam-*=revert", Mode::Ask),
            ("iam-open-trust=revert,iam-*=notify", Mode::Notify),
            ("iam-open-trust=off", Mode::Off),
        ] {
            assert_eq!(modes(overrides).of_asking("iam-open-trust"), mode, "{overrides}");
        }
    }

    #[test]
    fn what_is_opt_in_is_off_until_it_is_named_by_its_id() {
        for (overrides, mode) in [
            ("", Mode::Off),
            ("ec2-*=revert,*=ask", Mode::Off),
            ("ec2-open-egres?=revert", Mode::Off),
            ("ec2-open-egress=ask", Mode::Ask),
            ("ec2-open-egress=revert,ec2-*=notify", Mode::Notify),
            ("ec2-open-egress=revert,ec2-open-egress=off,ec2-*=revert", Mode::Off),
            ("ec2-open-egress=off,ec2-open-egress=notify", Mode::Notify),
            ("ec2-open-egress=revert,*=off", Mode::Off),
        ] {
            assert_eq!(modes(overrides).of_opt_in("ec2-open-egress"), mode, "{overrides}");
        }
        let at_most_ask = modes("ec2-open-egress=revert,s3-*=off").at_most(Mode::Ask);
        assert_eq!((at_most_ask.of_opt_in("ec2-open-egress"), at_most_ask.of("s3-any")), (Mode::Ask, Mode::Off));
    }
}
