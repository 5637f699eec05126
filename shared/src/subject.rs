//! What an event is about: a resource, or the account itself.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::partition::Partition;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `bucket`, `security group`, `snapshot`, `account setting`, `account`: the word people use.
    pub kind: String,
    pub name: String,
    pub arn: String,
    pub account: String,
    pub region: String,
    /// Where the AWS console shows it.
    pub console: String,
}

impl Subject {
    #[must_use]
    pub fn bucket(event: &Event, name: &str) -> Self {
        Self {
            console: format!("{}/s3/buckets/{name}?region={}&tab=permissions", console(event), event.region),
            ..Self::new(event, "bucket", name, format!("arn:{}:s3:::{name}", event.partition()))
        }
    }

    /// An object, of whatever version. The console shows its bucket, as a key would have to be written in another way there.
    #[must_use]
    pub fn object(event: &Event, bucket: &str, key: &str) -> Self {
        let name = format!("{bucket}/{key}");
        let arn = format!("arn:{}:s3:::{name}", event.partition());
        Self { console: Self::bucket(event, bucket).console, ..Self::new(event, "object", &name, arn) }
    }

    #[must_use]
    pub fn access_point(event: &Event, name: &str) -> Self {
        let (partition, region, account) = (event.partition(), &event.region, &event.account);
        Self {
            console: format!("{}/s3/ap/{account}/{name}?region={region}", console(event)),
            ..Self::new(
                event,
                "access point",
                name,
                format!("arn:{partition}:s3:{region}:{account}:accesspoint/{name}"),
            )
        }
    }

    #[must_use]
    pub fn security_group(event: &Event, id: &str) -> Self {
        let (partition, region, account) = (event.partition(), &event.region, &event.account);
        Self {
            console: format!("{}/ec2/home?region={region}#SecurityGroup:groupId={id}", console(event)),
            ..Self::new(
                event,
                "security group",
                id,
                format!("arn:{partition}:ec2:{region}:{account}:security-group/{id}"),
            )
        }
    }

    /// An EBS snapshot. Its ARN has no account.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-resources-for-iam-policies>
    #[must_use]
    pub fn snapshot(event: &Event, id: &str) -> Self {
        let arn = format!("arn:{}:ec2:{}::snapshot/{id}", event.partition(), event.region);
        Self { console: ec2(event, "SnapshotDetails:snapshotId", id), ..Self::new(event, "snapshot", id, arn) }
    }

    /// An AMI. Its ARN has no account either.
    #[must_use]
    pub fn image(event: &Event, id: &str) -> Self {
        let arn = format!("arn:{}:ec2:{}::image/{id}", event.partition(), event.region);
        Self { console: ec2(event, "ImageDetails:imageId", id), ..Self::new(event, "AMI", id, arn) }
    }

