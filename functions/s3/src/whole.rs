//! Whether the SDK knows all of what S3 answers. What it does not know it drops, so that it would be lost if what was read
//! were written back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// What a bucket has, and whether it could be written back.
#[derive(Debug)]
pub(crate) struct Found<T> {
    /// Nothing if it has none, if the bucket is gone, or if it has a form that is not known.
    pub kept: Option<T>,
    /// Why it could not be written back with all that S3 has told of it.
    pub unknown: Option<String>,
}

impl<T> Found<T> {
    pub(crate) fn nothing() -> Self {
        Self { kept: None, unknown: None }
    }
}

/// Reads along with a call.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    /// The elements that the SDK knows.
    known: &'static [&'static str],
    is_whole: Arc<AtomicBool>,
}

impl Whole {
    pub(crate) fn of(known: &'static [&'static str]) -> Self {
        Self { known, is_whole: Arc::new(AtomicBool::new(false)) }
    }

    /// What became of the last answer, as it was read.
    pub(crate) fn found<T>(&self, read: Result<Option<T>>) -> Found<T> {
        match read {
            Err(error) => Found { kept: None, unknown: Some(format!("{error:#}")) },
            Ok(kept) if self.is_whole.load(Ordering::Relaxed) => Found { kept, unknown: None },
            Ok(kept) => Found { kept, unknown: Some("S3 returned more than Snapback knows".to_owned()) },
        }
    }
}

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "Whole"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response().body().bytes().unwrap_or_default();
        let is_known = |name| self.known.contains(&name);
        self.is_whole.store(elements(&String::from_utf8_lossy(answer)).all(is_known), Ordering::Relaxed);
        Ok(())
    }
}

/// The names of all elements. What begins with another character than a letter is none: an end, or the declaration.
fn elements(xml: &str) -> impl Iterator<Item = &str> {
    let starts = xml.split('<').skip(1).filter(|rest| rest.starts_with(char::is_alphabetic));
    starts.map(|rest| rest.split(|end: char| end.is_whitespace() || end == '>' || end == '/').next().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_named_in_every_form() {
        let xml = "<?xml version=\"1.0\"?>\n<All xmlns=\"http://x/\"><One>a &lt;b></One><Two/><Three a='b' /></All>";
        assert_eq!(elements(xml).collect::<Vec<_>>(), ["All", "One", "Two", "Three"]);
    }
}
