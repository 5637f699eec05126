//! What was found, told once it is over: "it lets in tcp/22" was true until the revert, and after it "it let in tcp/22".
//!
//! Decisions are journaled as they were made, in the present. `tests/told.rs` holds that the verb of every revert is
//! known here.

/// The verbs with which decisions say what they have found, and their past.
const VERBS: [(&str, &str); 15] = [
    ("accepts", "accepted"),
    ("answers", "answered"),
    ("are", "were"),
    ("can", "could"),
    ("cannot", "could not"),
    ("copies", "copied"),
    ("count", "counted"),
    ("deletes", "deleted"),
    ("denies", "denied"),
    ("gives", "gave"),
    ("has", "had"),
    ("holds", "held"),
    ("is", "was"),
    ("lets", "let"),
    ("may", "could"),
];

/// The verbs of what had happened by then.
const IN_THE_PAST: [&str; 3] = ["got", "was", "were"];

/// The same in the past. In each clause the first verb is the one that counts: who `is not trusted` is still not trusted. What
/// stands in backticks is somebody's name for something, and stays.
#[must_use]
pub fn in_the_past(text: &str) -> String {
    let (mut told, mut has_verb, mut is_name, mut before) = (vec![], false, false, "");
    for word in text.split(' ') {
        has_verb &= !(before.ends_with(';') || before.ends_with(',') && word == "as");
        before = word;
        let verb = VERBS.iter().find(|(verb, _)| *verb == word).filter(|_| !is_name && !has_verb);
        has_verb |= !is_name && (verb.is_some() || IN_THE_PAST.contains(&word));
        is_name ^= word.matches('`').count() % 2 == 1;
        told.push(verb.map_or(word, |(_, past)| past));
    }
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_over_and_what_is_so_anyway_is_not() {
        for (found, over) in [
            ("it lets in tcp/22 from 0.0.0.0/0", "it let in tcp/22 from 0.0.0.0/0"),
            (
                "statement 1 lets `arn:aws:iam::777788889999:root` do s3:*, which is not trusted",
                "statement 1 let `arn:aws:iam::777788889999:root` do s3:*, which is not trusted",
            ),
            ("rule `r` is disabled; rule `r` has no target", "rule `r` was disabled; rule `r` had no target"),
            ("the hop limit is 64; 3 hours before, it was 2", "the hop limit was 64; 3 hours before, it was 2"),
            (
                "statement 1 lets everyone do s3:*, as RestrictPublicBuckets is off",
                "statement 1 let everyone do s3:*, as RestrictPublicBuckets was off",
            ),
            ("bucket `b` no longer denies what it denied", "bucket `b` no longer denied what it denied"),
            ("the flow log of `v` was deleted", "the flow log of `v` was deleted"),
            ("statement 1 (`it is open`) lets everyone in", "statement 1 (`it is open`) let everyone in"),
            ("", ""),
        ] {
            assert_eq!(in_the_past(found), over);
        }
    }
}
