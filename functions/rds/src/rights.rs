//! What IAM has to allow for the controls of databases, and on what.

use snapback::right::{On, Right};

const SNAPSHOTS: On = On::new(
    "Snapshots",
    &[
        "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:snapshot:*",
        "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:cluster-snapshot:*",
    ],
)
.why("AWS has no condition on with whom a snapshot is shared: whoever may stop sharing it may share it.");
pub(crate) const DESCRIBE_SNAPSHOTS: Right = SNAPSHOTS.right("rds:DescribeDBSnapshots");
pub(crate) const DESCRIBE_CLUSTER_SNAPSHOTS: Right = SNAPSHOTS.right("rds:DescribeDBClusterSnapshots");
pub(crate) const DESCRIBE_SNAPSHOT: Right = SNAPSHOTS.right("rds:DescribeDBSnapshotAttributes");
pub(crate) const DESCRIBE_CLUSTER_SNAPSHOT: Right = SNAPSHOTS.right("rds:DescribeDBClusterSnapshotAttributes");
pub(crate) const MODIFY_SNAPSHOT: Right = SNAPSHOTS.right("rds:ModifyDBSnapshotAttribute");
pub(crate) const MODIFY_CLUSTER_SNAPSHOT: Right = SNAPSHOTS.right("rds:ModifyDBClusterSnapshotAttribute");

const DATABASES: On = On::new(
    "Databases",
    &[
        "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:db:*",
        "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:cluster:*",
    ],
);
pub(crate) const DESCRIBE_INSTANCES: Right = DATABASES.right("rds:DescribeDBInstances");
pub(crate) const DESCRIBE_CLUSTERS: Right = DATABASES.right("rds:DescribeDBClusters");
pub(crate) const MODIFY_INSTANCE: Right = DATABASES.right("rds:ModifyDBInstance");
pub(crate) const MODIFY_CLUSTER: Right = DATABASES.right("rds:ModifyDBCluster");

const TAGGED: On = On::new("Tagged", &["arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:*"]);
pub(crate) const LIST_TAGS: Right = TAGGED.right("rds:ListTagsForResource");
