//! One log file, as it comes in: its records that may matter. It makes no call, and has no more in memory than one record and
//! those that matter of what was inflated at once.

use std::fmt;
use std::io::Write;

use anyhow::{Context, Result};
use flate2::write::MultiGzDecoder;
use snapback::logfile::{LogFile, Names, Records, Watched};

pub(crate) struct Reading<'a> {
    inflating: MultiGzDecoder<Records<Matters<'a>>>,
}

type Matters<'a> = Box<dyn FnMut(&[u8]) -> bool + Send + 'a>;

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn new(watched: &'a Watched, file: &'a LogFile) -> Self {
        let matters = move |record: &[u8]| may_matter(record, watched, file);
        Self { inflating: MultiGzDecoder::new(Records::new(Box::new(matters))) }
    }

    /// The records that may matter in a further part of the file.
    ///
    /// # Errors
    /// When it is no log file.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.inflating.write_all(part).context("it is refused")?;
        // What was inflated lies in the decoder until it is asked for.
        self.inflating.flush().context("it is refused")?;
        Ok(self.inflating.get_mut().take())
    }

    /// Ends the file; how many records it had.
    ///
    /// # Errors
    /// When it breaks off.
    pub(crate) fn end(self) -> Result<u64> {
        let records = self.inflating.finish().context("it is refused: its gzip breaks off")?;
        records.end().context("it is refused")
    }
}

/// Whether a record is to be read in full: some control watches it, or it cannot be of this file, or that is not certain.
fn may_matter(record: &[u8], watched: &Watched, file: &LogFile) -> bool {
    let names = serde_json::from_slice::<Names<'_>>(record).ok().filter(Names::are_a_record);
    let is_of = |names: &Names<'_>| names.recipient_account_id.is_none_or(|account| account == file.account);
    names.is_none_or(|names| watched.has(&names) || !is_of(&names))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use functions::controls;
    use serde_json::{Value, json};

    use super::*;

    fn file() -> LogFile {
        LogFile {
            organization: None,
            account: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            date: "2026-01-31".parse().expect("a date"),
        }
    }

    fn record(id: &str, name: &str, more: &Value) -> Value {
        let mut record = json!({"eventID": id, "eventSource": "s3.amazonaws.com", "eventName": name,
            "eventTime": "2026-01-31T12:00:00Z", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333"});
        record.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        record
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(text).and_then(|()| encoder.finish()).expect("in memory")
    }

    /// The ids of the records that may matter, and how many there are.
    fn read(file: &[u8]) -> Result<(Vec<String>, u64)> {
        let (watched, of) = (Watched::by(controls()), self::file());
        let (mut reading, mut ids) = (Reading::new(&watched, &of), vec![]);
        for part in file.chunks(7) {
            for record in reading.push(part)? {
                let record: Value = serde_json::from_slice(&record)?;
                ids.push(record["eventID"].as_str().unwrap_or_default().to_owned());
            }
        }
        Ok((ids, reading.end()?))
    }

    #[test]
    fn what_no_control_watches_is_left_out_unless_it_cannot_be_of_the_file() -> Result<()> {
        let root = json!({"userIdentity": {"type": "Root"}});
        let records = [
            record("watched", "PutBucketPolicy", &json!({})),
            record("by-root", "PutBucketTagging", &root),
            record("ordinary", "PutBucketTagging", &json!({})),
            record("repeats", "PutBucketPolicy", &json!({"eventType": "AwsVpceEvent"})),
            record("of-another", "PutBucketTagging", &json!({"recipientAccountId": "444455556666"})),
            record("elsewhere", "PutBucketTagging", &json!({"awsRegion": "us-east-1"})),
            record("without-a-time", "PutBucketTagging", &json!({"eventTime": null})),
        ];
        let (ids, number) = read(&gzip(json!({"Records": records}).to_string().as_bytes()))?;
        assert_eq!(ids, ["watched", "by-root", "of-another", "without-a-time"]);
        assert_eq!(number, 7);
        Ok(())
    }

    #[test]
    fn what_is_no_gzip_or_breaks_off_is_refused() {
        let text = json!({"Records": [record("a", "PutBucketPolicy", &json!({}))]}).to_string();
        let whole = gzip(text.as_bytes());
        assert!(read(&whole).is_ok());
        for end in [0, 1, 9, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
            assert!(read(&whole[..end]).is_err(), "{end} of {} bytes", whole.len());
        }
        let mut damaged = whole.clone();
        *damaged.last_mut().expect("bytes") ^= 1;
        let more = [whole.as_slice(), b"more"].concat();
        let twice = [whole.as_slice(), whole.as_slice()].concat();
        for bad in [damaged, more, twice, text.into_bytes(), gzip(b"hello"), gzip(b"")] {
            assert!(read(&bad).is_err());
        }
    }

    #[test]
    fn a_file_in_several_parts_of_gzip_is_one() -> Result<()> {
        let text = json!({"Records": [record("a", "PutBucketPolicy", &json!({}))]}).to_string();
        let (begin, end) = text.as_bytes().split_at(20);
        assert_eq!(read(&[gzip(begin), gzip(end)].concat())?, (vec!["a".to_owned()], 1));
        Ok(())
    }
}
