//! What to cut out of a text so that some elements of a list go and all else keeps its bytes.

use std::ops::Range;

/// The cuts that take elements out of a comma-separated list; at least one must stay.
pub(super) fn cuts(elements: &[Range<usize>], goes: &[bool]) -> Vec<Range<usize>> {
    let first_kept = goes.iter().position(|goes| !goes).unwrap_or(goes.len());
    let gone = (0..elements.len()).filter(|index| goes[*index] && first_kept < goes.len());
    // The comma goes with the element that it follows, or with the first ones that it is behind of.
    let cut = |index: usize| match index.checked_sub(1) {
        Some(before) if index > first_kept => elements[before].end..elements[index].end,
        _ => elements[index].start..elements[index + 1].start,
    };
    gone.map(cut).collect()
}

/// The text without what is cut out, and with what is put in.
pub(super) fn applied(text: &str, mut cuts: Vec<(Range<usize>, &str)>) -> String {
    cuts.sort_by_key(|(cut, _)| cut.start);
    let mut result = String::with_capacity(text.len());
    let mut kept = 0;
    for (cut, instead) in cuts {
        result.push_str(&text[kept..cut.start]);
        result.push_str(instead);
        kept = cut.end;
    }
    result.push_str(&text[kept..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(goes: [bool; 3]) -> String {
        let text = "[ 1 ,2,  3 ]";
        let cuts = cuts(&[2..3, 5..6, 9..10], &goes).into_iter().map(|cut| (cut, "")).collect();
        applied(text, cuts)
    }

    #[test]
    fn an_element_goes_with_one_comma_and_the_others_stay_as_they_are() {
        assert_eq!(without([true, false, false]), "[ 2,  3 ]");
        assert_eq!(without([false, true, false]), "[ 1,  3 ]");
        assert_eq!(without([false, false, true]), "[ 1 ,2 ]");
        assert_eq!(without([true, true, false]), "[ 3 ]");
        assert_eq!(without([true, false, true]), "[ 2 ]");
        assert_eq!(without([false, true, true]), "[ 1 ]");
        assert_eq!(without([false, false, false]), "[ 1 ,2,  3 ]");
    }
}
