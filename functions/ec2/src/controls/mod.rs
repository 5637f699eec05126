//! One file each: what Snapback takes back on Amazon EC2.

mod deleted_flow_logs;
mod excluded_vpc;
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

use crate::rules::Open;
use crate::sharing::Sharing;
use crate::switch::Turned;

pub(crate) use deleted_flow_logs::DeletedFlowLogs;
pub(crate) use excluded_vpc::ExcludedVpc;
pub(crate) use foreign_peering::ForeignPeering;
pub(crate) use foreign_traffic_mirror::ForeignTrafficMirror;
pub(crate) use instance_metadata_default_v1::InstanceMetadataDefaultV1;
pub(crate) use instance_metadata_v1::InstanceMetadataV1;
pub(crate) use open_network_acl::OpenNetworkAcl;
pub(crate) use opened_prefix_list::OpenedPrefixList;
pub(crate) use unblocked_snapshots::UnblockedSnapshots;
pub(crate) use used_shared_snapshot::UsedSharedSnapshot;

pub(crate) type OpenEgress = Open<open_egress::OpenEgress>;
pub(crate) type OpenSecurityGroup = Open<open_security_group::OpenSecurityGroup>;
pub(crate) type OpenEndpointService = Sharing<open_endpoint_service::OpenEndpointService>;
pub(crate) type SharedImage = Sharing<shared_image::SharedImage>;
pub(crate) type SharedSnapshot = Sharing<shared_snapshot::SharedSnapshot>;
pub(crate) type SerialConsole = Turned<serial_console::SerialConsole>;
pub(crate) type UnblockedImages = Turned<unblocked_images::UnblockedImages>;
pub(crate) type UnblockedVpcs = Turned<unblocked_vpcs::UnblockedVpcs>;
pub(crate) type UnencryptedVolumes = Turned<unencrypted_volumes::UnencryptedVolumes>;
