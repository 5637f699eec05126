//! Whoever can write the table cannot make the journal say something: what is believed carries a seal, over the item's own
//! key and its content. So it holds for just this content in just this place.
//!
//! What operators say, which is holds and the stop, has an HMAC by the operators' key as its seal: a key that never leaves
//! KMS, and that functions may only verify with. All else is signed by the process that writes it (`signature.rs`). The
//! place of an item alone decides which of the two is believed there.

use std::collections::HashMap;
use std::fmt;

use anyhow::{Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use jiff::Timestamp;
use tracing::warn;

use super::{COVERAGE, HOLD, Journal, Key, MEMBERS, STOP, digest_of, text};
use crate::aws::{code, failure};

/// Says what else a seal is over. Other words mean other seals: nothing that the key has ever sealed for something else
/// is taken for an item.
const WORDS: &str = "snapback journal 1";

const ALGORITHM: MacAlgorithmSpec = MacAlgorithmSpec::HmacSha256;

/// An HMAC with SHA-256 has 256 bits.
pub(super) const BYTES_OF_MAC: usize = 32;

type Item = HashMap<String, AttributeValue>;

/// The content of an item as it is stored. Only what carries a genuine seal is read.
pub(super) enum Content<'a> {
    Plain(&'a str),
    /// Compressed.
    Packed(&'a [u8]),
    /// In items of their own, which need no seal: the sealed digest is of all of them.
    Parts {
        digest: &'a str,
        number: usize,
    },
}

/// The content of an item that was written, as it is, by whom it may be written.
pub(super) struct Genuine<'a> {
    pub(super) content: Content<'a>,
    /// When it was signed; nothing of what KMS has sealed.
    pub(super) at: Option<Timestamp>,
}

/// An item that stands in the journal and was not written, as it is, by anyone who may use the key for its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Forged {
    pk: String,
    seal: Option<AttributeValue>,
}

impl<'a> Content<'a> {
    fn of(item: &'a Item) -> Result<Self> {
        Ok(match (item.get("packed"), item.get("parts")) {
            (Some(AttributeValue::B(packed)), _) => Self::Packed(packed.as_ref()),
            (_, Some(AttributeValue::N(number))) => {
                Self::Parts { digest: text(item, "digest")?, number: number.parse()? }
            }
            _ => Self::Plain(text(item, "body")?),
        })
    }

    /// How it is stored, without which its bytes might be read as something else.
    fn form(&self) -> String {
        match self {
            Self::Plain(_) => "plain".to_owned(),
            Self::Packed(_) => "packed".to_owned(),
            Self::Parts { number, .. } => format!("{number} parts"),
        }
    }

    fn digest(&self) -> String {
        match self {
            Self::Plain(json) => digest_of(json.as_bytes()),
            Self::Packed(packed) => digest_of(packed),
            Self::Parts { digest, .. } => (*digest).to_owned(),
        }
    }
}

impl Forged {
    pub(super) fn of(item: &Item) -> Self {
        let [pk, sk] = ["pk", "sk"].map(|name| text(item, name).unwrap_or_default());
        warn!(pk, sk, "this item of the journal is not genuine: whoever wrote it like this could not seal it");
        Self { pk: pk.to_owned(), seal: item.get("seal").cloned() }
    }

    pub(super) fn is_at(&self, (pk, _): &Key) -> bool {
        self.pk == *pk
    }

    /// The seal that it pretends to have.
    pub(super) fn seal(&self) -> Option<&AttributeValue> {
        self.seal.as_ref()
    }
}

/// Names it by what was asked for: its other keys and its content are the words of whoever has forged it.
impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pk.split_once('#') {
            Some(("entry", id)) => write!(f, "entry `{id}`")?,
            None if self.pk == "gap" => f.write_str("what is known of a gap")?,
            None if self.pk == MEMBERS => f.write_str("the list of trusted members")?,
            Some((COVERAGE, of)) => write!(f, "what was found of the coverage of {of}")?,
            Some(("hold", resource)) => write!(f, "a hold on `{resource}`")?,
            Some(("memory", resource)) => write!(f, "the baseline of `{resource}`")?,
            _ => f.write_str("the emergency stop")?,
        }
        f.write_str(
            " in the journal is not genuine, so it is not believed: whoever wrote it like this could write the table and \
             not use its key",
        )
    }
}

impl std::error::Error for Forged {}

