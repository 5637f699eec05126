//! What IAM has to allow for the controls of Snapback's own parts, and on what.
//!
//! Rules and functions go by the names that CloudFormation makes: naming the resources would make a circle.

use snapback::right::{On, Right, When};

const STACK: On = On::new(
    "Stack",
    &["arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${AWS::StackName}/*"],
);
pub(crate) const LIST_STACK_RESOURCES: Right = STACK.right("cloudformation:ListStackResources");

const RULES: On =
    On::new("Rules", &["arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-*"]);
pub(crate) const DESCRIBE_RULE: Right = RULES.right("events:DescribeRule");
pub(crate) const LIST_TARGETS_BY_RULE: Right = RULES.right("events:ListTargetsByRule");
pub(crate) const ENABLE_RULE: Right = RULES.right("events:EnableRule");
pub(crate) const DISABLE_RULE: Right = RULES.right("events:DisableRule");
pub(crate) const REMOVE_TARGETS: Right = RULES.right("events:RemoveTargets");

/// Undoing restores whatever target was there.
pub(crate) const PUT_ANY_TARGETS: Right = RULES.right("events:PutTargets");

const TARGETS: On =
    On::new("Targets", &["arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-*"])
        .when(&[
            When::new(
                "ForAllValues:ArnLike",
                "events:TargetArn",
                &["arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-*"],
            ),
            When::new("Null", "events:TargetArn", &["false"]),
        ])
        .why(
            "No target but a function of the stack. One call may name several, so each must be one, and there \
        must be one. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html",
        );
pub(crate) const PUT_TARGETS: Right = TARGETS.right("events:PutTargets");

const FUNCTIONS: On = On::new(
    "Functions",
    &["arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-*"],
);
pub(crate) const GET_FUNCTION_CONCURRENCY: Right = FUNCTIONS.right("lambda:GetFunctionConcurrency");
pub(crate) const PUT_FUNCTION_CONCURRENCY: Right = FUNCTIONS.right("lambda:PutFunctionConcurrency");
pub(crate) const DELETE_FUNCTION_CONCURRENCY: Right = FUNCTIONS.right("lambda:DeleteFunctionConcurrency");

const TOPIC: On = On::new("Topic", &["${Topic}"]);
pub(crate) const GET_TOPIC_ATTRIBUTES: Right = TOPIC.right("sns:GetTopicAttributes");

const QUEUES: On = On::new(
    "Queues",
    &["${RuleDeadLetters.Arn}", "${FunctionDeadLetters.Arn}", "${DelayedEvents.Arn}", "${GivenUpEvents.Arn}"],
);
pub(crate) const GET_QUEUE_ATTRIBUTES: Right = QUEUES.right("sqs:GetQueueAttributes");

const TABLE: On = On::new("Table", &["${Journal.Arn}"]);
pub(crate) const DESCRIBE_TABLE: Right = TABLE.right("dynamodb:DescribeTable");
pub(crate) const DESCRIBE_CONTINUOUS_BACKUPS: Right = TABLE.right("dynamodb:DescribeContinuousBackups");
pub(crate) const UPDATE_TABLE: Right = TABLE.right("dynamodb:UpdateTable");
pub(crate) const UPDATE_CONTINUOUS_BACKUPS: Right = TABLE.right("dynamodb:UpdateContinuousBackups");

const KEYS: On = On::new("Keys", &["${TopicKey.Arn}"]).why("The journal's keys allow the same in their own policies.");
pub(crate) const DESCRIBE_KEY: Right = KEYS.right("kms:DescribeKey");
pub(crate) const ENABLE_KEY: Right = KEYS.right("kms:EnableKey");
pub(crate) const DISABLE_KEY: Right = KEYS.right("kms:DisableKey");
pub(crate) const CANCEL_KEY_DELETION: Right = KEYS.right("kms:CancelKeyDeletion");
pub(crate) const SCHEDULE_KEY_DELETION: Right = KEYS.right("kms:ScheduleKeyDeletion");
