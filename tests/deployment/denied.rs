//! What the role of a function that writes IAM is denied, whatever it is allowed: whoever takes the function over must
//! get no further by it.

use std::fmt::Write;

use snapback::control::Function;

use super::{function, yaml};

/// ARNs that operators name, and the condition under which there are any.
const NAMED: [(&str, &str); 2] = [("Operators", "HasOperators"), ("ProtectedPrincipals", "HasProtectedPrincipals")];

/// Reads are none of it, nor is taking a role, which has a statement of its own.
const ALL_BUT_READS: &str = "NotAction: [iam:Get*, iam:List*, sts:AssumeRole]";

/// The statements, of a stack of this name and with these lists; none for a function that does not write IAM.
pub(super) fn statements(function: &Function, stack: &str, lists: &[&str]) -> String {
    if !function::writes(function).any(|right| right.action.starts_with("iam:") && right.action != "iam:PassRole") {
        return String::new();
    }
    let why = "Whatever is allowed above: whoever takes this role over must not disarm Snapback, lock its operators out, \
               give back what AWS or an operator has locked, or become somebody else.";
    let mut out = yaml::comment(14, why);
    let _ = write!(
        out,
        "              - Sid: NeverOwnRoles
                Effect: Deny
                {ALL_BUT_READS}
                Resource: !Sub arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{stack}-*
"
    );
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
    let member = function.member_role(stack).unwrap_or_default();
    let _ = write!(
        out,
        "              - Sid: NeverLiftsQuarantine
                Effect: Deny
                Action: [iam:DetachGroupPolicy, iam:DetachRolePolicy, iam:DetachUserPolicy]
                Resource: \"*\"
                Condition:
                  ArnLike:
                    iam:PolicyARN:
                      - !Sub arn:${{AWS::Partition}}:iam::aws:policy/AWSDenyAll
                      - !Sub arn:${{AWS::Partition}}:iam::aws:policy/AWSCompromisedKeyQuarantine*
              - Sid: NeverPassesRoles
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
