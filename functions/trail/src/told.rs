//! What events of CloudTrail tell, alike for all controls.

use jiff::SignedDuration;
use snapback::control::Suspicion;
use snapback::event::Event;
use snapback::json;
use snapback::subject::Subject;

pub(crate) const SERVICE: &str = "cloudtrail.amazonaws.com";

/// For how long a trail that was started may tell of nothing yet. AWS does not say; a trail was seen to be silent for more
/// than a quarter of an hour.
pub(crate) const DEAF: SignedDuration = SignedDuration::from_mins(15);

/// The kind of a subject that is a trail.
const KIND: &str = "trail";

/// The trail that a call is upon, which it names by its name or by its ARN; the account if the event does not say which.
///
/// A trail for all Regions is changed in its home Region alone, so that the event's Region is the trail's.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html>
pub(crate) fn subject(event: &Event) -> Subject {
    let named = ["name", "trailName"].into_iter().find_map(|field| json::text(&event.request, field));
    named.map_or_else(|| Subject::account(event), |named| trail(event, named))
}

/// A trail by its name or its ARN.
pub(crate) fn trail(event: &Event, named: &str) -> Subject {
    let name = named.rsplit('/').next().unwrap_or(named);
    let page = format!("cloudtrailv2/home?region={}#/trails", event.region);
    let of_account = Subject::part(event, KIND, name, "cloudtrail", "trail/", &page);
    of_account.at(Some(named).filter(|named| named.starts_with("arn:")))
}

/// That something was done to the trail that a call is upon: `was stopped`.
pub(crate) fn suspicion(event: &Event, what_was_done: &str) -> Suspicion {
    let subject = subject(event);
    let why = match trail_of(&subject) {
        Some(_) => format!("trail `{}` {what_was_done}", subject.name),
        None => format!("a trail that the event does not name {what_was_done}"),
    };
    Suspicion { subject, why }
}

/// The ARN of a subject that is a trail.
pub(crate) fn trail_of(subject: &Subject) -> Option<&str> {
    (subject.kind == KIND).then_some(subject.arn.as_str())
}
