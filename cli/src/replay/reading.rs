//! One file after the other: what it says of its events.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::BufRead;
use std::mem;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use snapback::control::AnyControl;
use snapback::digest::{Checked, Problem};
use snapback::event::Event;
use snapback::json::said;
use snapback::logfile::{Names, Watched};
use snapback::settings::Settings;

use super::lanes::{Lane, Over};
use super::source::{Hashed, Source};
use crate::own::{self, CANNOT_TELL};
use crate::recorded::{Held, event, held};
use crate::terminal::on_one_line;

/// So much is told at a time at least, as long as there is more.
const CHUNK: usize = 64 * 1024;

/// And so many complaints.
const MOST_COMPLAINTS: usize = 1024;

/// Between what is wrong and where in its line.
const COLUMN: &str = " (column ";

/// What some editors begin a text with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What texts begin with that are not UTF-8 but UTF-16.
const OF_UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A part of what is told.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) answers: String,
    pub(super) complaints: Vec<Complaint>,
    pub(super) events: u64,
    pub(super) watched: u64,
    /// Further records of watched events, which are told once.
    pub(super) again: u64,
    /// Events that raise a suspicion, and how many suspicions they raise.
    pub(super) suspicious: u64,
    pub(super) suspicions: u64,
    /// Events of which it cannot be told whether they are suspicious.
    pub(super) unknown: u64,
    /// What was read and is no record, such as digests.
    pub(super) passed_over: u64,
    pub(super) bad: u64,
    /// Log files that are what CloudTrail has delivered, and what is wrong with others, where that is checked.
    pub(super) verified: u64,
    pub(super) problems: Vec<Problem>,
    /// The watched events, in the order in which they are told.
    told: Vec<Told>,
}

/// What a page tells of a watched event.
#[derive(Debug)]
struct Told {
    id: String,
    answers: Range<usize>,
    suspicions: u64,
    is_unknown: bool,
}

/// What is wrong with a document, and where.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) place: String,
    pub(super) why: String,
}

/// What reads a file, and has read many.
pub(super) struct Reader<'a> {
    controls: &'a [&'static AnyControl],
    settings: &'a Settings,
    json: bool,
    progress: ProgressBar,
    /// What the digests say of the log files, if that is to count.
    checked: Option<&'a Checked>,
    watched: Watched,
    page: Page,
    /// The memory of each line, as the next one is about as long.
    bytes: Vec<u8>,
}

/// CloudTrail's form of a log file.
#[derive(Debug, Deserialize)]
struct Log<T> {
    #[serde(rename = "Records")]
    records: Vec<T>,
}

impl Complaint {
    /// What is wrong, wherever it is in a line.
    pub(super) fn kind(&self) -> &str {
        self.why.split(COLUMN).next().unwrap_or(&self.why)
    }
}

impl Page {
    /// Adds up the numbers of another one.
    pub(super) fn count(&mut self, other: &Self) {
        self.events += other.events;
        self.watched += other.watched;
        self.again += other.again;
        self.suspicious += other.suspicious;
        self.suspicions += other.suspicions;
        self.unknown += other.unknown;
        self.passed_over += other.passed_over;
        self.bad += other.bad;
        self.verified += other.verified;
    }

    /// Leaves out the watched events that were told before: two trails record the same ones, and CloudTrail records some
    /// again with an addendum.
    pub(super) fn tell_once(&mut self, told: &mut HashSet<String>) {
        let again: Vec<_> = mem::take(&mut self.told).into_iter().filter(|one| !told.insert(one.id.clone())).collect();
        for Told { answers, suspicions, is_unknown, .. } in again.into_iter().rev() {
            self.answers.replace_range(answers, "");
            self.watched -= 1;
            self.again += 1;
            self.suspicious -= u64::from(suspicions > 0);
            self.suspicions -= suspicions;
            self.unknown -= u64::from(is_unknown);
        }
    }

    /// Of a place that could not be read.
    pub(super) fn unread(place: &dyn Display, why: String) -> Self {
        let mut page = Self::default();
        page.complain(place, why);
        page
    }

    fn answer(&mut self, text: &impl Display) {
        self.answers.extend([&text.to_string(), "\n"]);
    }

    fn complain(&mut self, place: &dyn Display, why: String) {
        self.bad += 1;
        self.complaints.push(Complaint { place: place.to_string(), why });
    }

