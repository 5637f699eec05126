//! # Root called the API
//!
//! **Watches** `any call by root`, whichever service it is to.
//!
//! **Why** No policy of the account limits its root user. What it does is either a rare task that people have planned, or
//! an attack (CIS AWS Foundations: eliminate use of root).
//!
//! **Does** Alerts, and says which call it was. The same call is told once, and then more and more seldom, until a day has
//! passed without it. Calls that only read do not come through EventBridge.
//!
//! **Leaves alone**
//! - what an AWS service does on root's behalf
//! - calls of anybody else
//!
//! In a session of `AssumeRoot` the management account acts as root of a member: that is said, and is less severe.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct RootCall;

impl Noticed for RootCall {
    const ABOUT: &'static About = &About {
        id: "signin-root-call",
        title: "Root called the API",
        happened: "was changed by its root user",
        watches: &[Watch::BY_ROOT],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1078.004", "CIS AWS Foundations 1.7", "Security Hub CloudWatch.1"],
        caveat: "If nobody of yours did it, change root's password and MFA device at once, and call AWS Support. Search \
                 CloudTrail for what else root has done since.",
        source: file!(),
    };

    const TELLS_FROM: Option<u64> = Some(1);

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        event.actor.is_root().then(|| Risk {
            subject: Subject::account(event),
            severity: if event.actor.assumed_root { Severity::High } else { Severity::Critical },
            why: format!("{} called {} of {}", event.actor, event.name, event.service),
        })
    }
}
