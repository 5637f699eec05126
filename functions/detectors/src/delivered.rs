//! What one delivery channel does and another does not.

use snapback::change::Delivery;
use snapback::decision::Severity;
use snapback::noticed::account_in;

/// How a channel is weaker than before.
pub(crate) struct Weakness {
    pub grant: String,
    pub severity: Severity,
    pub restore: fn(&mut Delivery, &Delivery),
}

/// In which ways a channel is weaker than before.
pub(crate) fn weaknesses(now: &Delivery, before: &Delivery) -> Vec<Weakness> {
    let mut all = vec![];
    let mut weak = |grant: String, severity, restore| all.push(Weakness { grant, severity, restore });
    if place(now) != place(before) {
        let restore: fn(&mut Delivery, &Delivery) = |to, before| {
            to.bucket.clone_from(&before.bucket);
            to.prefix.clone_from(&before.prefix);
        };
        weak(format!("with {}", place(now)), Severity::High, restore);
    }
    let is_lost = |key: &str| now.key.as_deref().is_none_or(|now| now != key && account_in(now) != account_in(key));
    if let Some(key) = before.key.as_deref().filter(|key| is_lost(key)) {
        weak(format!("without key {key}"), Severity::Medium, |to, before| to.key.clone_from(&before.key));
    }
    if let (Some(topic), None) = (&before.topic, &now.topic) {
        weak(format!("without topic {topic}"), Severity::Medium, |to, before| to.topic.clone_from(&before.topic));
    }
    if before.snapshots.is_some() && now.snapshots.is_none() {
        let restore: fn(&mut Delivery, &Delivery) = |to, before| to.snapshots.clone_from(&before.snapshots);
        weak("without snapshots".to_owned(), Severity::Low, restore);
    }
    all
}

/// Where a channel delivers.
pub(crate) fn place(delivery: &Delivery) -> String {
    match &delivery.prefix {
        Some(prefix) => format!("bucket {}/{prefix}", delivery.bucket),
        None => format!("bucket {}", delivery.bucket),
    }
}
