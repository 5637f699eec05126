//! How far Snapback may go, for everything, by the names of controls, and by accounts and units of the organization.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::policy::{is_account, pattern};

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
    /// Patterns of control ids, behind an account or a unit and a `/` if it is for that alone. The last that matches counts.
    /// Where it is not known whether one does, the least counts of what it may be, and what may be on is not off.
    overrides: Vec<(String, Mode)>,
}

impl Modes {
    /// What `everywhere` and its overrides say: `iam-*=ask,ec2-open-security-group=notify,ou-ab12-c3d4e5f6/*=off`.
    ///
    /// # Errors
    /// The first override that is none.
    pub fn read(everywhere: Mode, overrides: &str) -> Result<Self, String> {
        let named = overrides.split(',').map(str::trim).filter(|one| !one.is_empty());
        let read = |one: &str| {
            let (named, mode) = one.split_once('=')?;
            let (place, pattern) = parted(named);
            let may_be_an_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-*?".contains(c);
            // A place without a pattern would mean no control.
            let is_pattern = !is_place(pattern) && !pattern.is_empty() && pattern.chars().all(may_be_an_id);
            (is_pattern && place.is_none_or(is_place)).then_some((named.to_owned(), mode.parse().ok()?))
        };
        let overrides = named.map(|one| read(one).ok_or_else(|| one.to_owned())).collect::<Result<_, _>>()?;
        Ok(Self { everywhere, overrides })
    }

    /// The modes in an account that is in these units of the organization, if they are known.
    #[must_use]
    pub fn in_account(&self, account: &str, units: Option<&BTreeSet<String>>) -> Self {
        let there = self.overrides.iter().filter_map(|(named, mode)| {
            let (place, pattern) = parted(named);
            match place {
                Some(unit) if !is_account(unit) && units.is_none() => Some((named.clone(), *mode)),
                Some(other) if other != account && units.is_none_or(|units| !units.contains(other)) => None,
                _ => Some((pattern.to_owned(), *mode)),
            }
        });
        Self { everywhere: self.everywhere, overrides: there.collect() }
    }

    /// Whether they differ by accounts or units.
    #[must_use]
    pub fn name_places(&self) -> bool {
        self.overrides.iter().any(|(named, _)| parted(named).0.is_some())
    }

    /// Whether they differ by units, so that it has to be known which an account is in.
    #[must_use]
    pub fn name_units(&self) -> bool {
        self.overrides.iter().any(|(named, _)| parted(named).0.is_some_and(|place| !is_account(place)))
    }

    #[must_use]
    pub fn of(&self, control: &str) -> Mode {
        let may_be = self.last(|pattern| pattern::matches(pattern, control), self.everywhere);
        match (may_be.first(), may_be.last()) {
            (Some(least), Some(most)) if least != most => (*least).max(Mode::Notify),
            (Some(only), _) => *only,
            _ => self.everywhere,
        }
    }

    /// Whether that hangs on a unit of which it is not known whether the account is in it.
    #[must_use]
    pub fn is_unsure(&self, control: &str) -> bool {
        self.last(|pattern| pattern::matches(pattern, control), self.everywhere).len() > 1
    }

    /// What the last override says that means a control so: all that it may be.
    fn last(&self, means: impl Fn(&str) -> bool, otherwise: Mode) -> BTreeSet<Mode> {
        let mut may_be = BTreeSet::new();
        for (named, mode) in self.overrides.iter().rev() {
            let (place, pattern) = parted(named);
            if means(pattern) {
                may_be.insert(*mode);
                if place.is_none() {
                    return may_be;
                }
            }
        }
        may_be.insert(otherwise);
        may_be
    }

    /// That of a control that is opt-in: off, unless an override names it by its id.
    #[must_use]
    pub fn of_opt_in(&self, control: &str) -> Mode {
        let named = self.last(|pattern| pattern == control, Mode::Off);
        match (named.first(), named.last()) {
            (Some(Mode::Off), None | Some(Mode::Off)) => Mode::Off,
            // It may be on.
            (Some(Mode::Off), _) => self.of(control).min(Mode::Notify),
            _ => self.of(control),
        }
    }

    /// That of a control that only asks, unless an override names it by its id.
    #[must_use]
    pub fn of_asking(&self, control: &str) -> Mode {
        // Where that is not known of an account, it does not count there.
        let is_named = self.overrides.iter().any(|(named, mode)| named == control && *mode == Mode::Revert);
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
        let mut all = self.overrides.iter().map(|(named, _)| (named.as_str(), parted(named).1));
        all.find(|(_, pattern)| is_theirs(pattern) && !means_one(pattern)).map(|(named, _)| named)
    }
}

/// For which account or unit an override is, if not for all, and which controls it means.
fn parted(named: &str) -> (Option<&str>, &str) {
    named.split_once('/').map_or((None, named), |(place, pattern)| (Some(place), pattern))
}

fn is_place(id: &str) -> bool {
    is_account(id) || is_unit(id)
}

