//! Whether what a trail selects includes the management events that change something, service by service. Pure.

use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, EventSelector, ReadWriteType};

/// Whether calls are logged. Of several selectors, and of several trails, the greatest counts; of several conditions of one
/// selector the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Logged {
    No,
    Unknown,
    Yes,
}

/// What a trail selects: basic selectors or advanced ones, never both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selectors {
    pub(crate) basic: Vec<EventSelector>,
    pub(crate) advanced: Vec<AdvancedEventSelector>,
}

impl Selectors {
    /// Whether a call to this service that changes something is logged, if it is a management event.
    pub(crate) fn writes_of(&self, service: &str) -> Logged {
        let basic = self.basic.iter().map(|selector| certain(is_in_basic(selector, service)));
        let advanced = self.advanced.iter().map(|selector| in_advanced(selector, service));
        basic.chain(advanced).max().unwrap_or(Logged::No)
    }
}

fn certain(is_logged: bool) -> Logged {
    if is_logged { Logged::Yes } else { Logged::No }
}

/// What a selector does not say is as AWS has it by default: management events, reads and writes.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html>
fn is_in_basic(selector: &EventSelector, service: &str) -> bool {
    selector.include_management_events() != Some(false)
        && selector.read_write_type() != Some(&ReadWriteType::ReadOnly)
        && !selector.exclude_management_event_sources().iter().any(|left_out| left_out == service)
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>
fn in_advanced(selector: &AdvancedEventSelector, service: &str) -> Logged {
    let conditions = selector.field_selectors().iter().map(|condition| match condition.field() {
        "eventCategory" => certain(lets_through(condition, "Management")),
        "readOnly" => certain(lets_through(condition, "false")),
        "eventSource" => certain(lets_through(condition, service)),
        // It depends on more than the service.
        _ => Logged::Unknown,
    });
    conditions.min().unwrap_or(Logged::Unknown)
}

/// Any of the values that are asked for is enough, and any of those that are left out is too much.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>
fn lets_through(condition: &AdvancedFieldSelector, value: &str) -> bool {
    let is = |texts: &[String]| texts.iter().any(|text| value == text);
    let begins = |texts: &[String]| texts.iter().any(|text| value.starts_with(text));
    let ends = |texts: &[String]| texts.iter().any(|text| value.ends_with(text));
    let asked = [condition.equals(), condition.starts_with(), condition.ends_with()];
    let is_asked_for = asked.iter().all(|texts| texts.is_empty())
        || is(condition.equals())
        || begins(condition.starts_with())
        || ends(condition.ends_with());
    let is_left_out =
        is(condition.not_equals()) || begins(condition.not_starts_with()) || ends(condition.not_ends_with());
    is_asked_for && !is_left_out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERVICES: [&str; 3] = ["s3.amazonaws.com", "kms.amazonaws.com", "rdsdata.amazonaws.com"];

    fn basic(writes: ReadWriteType, management: bool, left_out: &[&str]) -> EventSelector {
        let left_out = left_out.iter().map(ToString::to_string).collect();
        EventSelector::builder()
            .read_write_type(writes)
            .include_management_events(management)
            .set_exclude_management_event_sources(Some(left_out))
            .build()
    }

    fn equals(field: &str, value: &str) -> AdvancedFieldSelector {
        AdvancedFieldSelector::builder().field(field).equals(value).build().expect("a condition")
    }

    fn all_of(conditions: Vec<AdvancedFieldSelector>) -> AdvancedEventSelector {
        AdvancedEventSelector::builder().set_field_selectors(Some(conditions)).build().expect("a selector")
    }

    fn said(basic: Vec<EventSelector>, advanced: Vec<AdvancedEventSelector>, service: &str) -> Logged {
        Selectors { basic, advanced }.writes_of(service)
    }

    #[test]
    fn a_basic_selector_logs_writes_but_for_what_it_leaves_out() {
        use ReadWriteType::{All, ReadOnly, WriteOnly};
        for (selector, s3, kms) in [
            (basic(All, true, &[]), Logged::Yes, Logged::Yes),
            (basic(WriteOnly, true, &["kms.amazonaws.com"]), Logged::Yes, Logged::No),
            (basic(ReadOnly, true, &[]), Logged::No, Logged::No),
            (basic(All, false, &[]), Logged::No, Logged::No),
            (EventSelector::builder().build(), Logged::Yes, Logged::Yes),
        ] {
            assert_eq!(said(vec![selector.clone()], vec![], "s3.amazonaws.com"), s3, "{selector:?}");
            assert_eq!(said(vec![selector.clone()], vec![], "kms.amazonaws.com"), kms, "{selector:?}");
        }
        assert_eq!(said(vec![], vec![], "s3.amazonaws.com"), Logged::No);
    }

    #[test]
    fn an_advanced_selector_logs_writes_if_all_its_conditions_let_them_through() {
        let management = || equals("eventCategory", "Management");
        let without_kms = AdvancedFieldSelector::builder().field("eventSource").not_equals("kms.amazonaws.com").build();
        let from_s = AdvancedFieldSelector::builder().field("eventSource").starts_with("s").ends_with(".com").build();
        for (conditions, s3, kms) in [
            (vec![management()], Logged::Yes, Logged::Yes),
            (vec![management(), equals("readOnly", "false")], Logged::Yes, Logged::Yes),
            (vec![management(), equals("readOnly", "true")], Logged::No, Logged::No),
            (vec![management(), without_kms.expect("a condition")], Logged::Yes, Logged::No),
            (vec![management(), from_s.expect("a condition")], Logged::Yes, Logged::Yes),
            (vec![equals("eventCategory", "Data")], Logged::No, Logged::No),
            (vec![management(), equals("eventName", "PutBucketPolicy")], Logged::Unknown, Logged::Unknown),
            (vec![equals("eventCategory", "Data"), equals("eventName", "PutObject")], Logged::No, Logged::No),
        ] {
            let selector = all_of(conditions);
            assert_eq!(said(vec![], vec![selector.clone()], "s3.amazonaws.com"), s3, "{selector:?}");
            assert_eq!(said(vec![], vec![selector.clone()], "kms.amazonaws.com"), kms, "{selector:?}");
        }
    }

    fn any_basic() -> impl Strategy<Value = EventSelector> {
        let writes = prop::sample::select(vec![ReadWriteType::All, ReadWriteType::ReadOnly, ReadWriteType::WriteOnly]);
        let left_out = prop::sample::subsequence(SERVICES.to_vec(), 0..SERVICES.len());
        (writes, any::<bool>(), left_out)
            .prop_map(|(writes, management, left_out)| basic(writes, management, &left_out))
    }

    fn any_advanced() -> impl Strategy<Value = AdvancedEventSelector> {
        let field = prop::sample::select(vec!["eventCategory", "readOnly", "eventSource", "eventName"]);
        let value = prop::sample::select(vec!["Management", "Data", "true", "false", SERVICES[0], SERVICES[1]]);
        let condition = (field, value, any::<bool>()).prop_map(|(field, value, is_not)| {
            let of = AdvancedFieldSelector::builder().field(field);
            if is_not { of.not_equals(value) } else { of.equals(value) }.build().expect("a condition")
        });
        prop::collection::vec(condition, 1..4).prop_map(all_of)
    }

    /// The advanced selector that AWS's documentation has for a basic one.
    fn translated(selector: &EventSelector) -> AdvancedEventSelector {
        let category = if selector.include_management_events() == Some(false) { "Data" } else { "Management" };
        let mut conditions = vec![equals("eventCategory", category)];
        match selector.read_write_type() {
            Some(ReadWriteType::ReadOnly) => conditions.push(equals("readOnly", "true")),
            Some(ReadWriteType::WriteOnly) => conditions.push(equals("readOnly", "false")),
            _ => {}
        }
        let left_out = selector.exclude_management_event_sources().to_vec();
        let others = AdvancedFieldSelector::builder().field("eventSource").set_not_equals(Some(left_out));
        conditions.push(others.build().expect("a condition"));
        all_of(conditions)
    }

    proptest! {
        #[test]
        fn a_selector_more_never_logs_less(some in prop::collection::vec(any_advanced(), 0..4), more in any_advanced()) {
            for service in SERVICES {
                let before = said(vec![], some.clone(), service);
                let after = said(vec![], some.iter().cloned().chain([more.clone()]).collect(), service);
                prop_assert!(before <= after);
            }
        }

        #[test]
        fn a_condition_more_never_logs_more(selector in any_advanced(), more in any_advanced()) {
            let both = all_of([selector.field_selectors(), more.field_selectors()].concat());
            for service in SERVICES {
                prop_assert!(said(vec![], vec![both.clone()], service) <= said(vec![], vec![selector.clone()], service));
            }
        }

        #[test]
        fn the_order_of_selectors_does_not_matter(some in prop::collection::vec(any_advanced(), 0..4)) {
            let reversed: Vec<_> = some.iter().rev().cloned().collect();
            for service in SERVICES {
                prop_assert_eq!(said(vec![], some.clone(), service), said(vec![], reversed.clone(), service));
            }
        }

        #[test]
        fn a_basic_selector_means_what_its_translation_means(selector in any_basic()) {
            for service in SERVICES {
                let advanced = said(vec![], vec![translated(&selector)], service);
                prop_assert_eq!(said(vec![selector.clone()], vec![], service), advanced);
            }
        }
    }
}
