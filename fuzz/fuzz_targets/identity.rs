//! An identity policy as anybody may write it: it is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback::policy::identity::{self, Holder};

fuzz_target!(|text: &str| {
    let Ok(judged) = identity::judge(text, &Holder::default()) else { return };
    let mut sorted = judged.escalation.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(judged.escalation, sorted, "each path is told once, in order");
});
