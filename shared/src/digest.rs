//! CloudTrail's digests: which log files it has delivered and what was in them, hour by hour, under its signature.
//!
//! A digest names the log files of an hour with their hashes, and the digest before it with its hash and signature: so the
//! digests of a trail, account and Region are a chain. What signs them is a key of CloudTrail's; the signature lies beside
//! the digest, in the metadata of its object, and in the digest that comes next. So a folder that was copied from a bucket
//! has all signatures but those of the last digests.
//!
//! Nothing here reads a file or asks AWS: whoever has digests adds them, and then asks of each log file what they say.
//! - <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>
//! - <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html>

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;

/// The folder of digests, beside that of the log files.
pub const FOLDER: &str = "CloudTrail-Digest";

/// How CloudTrail signs.
const SIGNED_BY: &str = "SHA256withRSA";
const HASHED_BY: &str = "SHA-256";

/// How much later than others the digest of an hour may come.
const LATE: SignedDuration = SignedDuration::from_hours(2);

/// What stands for the signature before that of the first digest of a chain.
const NO_SIGNATURE: &str = "null";

/// The hash of what a file holds, inflated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// Adds up the hash of a file that comes in pieces.
pub struct Hashing(ring::digest::Context);

/// Where a file lies. Of a folder that was copied from a bucket, nobody knows from which.
#[derive(Debug, Clone, Copy)]
pub struct Lying<'a> {
    pub bucket: Option<&'a str>,
    pub key: &'a str,
}

/// CloudTrail's public keys, by their fingerprints.
#[derive(Debug, Default)]
pub struct Keys(HashMap<String, Vec<u8>>);

/// Digests whose chains are not checked yet.
#[derive(Debug, Default)]
pub struct Digests {
    /// By the name of the trail, account and Region, which all its digests have; those that come late are by themselves.
    chains: BTreeMap<(String, bool), Vec<Found>>,
    problems: Vec<Problem>,
}

/// What the digests say of the log files.
#[derive(Debug, Default)]
pub struct Checked {
    files: HashMap<String, Vec<Named>>,
    /// The time that the digests of an account and Region are about.
    spans: HashMap<(String, String), (Timestamp, Timestamp)>,
    /// What keeps the log files from being evidence.
    pub problems: Vec<Problem>,
    /// What else there is to know: where chains begin.
    pub notes: Vec<String>,
    pub digests: u64,
}

/// Why logs are no evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: Kind,
    pub place: String,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Somebody other than CloudTrail has written it, or changed it since.
    Changed,
    /// It was there, and is no more.
    Missing,
    /// A log file that no digest names.
    Injected,
    /// Nobody knows which log files there were for a while.
    Gap,
    /// It cannot be told.
    Unchecked,
}

/// What the digests say of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    Named(&'a [Named]),
    /// No digest is of its time yet, or any more.
    Newer,
    Older,
    /// Digests are of its time, and none names it.
    Nothing,
}

/// A log file as a digest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    bucket: String,
    key: String,
    hash: String,
    proof: Proof,
}

/// What a digest is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Proof {
    Signed,
    /// No digest follows yet that has its signature.
    Last,
    /// It could not be checked.
    Unsigned,
    /// It is not what CloudTrail has signed.
    Forged,
}

#[derive(Debug)]
struct Found {
    place: String,
    digest: Content,
    at: Timestamp,
    hash: Hash,
    signature: Option<String>,
}

/// What stands in a digest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    digest_start_time: Timestamp,
    /// As it is written: so it is signed.
    digest_end_time: String,
    digest_s3_bucket: String,
    digest_s3_object: String,
    digest_public_key_fingerprint: String,
    digest_signature_algorithm: String,
    previous_digest_s3_object: Option<String>,
    previous_digest_hash_value: Option<String>,
    previous_digest_signature: Option<String>,
    #[serde(default)]
    log_files: Vec<LogFile>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFile {
    s3_bucket: String,
    s3_object: String,
    hash_value: String,
    hash_algorithm: String,
}

/// What the name of a digest says:
/// `111122223333_CloudTrail-Digest_eu-central-1_trail_us-east-1_20260131T120000Z.json.gz`, with `_backfill` after the time
/// where its log files came late.
#[derive(Debug, PartialEq, Eq)]
pub struct DigestName<'a> {
    /// What all digests of the chain have.
    chain: &'a str,
    account: &'a str,
    region: &'a str,
    /// What all digests of the trail have.
    trail: &'a str,
    /// The trail's own Region, which has the keys.
    pub home: &'a str,
    pub at: Timestamp,
    is_late: bool,
}

