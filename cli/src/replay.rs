//! `snapback replay`: what Snapback would have thought of recorded events.
//!
//! It reads CloudTrail's log files (`{"Records": […]}`, gzipped or not), JSON Lines of records or of EventBridge
//! events, and single events as they lie in `events/`. It calls nothing: it tells the suspicion, not the decision.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use snapback::control::AnyControl;
use snapback::event::Event;
use snapback::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files and directories of CloudTrail records or EventBridge events; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The controls that are asked: an id, or a pattern such as `s3-*`, which means none that are opt-in
    #[arg(long, default_value = "*")]
    control: String,
    /// One line for each event and control that watches it: eventID, eventSource, eventName, control, suspicion
    #[arg(long)]
    json: bool,
    /// Ports that may be reached from anywhere, such as `tcp/80,tcp/8000-8100,udp/53,icmp`
    #[arg(long, env = "SNAPBACK_PUBLIC_PORTS", default_value = "tcp/80,tcp/443")]
    public_ports: String,
}

/// What has been seen so far, and where the answers go.
struct Replay<'a, W> {
    out: &'a mut W,
    controls: Vec<&'static AnyControl>,
    json: bool,
    settings: Settings,
    progress: ProgressBar,
    events: u64,
    watched: u64,
    suspicious: u64,
    bad: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let Ok(public_ports) = arguments.public_ports.parse() else {
        bail!("--public-ports: expected ports such as `tcp/80,udp/53,icmp`, found `{}`", arguments.public_ports);
    };
    let controls = crate::controls::meant_by(&arguments.control)?;
    let files = all_files(&arguments.files)?;
    let sizes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|metadata| metadata.len());
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}")?;
    let progress = ProgressBar::new(sizes.sum()).with_style(style);
    let settings = Settings { public_ports, ..Settings::default() };
    let json = arguments.json;
    let mut replay = Replay { out, controls, json, settings, progress, events: 0, watched: 0, suspicious: 0, bad: 0 };
    for file in &files {
        if let Err(error) = replay.file(file) {
            if error.downcast_ref::<Unwritable>().is_some() {
                return Err(error);
            }
            replay.complain(&format!("{}: {error:#}", file.display()))?;
        }
    }
    replay.progress.finish_and_clear();
    let Replay { out, events, watched, suspicious, bad, .. } = replay;
    if !json {
        write!(out, "{events} event{}, {watched} watched, ", if events == 1 { "" } else { "s" })?;
        writeln!(out, "{suspicious} suspicious{}", if bad == 0 { String::new() } else { format!(", {bad} bad") })?;
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl<W: Write> Replay<'_, W> {
    fn file(&mut self, path: &Path) -> Result<()> {
        let raw: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path).context("cannot be opened")?;
            Box::new(self.progress.wrap_read(file))
        };
        let mut raw = BufReader::new(raw);
        let is_gzip = raw.fill_buf().context("cannot be read")?.starts_with(&[0x1f, 0x8b]);
        if is_gzip { self.text(path, BufReader::new(MultiGzDecoder::new(raw))) } else { self.text(path, raw) }
    }

    /// JSON Lines, unless the first line is only the beginning of a JSON value: then one document over many lines.
    fn text(&mut self, path: &Path, mut reader: impl BufRead) -> Result<()> {
        let (mut line, mut number, mut begun) = (vec![], 0_u64, false);
        while reader.read_until(b'\n', &mut line).context("cannot be read to its end")? > 0 {
            number += 1;
            let trimmed = line.trim_ascii();
            let is_first = !begun;
            begun |= !trimmed.is_empty();
            match serde_json::from_slice::<Value>(trimmed) {
                _ if trimmed.is_empty() => {}
                Ok(value) => self.document(&format!("{}:{number}", path.display()), value)?,
                Err(error) if error.is_eof() && is_first => {
                    reader.read_to_end(&mut line).context("cannot be read to its end")?;
                    self.document_or_lines(path, number, &line)?;
                }
                Err(error) => self.complain(&format!("{}:{number}: not JSON: {error}", path.display()))?,
            }
            line.clear();
        }
        Ok(())
    }

    /// A text whose first line breaks off: a document over many lines, or JSON Lines of which the first is cut.
    fn document_or_lines(&mut self, path: &Path, first: u64, text: &[u8]) -> Result<()> {
        let (cut, rest) = text.split_at(text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1));
        match serde_json::from_slice(text) {
            Ok(value) => self.document(&path.display().to_string(), value),
            Err(error) if cut.len() <= 2 || rest.is_empty() => {
                let line = first - 1 + u64::try_from(error.line())?;
                self.complain(&format!("{}:{line}: not JSON: {error}", path.display()))
            }
            Err(_) => {
                self.complain(&format!("{}:{first}: not JSON: the line breaks off", path.display()))?;
                for (line, number) in rest.split(|byte| *byte == b'\n').zip(first + 1..) {
                    let place = format!("{}:{number}", path.display());
                    match serde_json::from_slice(line.trim_ascii()) {
                        _ if line.trim_ascii().is_empty() => {}
                        Ok(value) => self.document(&place, value)?,
                        Err(error) => self.complain(&format!("{place}: not JSON: {error}"))?,
                    }
                }
                Ok(())
            }
        }
    }

    fn document(&mut self, place: &str, mut value: Value) -> Result<()> {
        let records = match value.get_mut("Records").map(Value::take) {
            Some(Value::Array(records)) => records,
            Some(_) => return self.complain(&format!("{place}: field `Records`: expected a list of records")),
            None => match value {
                Value::Array(records) => records,
                lone => return self.event(place, lone),
            },
        };
        for (index, record) in records.into_iter().enumerate() {
            self.event(&format!("{place}, record {}", index + 1), record)?;
        }
        Ok(())
    }

    fn event(&mut self, place: &str, value: Value) -> Result<()> {
        let is_envelope = value.get("detail").is_some();
        let event = match if is_envelope { Event::from_envelope(value) } else { Event::from_record(value) } {
            Ok(event) => event,
            Err(error) => return self.complain(&format!("{place}: {error}")),
        };
        self.events += 1;
        let watching: Vec<&AnyControl> =
            self.controls.iter().copied().filter(|control| control.watches(&event)).collect();
        self.watched += u64::from(!watching.is_empty());
        if watching.is_empty() {
            return self.answer(&event, None, None);
        }
        for control in watching {
            let id = Some(control.about.id);
            if event.admit().is_err() {
                self.answer(&event, id, None)?;
                continue;
            }
            let suspicions = (control.suspect)(&event, &self.settings);
            if suspicions.is_empty() {
                self.answer(&event, id, None)?;
            }
            for suspicion in suspicions {
                self.answer(&event, id, Some(&suspicion.why))?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, event: &Event, control: Option<&str>, suspicion: Option<&str>) -> Result<()> {
        self.suspicious += u64::from(suspicion.is_some());
        let line = match (self.json, suspicion) {
            (true, _) => json!({
                "eventID": event.id, "eventSource": event.service, "eventName": event.name,
                "control": control, "suspicion": suspicion,
            })
            .to_string(),
            (false, Some(why)) => {
                let control = control.unwrap_or_default();
                format!("{} {} {} by {}\n    {control}: {why}", event.time, event.account, event.name, event.actor)
            }
            (false, None) => return Ok(()),
        };
        writeln!(self.out, "{line}").map_err(|error| anyhow::Error::from(error).context(Unwritable))
    }

    fn complain(&mut self, text: &str) -> Result<()> {
        self.bad += 1;
        self.progress.suspend(|| writeln!(io::stderr(), "snapback: {text}"))?;
        Ok(())
    }
}

/// The answers cannot be written: no reason to complain of the file that is being read.
#[derive(Debug)]
struct Unwritable;

impl std::fmt::Display for Unwritable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("writing the answers")
    }
}

/// Files as they are, directories with everything below them that looks like records, in a stable order.
fn all_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).with_context(|| format!("{}: cannot be listed", path.display()))?;
        let mut below: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        below.sort();
        let is_record = |path: &PathBuf| {
            let name = path.to_string_lossy();
            path.is_dir() || [".json", ".json.gz", ".jsonl", ".jsonl.gz"].iter().any(|end| name.ends_with(end))
        };
        files.extend(all_files(&below.into_iter().filter(is_record).collect::<Vec<_>>())?);
    }
    Ok(files)
}