    /// Whether it is worth telling already.
    fn is_full(&self) -> bool {
        self.answers.len() > CHUNK || self.complaints.len() > MOST_COMPLAINTS
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        controls: &'a [&'static AnyControl],
        settings: &'a Settings,
        json: bool,
        progress: ProgressBar,
        checked: Option<&'a Checked>,
    ) -> Self {
        let watched = Watched::by(controls.iter().copied());
        Self { controls, settings, json, progress, checked, watched, page: Page::default(), bytes: vec![] }
    }

    /// Tells everything about a file, what is wrong with it included.
    pub(super) fn file<'b>(&mut self, source: &Source<'b>, lane: &Lane<'_, Source<'b>, Page>) -> Result<(), Over> {
        let mut bytes = mem::take(&mut self.bytes);
        let place = source.to_string();
        let read = source.open(&self.progress).and_then(|reader| match self.checked {
            Some(checked) => self.checked_text(checked, source, &place, reader, &mut bytes, lane),
            None => self.text(&place, reader, &mut bytes, lane),
        });
        self.bytes = bytes;
        match read {
            Err(error) if error.is::<Over>() => return Err(Over),
            Err(error) => self.page.complain(&place, format!("{error:#}")),
            Ok(()) => {}
        }
        lane.tell(mem::take(&mut self.page))
    }

    /// A text and, once it is read, whether it is what CloudTrail has delivered.
    fn checked_text<'b>(
        &mut self,
        checked: &Checked,
        source: &Source<'b>,
        place: &str,
        reader: impl BufRead,
        bytes: &mut Vec<u8>,
        lane: &Lane<'_, Source<'b>, Page>,
    ) -> Result<()> {
        let mut reader = Hashed::new(reader);
        let read = self.text(place, &mut reader, bytes, lane);
        let hash = reader.end().context("cannot be read to its end")?;
        match checked.problem_of(source.lying(&source.key()), hash) {
            Some(problem) => self.page.problems.push(problem),
            None => self.page.verified += 1,
        }
        read
    }

    /// Tells what documents of one place hold.
    pub(super) fn documents(&mut self, place: &str, documents: &[String]) -> Page {
        for document in documents {
            if let Err(error) = self.document(&place, document.as_bytes()) {
                self.page.complain(&place, wrong(&error));
            }
        }
        mem::take(&mut self.page)
    }

    /// JSON Lines, unless the first line is only the beginning of a JSON value: then one document over many lines.
    fn text<T>(
        &mut self,
        path: &str,
        mut reader: impl BufRead,
        bytes: &mut Vec<u8>,
        lane: &Lane<'_, T, Page>,
    ) -> Result<()> {
        let (mut number, mut begun) = (0_u64, false);
        bytes.clear();
        let start = reader.fill_buf().context("cannot be read")?;
        ensure!(!OF_UTF_16.iter().any(|mark| start.starts_with(mark)), "expected UTF-8, found UTF-16");
        while reader.read_until(b'\n', bytes).context("cannot be read to its end")? > 0 {
            number += 1;
            let is_empty = trimmed(bytes).is_empty();
            let is_first = !begun && !is_empty;
            begun |= is_first;
            let place = format_args!("{path}:{number}");
            match self.document(&place, trimmed(bytes)) {
                Err(_) if is_empty => {}
                Err(error) if error.is_eof() && is_first => {
                    reader.read_to_end(bytes).context("cannot be read to its end")?;
                    self.document_or_lines(path, number, bytes);
                }
                Err(error) => self.page.complain(&place, wrong(&error)),
                Ok(()) => {}
            }
            bytes.clear();
            if self.page.is_full() {
                lane.tell(mem::take(&mut self.page))?;
            }
        }
        Ok(())
    }

    /// A text whose first line breaks off: a document over many lines, or JSON Lines of which the first is cut.
    fn document_or_lines(&mut self, path: &str, first: u64, text: &[u8]) {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let (cut, rest) = text.split_at(text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1));
        match self.document(&path, text) {
            Ok(()) => {}
            Err(error) if cut.len() <= 2 || rest.is_empty() => {
                let line = error.line().saturating_sub(1);
                self.page.complain(&format_args!("{path}:{}", first + line as u64), wrong(&error));
            }
            Err(_) => {
                self.page.complain(&format_args!("{path}:{first}"), "not JSON: the line breaks off".to_owned());
                let lines = rest.split(|byte| *byte == b'\n').map(trimmed).zip(first + 1..);
                for (line, number) in lines.filter(|(line, _)| !line.is_empty()) {
                    if let Err(error) = self.document(&format_args!("{path}:{number}"), line) {
                        self.page.complain(&format_args!("{path}:{number}"), wrong(&error));
                    }
                }
            }
        }
    }

    /// One JSON text. It is no error if what it says is no event: then that is complained of.
    fn document(&mut self, place: &dyn Display, text: &[u8]) -> serde_json::Result<()> {
        match names(text) {
            Some(names) if !names.iter().any(|names| self.watched.has(names)) => {
                for names in &names {
                    self.unwatched_names(names);
                }
            }
            Some(names) if is_log(text) => {
                let log: Log<&RawValue> = serde_json::from_slice(text)?;
                for ((names, record), number) in names.iter().zip(log.records).zip(1..) {
                    if self.watched.has(names) {
                        self.record(&format_args!("{place}, record {number}"), record);
                    } else {
                        self.unwatched_names(names);
                    }
                }
            }
            _ => self.value(place, serde_json::from_slice(text)?),
        }
        Ok(())
    }

    fn record(&mut self, place: &dyn Display, record: &RawValue) {
        match serde_json::from_str(record.get()) {
            Ok(value) => self.value(place, value),
            Err(error) => self.page.complain(place, wrong(&error)),
        }
    }

    fn value(&mut self, place: &dyn Display, value: Value) {
        match held(value) {
            Ok(Held::Event(event)) => self.event(place, event),
            Ok(Held::Many(documents)) => {
                for (document, number) in documents.into_iter().zip(1..) {
                    self.value(&format_args!("{place}, record {number}"), document);
                }
            }
            Ok(Held::Nothing) => self.page.passed_over += 1,
            Err(error) => self.page.complain(place, error),
        }
    }

    fn event(&mut self, place: &dyn Display, value: Value) {
        let event = match event(value) {
            Ok(event) => event,
            Err(error) => return self.page.complain(place, error),
        };
        let watching: Vec<_> = self.controls.iter().filter(|control| control.watches(&event)).collect();
        if watching.is_empty() {
            return self.unwatched(&event.id, &event.service, &event.name);
        }
        self.page.events += 1;
        self.page.watched += 1;
        let is_admitted = event.admit().is_ok();
        let begin = self.page.answers.len();
        let (mut all, mut unknown) = (vec![], false);
        for control in watching {
            let suspicions = if is_admitted { (control.suspect)(&event, self.settings) } else { vec![] };
            let is_unknown = is_admitted && suspicions.is_empty() && own::is_unknown(control, &event, self.settings);
            unknown |= is_unknown;
            if suspicions.is_empty() && self.json {
                let why = is_unknown.then_some(CANNOT_TELL);
                self.json_answer(&event.id, &event.service, &event.name, Some(control.about.id), None, why);
            }
            let counted = control.tells_from.filter(|from| *from > 1 && !self.json);
            let counted = counted.map(|from| format!(" (told from number {from} within a day)")).unwrap_or_default();
            all.extend(suspicions.into_iter().map(|suspicion| (control.about.id, suspicion.why + &counted)));
        }
        self.page.unknown += u64::from(unknown);
        self.suspected(&event, &all);
        let (answers, suspicions) = (begin..self.page.answers.len(), all.len() as u64);
        self.page.told.push(Told { id: event.id, answers, suspicions, is_unknown: unknown });
    }

    fn suspected(&mut self, event: &Event, suspicions: &[(&str, String)]) {
        self.page.suspicious += u64::from(!suspicions.is_empty());
        self.page.suspicions += suspicions.len() as u64;
        if !self.json && !suspicions.is_empty() {
            let Event { time, account, name, actor, .. } = event;
            self.page.answer(&on_one_line(&format!("{time} {account} {name} by {actor}")));
        }
        for (control, why) in suspicions {
            if self.json {
                self.json_answer(&event.id, &event.service, &event.name, Some(control), Some(why), None);
            } else {
                self.page.answer(&on_one_line(&format!("    {control}: {why}")));
            }
        }
    }

    fn unwatched_names(&mut self, names: &Names<'_>) {
        if names.is_repeating() {
            self.page.passed_over += 1;
        } else {
            self.unwatched(names.id(), names.event_source, names.event_name);
        }
    }

    fn unwatched(&mut self, id: &str, service: &str, name: &str) {
        self.page.events += 1;
        if self.json {
            self.json_answer(id, service, name, None, None, None);
        }
    }

    fn json_answer(
        &mut self,
        id: &str,
        service: &str,
        name: &str,
        control: Option<&str>,
        suspicion: Option<&str>,
        unknown: Option<&str>,
    ) {
        let mut line = json!({
            "eventID": id, "eventSource": service, "eventName": name, "control": control, "suspicion": suspicion,
        });
        if let Some(why) = unknown {
            line["unknown"] = json!(why);
        }
        self.page.answer(&line);
    }
}

/// What is wrong with a text, and where in its line.
fn wrong(error: &serde_json::Error) -> String {
    format!("{}{COLUMN}{})", said(error), error.column())
}

/// A line without what stands around its JSON, such as the mark of a text that begins with it.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii()
}

/// What the records of a document are called, if it is one record or a log and each can be judged by that; most are of
/// no interest then, and nothing else of them is kept.
fn names(text: &[u8]) -> Option<Vec<Names<'_>>> {
    let is_log = is_log(text);
    let text = str::from_utf8(text).ok()?;
    let names = if is_log {
        serde_json::from_str::<Log<Names<'_>>>(text).ok()?.records
    } else {
        vec![serde_json::from_str(text).ok()?]
    };
    names.iter().all(Names::are_a_record).then_some(names)
}

/// As CloudTrail writes it. Other spellings are read as well, only not as fast.
fn is_log(text: &[u8]) -> bool {
    text.starts_with(br#"{"Records":"#)
}
