//! Inflates every `.gz` below a folder and looks at nothing: what `benches/replay.py` measures `snapback replay` against.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("expected a folder")?;
    let (mut files, threads) = (vec![], thread::available_parallelism()?.get());
    list(Path::new(&folder), &mut files)?;
    let share = |lane| files.iter().skip(lane).step_by(threads);
    let bytes = thread::scope(|scope| {
        let lanes: Vec<_> =
            (0..threads).map(|lane| scope.spawn(move || share(lane).map(|f| inflate(f)).sum())).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Ok(0))).sum::<Result<u64>>()
    })?;
    writeln!(io::stdout(), "{bytes}")?;
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "gz") {
            files.push(path);
        }
    }
    Ok(())
}

fn inflate(file: &Path) -> Result<u64> {
    let (mut bytes, mut chunk) = (0, vec![0; 64 * 1024]);
    let mut inflated = MultiGzDecoder::new(BufReader::new(File::open(file)?));
    loop {
        match inflated.read(&mut chunk).with_context(|| format!("inflating {}", file.display()))? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}
