//! What the role of a function that writes IAM, or the policies of keys or tables, is denied, whatever it is allowed: whoever takes the function over must
//! get no further by it.
//!
//! Snapback's own roles are denied by their ARNs, in a policy of its own, as no role can name itself in CloudFormation. By a
//! pattern of their names, whoever names a role like one of Snapback's would keep it from being reverted, and a name that
//! CloudFormation has cut would be missed. Only in a hub's account the roles of members are denied by a pattern.

use std::collections::BTreeSet;
use std::fmt::Write;

use snapback::control::Function;
use workspace_tests::FUNCTIONS;

use super::function::HUB;
use super::{base, function, member, yaml};

/// ARNs that operators name, and the condition under which there are any.
const NAMED: [(&str, &str); 2] = [("Operators", "HasOperators"), ("ProtectedPrincipals", "HasProtectedPrincipals")];

/// Reads are none of it, nor is taking a role, which has a statement of its own.
const ALL_BUT_READS: &str = "NotAction: [iam:Get*, iam:List*, sts:AssumeRole]";

pub(super) fn applies_to(function: &Function) -> bool {
    function::writes(function).any(|right| right.action.starts_with("iam:") && right.action != "iam:PassRole")
}

/// The name of the policy that denies a function's role all of Snapback's roles.
pub(super) fn policy_id(function: &Function) -> String {
    format!("{}NeverOwnRoles", base(function))
}

/// The policy that denies a function's role all roles of the stack.
pub(super) fn of_own_roles(function: &Function) -> String {
    if !applies_to(function) {
        return String::new();
    }
    // What is only deployed together with the policy is there whenever the policy is.
    let only_if =
        |of| function::deployed_if(of).filter(|condition| Some(*condition) != function::deployed_if(function));
    let roles = FUNCTIONS.iter().map(|of| function::arn(&format!("{}Role", base(of)), only_if(of)));
    // Their functions have no controls.
    let roles =
        roles.chain(["!GetAtt RedriveRole.Arn".to_owned(), function::log_files("Role"), function::coverage("Role")]);
    // Another Region of this account may be a member. All of the names there would be longer than IAM takes.
    let of_members = ["member-*", "forwarder"].map(|name| {
        let arn = format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{AWS::StackName}}-{name}");
        format!("!If [{HUB}, !Sub \"{arn}\", !Ref AWS::NoValue]")
    });
    let roles: Vec<String> = roles.chain(of_members).collect();
    format!(
        "
  {}:
    Type: AWS::IAM::Policy
{}    Properties:
      PolicyName: own-roles
      Roles: [!Ref {}Role]
      PolicyDocument:
        Version: \"2012-10-17\"
        Statement:
          - Sid: NeverOwnRoles
            Effect: Deny
            {ALL_BUT_READS}
{}",
        policy_id(function),
        function::only_if(function::deployed_if(function)),
        base(function),
        yaml::list(12, "Resource:", &roles)
    )
}

fn arn(name: &str) -> String {
    format!("!Sub arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}")
}

/// The same in a member, whose roles have the names that `organization/member.yaml` gives them. A member that is another Region
/// of the hub's own account has the hub's roles besides, of whose names only CloudFormation knows the end.
pub(super) fn of_roles_in_a_member(function: &Function, stack: &str) -> String {
    if !applies_to(function) {
        return String::new();
    }
    let here = FUNCTIONS.iter().filter(|of| member::has_role(of)).filter_map(|of| of.member_role(stack));
    let here = here.chain([member::coverage_role(stack), format!("{stack}-forwarder")]);
    let here: Vec<String> = here.map(|name| arn(&name)).collect();
    let of_hub: Vec<String> = own_roles().map(|role| arn(&format!("{stack}-{role}-*"))).collect();
    format!(
        "              - Sid: NeverOwnRoles
                Effect: Deny
                {ALL_BUT_READS}
{}              - !If
                - IsHubsAccount
                - Sid: NeverRolesOfTheHub
                  Effect: Deny
                  {ALL_BUT_READS}
{}                - !Ref AWS::NoValue
",
        yaml::list(16, "Resource:", &here),
        yaml::list(18, "Resource:", &of_hub)
    )
}

/// The roles of the stack, by their logical ids. The last three are of functions that have no controls.
fn own_roles() -> impl Iterator<Item = String> {
    let others = ["RedriveRole", "LogFilesRole", "CoverageRole"].map(str::to_owned);
    FUNCTIONS.iter().map(|of| format!("{}Role", base(of))).chain(others)
}

