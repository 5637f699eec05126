//! What is read: files, and objects of a bucket.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;
use snapback::digest::{Hash, Hashing, Lying};

use super::bucket::{Bucket, Object};

/// So much is inflated at a time.
pub(super) const CHUNK: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub(super) enum Source<'a> {
    File(PathBuf),
    Object(&'a Bucket, Object),
}

impl Source<'_> {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::File(path) => fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default(),
            Self::Object(_, object) => object.size,
        }
    }

    /// Its text, inflated if it is gzipped.
    pub(super) fn open(&self, progress: &ProgressBar) -> Result<Box<dyn BufRead>> {
        Ok(self.open_signed(progress)?.0)
    }

    /// The same, with the signature that lies beside it.
    pub(super) fn open_signed(&self, progress: &ProgressBar) -> Result<(Box<dyn BufRead>, Option<String>)> {
        let mut signature = None;
        let raw: Box<dyn Read> = match self {
            Self::File(path) if path == Path::new("-") => Box::new(io::stdin().lock()),
            Self::File(path) => Box::new(progress.wrap_read(File::open(path).context("cannot be opened")?)),
            Self::Object(bucket, object) => {
                let got = bucket.get(&object.key)?;
                signature = got.signature;
                Box::new(progress.wrap_read(Cursor::new(got.bytes)))
            }
        };
        let mut raw = BufReader::new(raw);
        let is_gzip = raw.fill_buf().context("cannot be read")?.starts_with(&[0x1f, 0x8b]);
        let inflated = |raw| BufReader::with_capacity(CHUNK, MultiGzDecoder::new(raw));
        Ok((if is_gzip { Box::new(inflated(raw)) } else { Box::new(raw) }, signature))
    }

    /// What it is called where it lies. A path is told with slashes, as keys are.
    pub(super) fn key(&self) -> String {
        match self {
            Self::File(path) => path.to_string_lossy().replace('\\', "/"),
            Self::Object(_, object) => object.key.clone(),
        }
    }

    pub(super) fn lying<'a>(&'a self, key: &'a str) -> Lying<'a> {
        let bucket = match self {
            Self::File(_) => None,
            Self::Object(bucket, _) => Some(bucket.name.as_str()),
        };
        Lying { bucket, key }
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object(bucket, object) => write!(f, "s3://{}/{}", bucket.name, object.key),
        }
    }
}

/// A text whose hash is added up while it is read.
pub(super) struct Hashed<R> {
    text: R,
    hashing: Hashing,
}

impl<R: BufRead> Hashed<R> {
    pub(super) fn new(text: R) -> Self {
        Self { text, hashing: Hashing::default() }
    }

    /// The hash of all of it, also of what nobody has read.
    pub(super) fn end(mut self) -> io::Result<Hash> {
        loop {
            let length = self.fill_buf()?.len();
            if length == 0 {
                return Ok(self.hashing.end());
            }
            self.consume(length);
        }
    }
}

impl<R: BufRead> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.text.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed has been filled in before: this reads nothing.
        if let Ok(filled) = self.text.fill_buf() {
            self.hashing.add(&filled[..amount.min(filled.len())]);
        }
        self.text.consume(amount);
    }
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let filled = self.fill_buf()?;
        let length = filled.len().min(into.len());
        into[..length].copy_from_slice(&filled[..length]);
        self.consume(length);
        Ok(length)
    }
}
