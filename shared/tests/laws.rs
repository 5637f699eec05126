//! The laws of exposure, shown for policies that chance writes, against an evaluator of requests that shares nothing with
//! the engine.
//!
//! 1. *Closed*: after the removal no stranger is let in.
//! 2. *Never weaker, never more*: what is allowed afterwards was allowed before, and what a friend was allowed before
//!    they still are, unless it cannot be told apart from what strangers were allowed.
//! 3. *Quiet*: there is nothing more to take away.
//! 4. *Told*: nobody gets in of whom the judgement does not tell.
//! 5. *No false alarm*: whatever is certain lets some stranger in.
//! 6. *Byte for byte*: what lets no stranger in stays as it is written.
//! 7. *The same every time*, and whatever the order of the statements.
//!
//! `PROPTEST_CASES` sets how many policies of each sort they are shown for. What was once found against them stands in
//! `regressions.rs`.

mod checked;
mod generated;
mod naive;

use proptest::prelude::*;
use snapback::policy::Kind;

use checked::Checked;
use generated::{
    cases, policy_with_a_deny, resource_policy, resource_policy_that_only_allows, subscription_policy, trust_policy,
    trust_policy_that_only_allows,
};

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn whatever_a_policy_of_a_resource_says_all_laws_are_kept(text in resource_policy()) {
        Checked::of(&text, Kind::Resource).keeps_the_laws()?;
    }

    #[test]
    fn whatever_the_trust_of_a_role_says_all_laws_are_kept(text in trust_policy()) {
        Checked::of(&text, Kind::Trust).keeps_the_laws()?;
    }

    #[test]
    fn where_nothing_is_denied_upon_a_resource_all_laws_are_kept(text in resource_policy_that_only_allows()) {
        Checked::of(&text, Kind::Resource).keeps_the_laws()?;
    }

    #[test]
    fn where_nobody_is_kept_from_a_role_all_laws_are_kept(text in trust_policy_that_only_allows()) {
        Checked::of(&text, Kind::Trust).keeps_the_laws()?;
    }

    #[test]
    fn who_may_subscribe_is_let_in_as_far_as_the_endpoint_is(text in subscription_policy()) {
        Checked::of(&text, Kind::Resource).keeps_the_laws()?;
    }

    #[test]
    fn whom_a_deny_keeps_out_is_let_in_by_nothing(text in policy_with_a_deny()) {
        Checked::of(&text, Kind::Resource).keeps_the_laws()?;
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

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