impl<'a> DigestName<'a> {
    #[must_use]
    pub fn of(key: &'a str) -> Option<Self> {
        let name = file_name(key).strip_suffix(".json.gz")?;
        let (name, is_late) = name.strip_suffix("_backfill").map_or((name, false), |name| (name, true));
        let (chain, at) = name.rsplit_once('_')?;
        let (_, home) = chain.rsplit_once('_')?;
        let mut parts = chain.splitn(4, '_');
        let (account, kind, region, trail) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (kind == FOLDER).then_some(())?;
        Some(Self { chain, account, region, trail, home, at: time("%Y%m%dT%H%M%SZ", at)?, is_late })
    }
}

/// The account, the Region and the time that the name of a log file tells:
/// `111122223333_CloudTrail_eu-central-1_20260131T1200Z_AbCd.json.gz`.
#[must_use]
pub fn log_file(key: &str) -> Option<(&str, &str, Timestamp)> {
    let mut parts = file_name(key).splitn(5, '_');
    let (account, kind, region, at) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (kind == "CloudTrail").then_some((account, region, time("%Y%m%dT%H%MZ", at)?))
}

fn time(format: &str, text: &str) -> Option<Timestamp> {
    Some(DateTime::strptime(format, text).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn file_name(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, name)| name)
}

impl Default for Hashing {
    fn default() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl Hashing {
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    #[must_use]
    pub fn end(self) -> Hash {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        Hash(hash)
    }
}

impl Hash {
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hashing = Hashing::default();
        hashing.add(bytes);
        hashing.end()
    }

    fn is(self, hex: &str) -> bool {
        self.to_string().eq_ignore_ascii_case(hex)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashing")
    }
}

impl fmt::Display for Lying<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bucket {
            Some(bucket) => write!(f, "s3://{bucket}/{}", self.key),
            None => f.write_str(self.key),
        }
    }
}

impl Lying<'_> {
    /// Whether it is where somebody says, as far as anybody can know.
    fn is_at(&self, bucket: &str, key: &str) -> bool {
        match self.bucket {
            Some(own) => (own, self.key) == (bucket, key),
            None => file_name(self.key) == file_name(key),
        }
    }
}

