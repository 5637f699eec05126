//! One file each: a service, and whom a resource policy of it lets in.

pub(crate) mod sns_open_topic_policy;

pub(crate) use sns_open_topic_policy::SnsOpenTopicPolicy;
