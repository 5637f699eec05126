//! The trails of a Region, and whether any of them logs what Snapback watches there.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use aws_sdk_cloudtrail::operation::get_trail_status::GetTrailStatusOutput;
use jiff::Timestamp;
use serde::Serialize;
use snapback::aws::failure;
use snapback::place::Place;
use tokio::sync::Mutex;

use crate::gaps::Gaps;
use crate::selectors::{Logged, Selectors};

/// A trail that is at work in a Region: its own, or that of another Region or of the organization.
#[derive(Debug, Clone, Serialize)]
pub struct Trail {
    arn: String,
    of_organization: bool,
    is_multi_region: bool,
    /// Nothing if AWS does not say.
    is_logging: Option<bool>,
    has_global_services: bool,
    last_delivery: Option<Timestamp>,
    /// Why its log files, or the digests of them, do not arrive.
    delivery_error: Option<String>,
    #[serde(skip)]
    selectors: Option<Selectors>,
    #[serde(skip)]
    problems: Vec<String>,
}

/// What the trails of an account select, by their ARNs: a trail is one for all Regions.
#[derive(Debug, Default)]
pub(crate) struct Selected(Mutex<HashMap<String, Selectors>>);

/// The trails that AWS shows in a Region.
pub(crate) async fn trails(place: &Place, selected: &Selected) -> Result<Vec<Trail>> {
    let client = snapback::client!(aws_sdk_cloudtrail, &place.config);
    // What is made elsewhere and is at work here is shown as its shadow.
    let listed = client.describe_trails().include_shadow_trails(true).send().await;
    let listed = listed.map_err(|error| failure(error).context("listing the trails"))?.trail_list.unwrap_or_default();
    let mut trails = vec![];
    for listed in listed {
        let arn = listed.trail_arn.clone().unwrap_or_default();
        let home = listed.home_region.as_deref().unwrap_or(&place.region);
        // Another Region's trail, and the organization's, are only found by their ARNs.
        let status = client.get_trail_status().name(&arn).send().await.map_err(failure);
        let mut trail = Trail {
            of_organization: listed.is_organization_trail == Some(true),
            is_multi_region: listed.is_multi_region_trail == Some(true),
            has_global_services: listed.include_global_service_events != Some(false),
            arn,
            is_logging: None,
            last_delivery: None,
            delivery_error: None,
            selectors: None,
            problems: vec![],
        };
        match status {
            Ok(status) => trail.has_status(&status),
            Err(error) => trail.problems.push(format!("reading the status of trail {}: {error:#}", trail.arn)),
        }
        match selected.of(&place.in_region(home), &trail.arn).await {
            Ok(selectors) => trail.selectors = Some(selectors),
            Err(error) => trail.problems.push(format!("reading what trail {} selects: {error:#}", trail.arn)),
        }
        trails.push(trail);
    }
    Ok(trails)
}

impl Selected {
    async fn of(&self, home: &Place, arn: &str) -> Result<Selectors> {
        let mut known = self.0.lock().await;
        if let Some(selectors) = known.get(arn) {
            return Ok(selectors.clone());
        }
        let client = snapback::client!(aws_sdk_cloudtrail, &home.config);
        let answer = client.get_event_selectors().trail_name(arn).send().await.map_err(failure)?;
        let selectors = Selectors {
            basic: answer.event_selectors.unwrap_or_default(),
            advanced: answer.advanced_event_selectors.unwrap_or_default(),
        };
        Ok(known.entry(arn.to_owned()).or_insert(selectors).clone())
    }
}

/// What no trail logs of these services, and what cannot be told.
pub(crate) fn gaps(trails: &[Trail], services: &BTreeSet<&str>) -> Gaps {
    let mut gaps = Gaps::default();
    for trail in trails {
        gaps.unknown.extend(trail.problems.iter().cloned());
        // One that delivers makes up for one that does not.
        let others = || trails.iter().filter(|other| other.delivery_error.is_none());
        let is_made_up = services.iter().all(|service| others().any(|other| other.writes_of(service) == Logged::Yes));
        if let Some(error) = trail.delivery_error.as_ref().filter(|_| !is_made_up) {
            gaps.missing.push(format!("trail {} cannot deliver its log files: {error}", trail.arn));
        }
    }
    let logged = |service: &str| trails.iter().map(|trail| trail.writes_of(service)).max().unwrap_or(Logged::No);
    let of = |what: Logged| -> Vec<&str> { services.iter().copied().filter(|one| logged(one) == what).collect() };
    let (unlogged, unknown) = (of(Logged::No), of(Logged::Unknown));
    if unlogged.len() == services.len() {
        let why = if trails.is_empty() { "there is none" } else { "see below" };
        gaps.missing.push(format!("no trail logs the calls that Snapback watches: {why}"));
    } else if !unlogged.is_empty() {
        gaps.missing.push(format!("no trail logs the calls to {} that change something", unlogged.join(", ")));
    }
    if !unknown.is_empty() {
        let which = if unknown.len() == services.len() { "any service".to_owned() } else { unknown.join(", ") };
        gaps.unknown.push(format!("whether a trail logs the calls to {which} that change something"));
    }
    gaps
}

