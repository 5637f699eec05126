//! What an event is about: a resource, or the account itself.

use serde::{Deserialize, Serialize};

use crate::event::Event;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `bucket`, `security group`, `account`: the word people use.
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

    /// The account itself: where the event does not tell which resource it changed, or changed the whole account.
    #[must_use]
    pub fn account(event: &Event) -> Self {
        let arn = format!("arn:{}:iam::{}:root", event.partition(), event.account);
        Self { console: console(event), ..Self::new(event, "account", &event.account, arn) }
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

fn console(event: &Event) -> String {
    let region = &event.region;
    match event.partition() {
        "aws-cn" => format!("https://{region}.console.amazonaws.cn"),
        "aws-us-gov" => format!("https://{region}.console.amazonaws-us-gov.com"),
        "aws-eusc" => format!("https://{region}.console.amazonaws-eusc.eu"),
        _ => format!("https://{region}.console.aws.amazon.com"),
    }
}
