//! # A policy lets strangers send mail in one's name
//!
//! **Watches** `PutIdentityPolicy`, and of version 2 of its API `CreateEmailIdentityPolicy` and `UpdateEmailIdentityPolicy`.
//!
//! **Why** Mail that strangers send from one's own domain is signed as one's own and believed (endgame backdoors email
//! identities this way).
//!
//! **Does** Reads the policy of this name that the identity has now and removes from it what lets in everyone, or accounts
//! and organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays as it is, and so do the identity's other policies. The policy is deleted only if
//! nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which policy.

use std::collections::HashMap;

use anyhow::Result;
use serde_json::{Value, json};
use snapback::change::Holder;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::place::Place;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::resource::{Live, Resource};
use crate::row::{OPENED, pairs};
use crate::service::{Call, Service};

const SES: &str = "ses.amazonaws.com";
const SERVICE: Service = Service::rest("ses").at("email");

const IDENTITIES: On =
    On::new("Identities", &["arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*"]);
const GET: Right = IDENTITIES.right("ses:GetEmailIdentityPolicies");
const UPDATE: Right = IDENTITIES.right("ses:UpdateEmailIdentityPolicy");
const DELETE: Right = IDENTITIES.right("ses:DeleteEmailIdentityPolicy");

/// With which SES says that there is no such identity.
const GONE: &[&str] = &["NotFoundException"];

#[derive(Debug)]
pub(crate) struct SesOpenIdentityPolicy;

/// An identity has several policies, each of a name: what is known by an id is known by both, with a slash between.
impl Resource for SesOpenIdentityPolicy {
    const ABOUT: &'static About = &About {
        id: "ses-open-identity-policy",
        title: "A policy lets strangers send mail in one's name",
        watches: &[
            Watch { service: SES, name: "PutIdentityPolicy" },
            Watch { service: SES, name: "CreateEmailIdentityPolicy" },
            Watch { service: SES, name: "UpdateEmailIdentityPolicy" },
        ],
        reads: &[GET],
        writes: &[UPDATE, DELETE],
        undoes: &[GET, UPDATE],
        frameworks: &["ATT&CK T1566", "endgame ses"],
        caveat: "Mail that strangers sent in the meantime has gone out in your name: look at the identity's sending statistics, \
                 and warn whom it may have reached.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "email identity";
    const LIST: &'static [Right] = &[On::new("AllIdentities", &["*"]).right("ses:ListEmailIdentities"), GET];
    const TAGS: Option<Right> = Some(IDENTITIES.right("ses:ListTagsForResource"));

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let request = &event.request;
        let identity = json::text(request, "identity").or_else(|| json::text(request, "emailIdentity"));
        (identity, json::text(request, "policy").map(str::to_owned).into())
    }

    /// A call tells the name of the policy beside that of the identity, which version 1 of the API takes as an ARN as well.
    fn subject(event: &Event, id: &str) -> Option<Subject> {
        let identity = id.split_once(":identity/").map_or(id, |(_, identity)| identity);
        let name = match json::text(&event.request, "policyName") {
            Some(policy) => format!("{identity}/{policy}"),
            None => identity.to_owned(),
        };
        let page = format!("ses/home?region={}#/identities", event.region);
        name.contains('/').then(|| Subject::part(event, Self::WORD, &name, "ses", "identity/", &page))
    }

    fn holder(policy: &Subject) -> Holder {
        Holder::Resource { word: Self::WORD.to_owned(), id: policy.name.clone() }
    }

    async fn read(place: &Place, id: &str) -> Result<Live> {
        let (identity, name) = parts(id);
        let found = SERVICE.ask(place, of(identity), GONE).await?.unwrap_or_default();
        Ok(found["Policies"][name].as_str().map(str::to_owned).into())
    }

    /// To update a policy that is not there makes it.
    /// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_UpdateEmailIdentityPolicy.html>
    async fn write(place: &Place, id: &str, policy: &str) -> Result<()> {
        let (identity, name) = parts(id);
        let path = ["v2", "email", "identities", identity, "policies", name];
        let call = if policy.is_empty() {
            Call::rest("DeleteEmailIdentityPolicy", "DELETE", &path)
        } else {
            Call::rest("UpdateEmailIdentityPolicy", "PUT", &path).with(json!({"Policy": policy}))
        };
        SERVICE.call(place, call).await.map(drop)
    }

    async fn list(place: &Place) -> Result<Vec<String>> {
        let (mut ids, mut asked) = (vec![], json!({}));
        loop {
            let list = Call::rest("ListEmailIdentities", "POST", &["v2", "email", "list-identities"]);
            let answer = SERVICE.call(place, list.with(asked)).await?;
            for identity in json::list(&answer["EmailIdentities"]) {
                let Some(identity) = json::text(identity, "IdentityName") else { continue };
                let found = SERVICE.ask(place, of(identity), GONE).await?.unwrap_or_default();
                let names = found["Policies"].as_object().into_iter().flat_map(|policies| policies.keys());
                ids.extend(names.map(|name| format!("{identity}/{name}")));
            }
            let Some(token) = json::text(&answer, "NextToken") else { return Ok(ids) };
            asked = json!({"NextToken": token});
        }
    }

    /// Those of the identity.
    async fn tags(place: &Place, policy: &Subject) -> Result<HashMap<String, String>> {
        let (identity, _) = parts(&policy.arn);
        let call =
            Call::rest("ListTagsForResource", "GET", &["v2", "email", "tags"]).and(SERVICE, "ResourceArn", identity);
        Ok(pairs(&SERVICE.ask(place, call, GONE).await?.unwrap_or(Value::Null)["Tags"]))
    }
}

/// An identity, and the name of its policy, which has no slash.
fn parts(id: &str) -> (&str, &str) {
    id.rsplit_once('/').unwrap_or((id, ""))
}

/// What asks for all policies of an identity.
fn of(identity: &str) -> Call {
    Call::rest("GetEmailIdentityPolicies", "GET", &["v2", "email", "identities", identity, "policies"])
}