    #[must_use]
    pub fn endpoint_service(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "vpc-endpoint-service", id);
        let console = vpc(event, "EndpointServiceDetails:serviceId", id);
        Self { console, ..Self::new(event, "endpoint service", id, arn) }
    }

    #[must_use]
    pub fn vpc_endpoint(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "vpc-endpoint", id);
        Self { console: vpc(event, "EndpointDetails:vpcEndpointId", id), ..Self::new(event, "VPC endpoint", id, arn) }
    }

    /// An image for FPGAs. Its ARN has no account, as an AMI's.
    #[must_use]
    pub fn fpga_image(event: &Event, id: &str) -> Self {
        let arn = format!("arn:{}:ec2:{}::fpga-image/{id}", event.partition(), event.region);
        Self { console: console(event), ..Self::new(event, "FPGA image", id, arn) }
    }

    #[must_use]
    pub fn instance(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "instance", id);
        Self { console: ec2(event, "InstanceDetails:instanceId", id), ..Self::new(event, "instance", id, arn) }
    }

    #[must_use]
    pub fn network_acl(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "network-acl", id);
        Self { console: vpc(event, "NetworkAclDetails:networkAclId", id), ..Self::new(event, "network ACL", id, arn) }
    }

    #[must_use]
    pub fn prefix_list(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "prefix-list", id);
        Self {
            console: vpc(event, "ManagedPrefixListDetails:prefixListId", id),
            ..Self::new(event, "prefix list", id, arn)
        }
    }

    #[must_use]
    pub fn flow_log(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "vpc-flow-log", id);
        let console = format!("{}/vpcconsole/home?region={}#vpcs:", console(event), event.region);
        Self { console, ..Self::new(event, "flow log", id, arn) }
    }

    /// An exclusion from Block Public Access of VPCs.
    #[must_use]
    pub fn vpc_exclusion(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "vpc-block-public-access-exclusion", id);
        let console = format!("{}/vpcconsole/home?region={}#settings:", console(event), event.region);
        Self { console, ..Self::new(event, "exclusion from Block Public Access", id, arn) }
    }

    /// A VPC, a subnet or a network interface, by its id; nothing if it is something else.
    #[must_use]
    pub fn network(event: &Event, id: &str) -> Option<Self> {
        let (kind, path, console) = match id.split('-').next()? {
            "vpc" => ("VPC", "vpc", vpc(event, "VpcDetails:VpcId", id)),
            "subnet" => ("subnet", "subnet", vpc(event, "SubnetDetails:subnetId", id)),
            "eni" => ("network interface", "network-interface", ec2(event, "NetworkInterface:networkInterfaceId", id)),
            _ => return None,
        };
        Some(Self { console, ..Self::new(event, kind, id, of_ec2(event, path, id)) })
    }

    #[must_use]
    pub fn peering(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "vpc-peering-connection", id);
        let console = vpc(event, "PeeringConnectionDetails:VpcPeeringConnectionId", id);
        Self { console, ..Self::new(event, "peering connection", id, arn) }
    }

    #[must_use]
    pub fn traffic_mirror_session(event: &Event, id: &str) -> Self {
        let arn = of_ec2(event, "traffic-mirror-session", id);
        let console = vpc(event, "TrafficMirrorSession:id", id);
        Self { console, ..Self::new(event, "traffic mirror session", id, arn) }
    }

    /// A switch of EC2 for the whole account in this Region. AWS has no ARN for it; this one is in its form, so that
    /// holds and history are of this switch, in this account and Region.
    #[must_use]
    pub fn switch(event: &Event, name: &str) -> Self {
        let arn = of_ec2(event, "account-setting", name);
        let console = format!("{}/ec2/home?region={}#Settings:", console(event), event.region);
        Self { console, ..Self::new(event, "account setting", name, arn) }
    }

    /// A topic of SNS, by its ARN.
    #[must_use]
    pub fn topic(event: &Event, arn: &str) -> Self {
        let name = arn.rsplit(':').next().unwrap_or(arn);
        let console = format!("{}/sns/v3/home?region={}#/topic/{arn}", console(event), event.region);
        Self { console, ..Self::new(event, "topic", name, arn.to_owned()) }
    }

    /// A queue of SQS, by its name.
    #[must_use]
    pub fn queue(event: &Event, name: &str) -> Self {
        let (partition, region, account) = (event.partition(), &event.region, &event.account);
        let console = format!("{}/sqs/v3/home?region={region}#/queues", console(event));
        Self { console, ..Self::new(event, "queue", name, format!("arn:{partition}:sqs:{region}:{account}:{name}")) }
    }

    /// An IAM user, by its name. Only IAM knows its path, and with it the ARN.
    #[must_use]
    pub fn user(event: &Event, name: &str) -> Self {
        of_iam(event, "user", name, &format!("users/details/{name}?section=security_credentials"))
    }

    /// An IAM role, by its name. Only IAM knows its path, and with it the ARN.
    #[must_use]
    pub fn role(event: &Event, name: &str) -> Self {
        of_iam(event, "role", name, &format!("roles/details/{name}?section=permissions"))
    }

    /// An IAM group, by its name. Only IAM knows its path, and with it the ARN.
    #[must_use]
    pub fn group(event: &Event, name: &str) -> Self {
        of_iam(event, "group", name, &format!("groups/details/{name}?section=permissions"))
    }

    /// A managed policy of IAM, by its ARN.
    #[must_use]
    pub fn managed_policy(event: &Event, arn: &str) -> Self {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let page = format!("policies/details/{}", arn.replace(':', "%3A").replace('/', "%2F"));
        Self { arn: arn.to_owned(), ..of_iam(event, "managed policy", name, &page) }
    }

    /// The same under the ARN that IAM gives it.
    #[must_use]
    pub fn at(self, arn: Option<&str>) -> Self {
        Self { arn: arn.map_or(self.arn, str::to_owned), ..self }
    }

    /// Who has called: a user, or a role with all its sessions, whose names are the caller's own choice; else the account.
    #[must_use]
    pub fn caller(event: &Event) -> Self {
        match (event.actor.kind.as_str(), event.actor.name.as_deref()) {
            ("IAMUser", Some(name)) => Self::user(event, name).at(event.actor.arn.as_deref()),
            ("AssumedRole", Some(name)) => Self::role(event, name).at(event.actor.role.as_deref()),
            _ => Self::account(event),
        }
    }

    /// An identity pool of Cognito, by its id.
    #[must_use]
    pub fn identity_pool(event: &Event, id: &str) -> Self {
        let (partition, region, account) = (event.partition(), &event.region, &event.account);
        let arn = format!("arn:{partition}:cognito-identity:{region}:{account}:identitypool/{id}");
        let console = format!("{}/cognito/v2/identity/identity-pools/{id}?region={region}", console(event));
        Self { console, ..Self::new(event, "identity pool", id, arn) }
    }

    /// What a service has in an account, by its place there, as each part of Snapback itself; `page` is where the console
    /// shows it.
    #[must_use]
    pub fn part(event: &Event, kind: &str, name: &str, service: &str, path: &str, page: &str) -> Self {
        let (partition, account) = (event.partition(), &event.account);
        let region = if service == "iam" { "" } else { &event.region };
        let arn = format!("arn:{partition}:{service}:{region}:{account}:{path}{name}");
        Self { console: format!("{}/{page}", console(event)), ..Self::new(event, kind, name, arn) }
    }

    /// The account itself: where the event does not tell which resource it changed, or changed the whole account.
    #[must_use]
    pub fn account(event: &Event) -> Self {
        let arn = format!("arn:{}:iam::{}:root", event.partition(), event.account);
        Self { console: console(event), ..Self::new(event, "account", &event.account, arn) }
    }

    /// What is left to the account's root user where a resource's own policy locks everybody out. For a bucket AWS promises
    /// it: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
    #[must_use]
    pub fn left_to_root(&self) -> Option<String> {
        let Self { kind, name, account, .. } = self;
        (kind == "bucket").then(|| {
            format!(
                "if the bucket's policy locks everybody out, the root user of account {account} can still delete it: \
                 `aws s3api delete-bucket-policy --bucket {name}`"
            )
        })
    }

    /// What contains a risk whose policy AWS does not let Snapback write, until somebody has written another.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>
    #[must_use]
    pub fn containment(&self) -> Option<String> {
        (self.kind == "bucket").then(|| {
            format!(
                "If it lets everyone in, switch on `RestrictPublicBuckets` in the bucket's Block Public Access until then: it \
                 keeps out all but AWS services and account {}, and so also the partners that the policy names",
                self.account
            )
        })
    }

    fn new(event: &Event, kind: &str, name: &str, arn: String) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            arn,
            account: event.account.clone(),
            region: event.region.clone(),
            console: String::new(),
        }
    }
}

fn of_ec2(event: &Event, kind: &str, id: &str) -> String {
    format!("arn:{}:ec2:{}:{}:{kind}/{id}", event.partition(), event.region, event.account)
}

fn of_iam(event: &Event, kind: &str, name: &str, page: &str) -> Subject {
    let arn = format!("arn:{}:iam::{}:{kind}/{name}", event.partition(), event.account);
    Subject { console: format!("{}/iam/home#/{page}", console(event)), ..Subject::new(event, kind, name, arn) }
}

fn ec2(event: &Event, page: &str, id: &str) -> String {
    format!("{}/ec2/home?region={}#{page}={id}", console(event), event.region)
}

fn vpc(event: &Event, page: &str, id: &str) -> String {
    format!("{}/vpcconsole/home?region={}#{page}={id}", console(event), event.region)
}

fn console(event: &Event) -> String {
    format!("https://{}.{}", event.region, Partition::of_region(&event.region).console())
}
