//! Amazon EC2: the list of its controls.

mod aws;
mod controls;
mod told;

use snapback::control::{AnyControl, Function, Tags};

pub const FUNCTION: Function = Function {
    name: "Ec2Function",
    controls: &[AnyControl::of::<controls::OpenSecurityGroup>()],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &["ec2:DescribeTags"] },
};
