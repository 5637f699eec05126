//! One file each: a service, and whom a resource policy of it lets in.

mod acmpca_open_authority_policy;
mod backup_open_vault_policy;
mod dynamodb_open_table_policy;
mod ecr_open_repository_policy;
mod efs_open_file_system_policy;
mod glacier_open_vault_policy;
mod kinesis_open_stream_policy;
mod logs_open_resource_policy;
mod opensearch_open_domain_policy;
mod other_new_share;
mod other_open_permission;
mod other_open_resource_policy;
mod secretsmanager_open_secret_policy;
mod ses_open_identity_policy;
mod sns_open_topic_policy;
mod sqs_open_queue_policy;

pub(crate) use acmpca_open_authority_policy::AcmpcaOpenAuthorityPolicy;
pub(crate) use backup_open_vault_policy::BackupOpenVaultPolicy;
pub(crate) use dynamodb_open_table_policy::DynamodbOpenTablePolicy;
pub(crate) use ecr_open_repository_policy::EcrOpenRepositoryPolicy;
pub(crate) use efs_open_file_system_policy::EfsOpenFileSystemPolicy;
pub(crate) use glacier_open_vault_policy::GlacierOpenVaultPolicy;
pub(crate) use kinesis_open_stream_policy::KinesisOpenStreamPolicy;
pub(crate) use logs_open_resource_policy::LogsOpenResourcePolicy;
pub(crate) use opensearch_open_domain_policy::OpensearchOpenDomainPolicy;
pub(crate) use other_new_share::OtherNewShare;
pub(crate) use other_open_permission::OtherOpenPermission;
pub(crate) use other_open_resource_policy::OtherOpenResourcePolicy;
pub(crate) use secretsmanager_open_secret_policy::SecretsmanagerOpenSecretPolicy;
pub(crate) use ses_open_identity_policy::SesOpenIdentityPolicy;
pub(crate) use sns_open_topic_policy::SnsOpenTopicPolicy;
pub(crate) use sqs_open_queue_policy::SqsOpenQueuePolicy;
