//! What functions write is signed by the process that writes it, so that KMS is asked once an hour and not for each item.
//!
//! When a process first needs to, it makes a pair of keys, of which the private one never leaves it, and has KMS certify
//! the other: an HMAC by the journal's key, over the public key, the table with its account and Region, and the time in
//! which it may sign. Readers have KMS check each certificate once, and check signatures themselves.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, ED25519_PUBLIC_KEY_LEN, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use tokio::sync::OnceCell;

use super::seal::BYTES_OF_MAC;
use super::{Journal, digest_of};
use crate::aws::failure;

/// More certificates than all processes of a stack's functions have in an hour.
const MOST_KNOWN: usize = 1_000;

/// Says what a certificate is over, as `seal.rs` says it of seals.
const WORDS: &str = "snapback certificate 1";

/// The longest time in which a key may sign. What gives it longer is none of ours.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// How long before that is over a process makes another.
const BEFORE_ITS_END: SignedDuration = SignedDuration::from_mins(15);

/// How far the clocks of two machines may be apart. AWS refuses the calls of one that is further off. In it there is room
/// for CloudTrail's times as well, of which the parts of a second are cut off.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// Which key may sign, and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Certificate {
    /// The public one.
    key: [u8; ED25519_PUBLIC_KEY_LEN],
    from: Timestamp,
    until: Timestamp,
    mac: [u8; BYTES_OF_MAC],
}

/// A signature as an item has it, not yet believed.
struct Signature {
    certificate: Certificate,
    at: Timestamp,
    bytes: Vec<u8>,
}

/// A process that may sign.
#[derive(Debug)]
struct Signer {
    pair: Ed25519KeyPair,
    certificate: Certificate,
}

/// What a process signs with, and the certificates that KMS has told it are genuine.
#[derive(Debug, Default)]
pub(super) struct Certified {
    signer: tokio::sync::Mutex<Option<Arc<Signer>>>,
    known: std::sync::Mutex<HashMap<Certificate, Arc<OnceCell<bool>>>>,
}

impl Certificate {
    /// Whether it is not to be renewed yet.
    fn lasts(&self, now: Timestamp) -> bool {
        self.covers(now) && self.covers(now + BEFORE_ITS_END)
    }

    /// Whether it may sign at a time.
    fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until && self.until.duration_since(self.from) <= LONGEST
    }
}

impl Signature {
    fn of(attributes: &HashMap<String, AttributeValue>) -> Option<Self> {
        let bytes = |name: &str| Some(attributes.get(name)?.as_b().ok()?.as_ref());
        let time = |name: &str| Timestamp::from_second(attributes.get(name)?.as_n().ok()?.parse().ok()?).ok();
        let certificate = Certificate {
            key: bytes("key")?.try_into().ok()?,
            from: time("from")?,
            until: time("until")?,
            mac: bytes("mac")?.try_into().ok()?,
        };
        Some(Self { certificate, at: time("at")?, bytes: bytes("signature")?.to_vec() })
    }

    fn attribute(&self) -> AttributeValue {
        let blob = |bytes: &[u8]| AttributeValue::B(Blob::new(bytes));
        let Self { certificate: Certificate { key, from, until, mac }, at, bytes } = self;
        AttributeValue::M(HashMap::from([
            ("key".to_owned(), blob(key)),
            ("from".to_owned(), super::seconds(*from)),
            ("until".to_owned(), super::seconds(*until)),
            ("mac".to_owned(), blob(mac)),
            ("at".to_owned(), super::seconds(*at)),
            ("signature".to_owned(), blob(bytes)),
        ]))
    }
}

impl Journal {
    /// Has this process certified while there is nothing to sign yet. What goes wrong is said when there is.
    pub async fn prepare(&self) {
        let _ = self.signer().await;
    }

    /// The seal of a text that is signed here and now.
    pub(super) async fn sign(&self, text: String) -> Result<AttributeValue> {
        let signer = self.signer().await?;
        let (certificate, at) = (signer.certificate.clone(), in_seconds(Timestamp::now())?);
        let message = signed_text(text, &self.certified_text(&certificate).await?, at);
        let bytes = signer.pair.sign(message.as_bytes()).as_ref().to_vec();
        Ok(Signature { certificate, at, bytes }.attribute())
    }

