//! `--verify`: whether what is replayed is what CloudTrail has delivered, by its digests ([`snapback::digest`]).

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{Read as _, Write};
use std::mem;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use aws_config::{Region, SdkConfig};
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_smithy_types::base64;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use snapback::aws::{self, failure};
use snapback::digest::{Checked, Digests, Keys, Kind, Said};

use super::lanes::{self, Lane};
use super::source::Source;
use super::{Telling, plural};
use crate::trouble::{self, advice};

/// More than any digest has, inflated: it names the log files of an hour.
const LARGEST: u64 = 256 * 1024 * 1024;

/// How many of the places are shown where chains begin and end.
const SHOWN_NOTES: usize = 5;

/// A key may be needed somewhat beyond the time that it is asked for.
const AROUND: SignedDuration = SignedDuration::from_hours(2);

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArguments {
    /// Check the log files by CloudTrail's digests, and say whether what is told is evidence
    #[arg(long, conflicts_with = "history")]
    pub(super) verify: bool,
    /// With --verify, CloudTrail's public keys, as `aws cloudtrail list-public-keys` prints them; without, files are checked
    /// by their hashes alone, and AWS is asked for the keys of a bucket's digests
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub(super) public_keys: Option<PathBuf>,
}

/// How AWS is asked for the keys.
type Asked<'a> = &'a dyn Fn(&Digests) -> Result<Keys>;

/// What `aws cloudtrail list-public-keys` prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    public_key_list: Vec<PublicKey>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublicKey {
    fingerprint: String,
    value: String,
}

/// What of the log files is worth being called evidence.
pub(super) struct Verified {
    pub(super) checked: Checked,
    /// How many of them no digest is about, so that they are not read.
    newer: usize,
    older: usize,
}

impl VerifyArguments {
    /// Reads the digests, checks them, and leaves the log files that they are about. `asked` says with whose credentials AWS
    /// is asked for the keys.
    pub(super) fn check<'a>(
        &self,
        digests: Vec<Source<'a>>,
        files: Vec<Source<'a>>,
        since: Option<Timestamp>,
        is_meant: impl Fn(&str) -> bool,
        threads: NonZeroUsize,
        asked: Option<Asked<'_>>,
    ) -> Result<(Verified, Vec<Source<'a>>)> {
        let found = read(&digests, threads)?;
        if found.is_empty() {
            bail!(
                "there are no digests to verify by: they lie in the folder CloudTrail-Digest beside the log files, if the trail \
                 has log file validation"
            );
        }
        let keys = match (&self.public_keys, asked) {
            (Some(path), _) => given(path)?,
            (None, Some(asked)) => asked(&found)?,
            (None, None) => Keys::default(),
        };
        let mut checked = found.check(&keys, since);
        let names: Vec<String> = files.iter().map(Source::key).collect();
        let there: HashSet<&str> = names.iter().map(|key| key.rsplit('/').next().unwrap_or(key)).collect();
        let missing = checked.missing(&there, is_meant);
        checked.problems.extend(missing);
        let (mut newer, mut older) = (0, 0);
        let is_told = |(file, key): &(Source<'a>, String)| match checked.say(file.lying(key)) {
            Said::Newer => {
                newer += 1;
                false
            }
            Said::Older => {
                older += 1;
                false
            }
            Said::Named(_) | Said::Nothing => true,
        };
        let files = files.into_iter().zip(names).filter(is_told).map(|(file, _)| file).collect();
        Ok((Verified { checked, newer, older }, files))
    }
}

/// The text of a digest, and the signature beside it.
type Read = Result<(Vec<u8>, Option<String>)>;

/// All digests, read side by side.
fn read(sources: &[Source<'_>], threads: NonZeroUsize) -> Result<Digests> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} digests, {eta}")?;
    let progress = ProgressBar::new(sources.len() as u64).with_style(style);
    let hidden = ProgressBar::hidden();
    let work = |lane: &mut Lane<'_, Source<'_>, Read>| {
        while let Some(source) = lane.next() {
            lane.tell(text(source, &hidden))?;
            lane.end()?;
        }
        Ok(())
    };
    let (mut digests, mut sources_read) = (Digests::default(), sources.iter());
    lanes::in_order(sources, threads, work, |read| {
        let source = sources_read.next().context("more was read than there is")?;
        let key = source.key();
        match read {
            Ok((text, signature)) => digests.add(source.lying(&key), &text, signature),
            Err(error) => digests.unread(source.lying(&key), format!("{error:#}")),
        }
        progress.inc(1);
        Ok(())
    })?;
    progress.finish_and_clear();
    Ok(digests)
}

fn text(source: &Source<'_>, progress: &ProgressBar) -> Read {
    let (text, signature) = source.open_signed(progress)?;
    let mut bytes = vec![];
    text.take(LARGEST + 1).read_to_end(&mut bytes).context("cannot be read to its end")?;
    ensure!(bytes.len() as u64 <= LARGEST, "it is larger than a digest");
    Ok((bytes, signature))
}

/// The keys in a file.
fn given(path: &PathBuf) -> Result<Keys> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let what = || format!("{} is not what `aws cloudtrail list-public-keys` prints", path.display());
    let mut keys = Keys::default();
    // Of several Regions, what it prints may stand one after the other.
    for listed in serde_json::Deserializer::from_str(&text).into_iter::<Listed>() {
        for key in listed.with_context(what)?.public_key_list {
            keys.add(key.fingerprint, base64::decode(&key.value).with_context(what)?);
        }
    }
    ensure!(!keys.is_empty(), "{}", what());
    Ok(keys)
}

