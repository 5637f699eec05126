//! Ranges, ports and protocols: the first line is the operator's public ports, the second a protocol and two ports, and
//! each of the others a range.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback::network::{Opening, PublicPorts, Traffic, is_world, range};

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let public: PublicPorts = lines.next().and_then(|line| line.parse().ok()).unwrap_or_default();
    let again = public.to_string().parse::<PublicPorts>();
    assert!(again.is_ok_and(|again| again.to_string() == public.to_string()), "`{public}` is read as it is written");

    let mut words = lines.next().unwrap_or_default().split(' ');
    let protocol = words.next().unwrap_or_default();
    let mut port = || words.next().and_then(|word| word.parse().ok());
    let traffic = Traffic::of_api(protocol, port(), port());
    let _ = (public.allow_all_of(&traffic), traffic.to_string());

    let ranges: Vec<_> = lines.filter_map(range).collect();
    for one in &ranges {
        assert_eq!(range(&one.to_string()), Some(*one), "a range is read as it is written");
    }
    let is_a_world = is_world(&ranges);
    assert!(is_a_world || !ranges.iter().any(|one| is_world(&[*one])), "more ranges let in no fewer");
    let opening = Opening { traffic, ranges };
    let open = (opening.is_open(&public), opening.may_be_part_of_a_world(&public));
    assert!(is_a_world || !open.0, "what is open is open to the world");
    let all = [opening];
    let _ = all[0].is_part_of_a_world(&all, &public);
});
