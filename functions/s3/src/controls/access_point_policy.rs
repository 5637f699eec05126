//! # The policy of an access point lets strangers in
//!
//! **Watches** `PutAccessPointPolicy`.
//!
//! **Why** An access point is a second door to a bucket, with a policy of its own. Where the bucket's policy delegates
//! access to its access points, as AWS recommends, a statement there that allows `"*"` or somebody else's account opens
//! the bucket, unseen by anyone who checks only bucket policies.
//!
//! **Does** Reads the access point's present policy and removes from it what lets in everyone, or untrusted accounts
//! and organizations: one principal of a list, one of the values that a condition allows, or else the whole statement.
//! Everything else stays byte for byte. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - access points that can only be reached from a VPC
//! - what the bucket's own policy does not let in: an access point grants nothing that the bucket does not
//! - what Block Public Access already neutralises (`RestrictPublicBuckets`, of the access point, the bucket or the
//!   account), which is what S3 takes for public
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a bucket of another account, everyone from a network or a range of
//! addresses, a condition or a `Deny` that may keep strangers out, a policy that it cannot read, an event that does not
//! say which access point. Access points of Object Lambda and of several Regions are not looked at.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Flag, Flags, Holder};
use snapback::control::{About, Look, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::policed::{Barrier, Policed, State, Told};
use snapback::policy::{Grant, Kind, Policy, PolicyText, Trust};
use snapback::subject::Subject;

use crate::bucket_policy::BLOCKED;
use crate::{aws, block, rights, told};

#[derive(Debug)]
pub(crate) struct AccessPointPolicy;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beside {
    /// Nothing if the access point is gone.
    pub point: Option<aws::Point>,
    /// The policy of its bucket.
    pub bucket_policy: Option<PolicyText>,
    /// The settings of Block Public Access of the bucket and of the account.
    pub on: Flags,
}

impl Policed for AccessPointPolicy {
    // Where CloudTrail records calls to S3 Control was not seen.
    const ABOUT: &'static About = &About {
        id: "s3-access-point-policy",
        title: "The policy of an access point lets strangers in",
        happened: "was opened to strangers by its policy",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "PutAccessPointPolicy" },
            Watch { service: "s3-control.amazonaws.com", name: "PutAccessPointPolicy" },
        ],
        reads: &[
            rights::GET_ACCESS_POINT,
            rights::GET_ACCESS_POINT_POLICY,
            rights::GET_BUCKET_POLICY,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
        ],
        writes: &[rights::PUT_ACCESS_POINT_POLICY, rights::DELETE_ACCESS_POINT_POLICY],
        undoes: &[rights::GET_ACCESS_POINT_POLICY, rights::PUT_ACCESS_POINT_POLICY],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP S3.19", "ATT&CK T1537", "ATT&CK T1530"],
        caveat: "Data may have been read in the meantime: check the bucket's access logs or data events.",
        source: file!(),
    };

    const WORD: &'static str = "access point";
    const SURVEY: Option<Survey> = Some(aws::ACCESS_POINTS);

    type Beside = Beside;

    fn told(event: &Event) -> Told {
        let named = told::access_point(event).map(|name| Subject::access_point(event, name));
        let policy = told::access_point_policy(event).into();
        Told { subject: named.unwrap_or_else(|| Subject::account(event)), policy }
    }

    fn holder(subject: &Subject) -> Option<Holder> {
        (subject.kind == Self::WORD).then(|| Holder::AccessPoint(subject.name.clone()))
    }

    async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Beside>> {
        let Holder::AccessPoint(name) = holder else { return Ok(State::default()) };
        let (point, policy) = futures::try_join!(aws::access_point(look, name), aws::access_point_policy(look, name))?;
        let Some(point) = point else { return Ok(State::default()) };
        if point.bucket_account.as_ref() != Some(&look.place.account) {
            return Ok(State::seen(policy, Beside { point: Some(point), ..Beside::default() }));
        }
        let (bucket_policy, of_bucket, of_account) = futures::try_join!(
            aws::bucket_policy(look, &point.bucket),
            aws::bucket_public_access_block(look, &point.bucket),
            aws::account_public_access_block(look)
        )?;
        let on = block::all_on([of_bucket.as_ref(), of_account.as_ref()]);
        Ok(State::seen(policy, Beside { point: Some(point), bucket_policy, on }))
    }

    fn is_gone(beside: &Beside) -> bool {
        beside.point.is_none()
    }

    fn barriers(beside: &Beside, event: &Event, trust: &Trust) -> Vec<Barrier> {
        let Some(point) = &beside.point else { return vec![] };
        let is_restricted =
            block::all_on([Some(&point.block), Some(&beside.on)]).contains(&Flag::RestrictPublicBuckets);
        let of_another = (point.bucket_account.as_ref() != Some(&event.account))
            .then(|| Barrier::Unsure(format!(", if the bucket of another account, `{}`, does too", point.bucket)));
        let of_bucket = (of_another.is_none() && !may_let_in(beside.bucket_policy.as_deref(), trust))
            .then_some(Barrier::Always("the bucket's own policy lets no stranger in"));
        [
            (!point.is_on_the_internet).then_some(Barrier::Always("only a VPC reaches the access point")),
            is_restricted.then_some(BLOCKED),
            of_another,
            of_bucket,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Whether a bucket lets strangers in through an access point: by itself, or as it leaves that to its access points.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html#access-points-delegating-control>
fn may_let_in(bucket_policy: Option<&str>, trust: &Trust) -> bool {
    let Some(text) = bucket_policy else { return false };
    let leaves_it = text.to_ascii_lowercase().contains("s3:dataaccesspoint");
    leaves_it
        || Policy::parse(text)
            .map_or(true, |policy| policy.judge(Kind::Resource, trust).grants.iter().any(Grant::is_untrusted))
}