impl Journal {
    /// The seal of an item that is about to be written.
    pub(super) async fn seal(&self, key: &Key, content: &Content<'_>) -> Result<AttributeValue> {
        if !is_of_operators(&key.0) {
            return self.sign(sealed_text(key, content)).await;
        }
        let seal = self.mac(&self.operators_key, &sealed_text(key, content)).await?;
        Ok(AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(seal)))
    }

    /// The content of an item, if it is genuine. What has no seal costs no call.
    pub(super) async fn genuine<'a>(&self, item: &'a Item) -> Result<Result<Genuine<'a>, Forged>> {
        let key = (text(item, "pk")?.to_owned(), text(item, "sk")?.to_owned());
        let (Ok(content), Some(seal)) = (Content::of(item), item.get("seal")) else {
            return Ok(Err(Forged::of(item)));
        };
        let text = sealed_text(&key, &content);
        let at = match seal {
            AttributeValue::B(mac) if is_of_operators(&key.0) => {
                self.is_mac(&self.operators_key, &text, mac.as_ref()).await?.then_some(None)
            }
            AttributeValue::M(signature) if !is_of_operators(&key.0) => {
                self.signed_at(signature, text).await?.map(Some)
            }
            _ => None,
        };
        Ok(at.map(|at| Genuine { content, at }).ok_or_else(|| Forged::of(item)))
    }

    /// What KMS makes of a text with a key.
    pub(super) async fn mac(&self, key: &str, text: &str) -> Result<Vec<u8>> {
        let call = self.kms.generate_mac().key_id(key).mac_algorithm(ALGORITHM).message(message(text));
        let answer = call.send().await.map_err(|error| failure(error).context("sealing it with the journal's key"))?;
        let mac = answer.mac.unwrap_or_default().into_inner();
        ensure!(mac.len() == BYTES_OF_MAC, "AWS has made a seal of {} bytes", mac.len());
        Ok(mac)
    }

    /// Whether KMS has made this of a text with a key.
    pub(super) async fn is_mac(&self, key: &str, text: &str, mac: &[u8]) -> Result<bool> {
        // KMS refuses other lengths in another way, which would look like an outage.
        if mac.len() != BYTES_OF_MAC {
            return Ok(false);
        }
        let call = self.kms.verify_mac().key_id(key).mac_algorithm(ALGORITHM);
        match call.message(message(text)).mac(Blob::new(mac)).send().await {
            Ok(answer) => Ok(answer.mac_valid),
            Err(error) if code(&error) == Some("KMSInvalidMacException") => Ok(false),
            Err(error) => Err(failure(error).context("checking with the journal's key whether an item is genuine")),
        }
    }
}

/// Whether only operators may say what stands there.
fn is_of_operators(pk: &str) -> bool {
    pk == STOP || pk.starts_with(HOLD)
}

/// What a seal is over.
fn sealed_text((pk, sk): &Key, content: &Content<'_>) -> String {
    // Each by itself, so that what is moved from one to the next is something else.
    let [pk, sk] = [pk, sk].map(|name| digest_of(name.as_bytes()));
    format!("{WORDS}\n{pk}\n{sk}\n{}\n{}", content.form(), content.digest())
}

/// What KMS gets of a text, always of the same length: it takes at most 4,096 bytes, and nobody may make an item that it
/// refuses for its length. <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html>
fn message(text: &str) -> Blob {
    Blob::new(digest_of(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seal_is_over_each_name_and_the_content_and_always_short() {
        let message =
            |pk: &str, sk: &str, content| message(&sealed_text(&(pk.to_owned(), sk.to_owned()), &content)).into_inner();
        let long = "\u{1}".repeat(2048);
        let all = [
            message("a", "b", Content::Plain("c")),
            message("ab", "", Content::Plain("c")),
            message("a", "", Content::Plain("bc")),
            message("a\nb", "", Content::Plain("c")),
            message("a", "b", Content::Plain("d")),
            message("a", "b", Content::Packed(b"d2")),
            message("a", "b", Content::Packed(b"c")),
            message("a", "b", Content::Parts { digest: &digest_of(b"c"), number: 1 }),
            message("a", "b", Content::Parts { digest: &digest_of(b"c"), number: 2 }),
            message(&long, &long, Content::Plain("c")),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|message| message.len() == 64));
    }

    #[test]
    fn what_is_checked_is_what_is_read_also_if_an_item_has_two_contents() {
        let both = HashMap::from([
            ("packed".to_owned(), AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new("genuine"))),
            ("body".to_owned(), AttributeValue::S("forged".to_owned())),
        ]);
        assert!(matches!(Content::of(&both), Ok(Content::Packed(b"genuine"))));
    }

    #[test]
    fn what_is_forged_is_named_without_the_words_of_who_forged_it() {
        let named = |pk: &str| {
            let named = Forged { pk: pk.to_owned(), seal: None }.to_string();
            named.split(" in the journal").next().unwrap_or_default().to_owned()
        };
        assert_eq!(named("entry#0123"), "entry `0123`");
        assert_eq!(named("hold#arn:aws:s3:::reports"), "a hold on `arn:aws:s3:::reports`");
        assert_eq!(named("stop"), "the emergency stop");
    }
}