/// The keys as CloudTrail lists them, in the Regions of the trails.
pub(super) async fn listed(digests: &Digests, config: &SdkConfig) -> Result<Keys> {
    let mut keys = Keys::default();
    for (home, (first, last)) in digests.signed_in() {
        let config = config.to_builder().region(Region::new(home.clone())).build();
        let client = snapback::client!(aws_sdk_cloudtrail, &config);
        let (mut next, time) = (None, |time: Timestamp| DateTime::from_secs(time.as_second()));
        loop {
            let (from, to) = (first.saturating_sub(AROUND)?, last.saturating_add(AROUND)?);
            let call = client.list_public_keys().start_time(time(from)).end_time(time(to));
            let answer = call.set_next_token(next).send().await.map_err(|error| {
                let error = failure(error).context("listing CloudTrail's public keys");
                if aws::is_denied(&error) {
                    let what = format!("your credentials may not list CloudTrail's public keys in {home}");
                    let to_do =
                        "It takes cloudtrail:ListPublicKeys. Whoever may can save them for you, for --public-keys.";
                    return advice(&what, to_do, &error);
                }
                trouble::with_advice(error, &config)
            })?;
            for key in answer.public_key_list.unwrap_or_default() {
                if let (Some(fingerprint), Some(value)) = (key.fingerprint, key.value) {
                    keys.add(fingerprint, value.into_inner());
                }
            }
            next = answer.next_token;
            if next.is_none() {
                break;
            }
        }
    }
    Ok(keys)
}

impl Verified {
    /// What the digests alone say: before any log file is read.
    pub(super) fn begin(&mut self, telling: &mut Telling<'_, impl Write>) -> Result<()> {
        let notes = &self.checked.notes;
        notes.iter().take(SHOWN_NOTES).try_for_each(|note| telling.say(note))?;
        if let Some(more) = notes.len().checked_sub(SHOWN_NOTES).filter(|more| *more > 0) {
            telling.say(&format!("{more} more of this kind"))?;
        }
        mem::take(&mut self.checked.problems).into_iter().try_for_each(|problem| telling.doubt(problem))
    }

    /// Whether what was told is evidence, and the last line, which says so.
    pub(super) fn verdict(&self, problems: &BTreeMap<Kind, u64>, verified: u64, bad: u64) -> (bool, String) {
        let span = self.checked.span().map_or(String::new(), |(first, last)| format!(", from {first:.0} to {last:.0}"));
        let left = [(self.newer, "newer than the last digest"), (self.older, "older than the first")];
        let left = left.iter().filter(|(number, _)| *number > 0);
        let left: String = left
            .map(|(number, what)| format!("; left out {number} log file{} {what}", plural(*number as u64)))
            .collect();
        let digests = self.checked.digests;
        if problems.is_empty() && bad == 0 && verified > 0 {
            let (of_files, of_digests) = (plural(verified), plural(digests));
            let what = format!("{digests} digest{of_digests} of {verified} log file{of_files}");
            return (true, format!("evidence: CloudTrail has signed {what}{span}{left}"));
        }
        let word = |kind: Kind| match kind {
            Kind::Changed => "changed",
            Kind::Missing => "missing",
            Kind::Injected => "injected",
            Kind::Gap => "with a gap beside it",
            Kind::Unchecked => "unchecked",
        };
        let mut why: Vec<String> = problems.iter().map(|(kind, number)| format!("{number} {}", word(*kind))).collect();
        if bad > 0 {
            why.push(format!("{bad} bad"));
        }
        if why.is_empty() {
            why.push("no log file was verified".to_owned());
        }
        let what = format!("{} of {digests} digests and their log files, {verified} verified", why.join(", "));
        (false, format!("no evidence: {what}{span}{left}"))
    }
}
