//! The accounts and Regions that a hub looks through for baselines besides its own, which the operator names.
//!
//! Each is looked through in a run of its own, since what a function can look through in its time is about one place. A
//! message of Snapback's own, which waits in the delayed queue, says that it is time. Nothing in it is believed but which
//! member it means and at which hour: whoever forges one has a member looked through once more.

use crate::control::Function;
use crate::place::Place;
use crate::settings::Members;

/// What the message is called. No rule listens for it, and `Event::admit` knows no such event.
pub(crate) const MEMBER_CHECK: &str = "Snapback Member Check";

/// How many members one function looks through in an hour: the queue has other messages too, and each run is one more at
/// the same time.
const MOST_IN_AN_HOUR: usize = 50;

/// A member, by its account and Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) account: String,
    pub(super) region: String,
}

/// Those that a function looks through. Of IAM there is one in each account, and the home is looked through anyway.
pub(super) fn of(members: &Members, function: &Function, home: &Place) -> Vec<Member> {
    let is_global = function.remembers_iam_alone();
    let regions = if is_global { 1 } else { members.regions.len() };
    let is_home = |account: &str, region: &str| account == home.account && (is_global || region == home.region);
    let mut all = vec![];
    for account in &members.accounts {
        let others = members.regions.iter().take(regions).filter(|region| !is_home(account, region));
        all.extend(others.map(|region| Member { account: account.clone(), region: region.clone() }));
    }
    all
}

/// How many hours lie between two runs of a member, if there are so many of them. Each comes at the same hours every day.
pub(super) fn hours_between_runs(members: usize) -> i64 {
    let fits = |hours: &u8| members <= usize::from(*hours) * MOST_IN_AN_HOUR;
    [1, 2, 3, 4, 6, 8, 12].into_iter().find(fits).unwrap_or(24).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_members_are_looked_through_each_hour_and_many_once_a_day() {
        assert_eq!([0, 50, 51, 300, 600, 601, 100_000].map(hours_between_runs), [1, 1, 2, 6, 12, 24, 24]);
    }
}
