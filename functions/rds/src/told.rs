//! What events of RDS tell, alike for all controls. DocumentDB and Neptune call under its name.

use serde_json::Value;
use snapback::change::{Database, DatabaseKind, DatabaseSnapshot};
use snapback::event::Event;
use snapback::json;
use snapback::subject::Subject;

pub(crate) const SERVICE: &str = "rds.amazonaws.com";

/// What kind of database a call is upon.
pub(crate) fn kind(event: &Event) -> DatabaseKind {
    if event.name.contains("DBCluster") { DatabaseKind::Cluster } else { DatabaseKind::Instance }
}

/// The database that a call is upon; nothing if the event does not say.
pub(crate) fn database(event: &Event) -> Option<Database> {
    let kind = kind(event);
    let told = [&event.response, &event.request].into_iter().find_map(|told| json::text(told, id_field(kind)));
    told.map(|id| Database { kind, id: id_in(id) })
}

/// The name that it gets by the same call, once that is applied.
pub(crate) fn renamed(event: &Event) -> Option<Database> {
    let kind = kind(event);
    let field = match kind {
        DatabaseKind::Instance => "newDBInstanceIdentifier",
        DatabaseKind::Cluster => "newDBClusterIdentifier",
    };
    json::text(&event.request, field).map(|id| Database { kind, id: id_in(id) })
}

/// Whether CloudFormation calls for a stack. It sends what the template says with every update of a database, changed or not.
/// <https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds>
pub(crate) fn is_of_a_stack(event: &Event) -> bool {
    event.actor.invoked_by.as_deref() == Some("cloudformation.amazonaws.com")
}

fn id_field(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "dBInstanceIdentifier",
        DatabaseKind::Cluster => "dBClusterIdentifier",
    }
}

/// An id as RDS keeps it: in small letters. It may be told in an ARN.
pub(crate) fn id_in(told: &str) -> String {
    let id = if told.starts_with("arn:") { told.splitn(7, ':').nth(6).unwrap_or(told) } else { told };
    id.to_ascii_lowercase()
}

pub(crate) fn of_database(event: &Event, of: &Database) -> Subject {
    let (path, is_cluster) = match of.kind {
        DatabaseKind::Instance => ("db:", false),
        DatabaseKind::Cluster => ("cluster:", true),
    };
    let page = format!("rds/home?region={}#database:id={};is-cluster={is_cluster}", event.region, of.id);
    Subject::part(event, of.kind.database(), &of.id, "rds", path, &page)
}

/// The database that a call is upon, or the account if the event does not say which.
pub(crate) fn subject(event: &Event) -> Subject {
    database(event).map_or_else(|| Subject::account(event), |of| of_database(event, &of))
}

/// The database that a subject is, if it is one.
pub(crate) fn database_of(subject: &Subject) -> Option<Database> {
    let kinds = [DatabaseKind::Instance, DatabaseKind::Cluster];
    let kind = kinds.into_iter().find(|kind| kind.database() == subject.kind)?;
    Some(Database { kind, id: subject.name.clone() })
}

pub(crate) fn is_false(value: &Value) -> bool {
    *value == false || *value == "false"
}

/// What a command names a database with.
pub(crate) fn option(of: &Database) -> String {
    let option = match of.kind {
        DatabaseKind::Instance => "--db-instance-identifier",
        DatabaseKind::Cluster => "--db-cluster-identifier",
    };
    // It may be a name that is not one of RDS's, and stands in a command.
    let is_name = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    format!("{option} {}", if is_name(&of.id) { &of.id } else { "<its id>" })
}

/// The command that modifies a database.
pub(crate) fn modify(event: &Event, of: &Database, options: &str) -> String {
    let verb = match of.kind {
        DatabaseKind::Instance => "modify-db-instance",
        DatabaseKind::Cluster => "modify-db-cluster",
    };
    format!("aws rds {verb} --region {} {} {options}", event.region, option(of))
}

pub(crate) fn of_snapshot(event: &Event, of: &DatabaseSnapshot) -> Subject {
    let path = match of.kind {
        DatabaseKind::Instance => "snapshot:",
        DatabaseKind::Cluster => "cluster-snapshot:",
    };
    let page = format!("rds/home?region={}#snapshots-list:", event.region);
    Subject::part(event, of.kind.snapshot(), &of.id, "rds", path, &page)
}

/// The snapshot that a subject is, if it is one.
pub(crate) fn snapshot_of(subject: &Subject) -> Option<DatabaseSnapshot> {
    let kinds = [DatabaseKind::Instance, DatabaseKind::Cluster];
    let kind = kinds.into_iter().find(|kind| kind.snapshot() == subject.kind)?;
    Some(DatabaseSnapshot { kind, id: subject.name.clone() })
}
