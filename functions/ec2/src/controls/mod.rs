//! One file each: what Snapback takes back on Amazon EC2.

mod assigned_open_group;
mod deleted_flow_logs;
mod disabled_allowed_images;
mod excluded_vpc;
mod exported_data;
mod foreign_default_key;
mod foreign_interface_permission;
mod foreign_peering;
mod foreign_traffic_mirror;
mod instance_metadata_default_v1;
mod instance_metadata_v1;
mod launched_metadata_v1;
mod open_egress;
mod open_endpoint_service;
mod open_network_acl;
mod open_security_group;
mod opened_prefix_list;
mod raised_hop_limit;
mod serial_console;
mod shared_fpga_image;
mod shared_image;
mod shared_snapshot;
mod unasked_connections;
mod unblocked_images;
mod unblocked_snapshots;
mod unblocked_vpcs;
mod unencrypted_volumes;
mod unlimited_endpoint;
mod used_shared_snapshot;

use snapback::noticed::Notices;
use snapback::sharing::Sharing;

use crate::rules::Open;
use crate::switch::Turned;

pub(crate) use assigned_open_group::AssignedOpenGroup;
pub(crate) use deleted_flow_logs::DeletedFlowLogs;
pub(crate) use excluded_vpc::ExcludedVpc;
pub(crate) use foreign_peering::ForeignPeering;
pub(crate) use foreign_traffic_mirror::ForeignTrafficMirror;
pub(crate) use instance_metadata_default_v1::InstanceMetadataDefaultV1;
pub(crate) use instance_metadata_v1::InstanceMetadataV1;
pub(crate) use open_network_acl::OpenNetworkAcl;
pub(crate) use opened_prefix_list::OpenedPrefixList;
pub(crate) use raised_hop_limit::RaisedHopLimit;
pub(crate) use unasked_connections::UnaskedConnections;
pub(crate) use unblocked_snapshots::UnblockedSnapshots;
pub(crate) use unlimited_endpoint::UnlimitedEndpoint;
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
pub(crate) type DisabledAllowedImages = Turned<disabled_allowed_images::DisabledAllowedImages>;
pub(crate) type ExportedData = Notices<exported_data::ExportedData>;
pub(crate) type ForeignDefaultKey = Notices<foreign_default_key::ForeignDefaultKey>;
pub(crate) type ForeignInterfacePermission = Notices<foreign_interface_permission::ForeignInterfacePermission>;
pub(crate) type LaunchedMetadataV1 = Notices<launched_metadata_v1::LaunchedMetadataV1>;
pub(crate) type SharedFpgaImage = Notices<shared_fpga_image::SharedFpgaImage>;
