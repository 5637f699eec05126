//! CloudTrail's digests, made here with a key of our own, and what is said of them once somebody has been at them.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};
use snapback::digest::{Checked, Digests, Hash, Keys, Kind, Lying, Said};

const BUCKET: &str = "example-logs";
const FINGERPRINT: &str = "31e8b5433410dfb61a9dc45cc65b22ff";
const BEGIN: &str = "2026-01-31T12:00:00Z";

/// Whose keys these are: nobody's. They were made for these tests.
fn key() -> KeyPair {
    KeyPair::from_pkcs8(include_bytes!("digest/key.pk8")).expect("a key")
}

fn stranger() -> KeyPair {
    KeyPair::from_pkcs8(include_bytes!("digest/stranger.pk8")).expect("a key")
}

fn keys() -> Keys {
    let mut keys = Keys::default();
    keys.add(FINGERPRINT.to_owned(), key().public().as_ref().to_vec());
    keys
}

fn signature(key: &KeyPair, text: &str) -> String {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("a signature");
    signature.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Debug, Clone)]
struct Digest {
    key: String,
    text: String,
    signature: String,
}

#[derive(Debug, Clone)]
struct LogFile {
    key: String,
    text: String,
}

/// The bucket of a trail: digests, an hour each, and the log files that they name, two each.
#[derive(Debug, Clone, Default)]
struct Trail {
    digests: Vec<Digest>,
    files: Vec<LogFile>,
}

fn at(hour: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().expect("a time") + SignedDuration::from_hours(hour)
}

fn compact(at: Timestamp, format: &str) -> String {
    at.strftime(format).to_string()
}

fn log_file(at: Timestamp, number: usize) -> LogFile {
    let (day, time) = (compact(at, "%Y/%m/%d"), compact(at, "%Y%m%dT%H%MZ"));
    let folder = format!("AWSLogs/111122223333/CloudTrail/eu-central-1/{day}");
    LogFile {
        key: format!("{folder}/111122223333_CloudTrail_eu-central-1_{time}_AbCd{number}.json.gz"),
        text: json!({"Records": [{"eventID": format!("{time}-{number}")}]}).to_string(),
    }
}

fn digest_key(region: &str, end: Timestamp, late: &str) -> String {
    let (day, time) = (compact(end, "%Y/%m/%d"), compact(end, "%Y%m%dT%H%M%SZ"));
    let folder = format!("AWSLogs/111122223333/CloudTrail-Digest/{region}/{day}");
    format!("{folder}/111122223333_CloudTrail-Digest_{region}_my_trail_us-east-1_{time}{late}.json.gz")
}

/// The digest of an hour, after another one, signed with this key.
fn digest(hour: i64, late: &str, files: &[LogFile], before: Option<&Digest>, key: &KeyPair) -> Digest {
    digest_in("eu-central-1", hour, late, files, before, key)
}

fn digest_in(region: &str, hour: i64, late: &str, files: &[LogFile], before: Option<&Digest>, key: &KeyPair) -> Digest {
    let (start, end) = (at(hour), at(hour + 1));
    let named: Vec<Value> = files
        .iter()
        .map(|file| {
            json!({"s3Bucket": BUCKET, "s3Object": file.key, "hashAlgorithm": "SHA-256",
                "hashValue": Hash::of(file.text.as_bytes()).to_string(), "newestEventTime": start, "oldestEventTime": start})
        })
        .collect();
    let own = digest_key(region, end, late);
    let text = json!({
        "awsAccountId": "111122223333", "digestStartTime": start, "digestEndTime": end, "digestS3Bucket": BUCKET,
        "digestS3Object": own, "digestPublicKeyFingerprint": FINGERPRINT, "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": null, "oldestEventTime": null,
        "previousDigestS3Bucket": before.map(|_| BUCKET), "previousDigestS3Object": before.map(|before| &before.key),
        "previousDigestHashValue": before.map(|before| Hash::of(before.text.as_bytes()).to_string()),
        "previousDigestHashAlgorithm": before.map(|_| "SHA-256"),
        "previousDigestSignature": before.map(|before| &before.signature), "logFiles": named,
    })
    .to_string();
    let previous = before.map_or("null", |before| &before.signature);
    let hash = Hash::of(text.as_bytes());
    let signature = signature(key, &format!("{end}\n{BUCKET}/{own}\n{hash}\n{previous}"));
    Digest { key: own, text, signature }
}

impl Trail {
    fn of(hours: i64) -> Self {
        let mut trail = Self::default();
        for hour in 0..hours {
            trail.goes_on(hour);
        }
        trail
    }