    /// When a text was signed, if it was by who may, at a time at which it may have been.
    pub(super) async fn signed_at(
        &self,
        attributes: &HashMap<String, AttributeValue>,
        text: String,
    ) -> Result<Option<Timestamp>> {
        let Some(Signature { certificate, at, bytes }) = Signature::of(attributes) else { return Ok(None) };
        if !certificate.covers(at) || at > Timestamp::now() + CLOCKS {
            return Ok(None);
        }
        let certified = self.certified_text(&certificate).await?;
        let key = UnparsedPublicKey::new(&ED25519, certificate.key);
        // Before KMS is asked: what is only garbled costs no call.
        if key.verify(signed_text(text, &certified, at).as_bytes(), &bytes).is_err() {
            return Ok(None);
        }
        let known = self.certified.known(&certificate);
        let is_genuine = known.get_or_try_init(|| self.is_mac(&self.key, &certified, &certificate.mac)).await?;
        Ok(is_genuine.then_some(at))
    }

    /// What this process signs with.
    async fn signer(&self) -> Result<Arc<Signer>> {
        let (mut signer, now) = (self.certified.signer.lock().await, in_seconds(Timestamp::now())?);
        if let Some(signer) = signer.as_ref().filter(|signer| signer.certificate.lasts(now)) {
            return Ok(signer.clone());
        }
        let failed = || anyhow!("making a key that signs what the journal says");
        let secret = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| failed())?;
        let pair = Ed25519KeyPair::from_pkcs8(secret.as_ref()).map_err(|_| failed())?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| failed())?;
        let mut certificate = Certificate { key, from: now, until: now + LONGEST, mac: [0; BYTES_OF_MAC] };
        let mac = self.mac(&self.key, &self.certified_text(&certificate).await?).await?;
        certificate.mac = mac.try_into().map_err(|_| failed())?;
        self.certified.known(&certificate).set(true).ok();
        let new = Arc::new(Signer { pair, certificate });
        *signer = Some(new.clone());
        Ok(new)
    }

    /// What the HMAC of a certificate is over.
    async fn certified_text(&self, Certificate { key, from, until, .. }: &Certificate) -> Result<String> {
        let (account, key) = (self.account().await?, digest_of(key));
        let (region, table, from, until) = (&self.region, &self.table, from.as_second(), until.as_second());
        Ok(format!("{WORDS}\n{key}\n{account}\n{region}\n{table}\n{from}\n{until}"))
    }

    /// The account of the table: operators name a table of their own account.
    async fn account(&self) -> Result<&str> {
        let ask = async || {
            let sts = crate::retry::client!(aws_sdk_sts, &self.config);
            let caller = sts.get_caller_identity().send().await;
            let caller = caller.map_err(failure).context("asking AWS in which account the journal is")?;
            anyhow::Ok(caller.account.unwrap_or_default())
        };
        self.account.get_or_try_init(ask).await.map(String::as_str)
    }
}

impl Certified {
    /// Whether KMS has said that a certificate is genuine, to be asked once.
    fn known(&self, certificate: &Certificate) -> Arc<OnceCell<bool>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever may write the table can sign with as many keys as they like.
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.entry(certificate.clone()).or_default().clone()
    }
}

/// Whether something may be about an event of this time.
pub(super) fn may_be_about(event: Timestamp, at: Timestamp) -> bool {
    at + CLOCKS >= event
}

/// What a signature is over: what a seal is over, the certificate and the time.
fn signed_text(text: String, certified: &str, at: Timestamp) -> String {
    format!("{text}\n{}\n{}", digest_of(certified.as_bytes()), at.as_second())
}

/// As items and certificates have it.
fn in_seconds(time: Timestamp) -> Result<Timestamp> {
    Ok(Timestamp::from_second(time.as_second())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_well_before_it_ends_and_when_the_clock_was_put_back() {
        let from: Timestamp = "2026-01-31T12:00:00Z".parse().expect("a time");
        let certificate = |hours| Certificate {
            key: [0; ED25519_PUBLIC_KEY_LEN],
            from,
            until: from + SignedDuration::from_hours(hours),
            mac: [0; BYTES_OF_MAC],
        };
        let minutes = |minutes| from + SignedDuration::from_mins(minutes);
        for (now, covers, lasts) in [
            (-1, false, false),
            (0, true, true),
            (45, true, true),
            (46, true, false),
            (60, true, false),
            (61, false, false),
        ] {
            let one = certificate(1);
            assert_eq!((one.covers(minutes(now)), one.lasts(minutes(now))), (covers, lasts), "{now}");
        }
        assert!(!certificate(2).covers(minutes(1)) && !certificate(-1).covers(minutes(0)));
    }
}
