//! One file each: a service, and whom a resource policy of it lets in.

mod sns_open_topic_policy;
mod sqs_open_queue_policy;

pub(crate) use sns_open_topic_policy::SnsOpenTopicPolicy;
pub(crate) use sqs_open_queue_policy::SqsOpenQueuePolicy;