    fn goes_on(&mut self, hour: i64) {
        let files: Vec<LogFile> = (0..2)
            .map(|number| log_file(at(hour) + SignedDuration::from_mins(10 + 30 * number), usize::from(number > 0)))
            .collect();
        self.digests.push(digest(hour, "", &files, self.digests.last(), &key()));
        self.files.extend(files);
    }

    fn read(&self, is_bucket: bool) -> Digests {
        let mut digests = Digests::default();
        for digest in &self.digests {
            digests.add(
                lying(&digest.key, is_bucket),
                digest.text.as_bytes(),
                is_bucket.then(|| digest.signature.clone()),
            );
        }
        digests
    }

    /// All problems that a reader of all log files has, and which of them are evidence.
    fn judged(&self, checked: &Checked, is_bucket: bool) -> (Vec<(Kind, String)>, Vec<String>) {
        let there: HashSet<&str> = self.files.iter().filter_map(|file| file.key.rsplit('/').next()).collect();
        let mut problems = [checked.problems.clone(), checked.missing(&there, |_| true)].concat();
        let mut evidence = vec![];
        for file in &self.files {
            let lying = lying(&file.key, is_bucket);
            match checked.say(lying) {
                Said::Newer | Said::Older => {}
                Said::Named(_) | Said::Nothing => match checked.problem_of(lying, Hash::of(file.text.as_bytes())) {
                    Some(problem) => problems.push(problem),
                    None => evidence.push(file.key.clone()),
                },
            }
        }
        (problems.into_iter().map(|problem| (problem.kind, problem.place)).collect(), evidence)
    }

    /// The same of the bucket itself, with CloudTrail's keys.
    fn in_bucket(&self) -> (Vec<(Kind, String)>, Vec<String>) {
        self.judged(&self.read(true).check(&keys(), None), true)
    }
}

fn lying(key: &str, is_bucket: bool) -> Lying<'_> {
    Lying { bucket: is_bucket.then_some(BUCKET), key }
}

fn address(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}

#[test]
fn what_cloudtrail_has_delivered_is_evidence() {
    let trail = Trail::of(3);
    let (problems, evidence) = trail.in_bucket();
    assert_eq!(problems, []);
    assert_eq!(evidence.len(), 6);
    let checked = trail.read(true).check(&keys(), None);
    assert_eq!((checked.digests, checked.span()), (3, Some((at(0), at(3)))));
    assert!(
        checked.notes.len() == 1 && checked.notes[0].contains("the first digest of its trail"),
        "{:?}",
        checked.notes
    );
    let homes = trail.read(true).signed_in();
    assert_eq!(homes.get("us-east-1"), Some(&(at(0), at(3))), "the trail's own Region has the keys");
}

#[test]
fn the_order_in_which_digests_are_found_does_not_matter() {
    let mut trail = Trail::of(4);
    trail.digests.reverse();
    assert_eq!(trail.in_bucket().0, []);
}

#[test]
fn a_changed_log_file_is_told_and_the_others_stay_evidence() {
    let mut trail = Trail::of(3);
    trail.files[2].text = trail.files[2].text.replace("eventID", "eventid");
    let (problems, evidence) = trail.in_bucket();
    assert_eq!(problems, [(Kind::Changed, address(&trail.files[2].key))]);
    assert_eq!(evidence.len(), 5);
}

#[test]
fn a_removed_log_file_is_missing() {
    let mut trail = Trail::of(3);
    let gone = trail.files.remove(3);
    let (problems, evidence) = trail.in_bucket();
    assert_eq!(problems, [(Kind::Missing, address(&gone.key))]);
    assert_eq!(evidence.len(), 5);
    let checked = trail.read(true).check(&keys(), None);
    assert_eq!(checked.missing(&HashSet::new(), |key| key == gone.key).len(), 1, "what is not meant is not missing");
}

#[test]
fn what_no_digest_names_is_injected_if_digests_are_of_its_time() {
    let mut trail = Trail::of(3);
    let early = log_file(at(-1), 7);
    let late = log_file(at(3) + SignedDuration::from_mins(5), 7);
    let injected = log_file(at(1) + SignedDuration::from_mins(20), 7);
    let elsewhere = LogFile { key: injected.key.replace("eu-central-1", "eu-west-1"), ..injected.clone() };
    trail.files.extend([early.clone(), late.clone(), injected.clone(), elsewhere.clone()]);
    let (problems, evidence) = trail.in_bucket();
    assert_eq!(problems, [(Kind::Injected, address(&injected.key)), (Kind::Injected, address(&elsewhere.key))]);
    assert_eq!(evidence.len(), 6);
    let checked = trail.read(true).check(&keys(), None);
    assert_eq!(checked.say(lying(&early.key, true)), Said::Older);
    assert_eq!(checked.say(lying(&late.key, true)), Said::Newer);
}