impl Keys {
    /// A key as `ListPublicKeys` gives it: DER, in the form of PKCS#1.
    pub fn add(&mut self, fingerprint: String, key: Vec<u8>) {
        self.0.insert(fingerprint, key);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Digests {
    /// Adds a digest: its text, inflated, and its signature if that lies beside it.
    pub fn add(&mut self, lying: Lying<'_>, text: &[u8], signature: Option<String>) {
        let place = lying.to_string();
        let digest: Content = match serde_json::from_slice(text) {
            Ok(digest) => digest,
            Err(error) => return self.problem(Kind::Changed, place, format!("it is no digest: {error}")),
        };
        let name = DigestName::of(lying.key);
        let at = digest.digest_end_time.parse::<Timestamp>().ok();
        let (Some(name), Some(at)) = (name, at) else {
            return self.problem(Kind::Changed, place, "it is no digest by its name and time".to_owned());
        };
        if !lying.is_at(&digest.digest_s3_bucket, &digest.digest_s3_object) || name.at != at {
            let why = format!("it says that it lies at s3://{}/{}", digest.digest_s3_bucket, digest.digest_s3_object);
            return self.problem(Kind::Changed, place, why);
        }
        let found = Found { place, at, hash: Hash::of(text), signature, digest };
        self.chains.entry((name.chain.to_owned(), name.is_late)).or_default().push(found);
    }

    /// What is there and cannot be read.
    pub fn unread(&mut self, lying: Lying<'_>, why: String) {
        self.problem(Kind::Unchecked, lying.to_string(), why);
    }

    fn problem(&mut self, kind: Kind, place: String, why: String) {
        self.problems.push(Problem { kind, place, why });
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.problems.is_empty()
    }

    /// The Regions whose keys have signed them, and the time that they are of.
    #[must_use]
    pub fn signed_in(&self) -> BTreeMap<String, (Timestamp, Timestamp)> {
        let mut homes: BTreeMap<String, (Timestamp, Timestamp)> = BTreeMap::new();
        for found in self.chains.values().flatten() {
            let Some(name) = DigestName::of(&found.digest.digest_s3_object) else { continue };
            let (first, last) = homes.entry(name.home.to_owned()).or_insert((found.at, found.at));
            (*first, *last) = ((*first).min(found.digest.digest_start_time), (*last).max(found.at));
        }
        homes
    }

    /// Checks every digest and every chain of them. What was before `since` is nobody's question.
    #[must_use]
    pub fn check(self, keys: &Keys, since: Option<Timestamp>) -> Checked {
        let mut checked = Checked { problems: self.problems, ..Checked::default() };
        let mut ends: BTreeMap<String, Vec<(Timestamp, String)>> = BTreeMap::new();
        for ((_, is_late), mut chain) in self.chains {
            chain.sort_by(|one, other| (one.at, &one.place).cmp(&(other.at, &other.place)));
            // Copies in a folder are the same digest.
            chain.dedup_by(|one, other| one.hash == other.hash);
            for (number, found) in chain.iter().enumerate() {
                let (before, next) = (number.checked_sub(1).map(|before| &chain[before]), chain.get(number + 1));
                checked.link(found, before, is_late, since);
                checked.digest(found, next, keys);
            }
            let name = chain.last().and_then(|last| Some((last, DigestName::of(&last.digest.digest_s3_object)?)));
            if let Some((last, name)) = name.filter(|_| !is_late) {
                ends.entry(name.trail.to_owned()).or_default().push((last.at, last.place.clone()));
            }
        }
        checked.end(ends.into_values());
        checked
    }
}

impl Found {
    /// What CloudTrail has signed.
    fn signed(&self) -> String {
        let Content { digest_end_time, digest_s3_bucket, digest_s3_object, previous_digest_signature, .. } =
            &self.digest;
        let before = previous_digest_signature.as_deref().unwrap_or(NO_SIGNATURE);
        format!("{digest_end_time}\n{digest_s3_bucket}/{digest_s3_object}\n{}\n{before}", self.hash)
    }

    fn follows(&self, before: &Self) -> bool {
        self.digest.previous_digest_s3_object.as_deref() == Some(&before.digest.digest_s3_object)
    }

    /// What it is worth, and why it is worth less than it might be.
    fn proof(&self, next: Option<&Self>, keys: &Keys) -> (Proof, String) {
        let Content { digest_public_key_fingerprint: fingerprint, digest_signature_algorithm, .. } = &self.digest;
        let of_next =
            next.filter(|next| next.follows(self)).and_then(|next| next.digest.previous_digest_signature.as_ref());
        if keys.is_empty() {
            return (Proof::Unsigned, "its signature cannot be checked without CloudTrail's public keys".to_owned());
        }
        let Some(key) = keys.0.get(fingerprint) else {
            let why =
                format!("its signature cannot be checked: CloudTrail's key {fingerprint} is not among those given");
            return (Proof::Unsigned, why);
        };
        let Some(signature) = self.signature.as_ref().or(of_next) else {
            let why = "it counts for nothing: its signature lies beside it in the bucket, or in a digest that follows";
            return (Proof::Last, why.to_owned());
        };
        if digest_signature_algorithm != SIGNED_BY {
            return (Proof::Unsigned, format!("its signature cannot be checked: it is none of {SIGNED_BY}"));
        }
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        let is_good =
            from_hex(signature).is_some_and(|signature| key.verify(self.signed().as_bytes(), &signature).is_ok());
        if is_good {
            (Proof::Signed, String::new())
        } else {
            (Proof::Forged, "CloudTrail has not signed it".to_owned())
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok());
    if is_hex { pairs.collect() } else { None }
}

impl Checked {
    fn problem(&mut self, kind: Kind, place: &str, why: String) {
        self.problems.push(Problem { kind, place: place.to_owned(), why });
    }

    /// A trail has digests of all its accounts and Regions each hour, also where nothing happens. Where they end before the
    /// others, somebody may have removed the newest.
    fn end(&mut self, trails: impl Iterator<Item = Vec<(Timestamp, String)>>) {
        for ends in trails {
            let newest = ends.iter().map(|(at, _)| *at).max().unwrap_or(Timestamp::MIN);
            for (at, place) in ends.iter().filter(|(at, _)| newest.duration_since(*at) > LATE) {
                let why = format!(
                    "its chain ends at {at}, that of others of the trail at {newest}: nobody knows which log files there were after it"
                );
                self.problem(Kind::Gap, place, why);
            }
        }
    }

    /// Whether a digest follows the one before it.
    fn link(&mut self, found: &Found, before: Option<&Found>, is_late: bool, since: Option<Timestamp>) {
        let Content { previous_digest_s3_object, previous_digest_hash_value, digest_start_time: start, .. } =
            &found.digest;
        match (before, previous_digest_s3_object) {
            // Which log files come late depends on nothing, so these digests begin whenever there is one.
            (_, None) if is_late => {}
            (None, None) => self.notes.push(format!("{}: the first digest of its trail, from {start}", found.place)),
            (None, Some(_)) if since.is_some_and(|since| *start <= since) => {}
            (None, Some(_)) => {
                self.notes.push(format!("{}: from {start}; the digests before it are not here", found.place));
            }
            (Some(before), None) => {
                let why = format!(
                    "the chain begins anew: nobody knows which log files there were from {} to {start}",
                    before.at
                );
                self.problem(Kind::Gap, &found.place, why);
            }
            (Some(before), Some(object)) if !found.follows(before) => {
                let why = format!(
                    "the digest before it is missing ({object}): nobody knows which log files there were from {} to {start}",
                    before.at
                );
                self.problem(Kind::Gap, &found.place, why);
            }
            (Some(before), Some(_)) => {
                let is_same = previous_digest_hash_value.as_ref().is_some_and(|hash| before.hash.is(hash));
                let of_next = found.digest.previous_digest_signature.as_ref();
                let is_signed_so = before
                    .signature
                    .as_ref()
                    .is_none_or(|own| of_next.is_some_and(|of_next| own.eq_ignore_ascii_case(of_next)));
                if !is_same || !is_signed_so {
                    self.problem(Kind::Changed, &before.place, "it is not what the digest after it names".to_owned());
                }
            }
        }
    }

    fn digest(&mut self, found: &Found, next: Option<&Found>, keys: &Keys) {
        self.digests += 1;
        let (proof, why) = found.proof(next, keys);
        match proof {
            Proof::Signed => {}
            Proof::Last => self.notes.push(format!("{}: {why}", found.place)),
            Proof::Unsigned => self.problem(Kind::Unchecked, &found.place, why),
            Proof::Forged => self.problem(Kind::Changed, &found.place, why),
        }
        for file in &found.digest.log_files {
            let known = file.hash_algorithm == HASHED_BY;
            let LogFile { s3_bucket: bucket, s3_object: key, hash_value: hash, .. } = file;
            let (bucket, key, hash) = (bucket.clone(), key.clone(), hash.clone());
            let proof = if known { proof } else { proof.max(Proof::Unsigned) };
            self.files.entry(file_name(&key).to_owned()).or_default().push(Named { bucket, key, hash, proof });
        }
        let name = DigestName::of(&found.digest.digest_s3_object).filter(|name| !name.is_late);
        if let Some(name) = name.filter(|_| matches!(proof, Proof::Signed | Proof::Unsigned)) {
            let of = (name.account.to_owned(), name.region.to_owned());
            let (first, last) = self.spans.entry(of).or_insert((found.digest.digest_start_time, found.at));
            (*first, *last) = ((*first).min(found.digest.digest_start_time), (*last).max(found.at));
        }
    }

    /// What the digests say of a log file, by where it lies.
    #[must_use]
    pub fn say(&self, lying: Lying<'_>) -> Said<'_> {
        if let Some(named) = self.files.get(file_name(lying.key)) {
            let is_of_last = named.iter().all(|named| named.proof == Proof::Last);
            return if is_of_last { Said::Newer } else { Said::Named(named) };
        }
        let span = log_file(lying.key)
            .and_then(|(account, region, at)| Some((at, self.spans.get(&(account.to_owned(), region.to_owned()))?)));
        match span {
            Some((at, (_, last))) if at >= *last => Said::Newer,
            Some((at, (first, _))) if at < *first => Said::Older,
            _ => Said::Nothing,
        }
    }

    /// Why a log file with this hash is no evidence, if it is none.
    #[must_use]
    pub fn problem_of(&self, lying: Lying<'_>, hash: Hash) -> Option<Problem> {
        let problem = |kind, why: &str| Some(Problem { kind, place: lying.to_string(), why: why.to_owned() });
        let Said::Named(named) = self.say(lying) else {
            return problem(Kind::Injected, "no digest names it: CloudTrail has not delivered it");
        };
        let here = named.iter().filter(|named| lying.is_at(&named.bucket, &named.key));
        let Some(best) = here.filter(|named| hash.is(&named.hash)).map(|named| named.proof).min() else {
            return problem(Kind::Changed, "it is not what its digest names: it has been changed");
        };
        match best {
            Proof::Signed => None,
            Proof::Last | Proof::Unsigned => {
                problem(Kind::Unchecked, "it is what its digest names, whose signature could not be checked")
            }
            Proof::Forged => problem(Kind::Changed, "it is named by a digest that CloudTrail has not signed"),
        }
    }

    /// The log files that are named and not there, of those that are meant. What is there is told by its names.
    #[must_use]
    pub fn missing(&self, there: &HashSet<&str>, is_meant: impl Fn(&str) -> bool) -> Vec<Problem> {
        let gone = self.files.iter().filter(|(name, _)| !there.contains(name.as_str()));
        let gone: BTreeSet<String> = gone
            .flat_map(|(_, named)| named.iter().take(1))
            .filter(|named| is_meant(&named.key))
            .map(|named| Lying { bucket: Some(&named.bucket), key: &named.key }.to_string())
            .collect();
        let why = "a digest names it, and it is not there: it has been removed, or is among what is not read";
        gone.into_iter().map(|place| Problem { kind: Kind::Missing, place, why: why.to_owned() }).collect()
    }

    /// The time that the digests are of.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let firsts = self.spans.values().map(|(first, _)| *first).min()?;
        Some((firsts, self.spans.values().map(|(_, last)| *last).max()?))
    }
}
