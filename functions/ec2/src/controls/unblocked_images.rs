//! # AMIs can be shared with everyone
//!
//! **Watches** `DisableImageBlockPublicAccess`.
//!
//! **Why** Block Public Access keeps anybody in the account from sharing an AMI with everyone, whatever their rights.
//! Turning it off is the first step to doing so.
//!
//! **Does** Turns it on again, in its one mode, which keeps new AMIs from being shared with everyone.
//!
//! **Leaves alone**
//! - Block Public Access that an operator has turned off with `snapback undo`
//!
//! AWS takes up to ten minutes to turn it on or off, and shows the old state until then
//! ([EnableImageBlockPublicAccess](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageBlockPublicAccess.html)).
//! As long as AWS still shows it as on, this control alerts and touches nothing; after a revert it says that the result
//! does not show yet. The event does not say whether it was on before.

use std::time::Duration;

use snapback::change::{Ec2, Switch};
use snapback::control::{About, Given, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;

use crate::rights;
use crate::switch::{Position, State, Switched};

#[derive(Debug)]
pub(crate) struct UnblockedImages;

impl Switched for UnblockedImages {
    const ABOUT: &'static About = &About {
        id: "ec2-unblocked-images",
        title: "AMIs can be shared with everyone",
        happened: "was turned off",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "DisableImageBlockPublicAccess" }],
        reads: &[rights::GET_IMAGE_BLOCK_PUBLIC_ACCESS_STATE],
        writes: &[rights::ENABLE_IMAGE_BLOCK_PUBLIC_ACCESS],
        undoes: &[rights::GET_IMAGE_BLOCK_PUBLIC_ACCESS_STATE, rights::DISABLE_IMAGE_BLOCK_PUBLIC_ACCESS],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562"],
        caveat: "Look for ModifyImageAttribute in CloudTrail: it shows which AMIs were shared in the meantime.",
        source: file!(),
    };
    const SHOWS_LATE: Option<&'static str> = Some("AWS takes up to ten minutes for Block Public Access of AMIs");
    const SETTLES: Duration = Duration::from_mins(10);

    const POSITION: Position = Position {
        of: Switch::ImageBlockPublicAccess,
        risky: "unblocked",
        safe: "block-new-sharing",
        severity: Severity::High,
    };

    fn decide(event: &Event, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        if state.is == Self::POSITION.safe && !event.is_look() {
            let why = "Block Public Access of AMIs was turned off, and AWS may show for ten minutes that it is on; \
                       `aws ec2 enable-image-block-public-access` turns it on again";
            return Decision::Alert { severity: Severity::Medium, why: why.to_owned() };
        }
        let left = "AMIs can be shared for up to ten minutes, until AWS has turned it on";
        Self::POSITION.decide(state, given, vec![left.to_owned()])
    }
}