#[test]
fn a_digest_that_somebody_else_has_signed_counts_for_nothing() {
    // Whoever writes to the bucket can write a chain of their own, but not sign it.
    let mut trail = Trail::of(3);
    let file = log_file(at(1) + SignedDuration::from_mins(15), 9);
    trail.digests[1] = digest(1, "", std::slice::from_ref(&file), Some(&trail.digests[0].clone()), &stranger());
    trail.digests[2] = digest(2, "", &trail.files[4..], Some(&trail.digests[1].clone()), &stranger());
    trail.files.splice(2..4, [file.clone()]);
    let (problems, evidence) = trail.in_bucket();
    let changed: Vec<&String> =
        problems.iter().filter(|(kind, _)| *kind == Kind::Changed).map(|(_, place)| place).collect();
    for place in [&trail.digests[1].key, &trail.digests[2].key, &file.key, &trail.files[3].key] {
        assert!(changed.contains(&&address(place)), "{place} is not told of: {problems:?}");
    }
    assert_eq!(evidence, [trail.files[0].key.clone(), trail.files[1].key.clone()]);
}

#[test]
fn a_digest_that_is_changed_breaks_its_signature_and_the_link_to_it() {
    let mut trail = Trail::of(3);
    trail.digests[1].text = trail.digests[1].text.replace("\"newestEventTime\":null", "\"newestEventTime\":\"x\"");
    let (problems, _) = trail.in_bucket();
    let own = (Kind::Changed, address(&trail.digests[1].key));
    assert_eq!(problems.iter().filter(|problem| **problem == own).count(), 2, "{problems:?}");
}

#[test]
fn a_missing_digest_and_a_chain_that_begins_anew_are_gaps() {
    let mut trail = Trail::of(4);
    trail.digests.remove(1);
    let (problems, evidence) = trail.in_bucket();
    assert_eq!(problems.iter().filter(|(kind, _)| *kind == Kind::Gap).count(), 1, "{problems:?}");
    assert_eq!(problems.iter().filter(|(kind, _)| *kind == Kind::Injected).count(), 2, "nothing names its log files");
    assert_eq!(evidence.len(), 6);

    let mut trail = Trail::of(2);
    let files = [log_file(at(5), 0)];
    trail.digests.push(digest(5, "", &files, None, &key()));
    trail.files.extend(files);
    let checked = trail.read(true).check(&keys(), None);
    let (problems, evidence) = trail.judged(&checked, true);
    assert_eq!(problems, [(Kind::Gap, address(&trail.digests[2].key))]);
    let why = &checked.problems[0].why;
    assert!(why.contains("begins anew") && why.contains("from 2026-01-31T14:00:00Z to 2026-01-31T17:00:00Z"), "{why}");
    assert_eq!(evidence.len(), 5);
}

#[test]
fn digests_that_end_before_those_of_other_regions_are_a_gap() {
    let elsewhere = |hours: i64| {
        let mut digests: Vec<Digest> = vec![];
        for hour in 0..hours {
            digests.push(digest_in("eu-west-1", hour, "", &[], digests.last(), &key()));
        }
        digests
    };
    let mut trail = Trail::of(6);
    trail.digests.extend(elsewhere(3));
    assert_eq!(trail.in_bucket().0, [(Kind::Gap, address(&elsewhere(3)[2].key))]);
    let mut trail = Trail::of(6);
    trail.digests.extend(elsewhere(4));
    assert_eq!(trail.in_bucket().0, [], "the last ones may be on their way");
}

#[test]
fn where_a_chain_begins_is_told_unless_nobody_asked_for_what_was_before() {
    let mut trail = Trail::of(4);
    trail.digests.remove(0);
    trail.files.drain(0..2);
    assert_eq!(trail.in_bucket().0, []);
    let checked = trail.read(true).check(&keys(), None);
    assert!(checked.notes[0].contains("the digests before it are not here"), "{:?}", checked.notes);
    assert_eq!(trail.read(true).check(&keys(), Some(at(2))).notes, Vec::<String>::new());
}

#[test]
fn log_files_that_came_late_are_in_digests_of_their_own() {
    let mut trail = Trail::of(4);
    let late = log_file(at(1) + SignedDuration::from_mins(50), 8);
    let (first, more) = (std::slice::from_ref(&late), log_file(at(2), 8));
    let backfill = digest(1, "_backfill", first, None, &key());
    let second = digest(2, "_backfill", std::slice::from_ref(&more), Some(&backfill), &key());
    let anew = digest(3, "_backfill", &[], None, &key());
    trail.digests.extend([backfill, second, anew]);
    trail.files.extend([late, more]);
    let (problems, evidence) = trail.in_bucket();
    assert_eq!((problems, evidence.len()), (vec![], 10));
}

