//! One file each: what Snapback takes back on Amazon EC2.

mod deleted_flow_logs;
mod foreign_peering;
mod foreign_traffic_mirror;
mod instance_metadata_default_v1;
mod instance_metadata_v1;
mod open_egress;
mod open_endpoint_service;
mod open_network_acl;
mod open_security_group;
mod opened_prefix_list;
mod serial_console;
mod shared_image;
mod shared_snapshot;
mod unblocked_images;
mod unblocked_snapshots;
mod unblocked_vpcs;
mod unencrypted_volumes;
mod used_shared_snapshot;

pub(crate) use deleted_flow_logs::DeletedFlowLogs;
pub(crate) use foreign_peering::ForeignPeering;
pub(crate) use foreign_traffic_mirror::ForeignTrafficMirror;
pub(crate) use instance_metadata_default_v1::InstanceMetadataDefaultV1;
pub(crate) use instance_metadata_v1::{InstanceMetadataV1, Options as MetadataOptions};
pub(crate) use open_egress::OpenEgress;
pub(crate) use open_endpoint_service::OpenEndpointService;
pub(crate) use open_network_acl::OpenNetworkAcl;
pub(crate) use open_security_group::OpenSecurityGroup;
pub(crate) use opened_prefix_list::OpenedPrefixList;
pub(crate) use serial_console::SerialConsole;
pub(crate) use shared_image::SharedImage;
pub(crate) use shared_snapshot::SharedSnapshot;
pub(crate) use unblocked_images::UnblockedImages;
pub(crate) use unblocked_snapshots::UnblockedSnapshots;
pub(crate) use unblocked_vpcs::UnblockedVpcs;
pub(crate) use unencrypted_volumes::UnencryptedVolumes;
pub(crate) use used_shared_snapshot::UsedSharedSnapshot;
