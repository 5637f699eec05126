//! What people are told of each case: what happened is one thing.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::cases::cases;

/// The controls that are woken by calls that do different things, or by a scheduled check that finds one or the other.
const OF_MANY_KINDS: [&str; 13] = [
    "iam-changed-mfa",
    "iam-identity-provider",
    "organizations-disabled-policies",
    "organizations-new-say",
    "own-changed-queue",
    "own-muted-topic",
    "own-silenced-rule",
    "own-stopped-reverts",
    "rolesanywhere-trusted-certificates",
    "signin-delegated-administrator",
    "signin-moved-account",
    "signin-remote-command",
    "signin-root-sign-in",
];

/// Whoever is woken at night should not have to find out which of two things it was.
#[test]
fn what_happened_is_what_the_call_did_or_the_check_found() -> Result<()> {
    let mut told = BTreeSet::new();
    for case in cases()? {
        let decision = case.decide(case.state())?;
        if decision.is_allow() {
            continue;
        }
        let Some(happened) = case.control.happened_by(&case.event, case.state(), &decision) else { continue };
        ensure!(!happened.contains(" or "), "{}: {happened}", case.place());
        let id = case.control.about.id;
        if OF_MANY_KINDS.contains(&id) {
            told.insert(format!("{id}: {} {happened}", case.event.name));
        }
    }
    let told: Vec<String> = told.into_iter().collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    iam-changed-mfa: DeactivateMFADevice lost an MFA device
    iam-changed-mfa: EnableMFADevice got an MFA device
    iam-identity-provider: AddClientIDToOpenIDConnectProvider had an identity provider changed
    iam-identity-provider: CreateOpenIDConnectProvider got an identity provider
    iam-identity-provider: CreateSAMLProvider got an identity provider
    iam-identity-provider: UpdateOpenIDConnectProviderThumbprint had an identity provider changed
    iam-identity-provider: UpdateSAMLProvider had an identity provider changed
    organizations-disabled-policies: DeletePolicy was deleted
    organizations-disabled-policies: DisablePolicyType has disabled a type of the organization's policies
    organizations-disabled-policies: UpdatePolicy was written anew
    organizations-new-say: DeleteResourcePolicy has changed who has a say in its organization
    organizations-new-say: EnableAWSServiceAccess has let a service into all accounts of its organization
    organizations-new-say: InviteAccountToOrganization has invited an account to its organization
    organizations-new-say: InviteOrganizationToTransferResponsibility has changed who has a say in its organization
    organizations-new-say: PutResourcePolicy has changed who has a say in its organization
    own-changed-queue: AddPermission had its policy changed
    own-changed-queue: DeleteQueue was deleted
    own-changed-queue: PurgeQueue was emptied
    own-changed-queue: RemovePermission had its policy changed
    own-changed-queue: Scheduled Event holds events that nobody handled
    own-changed-queue: SetQueueAttributes had its settings changed
    own-changed-queue: SetQueueAttributes was deleted
    own-muted-topic: AddPermission had its policy changed
    own-muted-topic: DeleteTopic was deleted
    own-muted-topic: RemovePermission had its policy changed
    own-muted-topic: Scheduled Event has no subscribers
    own-muted-topic: SetSubscriptionAttributes had a subscription changed
    own-muted-topic: SetTopicAttributes had its settings changed
    own-muted-topic: SetTopicAttributes was deleted
    own-muted-topic: Subscribe got a subscriber
    own-muted-topic: Unsubscribe lost a subscriber
    own-silenced-rule: DeleteRule was deleted
    own-silenced-rule: DisableRule was disabled
    own-silenced-rule: EnableRule was enabled
    own-silenced-rule: PutRule was changed
    own-silenced-rule: PutTargets had its targets changed
    own-silenced-rule: RemoveTargets lost a target
    own-silenced-rule: Scheduled Event was disabled
    own-stopped-reverts: Scheduled Event had its reverts resumed
    own-stopped-reverts: Scheduled Event had its reverts stopped
    rolesanywhere-trusted-certificates: CreateProfile was opened to holders of certificates
    rolesanywhere-trusted-certificates: CreateTrustAnchor was opened to holders of certificates
    rolesanywhere-trusted-certificates: EnableProfile was opened to holders of certificates
    rolesanywhere-trusted-certificates: EnableTrustAnchor was opened to holders of certificates
    signin-delegated-administrator: DeregisterDelegatedAdministrator has taken an account its administration of a service
    signin-delegated-administrator: RegisterDelegatedAdministrator has made an account a delegated administrator
    signin-moved-account: CloseAccount has closed an account of its organization
    signin-moved-account: LeaveOrganization has left its organization
    signin-moved-account: MoveAccount has moved an account within its organization
    signin-moved-account: RemoveAccountFromOrganization has removed an account from its organization
    signin-remote-command: SendCommand got a command by Systems Manager
    signin-remote-command: StartSession got a session by Systems Manager
    signin-root-sign-in: ConsoleLogin saw root sign in
    signin-root-sign-in: PasswordRecoveryCompleted had root's password changed
    signin-root-sign-in: PasswordRecoveryRequested was asked for a new password of root
    signin-root-sign-in: PasswordUpdated had root's password changed
    ");
    Ok(())
}
