//! The one list of the functions that judge events. The command and the tests go by it; a new service is a new line.

use snapback::control::{AnyControl, Function};

/// Every function that judges events.
pub const FUNCTIONS: [&Function; 14] = [
    &s3::FUNCTION,
    &ec2::FUNCTION,
    &detectors::FUNCTION,
    &iam::FUNCTION,
    &iam::WRITER,
    &iam::PASSED,
    &policies::FUNCTION,
    &signin::FUNCTION,
    &rolesanywhere::FUNCTION,
    &trail::FUNCTION,
    &kms::FUNCTION,
    &rds::FUNCTION,
    &organizations::FUNCTION,
    &own::FUNCTION,
];

/// Every control, function by function.
pub fn controls() -> impl Iterator<Item = &'static AnyControl> {
    FUNCTIONS.iter().flat_map(|function| function.controls)
}
