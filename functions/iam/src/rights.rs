//! What IAM has to allow for the controls of IAM, and on what.

use snapback::right::{On, Right};

const USERS: On = On::new("Users", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"]);
pub(crate) const GET_USER: Right = USERS.right("iam:GetUser");
pub(crate) const LIST_USER_TAGS: Right = USERS.right("iam:ListUserTags");
const LIST_GROUPS_FOR_USER: Right = USERS.right("iam:ListGroupsForUser");
const LIST_ATTACHED_USER_POLICIES: Right = USERS.right("iam:ListAttachedUserPolicies");
const LIST_USER_POLICIES: Right = USERS.right("iam:ListUserPolicies");
const GET_USER_POLICY: Right = USERS.right("iam:GetUserPolicy");
pub(crate) const LIST_ACCESS_KEYS: Right = USERS.right("iam:ListAccessKeys");
pub(crate) const LIST_SERVICE_SPECIFIC_CREDENTIALS: Right = USERS.right("iam:ListServiceSpecificCredentials");
pub(crate) const LIST_SIGNING_CERTIFICATES: Right = USERS.right("iam:ListSigningCertificates");
pub(crate) const LIST_SSH_PUBLIC_KEYS: Right = USERS.right("iam:ListSSHPublicKeys");

pub(crate) const GET_LOGIN_PROFILE: Right = USERS.right("iam:GetLoginProfile");

const ROLES: On = On::new("Roles", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"]);
pub(crate) const GET_ROLE: Right = ROLES.right("iam:GetRole");
pub(crate) const LIST_ROLE_TAGS: Right = ROLES.right("iam:ListRoleTags");
const LIST_ATTACHED_ROLE_POLICIES: Right = ROLES.right("iam:ListAttachedRolePolicies");
const LIST_ROLE_POLICIES: Right = ROLES.right("iam:ListRolePolicies");
const GET_ROLE_POLICY: Right = ROLES.right("iam:GetRolePolicy");

const GROUPS: On = On::new("Groups", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:group/*"]);
const GET_GROUP: Right = GROUPS.right("iam:GetGroup");
const LIST_ATTACHED_GROUP_POLICIES: Right = GROUPS.right("iam:ListAttachedGroupPolicies");
const LIST_GROUP_POLICIES: Right = GROUPS.right("iam:ListGroupPolicies");
const GET_GROUP_POLICY: Right = GROUPS.right("iam:GetGroupPolicy");

const POLICIES: On = On::new(
    "Policies",
    &["arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/*", "arn:${AWS::Partition}:iam::aws:policy/*"],
);
const GET_POLICY: Right = POLICIES.right("iam:GetPolicy");
const GET_POLICY_VERSION: Right = POLICIES.right("iam:GetPolicyVersion");

/// What it takes to read all that gives a user, a role or a group permissions.
pub(crate) const READ_PERMISSIONS: [Right; 15] = [
    GET_USER,
    LIST_GROUPS_FOR_USER,
    LIST_ATTACHED_USER_POLICIES,
    LIST_USER_POLICIES,
    GET_USER_POLICY,
    GET_ROLE,
    LIST_ATTACHED_ROLE_POLICIES,
    LIST_ROLE_POLICIES,
    GET_ROLE_POLICY,
    GET_GROUP,
    LIST_ATTACHED_GROUP_POLICIES,
    LIST_GROUP_POLICIES,
    GET_GROUP_POLICY,
    GET_POLICY,
    GET_POLICY_VERSION,
];

const ALL: On = On::new("All", &["*"]);
pub(crate) const LIST_USERS: Right = ALL.right("iam:ListUsers");
pub(crate) const LIST_ROLES: Right = ALL.right("iam:ListRoles");
pub(crate) const LIST_GROUPS: Right = ALL.right("iam:ListGroups");

const TRUST: On = On::new("Trust", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"]);
pub(crate) const UPDATE_ASSUME_ROLE_POLICY: Right = TRUST.right("iam:UpdateAssumeRolePolicy");

const CREDENTIALS: On = On::new("Credentials", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"])
    .why("IAM knows no condition on the status: who may make a credential inactive may make it active.");
pub(crate) const UPDATE_ACCESS_KEY: Right = CREDENTIALS.right("iam:UpdateAccessKey");
pub(crate) const UPDATE_SERVICE_SPECIFIC_CREDENTIAL: Right = CREDENTIALS.right("iam:UpdateServiceSpecificCredential");
pub(crate) const UPDATE_SIGNING_CERTIFICATE: Right = CREDENTIALS.right("iam:UpdateSigningCertificate");
pub(crate) const UPDATE_SSH_PUBLIC_KEY: Right = CREDENTIALS.right("iam:UpdateSSHPublicKey");

const CONSOLE_PASSWORDS: On = On::new("ConsolePasswords", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"]);
pub(crate) const DELETE_LOGIN_PROFILE: Right = CONSOLE_PASSWORDS.right("iam:DeleteLoginProfile");
pub(crate) const CREATE_LOGIN_PROFILE: Right = CONSOLE_PASSWORDS.right("iam:CreateLoginProfile");
