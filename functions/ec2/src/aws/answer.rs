//! What AWS's answers have in common.

use aws_sdk_ec2::types::UnsuccessfulItem;

/// Calls upon several things succeed as a whole and tell beside it what was refused.
pub(super) fn refused(items: &[UnsuccessfulItem]) -> Option<(String, String)> {
    let error = items.first()?.error.clone();
    let error = error.map(|error| (error.code.unwrap_or_default(), error.message.unwrap_or_default()));
    Some(error.unwrap_or_default())
}
