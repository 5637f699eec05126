//! # A key policy lets strangers in
//!
//! **Watches** of AWS KMS `PutKeyPolicy` and `CreateKey`.
//!
//! **Why** Whoever may use a key reads whatever is encrypted with it, once they have it in their hands, and whoever may
//! manage it can take it away from you (endgame backdoors keys this way).
//!
//! **Does** Asks an operator, also in mode `revert`, unless `ModeOverrides` names this control by its full id: data is lost
//! to everybody who loses the key. The plan removes from the policy that the key has now what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays byte for byte. A key always has a policy: if nothing is left of it, the key
//! gets the policy that KMS gives to new keys, which leaves it to the account's IAM who may use it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - everyone of one's own account, by `kms:CallerAccount`
//! - keys that are created with the policy that KMS gives to new keys
//! - grants that an operator has restored with `snapback undo`
//! - Snapback's own keys, which `own-disabled-key` guards
//!
//! It alerts and touches nothing where it cannot tell, as do the other controls of policies; and where nobody of the account
//! could manage the key by what is left of the policy. It never writes a policy that KMS's own check against locking oneself
//! out refuses: its role must not skip that check.

use anyhow::Result;
use serde_json::json;
use snapback::change::Holder;
use snapback::control::{About, Look, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::policed::{Nothing, Policed, State, Told, ToldPolicy};
use snapback::policy::PolicyText;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, KEY, SERVICE, is_left_to_the_account};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct OpenKeyPolicy;

impl Policed for OpenKeyPolicy {
    const ABOUT: &'static About = &About {
        id: "kms-open-key-policy",
        title: "A key policy lets strangers in",
        happened: "was opened to strangers by its policy",
        watches: &[Watch { service: SERVICE, name: "PutKeyPolicy" }, Watch { service: SERVICE, name: "CreateKey" }],
        reads: &[rights::GET_KEY_POLICY],
        writes: &[rights::PUT_KEY_POLICY],
        undoes: &[rights::GET_KEY_POLICY, rights::PUT_KEY_POLICY],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP KMS.5", "ATT&CK T1098", "ATT&CK T1486", "endgame kms"],
        caveat: "Whoever was let in may have made grants, which stay: look at `aws kms list-grants`. What they have decrypted \
                 they keep.",
        source: file!(),
    };
    const WORD: &'static str = KEY;
    const ASKS_UNLESS_NAMED: bool = true;
    const SURVEY: Option<Survey> = Some(aws::KEYS);

    type Beside = Nothing;

    fn told(event: &Event) -> Told {
        let policy = json::text(&event.request, "policy").map(str::to_owned);
        // A replica is created by the call upon its primary, with that call's policy.
        let is_replica = event.response["keyMetadata"]["multiRegionConfiguration"]["multiRegionKeyType"] == "REPLICA";
        let policy = match policy {
            None if event.name == "CreateKey" && !json::is_left_out(&event.request) && !is_replica => ToldPolicy::None,
            told => told.into(),
        };
        Told { subject: told::subject(event), policy }
    }

    fn is_anothers(subject: &Subject, settings: &Settings) -> bool {
        settings.own.keys.contains(&subject.arn)
    }

    fn holder(subject: &Subject) -> Option<Holder> {
        told::key_of(subject).map(|id| Holder::Resource { word: KEY.to_owned(), id: id.to_owned() })
    }

    async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Nothing>> {
        Ok(State::seen(aws::policy(look.place, holder.id()).await?, Nothing {}))
    }

    fn locks_out(event: &Event, left: Option<&PolicyText>) -> Option<String> {
        let is_left = left.is_some_and(|left| is_left_to_the_account(left.as_str(), &event.account));
        (!is_left).then(|| {
            "by what would be left of the policy nobody of the account could manage the key: write one that names the account, \
             with `aws kms put-key-policy`"
                .to_owned()
        })
    }

    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
    fn default_policy(subject: &Subject) -> Option<String> {
        let partition = subject.arn.split(':').nth(1).unwrap_or("aws");
        let statement = json!({
            "Sid": "Enable IAM User Permissions", "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{partition}:iam::{}:root", subject.account)},
            "Action": "kms:*", "Resource": "*",
        });
        Some(json!({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}).to_string())
    }
}