/// The one service whose calls a trail without global services leaves out, and of which Snapback hears.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html>
pub(crate) const GLOBAL: &str = "iam.amazonaws.com";

impl Trail {
    fn has_status(&mut self, status: &GetTrailStatusOutput) {
        let is_said = |error: &&str| !error.is_empty();
        self.is_logging = status.is_logging();
        self.last_delivery = status.latest_delivery_time().and_then(|at| Timestamp::from_second(at.secs()).ok());
        let errors = [status.latest_delivery_error(), status.latest_digest_delivery_error()];
        self.delivery_error = errors.into_iter().flatten().find(is_said).map(str::to_owned);
    }

    fn writes_of(&self, service: &str) -> Logged {
        let selected = self.selectors.as_ref().map_or(Logged::Unknown, |selectors| selectors.writes_of(service));
        match self.is_logging {
            Some(true) if self.has_global_services || service != GLOBAL => selected,
            None => selected.min(Logged::Unknown),
            Some(_) => Logged::No,
        }
    }

    /// Whether people read the same of it but for the time of the last log file, which may come while others are read.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        (&self.arn, self.is_logging, self.last_delivery.is_some())
            == (&other.arn, other.is_logging, other.last_delivery.is_some())
    }

    /// As people read it.
    #[must_use]
    pub fn said(&self) -> String {
        let whose = if self.of_organization { "organization trail" } else { "trail" };
        let does = match self.is_logging {
            Some(true) => "logs",
            Some(false) => "is stopped",
            None => "may be logging",
        };
        let last = self.last_delivery.map_or("no log file yet".to_owned(), |at| format!("last log file {at:.0}"));
        format!("{whose} {} {does}, {last}", self.arn)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudtrail::types::EventSelector;

    use super::*;

    fn trail(is_logging: bool) -> Trail {
        Trail {
            arn: "arn:aws:cloudtrail:eu-central-1:111122223333:trail/all".to_owned(),
            of_organization: false,
            is_multi_region: true,
            is_logging: Some(is_logging),
            has_global_services: true,
            last_delivery: None,
            delivery_error: None,
            selectors: Some(Selectors { basic: vec![EventSelector::builder().build()], advanced: vec![] }),
            problems: vec![],
        }
    }

    fn without_kms() -> Trail {
        let selector = EventSelector::builder().exclude_management_event_sources("kms.amazonaws.com").build();
        Trail { selectors: Some(Selectors { basic: vec![selector], advanced: vec![] }), ..trail(true) }
    }

    fn said(trails: &[Trail]) -> (Vec<String>, Vec<String>) {
        let Gaps { missing, unknown } =
            gaps(trails, &BTreeSet::from(["s3.amazonaws.com", "kms.amazonaws.com", "iam.amazonaws.com"]));
        (missing, unknown)
    }

    #[test]
    fn one_trail_that_logs_everything_is_enough() {
        assert_eq!(said(&[trail(false), trail(true)]), (vec![], vec![]));
        assert_eq!(said(&[without_kms(), trail(true)]), (vec![], vec![]));
    }

    #[test]
    fn no_trail_and_a_stopped_trail_log_nothing() {
        for trails in [&[][..], &[trail(false)]] {
            let (missing, unknown) = said(trails);
            assert!(missing.len() == 1 && missing[0].starts_with("no trail logs the calls that"), "{missing:?}");
            assert_eq!(unknown, Vec::<String>::new());
        }
    }

    #[test]
    fn what_all_trails_leave_out_is_named() {
        let regional = Trail { has_global_services: false, ..trail(true) };
        for (trail, service) in [(without_kms(), "kms.amazonaws.com"), (regional, "iam.amazonaws.com")] {
            let (missing, _) = said(&[trail]);
            assert_eq!(missing, [format!("no trail logs the calls to {service} that change something")]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_a_gap() {
        let unread = Trail { selectors: None, problems: vec!["denied".to_owned()], ..trail(true) };
        let unstated = Trail { is_logging: None, ..trail(true) };
        for trail in [unread, unstated] {
            let (missing, unknown) = said(std::slice::from_ref(&trail));
            assert_eq!(missing, Vec::<String>::new());
            assert!(unknown.last().is_some_and(|last| last.contains("calls to any service")), "{unknown:?}");
        }
    }

    #[test]
    fn a_trail_whose_log_files_do_not_arrive_is_named_with_the_reason() {
        let broken = Trail { delivery_error: Some("KMS.DisabledException".to_owned()), ..trail(true) };
        let (missing, _) = said(&[broken]);
        assert!(missing.len() == 1 && missing[0].ends_with("KMS.DisabledException"), "{missing:?}");
    }
}
