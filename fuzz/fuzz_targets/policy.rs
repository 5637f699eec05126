//! A policy as anybody may write it: it is read or refused, and what is made of it is a policy again, about which nothing
//! more is to be said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback::policy::{Kind, Policy, Trust};

fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text) else { return };
    assert_eq!(policy.without(&[]).as_deref(), Some(text), "nothing is taken where nothing is to be taken");
    let trust = Trust {
        account: Some("111122223333".to_owned()),
        organizations: ["o-trusted0001".to_owned()].into(),
        ..Trust::default()
    };
    for kind in [Kind::Resource, Kind::Trust] {
        let grants = policy.judge(kind, &trust).grants;
        let untrusted: Vec<_> = grants.into_iter().filter(|grant| grant.is_untrusted()).collect();
        let Some(left) = policy.without(&untrusted) else { continue };
        let left = Policy::parse(&left).expect("what is left of a policy is one");
        let again = left.judge(kind, &trust).grants;
        assert!(!again.iter().any(|grant| grant.is_untrusted()), "there is nothing more to take away: {again:?}");
    }
});
