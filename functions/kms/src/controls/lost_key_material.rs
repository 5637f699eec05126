//! # A key has lost its material
//!
//! **Watches** of AWS KMS `DeleteImportedKeyMaterial`, `ImportKeyMaterial`, `DisconnectCustomKeyStore`,
//! `UpdateCustomKeyStore` and `DeleteCustomKeyStore`.
//!
//! **Why** Without its material a key decrypts nothing, at once and without the days that the deletion of a key leaves (ransom by imported
//! material that expires works that way). Who imports material knows it, and everything that is encrypted with it.
//!
//! **Does** Alerts and touches nothing: only who has the material can import it again. The notice has the command.
//!
//! **Leaves alone**
//! - custom key stores that only get another name

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, SERVICE, key_of};

#[derive(Debug)]
pub(crate) struct LostKeyMaterial;

impl Noticed for LostKeyMaterial {
    const ABOUT: &'static About = &About {
        id: "kms-lost-key-material",
        title: "A key has lost its material",
        happened: "has lost its key material",
        watches: &[
            Watch { service: SERVICE, name: "DeleteImportedKeyMaterial" },
            Watch { service: SERVICE, name: "ImportKeyMaterial" },
            Watch { service: SERVICE, name: "DisconnectCustomKeyStore" },
            Watch { service: SERVICE, name: "UpdateCustomKeyStore" },
            Watch { service: SERVICE, name: "DeleteCustomKeyStore" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1485", "ATT&CK T1486"],
        caveat: "What needs the key fails until it has its material again.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            "ImportKeyMaterial" => "was given imported key material",
            "UpdateCustomKeyStore" => "was changed",
            "DisconnectCustomKeyStore" => "was disconnected",
            "DeleteCustomKeyStore" => "was deleted",
            _ => Self::ABOUT.happened,
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let (actor, region) = (&event.actor, &event.region);
        if let Some(store) = json::text(&event.request, "customKeyStoreId") {
            let mut fields = event.request.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
            let is_renamed = fields.all(|name| ["customKeyStoreId", "newCustomKeyStoreName"].contains(&name));
            if event.name == "UpdateCustomKeyStore" && is_renamed {
                return None;
            }
            let page = format!("kms/home?region={}#/kms/custom-key-stores", event.region);
            let subject = Subject::part(event, "custom key store", store, "kms", "key-store/", &page);
            let why = match event.name.as_str() {
                "DisconnectCustomKeyStore" => format!(
                    "{actor} disconnected it, and none of its keys can be used. To connect it again: `aws kms \
                     connect-custom-key-store --region {region} --custom-key-store-id {store}`"
                ),
                "DeleteCustomKeyStore" => {
                    format!("{actor} deleted it. It can only be made anew, with `aws kms create-custom-key-store`")
                }
                _ => format!(
                    "{actor} changed to where it leads. Look: `aws kms describe-custom-key-stores --region {region} --custom-key-store-id {store}`"
                ),
            };
            return Some(Risk { subject, severity: Severity::High, why });
        }
        let subject = told::subject(event);
        let key = key_of(&subject).unwrap_or("KEY");
        let (severity, why) = match event.name.as_str() {
            "ImportKeyMaterial" => (
                Severity::Medium,
                format!(
                    "{actor} imported its material, and so knows it. If that was not to be: `aws kms disable-key --region {region} --key-id {key}`"
                ),
            ),
            "DeleteImportedKeyMaterial" => (
                Severity::High,
                format!(
                    "{actor} deleted its material. Whoever has it imports it again, with `aws kms get-parameters-for-import \
                     --region {region} --key-id {key}` and then `aws kms import-key-material`"
                ),
            ),
            other => (Severity::Medium, format!("{actor} called `{other}`, and the event does not say upon what")),
        };
        Some(Risk { subject, severity, why })
    }
}
