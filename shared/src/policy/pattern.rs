//! IAM's patterns: `*` stands for any text, `?` for any one character.
//!
//! They compare with case; who compares actions writes both in small letters first.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html#reference_policies_elements_resource_wildcards>

use std::borrow::Cow;

/// No name in AWS is longer than an ARN's 2,048 characters. Longer texts are compared as a whole: a hostile pattern
/// of half a megabyte would take minutes.
const LONGEST: usize = 2048;

/// Whether the pattern stands for this text.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    stands_for(pattern, text, |_| true)
}

/// Whether one pattern certainly stands for all that another does. Only rarely (`?*` and `*?`) it says no where yes
/// is true, and never the other way round.
///
/// A variable (`${aws:username}`) stands for whatever the caller has made of it.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    wide == narrow || !has_variable(wide) && stands_for(wide, &starred(narrow), |character| character != '*')
}

/// Whether some text is meant by both patterns; also said of patterns too long to compare.
pub(crate) fn overlaps(one: &str, other: &str) -> bool {
    if one == "*" || other == "*" || one == other {
        return true;
    }
    if one.len() > LONGEST || other.len() > LONGEST {
        return true;
    }
    let (one, other) = (&*starred(one), &*starred(other));
    if !is_pattern(one) || !is_pattern(other) {
        return matches(one, other) || matches(other, one);
    }
    // What stands before the first star of both must agree; that decides most pairs.
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let is_same = |(one, other): (&char, &char)| *one == '?' || *other == '?' || one == other;
    let (heads, others) = (one.iter().take_while(|one| **one != '*'), other.iter().take_while(|one| **one != '*'));
    heads.zip(others).all(is_same) && meet(&one, &other)
}

fn has_variable(text: &str) -> bool {
    text.contains("${")
}

/// The text with a star for each variable.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
fn starred(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let after = |part: &str| part.split_once('}').map_or(String::new(), |(_, after)| after.to_owned());
    Cow::Owned(parts.fold(first.to_owned(), |starred, part| starred + "*" + &after(part)))
}

pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// A text in small letters, for what compares without case.
pub(crate) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Matches from left to right; what the last star stands for grows whenever the rest does not fit.
fn stands_for(pattern: &str, text: &str, is_one: impl Fn(char) -> bool) -> bool {
    if pattern == "*" || pattern == text {
        return true;
    }
    if pattern.len() > LONGEST || text.len() > LONGEST {
        return false;
    }
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut last_star = None;
    loop {
        let (here, one) = (pattern.next(), text.as_str().chars().next());
        match (here, one) {
            (None, None) => return true,
            (Some('*'), _) => last_star = Some((pattern.clone(), text.clone())),
            (Some(here), Some(one)) if here == one && here != '?' || here == '?' && is_one(one) => {
                text.next();
            }
            _ => {
                let Some((after_star, mut from)) = last_star.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                (pattern, text) = (after_star.clone(), from.clone());
                last_star = Some((after_star, from));
            }
        }
    }
}

/// Walks both patterns at once: `reached[j]` is whether what is behind has a common text with the other's first `j`.
fn meet(one: &[char], other: &[char]) -> bool {
    let mut reached = vec![false; other.len() + 1];
    reached[0] = true;
    spread(&mut reached, other);
    for &here in one {
        let mut next = vec![false; other.len() + 1];
        for (index, &there) in other.iter().enumerate().filter(|(index, _)| reached[*index]) {
            // A star of either may stay where it is, so it consumes the other's character alone.
            let is_common = here != '*' && (there == '*' || here == '?' || there == '?' || here == there);
            next[index + usize::from(there != '*')] |= is_common;
        }
        if here == '*' {
            let first = reached.iter().position(|reached| *reached).unwrap_or(other.len() + 1);
            next.iter_mut().skip(first).for_each(|next| *next = true);
        }
        spread(&mut next, other);
        reached = next;
    }
    reached[other.len()]
}

/// A star may stand for nothing.
fn spread(reached: &mut [bool], pattern: &[char]) {
    for index in 0..pattern.len() {
        reached[index + 1] |= reached[index] && pattern[index] == '*';
    }
}

/// Whether one ARN, or a pattern of them, certainly stands for all that another does, likewise part by part: a path may hold
/// what looks like another ARN.
pub(super) fn covers_all_of(wide: &str, narrow: &str) -> bool {
    let parts = |arn| -> Vec<&str> { str::splitn(arn, 6, ':').collect() };
    let (wide, narrow) = (parts(wide), parts(narrow));
    wide.len() == narrow.len() && wide.iter().zip(narrow).all(|(wide, narrow)| covers(wide, narrow))
}

/// Whether it is one ARN, or a pattern of them, part by part.
pub(super) fn is_arn(text: &str) -> bool {
    text.splitn(6, ':').count() == 6
}

/// Whether some resource has both names. The parts of a full ARN are compared one by one: no star but the last reaches
/// over a colon.
pub(super) fn share_a_resource(one: &str, other: &str) -> bool {
    if is_arn(one) && is_arn(other) {
        one.splitn(6, ':').zip(other.splitn(6, ':')).all(|(part, other)| overlaps(part, other))
    } else {
        overlaps(one, other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_is_one_character() {
        for (pattern, text) in
            [("*", ""), ("s3:*", "s3:"), ("s3:Get*", "s3:GetObject"), ("a*b*c", "a-b-b-c"), ("?", "é"), ("a?c", "abc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("?", ""), ("s3:Get", "s3:GetObject"), ("a*b", "abc"), ("S3:*", "s3:a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_covers_what_is_as_narrow_and_overlaps_what_shares_a_text() {
        assert!(covers("s3:*", "s3:Get*") && covers("*", "*") && covers("a?c", "a?c") && covers("a*", "a?"));
        assert!(!covers("s3:Get*", "s3:*") && !covers("a?", "a*") && !covers("?", "*"));
        assert!(
            overlaps("s3:*Object", "s3:Get*") && overlaps("a*", "*b") && overlaps("a?", "?b") && overlaps("**", "a")
        );
        assert!(
            !overlaps("s3:Get*", "s3:Put*") && !overlaps("*a", "*b") && !overlaps("a?", "a") && !overlaps("?", "??*")
        );
    }

    #[test]
    fn patterns_that_are_longer_than_any_name_cost_nothing() {
        let (long, text) = ("*a".repeat(250_000), "a".repeat(500_000));
        assert!(!matches(&long, &text) && !covers(&long, &text) && overlaps(&long, &text));
    }

    proptest! {
        #[test]
        fn what_covers_and_what_overlaps_is_so_for_every_short_text(one in "[ab*?]{0,5}", other in "[ab*?]{0,5}") {
            let texts = (0..=7_u32).flat_map(|length| (0..1_u32 << length).map(move |bits| {
                (0..length).map(|place| if bits >> place & 1 == 1 { 'a' } else { 'b' }).collect::<String>()
            }));
            let texts: Vec<String> = texts.collect();
            if covers(&one, &other) {
                prop_assert!(texts.iter().all(|text| !matches(&other, text) || matches(&one, text)));
            }
            let shared = texts.iter().any(|text| matches(&one, text) && matches(&other, text));
            prop_assert_eq!(overlaps(&one, &other), overlaps(&other, &one));
            // Two patterns of five characters that share a text share one of at most eight or so.
            prop_assert!(!shared || overlaps(&one, &other));
            if overlaps(&one, &other) && !shared {
                prop_assert!(one.len() + other.len() > 7);
            }
        }
    }
}
