mod deletable_database;
mod deleted_database;
mod exported_snapshot;
mod fewer_backups;
mod public_instance;
mod shared_snapshot;

pub(crate) use deletable_database::DeletableDatabase;
pub(crate) use deleted_database::DeletedDatabase;
pub(crate) use exported_snapshot::ExportedSnapshot;
pub(crate) use fewer_backups::FewerBackups;
pub(crate) use public_instance::PublicInstance;
pub(crate) use shared_snapshot::SharedSnapshot;
