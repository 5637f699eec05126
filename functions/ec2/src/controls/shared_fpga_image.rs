//! # An FPGA image is shared with strangers
//!
//! **Watches** `ModifyFpgaImageAttribute`.
//!
//! **Why** Whoever an FPGA image is shared with can load the design that it holds.
//!
//! **Does** Alerts and touches nothing. The notice has the command that ends the sharing.
//!
//! **Leaves alone**
//! - sharing with its own account, and with accounts that the operator trusts
//! - changes that end sharing, and of names and descriptions

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::sharing::is_trusted;
use crate::told::{field, parameters, text, texts};

#[derive(Debug)]
pub(crate) struct SharedFpgaImage;

impl Noticed for SharedFpgaImage {
    const ABOUT: &'static About = &About {
        id: "ec2-shared-fpga-image",
        title: "An FPGA image is shared with strangers",
        happened: "was shared with strangers",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyFpgaImageAttribute" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1537"],
        caveat: "Whoever has copied it in the meantime keeps the copy.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let request = parameters(event);
        let with = match added(request) {
            None if !json::is_left_out(request) => return None,
            None => "somebody whom the event does not name".to_owned(),
            Some(with) => {
                let strangers = with.into_iter().filter(|who| !is_trusted(who, event, settings)).collect::<Vec<_>>();
                if strangers.is_empty() {
                    return None;
                }
                strangers.join(", ").replace("all", "everyone")
            }
        };
        let id = text(request, "fpgaImageId");
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::fpga_image(event, id));
        let why = format!(
            "it is shared with {with}. To share it with nobody, run `aws ec2 reset-fpga-image-attribute --attribute \
             loadPermission --fpga-image-id {}`",
            id.unwrap_or("FPGA_IMAGE_ID")
        );
        Some(Risk { subject, severity: Severity::High, why })
    }
}

/// To whom it gives the permission to load it: in a list of their own, or beside the operation.
fn added(request: &Value) -> Option<Vec<&str>> {
    let listed = texts(field(field(request, "loadPermission"), "add"));
    let beside = ["userIds", "userGroups", "userIdSet", "userGroupSet"].map(|name| texts(field(request, name)));
    let beside = if text(request, "operationType") == Some("remove") { vec![] } else { beside.concat() };
    let all = [listed, beside].concat();
    (!all.is_empty()).then_some(all)
}
