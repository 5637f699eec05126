//! What IAM has to allow for the controls of IAM, and on what.

use snapback::right::{LISTED_BOUNDARY, On, Right, When};

const USERS: On = On::new("Users", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"]);
pub(crate) const GET_USER: Right = USERS.right("iam:GetUser");
pub(crate) const LIST_USER_TAGS: Right = USERS.right("iam:ListUserTags");
pub(crate) const LIST_GROUPS_FOR_USER: Right = USERS.right("iam:ListGroupsForUser");
pub(crate) const LIST_ATTACHED_USER_POLICIES: Right = USERS.right("iam:ListAttachedUserPolicies");
pub(crate) const LIST_USER_POLICIES: Right = USERS.right("iam:ListUserPolicies");
pub(crate) const GET_USER_POLICY: Right = USERS.right("iam:GetUserPolicy");
pub(crate) const LIST_ACCESS_KEYS: Right = USERS.right("iam:ListAccessKeys");
pub(crate) const LIST_SERVICE_SPECIFIC_CREDENTIALS: Right = USERS.right("iam:ListServiceSpecificCredentials");
pub(crate) const LIST_SIGNING_CERTIFICATES: Right = USERS.right("iam:ListSigningCertificates");
pub(crate) const LIST_SSH_PUBLIC_KEYS: Right = USERS.right("iam:ListSSHPublicKeys");

pub(crate) const GET_LOGIN_PROFILE: Right = USERS.right("iam:GetLoginProfile");

const ROLES: On = On::new("Roles", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"]);
pub(crate) const GET_ROLE: Right = ROLES.right("iam:GetRole");
pub(crate) const LIST_ROLE_TAGS: Right = ROLES.right("iam:ListRoleTags");
pub(crate) const LIST_ATTACHED_ROLE_POLICIES: Right = ROLES.right("iam:ListAttachedRolePolicies");
pub(crate) const LIST_ROLE_POLICIES: Right = ROLES.right("iam:ListRolePolicies");
pub(crate) const GET_ROLE_POLICY: Right = ROLES.right("iam:GetRolePolicy");

const INSTANCE_PROFILES: On =
    On::new("InstanceProfiles", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/*"]);
pub(crate) const GET_INSTANCE_PROFILE: Right = INSTANCE_PROFILES.right("iam:GetInstanceProfile");

const GROUPS: On = On::new("Groups", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:group/*"]);
pub(crate) const GET_GROUP: Right = GROUPS.right("iam:GetGroup");
pub(crate) const LIST_ATTACHED_GROUP_POLICIES: Right = GROUPS.right("iam:ListAttachedGroupPolicies");
pub(crate) const LIST_GROUP_POLICIES: Right = GROUPS.right("iam:ListGroupPolicies");
pub(crate) const GET_GROUP_POLICY: Right = GROUPS.right("iam:GetGroupPolicy");

const POLICIES: On = On::new(
    "Policies",
    &["arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/*", "arn:${AWS::Partition}:iam::aws:policy/*"],
);
pub(crate) const GET_POLICY: Right = POLICIES.right("iam:GetPolicy");
pub(crate) const GET_POLICY_VERSION: Right = POLICIES.right("iam:GetPolicyVersion");

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

/// And to see what was granted before.
pub(crate) const READ_GRANTS: [Right; 16] = {
    let mut all = [ALL.right("cloudtrail:LookupEvents"); 16];
    let mut index = 0;
    while index < READ_PERMISSIONS.len() {
        all[index] = READ_PERMISSIONS[index];
        index += 1;
    }
    all
};

const ALL: On = On::new("All", &["*"]);
pub(crate) const LIST_ROLES: Right = ALL.right("iam:ListRoles");
pub(crate) const GET_ACCOUNT_AUTHORIZATION_DETAILS: Right = ALL.right("iam:GetAccountAuthorizationDetails");

pub(crate) const GET_ACCOUNT_PASSWORD_POLICY: Right = ALL.right("iam:GetAccountPasswordPolicy");

const PASSWORD_POLICY: On = On::new("PasswordPolicy", &["*"]);
pub(crate) const UPDATE_ACCOUNT_PASSWORD_POLICY: Right = PASSWORD_POLICY.right("iam:UpdateAccountPasswordPolicy");
pub(crate) const DELETE_ACCOUNT_PASSWORD_POLICY: Right = PASSWORD_POLICY.right("iam:DeleteAccountPasswordPolicy");

const VERSIONS: On = On::new("Versions", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/*"]);
pub(crate) const SET_DEFAULT_POLICY_VERSION: Right = VERSIONS.right("iam:SetDefaultPolicyVersion");

const BOUNDARIES: On = On::new(
    "Boundaries",
    &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*", "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
)
.when(&[LISTED_BOUNDARY]);
pub(crate) const PUT_USER_PERMISSIONS_BOUNDARY: Right = BOUNDARIES.right("iam:PutUserPermissionsBoundary");
pub(crate) const PUT_ROLE_PERMISSIONS_BOUNDARY: Right = BOUNDARIES.right("iam:PutRolePermissionsBoundary");
pub(crate) const DELETE_USER_PERMISSIONS_BOUNDARY: Right = BOUNDARIES.right("iam:DeleteUserPermissionsBoundary");
pub(crate) const DELETE_ROLE_PERMISSIONS_BOUNDARY: Right = BOUNDARIES.right("iam:DeleteRolePermissionsBoundary");

const CREDENTIALS: On = On::new("Credentials", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"])
    .why("IAM knows no condition on the status: who may make a credential inactive may make it active.");
pub(crate) const UPDATE_ACCESS_KEY: Right = CREDENTIALS.right("iam:UpdateAccessKey");
pub(crate) const UPDATE_SERVICE_SPECIFIC_CREDENTIAL: Right = CREDENTIALS.right("iam:UpdateServiceSpecificCredential");
pub(crate) const UPDATE_SIGNING_CERTIFICATE: Right = CREDENTIALS.right("iam:UpdateSigningCertificate");
pub(crate) const UPDATE_SSH_PUBLIC_KEY: Right = CREDENTIALS.right("iam:UpdateSSHPublicKey");

const USER_GRANTS: On = On::new("UserGrants", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"]);
pub(crate) const DETACH_USER_POLICY: Right = USER_GRANTS.right("iam:DetachUserPolicy");
pub(crate) const DELETE_USER_POLICY: Right = USER_GRANTS.right("iam:DeleteUserPolicy");
pub(crate) const ATTACH_USER_POLICY: Right = USER_GRANTS.right("iam:AttachUserPolicy");
pub(crate) const PUT_USER_POLICY: Right = USER_GRANTS.right("iam:PutUserPolicy");

const LOCKS: On = On::new("Locks", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"])
    .when(&[When::new("ArnEquals", "iam:PolicyARN", &["arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll"])])
    .why("It gives nobody anything: of all policies, only the one of AWS that denies everything.");
pub(crate) const LOCK_USER: Right = LOCKS.right("iam:AttachUserPolicy");

const ROLE_GRANTS: On = On::new("RoleGrants", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"]);
pub(crate) const DETACH_ROLE_POLICY: Right = ROLE_GRANTS.right("iam:DetachRolePolicy");
pub(crate) const DELETE_ROLE_POLICY: Right = ROLE_GRANTS.right("iam:DeleteRolePolicy");
pub(crate) const ATTACH_ROLE_POLICY: Right = ROLE_GRANTS.right("iam:AttachRolePolicy");
pub(crate) const PUT_ROLE_POLICY: Right = ROLE_GRANTS.right("iam:PutRolePolicy");
pub(crate) const UPDATE_ASSUME_ROLE_POLICY: Right = ROLE_GRANTS.right("iam:UpdateAssumeRolePolicy");

const GROUP_GRANTS: On = On::new("GroupGrants", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:group/*"]);
pub(crate) const DETACH_GROUP_POLICY: Right = GROUP_GRANTS.right("iam:DetachGroupPolicy");
pub(crate) const DELETE_GROUP_POLICY: Right = GROUP_GRANTS.right("iam:DeleteGroupPolicy");
pub(crate) const REMOVE_USER_FROM_GROUP: Right = GROUP_GRANTS.right("iam:RemoveUserFromGroup");
pub(crate) const ATTACH_GROUP_POLICY: Right = GROUP_GRANTS.right("iam:AttachGroupPolicy");
pub(crate) const PUT_GROUP_POLICY: Right = GROUP_GRANTS.right("iam:PutGroupPolicy");
pub(crate) const ADD_USER_TO_GROUP: Right = GROUP_GRANTS.right("iam:AddUserToGroup");

const CONSOLE_PASSWORDS: On = On::new("ConsolePasswords", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*"]);
pub(crate) const DELETE_LOGIN_PROFILE: Right = CONSOLE_PASSWORDS.right("iam:DeleteLoginProfile");
pub(crate) const CREATE_LOGIN_PROFILE: Right = CONSOLE_PASSWORDS.right("iam:CreateLoginProfile");
