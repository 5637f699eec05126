//! What is Snapback's own. A deployed function knows it from its stack; an event does not say whose key it is about.

use std::collections::BTreeSet;

use clap::builder::NonEmptyStringValueParser;
use snapback::control::AnyControl;
use snapback::event::Event;
use snapback::json;
use snapback::settings::{Own, Settings};

#[derive(Debug, clap::Args)]
pub(crate) struct OwnParts {
    /// The name of Snapback's stack, with which the names of its parts begin
    #[arg(long, value_name = "NAME", default_value = "snapback", value_parser = NonEmptyStringValueParser::new())]
    stack: String,
    /// The key of your journal: the stack's output `JournalKeyArn`. Events about keys can only be judged with all three
    #[arg(long, value_name = "ARN", value_parser = key, requires = "operators_key", requires = "topic_key")]
    journal_key: Option<String>,
    /// The key that seals what operators say in it: the stack's output `OperatorsKeyArn`
    #[arg(long, value_name = "ARN", value_parser = key, requires = "journal_key", requires = "topic_key")]
    operators_key: Option<String>,
    /// The key of your topic: the stack's output `TopicKeyArn`
    #[arg(long, value_name = "ARN", value_parser = key, requires = "journal_key", requires = "operators_key")]
    topic_key: Option<String>,
}

/// What is said of an event about a key of which nobody has said whether it is Snapback's.
pub(crate) const CANNOT_TELL: &str = "cannot tell whether it is about a key of Snapback: name its keys with --journal-key, --operators-key and --topic-key";

/// Whose key an event is about, if that is not known.
const SERVICE: &str = "kms.amazonaws.com";

/// Of no key.
const ANY: &str = "arn:aws:kms:::key/any";

impl OwnParts {
    pub(crate) fn named(&self) -> Own {
        let Self { stack, journal_key, operators_key, topic_key } = self;
        let keys = [journal_key, operators_key, topic_key].into_iter().flatten().cloned().collect();
        let (journal_key, operators_key) = (journal_key.clone(), operators_key.clone());
        // What a stack may have besides is asked as well.
        Own { stack: stack.clone(), keys, journal_key, operators_key, has_organizations: true, ..Own::default() }
    }
}

/// Whether a control would suspect the event if its key were Snapback's, and nobody has said whether it is.
pub(crate) fn is_unknown(control: &AnyControl, event: &Event, settings: &Settings) -> bool {
    if event.service != SERVICE || !settings.own.keys.is_empty() {
        return false;
    }
    let named = json::text(&event.request, "keyId").map(str::to_owned);
    let keys: BTreeSet<String> = event.resources.iter().cloned().chain(named).chain([ANY.to_owned()]).collect();
    let any = Some(ANY.to_owned());
    let own = Own { keys, journal_key: any.clone(), operators_key: any, ..settings.own.clone() };
    !(control.suspect)(event, &Settings { own, ..settings.clone() }).is_empty()
}

fn key(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        ["arn", _, "kms", _, _, key] if key.starts_with("key/") => Ok(text.to_owned()),
        _ => Err("expected the ARN of a key, such as `arn:aws:kms:eu-central-1:111122223333:key/1a2b3c4d`".to_owned()),
    }
}
