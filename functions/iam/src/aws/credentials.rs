//! Access keys and the like: each is active or inactive.

use anyhow::Result;
use aws_sdk_iam::types::StatusType;
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Credential, CredentialKind, CredentialStatus, Live, Swap};
use snapback::place::Place;

use super::GONE;

/// Whether a credential is active; nothing if it is gone, or its user.
pub(crate) async fn status(place: &Place, of: &Credential) -> Result<Option<CredentialStatus>> {
    let (client, user) = (snapback::client!(aws_sdk_iam, &place.config), &of.user);
    let doing = || format!("reading {of}");
    let is_it = |id: &str| id == of.id;
    let status = match of.kind {
        CredentialKind::AccessKey => {
            let answer = client.list_access_keys().user_name(user).send().await;
            let keys = unless_gone(answer, GONE, doing)?.map(|answer| answer.access_key_metadata).unwrap_or_default();
            keys.into_iter().find(|key| key.access_key_id().is_some_and(is_it)).and_then(|key| key.status)
        }
        CredentialKind::ServiceCredential => {
            let answer = client.list_service_specific_credentials().user_name(user).send().await;
            let found = unless_gone(answer, GONE, doing)?.and_then(|answer| answer.service_specific_credentials);
            let mut found = found.unwrap_or_default().into_iter();
            found.find(|one| is_it(&one.service_specific_credential_id)).map(|one| one.status)
        }
        CredentialKind::SigningCertificate => {
            let answer = client.list_signing_certificates().user_name(user).send().await;
            let found = unless_gone(answer, GONE, doing)?.map(|answer| answer.certificates).unwrap_or_default();
            found.into_iter().find(|one| is_it(&one.certificate_id)).map(|one| one.status)
        }
        CredentialKind::SshKey => {
            let answer = client.list_ssh_public_keys().user_name(user).send().await;
            let found = unless_gone(answer, GONE, doing)?.and_then(|answer| answer.ssh_public_keys);
            let mut found = found.unwrap_or_default().into_iter();
            found.find(|one| is_it(&one.ssh_public_key_id)).map(|one| one.status)
        }
    };
    Ok(status.map(|status| CredentialStatus(status.as_str().to_owned())))
}

pub(super) async fn change(place: &Place, change: &Swap<Credential, CredentialStatus>) -> Result<Applied> {
    let of = &change.of;
    let read = async { Ok(Live::or(status(place, of).await?, || format!("{of} is gone"))) };
    change.put(read, async |to| write(place, of, to).await).await
}

async fn write(place: &Place, of: &Credential, to: &CredentialStatus) -> Result<()> {
    let (client, status) = (snapback::client!(aws_sdk_iam, &place.config), StatusType::from(to.0.as_str()));
    let done = match of.kind {
        CredentialKind::AccessKey => {
            let call = client.update_access_key().user_name(&of.user).access_key_id(&of.id);
            call.status(status).send().await.map(drop).map_err(failure)
        }
        CredentialKind::ServiceCredential => {
            let call = client.update_service_specific_credential().user_name(&of.user);
            let call = call.service_specific_credential_id(&of.id);
            call.status(status).send().await.map(drop).map_err(failure)
        }
        CredentialKind::SigningCertificate => {
            let call = client.update_signing_certificate().user_name(&of.user).certificate_id(&of.id);
            call.status(status).send().await.map(drop).map_err(failure)
        }
        CredentialKind::SshKey => {
            let call = client.update_ssh_public_key().user_name(&of.user).ssh_public_key_id(&of.id);
            call.status(status).send().await.map(drop).map_err(failure)
        }
    };
    done.map_err(|error| error.context(format!("making {of} {}", to.0.to_lowercase())))
}