/// Whether it is the id of an organizational unit, or of the root that all are in: `ou-ab12-c3d4e5f6`, `r-ab12`.
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html>
#[must_use]
pub fn is_unit(id: &str) -> bool {
    let is_part = |part: &str, least: usize| {
        let may_be = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        (least..=32).contains(&part.len()) && part.chars().all(may_be)
    };
    match id.split('-').collect::<Vec<_>>()[..] {
        ["r", root] => is_part(root, 4),
        ["ou", root, unit] => is_part(root, 4) && is_part(unit, 8),
        _ => false,
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
    use proptest::prelude::*;

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
        for wrong in [
            "s3-*",
            "s3-*=Ask",
            "=ask",
            "S3-*=ask",
            "s3 *=ask",
            "s3-*=ask=revert",
            "222233334444=ask",
            "ou-ab12-c3d4e5f6=off",
            "222233334444/=ask",
            "2222/*=ask",
            "/*=ask",
            "ou-ab12/*=off",
            "ou-ab12-c3d4e5f6/s3-*/x=off",
            "o-a1b2c3d4e5/*=off",
        ] {
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

    const SANDBOX: &str = "ou-ab12-sandboxes";
    const LIVE: &str = "ou-ab12-liveunits";

    /// The mode of a control in an account that is in these units, or in some that are not known.
    fn there(overrides: &str, units: Option<&[&str]>, mode: fn(&Modes, &str) -> Mode) -> Mode {
        let units = units.map(|units| units.iter().map(|&unit| unit.to_owned()).collect());
        mode(
            &Modes::read(Mode::Ask, overrides).expect("overrides").in_account("222233334444", units.as_ref()),
            "s3-acl",
        )
    }

    #[test]
    fn an_account_and_the_units_that_it_is_in_have_modes_of_their_own() {
        for (overrides, mode) in [
            (format!("{SANDBOX}/*=off"), Mode::Off),
            (format!("{LIVE}/*=revert"), Mode::Ask),
            ("r-ab12/s3-*=revert".to_owned(), Mode::Revert),
            ("222233334444/s3-*=revert".to_owned(), Mode::Revert),
            ("333344445555/s3-*=revert".to_owned(), Mode::Ask),
            (format!("{SANDBOX}/*=off,222233334444/s3-*=notify,s3-acl=revert,{LIVE}/*=off"), Mode::Revert),
            (format!("s3-*=revert,{SANDBOX}/ec2-*=off"), Mode::Revert),
        ] {
            assert_eq!(there(&overrides, Some(&["r-ab12", SANDBOX]), Modes::of), mode, "{overrides}");
        }
    }

    #[test]
    fn where_the_units_are_not_known_the_least_counts_and_nothing_is_off_for_that() {
        for (overrides, mode) in [
            (format!("{LIVE}/*=revert"), Mode::Ask),
            (format!("s3-*=notify,{LIVE}/*=revert"), Mode::Notify),
            (format!("s3-*=revert,{LIVE}/*=ask"), Mode::Ask),
            (format!("s3-*=revert,{SANDBOX}/*=off"), Mode::Notify),
            (format!("s3-*=off,{SANDBOX}/*=off"), Mode::Off),
            (format!("s3-*=off,{LIVE}/*=revert"), Mode::Notify),
            (format!("{SANDBOX}/*=off,s3-*=revert"), Mode::Revert),
            (format!("{SANDBOX}/*=off,222233334444/s3-*=revert"), Mode::Revert),
            (format!("s3-*=revert,{SANDBOX}/ec2-*=off"), Mode::Revert),
        ] {
            assert_eq!(there(&overrides, None, Modes::of), mode, "{overrides}");
            let modes = Modes::read(Mode::Ask, &overrides).expect("overrides");
            // Nor does it before that is asked.
            assert!(modes.of("s3-acl") <= mode.max(Mode::Notify), "{overrides}");
        }
        for (overrides, known, unknown) in [
            (format!("{LIVE}/s3-acl=revert"), Mode::Revert, Mode::Notify),
            (format!("{LIVE}/s3-*=revert"), Mode::Off, Mode::Off),
            (format!("s3-acl=revert,{LIVE}/s3-acl=off"), Mode::Off, Mode::Notify),
            (format!("s3-acl=revert,{LIVE}/*=ask"), Mode::Ask, Mode::Ask),
        ] {
            assert_eq!(there(&overrides, Some(&[LIVE]), Modes::of_opt_in), known, "{overrides}");
            assert_eq!(there(&overrides, None, Modes::of_opt_in), unknown, "{overrides}");
        }
        let named = format!("{LIVE}/s3-acl=revert");
        assert_eq!(there(&named, Some(&[LIVE]), Modes::of_asking), Mode::Revert);
        assert_eq!(there(&named, None, Modes::of_asking), Mode::Ask);
    }

    proptest! {
        /// Whatever the units are, knowing them takes nobody by surprise: nothing goes further than it would then.
        #[test]
        fn without_the_units_nothing_goes_further_than_with_them(
            overrides in prop::collection::vec(
                (
                    prop::sample::select(vec!["", "ou-ab12-sandboxes/", "ou-ab12-liveunits/", "222233334444/", "333344445555/"]),
                    prop::sample::select(vec!["s3-acl", "s3-*", "*", "ec2-*"]),
                    prop::sample::select(vec!["off", "notify", "ask", "revert"]),
                ),
                0..6,
            ),
            units in prop::sample::subsequence(vec![SANDBOX, LIVE, "r-ab12"], 0..=3),
        ) {
            let overrides: Vec<String> =
                overrides.into_iter().map(|(place, pattern, mode)| format!("{place}{pattern}={mode}")).collect();
            let overrides = overrides.join(",");
            for of in [Modes::of, Modes::of_opt_in, Modes::of_asking] {
                let (known, unknown) = (there(&overrides, Some(&units), of), there(&overrides, None, of));
                prop_assert!(unknown <= known.max(Mode::Notify), "{}: {} and {}", overrides, known, unknown);
                prop_assert!(unknown > Mode::Off || known == Mode::Off, "{}: {} is not heard of", overrides, known);
            }
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