#[test]
fn what_lies_elsewhere_than_it_was_signed_for_is_told() {
    let trail = Trail::of(2);
    let mut digests = Digests::default();
    for Digest { key, text, signature } in &trail.digests {
        let elsewhere = Lying { bucket: Some("example-copies"), key };
        digests.add(elsewhere, text.as_bytes(), Some(signature.clone()));
    }
    let checked = digests.check(&keys(), None);
    assert_eq!((checked.digests, checked.problems.len()), (0, 2));
    let checked = trail.read(true).check(&keys(), None);
    let file = &trail.files[0];
    let copied = Lying { bucket: Some(BUCKET), key: &file.key.replace("/31/", "/30/") };
    assert_eq!(
        checked.problem_of(copied, Hash::of(file.text.as_bytes())).map(|problem| problem.kind),
        Some(Kind::Changed)
    );
}

#[test]
fn in_a_folder_the_next_digest_has_the_signature_and_the_last_counts_for_nothing() {
    let trail = Trail::of(3);
    let checked = trail.read(false).check(&keys(), None);
    let (problems, evidence) = trail.judged(&checked, false);
    assert_eq!((problems, evidence.len()), (vec![], 4));
    assert_eq!(checked.span(), Some((at(0), at(2))));
    assert!(checked.notes.iter().any(|note| note.contains("its signature lies beside it")), "{:?}", checked.notes);

    let mut forged = trail.clone();
    forged.digests[1] = digest(1, "", &[], Some(&forged.digests[0].clone()), &stranger());
    forged.digests[2] = digest(2, "", &forged.files[4..], Some(&forged.digests[1].clone()), &stranger());
    let (problems, evidence) = forged.judged(&forged.read(false).check(&keys(), None), false);
    assert!(problems.contains(&(Kind::Changed, forged.digests[1].key.clone())), "{problems:?}");
    assert_eq!(evidence.len(), 2);
}

#[test]
fn without_keys_only_hashes_and_links_are_checked_and_nothing_is_evidence() {
    let mut trail = Trail::of(3);
    let (problems, evidence) = trail.judged(&trail.read(false).check(&Keys::default(), None), false);
    assert!(problems.iter().all(|(kind, _)| *kind == Kind::Unchecked) && problems.len() == 9, "{problems:?}");
    assert_eq!(evidence, Vec::<String>::new());
    trail.files[0].text.push(' ');
    let (problems, _) = trail.judged(&trail.read(false).check(&Keys::default(), None), false);
    assert!(problems.contains(&(Kind::Changed, trail.files[0].key.clone())), "{problems:?}");

    let mut others = Keys::default();
    others.add("another".to_owned(), stranger().public().as_ref().to_vec());
    let checked = trail.read(true).check(&others, None);
    assert!(
        checked.problems.iter().all(|problem| problem.kind == Kind::Unchecked && problem.why.contains(FINGERPRINT))
    );
    assert_eq!(checked.problems.len(), 3);
}

#[test]
fn what_is_no_digest_is_told() {
    let mut digests = Digests::default();
    assert!(digests.is_empty());
    let key = digest_key("eu-central-1", at(1), "");
    digests.add(lying(&key, true), b"{}", None);
    digests.add(lying("AWSLogs/notes.json.gz", true), Trail::of(1).digests[0].text.as_bytes(), None);
    digests.unread(lying(&key, true), "it is archived".to_owned());
    assert!(!digests.is_empty());
    let kinds: Vec<Kind> = digests.check(&keys(), None).problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [Kind::Changed, Kind::Changed, Kind::Unchecked]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever byte of whatever file somebody changes: it is told, and that file is no evidence.
    #[test]
    fn no_changed_byte_stays_unseen(which in 0_usize..9, place in any::<prop::sample::Index>(), change in 1_u8..=255) {
        let trail = Trail::of(3);
        let mut digests = Digests::default();
        for (number, Digest { key, text, signature }) in trail.digests.iter().enumerate() {
            let mut bytes = text.clone().into_bytes();
            if which == number {
                let at = place.index(bytes.len());
                bytes[at] ^= change;
            }
            digests.add(lying(key, true), &bytes, Some(signature.clone()));
        }
        let checked = digests.check(&keys(), None);
        let mut told = !checked.problems.is_empty();
        for (number, file) in trail.files.iter().enumerate() {
            let mut bytes = file.text.clone().into_bytes();
            if which == number + 3 {
                let at = place.index(bytes.len());
                bytes[at] ^= change;
                let problem = checked.problem_of(lying(&file.key, true), Hash::of(&bytes));
                prop_assert_eq!(problem.map(|problem| problem.kind), Some(Kind::Changed));
                told = true;
            }
        }
        prop_assert!(told);
    }
}
