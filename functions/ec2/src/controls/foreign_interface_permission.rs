//! # A stranger may attach a network interface
//!
//! **Watches** `CreateNetworkInterfacePermission`.
//!
//! **Why** Whoever has this permission attaches a network interface of this account to an instance of their own, and so
//! stands inside the VPC, behind its security groups.
//!
//! **Does** Alerts and touches nothing. The notice has the command that deletes the permission.
//!
//! **Leaves alone**
//! - permissions for accounts that the operator trusts

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::sharing::is_trusted;
use crate::told::{answer, field, parameters, text};

#[derive(Debug)]
pub(crate) struct ForeignInterfacePermission;

impl Noticed for ForeignInterfacePermission {
    const ABOUT: &'static About = &About {
        id: "ec2-foreign-interface-permission",
        title: "A stranger may attach a network interface",
        happened: "may now be attached by a stranger",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "CreateNetworkInterfacePermission" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1599"],
        caveat: "An interface that is already attached stays attached: detach it as well.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if interface(event).is_some() { Self::ABOUT.happened } else { "lets a stranger attach a network interface" }
    }

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let (request, made) = (parameters(event), field(answer(event), "interfacePermission"));
        let with = text(request, "awsAccountId").or_else(|| text(made, "awsAccountId"));
        if with.is_some_and(|account| is_trusted(account, event, settings)) {
            return None;
        }
        let with = with.map_or("a principal that is not told".to_owned(), |account| format!("account {account}"));
        let id = text(made, "networkInterfacePermissionId").unwrap_or("PERMISSION_ID");
        let subject = interface(event).unwrap_or_else(|| Subject::account(event));
        let why = format!(
            "{with} may attach it to an instance of its own. To end that, run `aws ec2 \
             delete-network-interface-permission --network-interface-permission-id {id} --force`"
        );
        Some(Risk { subject, severity: Severity::High, why })
    }
}

/// The network interface, if the event tells it.
fn interface(event: &Event) -> Option<Subject> {
    let told = [parameters(event), field(answer(event), "interfacePermission")];
    let id = told.iter().find_map(|part| text(part, "networkInterfaceId"))?;
    Subject::network(event, id)
}