/// All else, for a stack of this name and with these lists; nothing for a function that does not write IAM.
pub(super) fn statements(function: &Function, stack: &str, lists: &[&str]) -> String {
    if writes_key_policies(function) {
        return of_keys(function, stack);
    }
    if function::writes(function).any(|right| right.action == "dynamodb:PutResourcePolicy") {
        return of_journal(stack);
    }
    if !applies_to(function) {
        return String::new();
    }
    let why = "Whatever is allowed above: whoever takes this role over must not disarm Snapback, lock its operators out, \
               give back what AWS or an operator has locked, or become somebody else.";
    let mut out = yaml::comment(14, why);
    for (name, condition) in NAMED.iter().filter(|(name, _)| lists.contains(name)) {
        let _ = write!(
            out,
            "              - !If
                - {condition}
                - Sid: Never{name}
                  Effect: Deny
                  {ALL_BUT_READS}
                  Resource: !Split [\",\", !Ref {name}]
                - !Ref AWS::NoValue
"
        );
    }
    // Who may detach nothing needs no word of it, and a role has little room.
    if function::writes(function).any(|right| right.action.starts_with("iam:Detach")) {
        out += "              - Sid: NeverLiftsQuarantine
                Effect: Deny
                Action: iam:Detach*Policy
                Resource: \"*\"
                Condition:
                  ArnLike:
                    iam:PolicyARN:
                      - !Sub arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll
                      - !Sub arn:${AWS::Partition}:iam::aws:policy/AWSCompromisedKeyQuarantine*
";
    }
    let member = function.member_role(stack).unwrap_or_default();
    let _ = write!(
        out,
        "              - Sid: NeverPassesRoles
                Effect: Deny
                Action: iam:PassRole
                Resource: \"*\"
              - Sid: NeverTakesRoles
                Effect: Deny
                Action: sts:AssumeRole
                NotResource: !Sub arn:${{AWS::Partition}}:iam::*:role/{member}
"
    );
    out
}

/// Who writes the policies of tables could let somebody read and change the journal. A member may be another Region of the
/// hub's account, and its role is good for all Regions.
fn of_journal(stack: &str) -> String {
    let why = "Whatever is allowed above: whoever takes this role over must not open the journal.";
    let never = |indent: usize, resource: &str| {
        let blank = " ".repeat(indent);
        format!(
            "{blank}- Sid: NeverOwnJournal
{blank}  Effect: Deny
{blank}  Action: [dynamodb:DeleteResourcePolicy, dynamodb:PutResourcePolicy]
{blank}  Resource: {resource}
"
        )
    };
    let statement = if stack == "${AWS::StackName}" {
        never(14, "[!GetAtt Journal.Arn, !Sub \"${Journal.Arn}/stream/*\"]")
    } else {
        let arn = format!("arn:${{AWS::Partition}}:dynamodb:*:${{AWS::AccountId}}:table/{stack}-Journal-*");
        let never = never(16, &format!("!Sub {arn}"));
        format!("              - !If\n                - IsHubsAccount\n{never}                - !Ref AWS::NoValue\n")
    };
    yaml::comment(14, why) + &statement
}

/// Who writes the policy of a key could let itself use the key, and undo what protects Snapback's own.
fn writes_key_policies(function: &Function) -> bool {
    function::writes(function).any(|right| right.action == "kms:PutKeyPolicy")
}

/// Snapback's own keys are known by the tag that CloudFormation gives them, which nobody else can set: a key's policy names the
/// roles of the stack, so that no role can name the key.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html>
fn of_keys(function: &Function, stack: &str) -> String {
    let written: BTreeSet<String> = function::writes(function).map(|right| right.action.to_owned()).collect();
    let written: Vec<String> = written.into_iter().collect();
    let but_the_topics = match stack {
        "${AWS::StackName}" => "NotResource: !GetAtt TopicKey.Arn",
        _ => "Resource: \"*\"",
    };
    let why = "Whatever is allowed above, and whatever the policy of a key says: whoever takes this role over must neither \
               disarm Snapback nor read what is encrypted.";
    format!(
        "{}              - Sid: NeverOwnKeys
                Effect: Deny
{}                Resource: \"*\"
                Condition: {{ StringEquals: {{ \"aws:ResourceTag/aws:cloudformation:stack-name\": !Sub \"{stack}\" }} }}
              - Sid: NeverUsesKeys
                Effect: Deny
                Action:
                  - kms:CreateGrant
                  - kms:Decrypt
                  - kms:DeriveSharedSecret
                  - kms:Encrypt
                  - kms:GenerateDataKey*
                  - kms:ReEncrypt*
                  - kms:Sign
                {but_the_topics}
                Condition: {{ \"ForAllValues:StringNotLike\": {{ kms:ResourceAliases: alias/aws/* }} }}
",
        yaml::comment(14, why),
        yaml::list(16, "Action:", &written)
    )
}
