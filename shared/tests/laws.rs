//! The laws of exposure, shown for policies that chance writes, against an evaluator of requests that shares nothing with
//! the engine.
//!
//! 1. *Closed*: after the removal no stranger is let in.
//! 2. *Never weaker, never more*: what is allowed afterwards was allowed before, and what a friend was allowed before
//!    they still are, unless it cannot be told apart from what strangers were allowed.
//! 3. *Quiet*: there is nothing more to take away.
//!
//! `PROPTEST_CASES` sets how many policies each of them is shown for. What was once found against them stands in
//! `regressions.rs`.

mod checked;
mod generated;
mod naive;

use proptest::prelude::*;
use snapback::policy::{Kind, Policy};

use checked::{Checked, trust};
use generated::{
    cases, policy_with_a_deny, resource_policy, resource_policy_that_only_allows, subscription_policy, trust_policy,
    trust_policy_that_only_allows,
};

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn after_the_removal_no_stranger_is_let_in(text in resource_policy()) {
        Checked::of(&text, Kind::Resource).is_closed()?;
    }

    #[test]
    fn after_the_removal_no_stranger_can_assume_the_role(text in trust_policy()) {
        Checked::of(&text, Kind::Trust).is_closed()?;
    }

    #[test]
    fn a_removal_never_allows_more_and_takes_nothing_from_friends(text in resource_policy()) {
        let checked = Checked::of(&text, Kind::Resource);
        checked.allows_nothing_new()?;
        checked.takes_nothing_from_friends()?;
    }

    #[test]
    fn a_removal_from_a_role_trust_never_allows_more_and_takes_nothing_from_friends(text in trust_policy()) {
        let checked = Checked::of(&text, Kind::Trust);
        checked.allows_nothing_new()?;
        checked.takes_nothing_from_friends()?;
    }

    #[test]
    fn what_is_left_asks_for_nothing_more(text in resource_policy()) {
        Checked::of(&text, Kind::Resource).is_quiet()?;
    }

    #[test]
    fn what_is_left_of_a_role_trust_asks_for_nothing_more(text in trust_policy()) {
        Checked::of(&text, Kind::Trust).is_quiet()?;
    }

    #[test]
    fn nobody_gets_in_whom_the_judgement_does_not_tell_of(text in resource_policy()) {
        Checked::of(&text, Kind::Resource).tells_of_everyone_who_gets_in()?;
    }

    #[test]
    fn nobody_can_assume_a_role_whom_the_judgement_does_not_tell_of(text in trust_policy()) {
        Checked::of(&text, Kind::Trust).tells_of_everyone_who_gets_in()?;
    }

    #[test]
    fn what_is_left_stays_byte_for_byte(text in resource_policy()) {
        Checked::of(&text, Kind::Resource).keeps_the_bytes()?;
    }

    #[test]
    fn what_is_left_of_a_role_trust_stays_byte_for_byte(text in trust_policy()) {
        Checked::of(&text, Kind::Trust).keeps_the_bytes()?;
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn who_may_subscribe_is_let_in_as_far_as_the_endpoint_is(text in subscription_policy()) {
        keeps_the_laws(&text)?;
    }

    #[test]
    fn whom_a_deny_keeps_out_is_let_in_by_nothing(text in policy_with_a_deny()) {
        keeps_the_laws(&text)?;
    }
}

fn keeps_the_laws(text: &str) -> Result<(), TestCaseError> {
    let checked = Checked::of(text, Kind::Resource);
    checked.is_closed()?;
    checked.allows_nothing_new()?;
    checked.takes_nothing_from_friends()?;
    checked.is_quiet()?;
    checked.tells_of_everyone_who_gets_in()?;
    checked.raises_no_false_alarm()
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn whatever_is_certain_lets_some_stranger_in(text in resource_policy()) {
        Checked::of(&text, Kind::Resource).raises_no_false_alarm()?;
    }

    #[test]
    fn whatever_is_certain_lets_some_stranger_in_where_nothing_is_denied(text in resource_policy_that_only_allows()) {
        Checked::of(&text, Kind::Resource).raises_no_false_alarm()?;
    }

    #[test]
    fn whatever_is_certain_lets_some_stranger_assume_the_role(text in trust_policy()) {
        Checked::of(&text, Kind::Trust).raises_no_false_alarm()?;
    }

    #[test]
    fn whatever_is_certain_lets_some_stranger_assume_the_role_where_nothing_is_denied(
        text in trust_policy_that_only_allows()
    ) {
        Checked::of(&text, Kind::Trust).raises_no_false_alarm()?;
    }

    #[test]
    fn a_policy_is_judged_the_same_every_time(text in resource_policy()) {
        let judge = || Policy::parse(&text).map(|policy| format!("{:?}", policy.judge(Kind::Resource, &trust())));
        prop_assert_eq!(judge(), judge());
    }

    #[test]
    fn the_order_of_statements_changes_no_exposure(text in resource_policy()) {
        let turned = checked::with_statements_turned(&text);
        let exposure = |text: &str| Policy::parse(text).map(|policy| policy.judge(Kind::Resource, &trust()).exposure);
        prop_assert_eq!(exposure(&text), exposure(&turned), "{}", turned);
    }

    #[test]
    fn a_text_that_is_no_policy_is_refused_and_nothing_worse(text in ".{0,300}") {
        checked::survives(&text);
    }

    #[test]
    fn a_policy_with_a_slip_in_it_is_read_or_refused_and_nothing_worse(
        text in prop_oneof![resource_policy(), trust_policy()],
        place in any::<prop::sample::Index>(),
        length in 0..12_usize,
        slip in prop_oneof![
            Just(String::new()), "[\\[\\]{}\",:*$\\\\0-9a-z ]{1,3}", Just("null".to_owned()), Just("[]".to_owned()),
            Just("{}".to_owned()), Just("\u{0}".to_owned()), Just("é".to_owned()),
        ],
    ) {
        let mut letters: Vec<char> = text.chars().collect();
        let from = place.index(letters.len());
        let to = (from + length).min(letters.len());
        letters.splice(from..to, slip.chars());
        checked::survives(&letters.into_iter().collect::<String>());
    }
}
