//! Amazon EC2: the list of its controls.

mod aws;
mod controls;
mod rights;
mod rules;
mod sharing;
mod switch;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};

pub const FUNCTION: Function = Function {
    name: "Ec2Function",
    service: "EC2",
    controls: &[
        AnyControl::remembering::<controls::OpenSecurityGroup>(),
        AnyControl::remembering::<controls::OpenEgress>(),
        AnyControl::of::<controls::OpenedPrefixList>(),
        AnyControl::of::<controls::SharedSnapshot>(),
        AnyControl::of::<controls::UsedSharedSnapshot>(),
        AnyControl::of::<controls::SharedImage>(),
        AnyControl::of::<controls::OpenEndpointService>(),
        AnyControl::remembering::<controls::UnblockedSnapshots>(),
        AnyControl::of::<controls::UnblockedImages>(),
        AnyControl::of::<controls::UnencryptedVolumes>(),
        AnyControl::of::<controls::SerialConsole>(),
        AnyControl::remembering::<controls::UnblockedVpcs>(),
        AnyControl::remembering::<controls::ExcludedVpc>(),
        AnyControl::of::<controls::InstanceMetadataV1>(),
        AnyControl::of::<controls::InstanceMetadataDefaultV1>(),
        AnyControl::of::<controls::OpenNetworkAcl>(),
        AnyControl::remembering::<controls::DeletedFlowLogs>(),
        AnyControl::of::<controls::ForeignPeering>(),
        AnyControl::of::<controls::ForeignTrafficMirror>(),
        AnyControl::of::<controls::AssignedOpenGroup>(),
        AnyControl::remembering::<controls::DisabledAllowedImages>(),
        AnyControl::of::<controls::ExportedData>(),
        AnyControl::of::<controls::ForeignDefaultKey>(),
        AnyControl::of::<controls::ForeignInterfacePermission>(),
        AnyControl::of::<controls::LaunchedMetadataV1>(),
        AnyControl::remembering::<controls::RaisedHopLimit>(),
        AnyControl::of::<controls::SharedFpgaImage>(),
        AnyControl::remembering::<controls::UnaskedConnections>(),
        AnyControl::remembering::<controls::UnlimitedEndpoint>(),
    ],
    beside: &[],
    apply: aws::apply,
    tags: Tags { read: aws::tags::read, needs: &[rights::DESCRIBE_TAGS] },
    is_in_members: true,
    // EC2 asks for ever longer waits: <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)],
};
