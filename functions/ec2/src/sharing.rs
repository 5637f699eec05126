//! Snapshots, AMIs and endpoint services that are shared with others: what an event tells of it, and which accounts of AWS's own
//! are no strangers.

use anyhow::Result;
use serde_json::Value;
use snapback::change::{Ec2, Shared, SharedWith, Swap};
use snapback::event::Event;
use snapback::json;
use snapback::place::Place;
use snapback::settings::Settings;
use snapback::sharing::{Reshared, Shares, Told};

use crate::aws;
use crate::told::{field, parameters, text, texts};

#[derive(Debug)]
pub(crate) struct OfEc2;

impl Shares for OfEc2 {
    type Of = Shared;
    type Change = Ec2;

    const CHANGE: Reshared<Shared, Ec2> = Ec2::Sharing;

    fn swap(change: &Ec2) -> Option<&Swap<Shared, Vec<SharedWith>>> {
        if let Ec2::Sharing(swap) = change { Some(swap) } else { None }
    }

    async fn read(place: &Place, of: &Shared) -> Result<Option<Vec<SharedWith>>> {
        aws::shares::read(place, of).await
    }

    fn is_of_aws(account: &str, event: &Event) -> bool {
        GUARDDUTY.contains(&(event.region.as_str(), account))
    }
}

/// Accounts of AWS's own in which GuardDuty looks for malware in snapshots: it shares them with the one of the Region.
/// <https://docs.aws.amazon.com/guardduty/latest/ug/gdu-service-account-region-list.html>
const GUARDDUTY: [(&str, &str); 37] = [
    ("us-east-1", "652050842985"),
    ("us-east-2", "178123968615"),
    ("us-west-1", "669213148797"),
    ("us-west-2", "447226417196"),
    ("ap-south-1", "913179291432"),
    ("ap-northeast-3", "089661699081"),
    ("ap-northeast-2", "039163547507"),
    ("ap-northeast-1", "874749492622"),
    ("ap-southeast-1", "247460962669"),
    ("ap-southeast-2", "124839743349"),
    ("ca-central-1", "175877067165"),
    ("ca-west-1", "894794104037"),
    ("eu-central-1", "002294850712"),
    ("eu-west-1", "283769539786"),
    ("eu-west-2", "310125036783"),
    ("eu-west-3", "866607715269"),
    ("eu-north-1", "693780578038"),
    ("cn-north-1", "448721096076"),
    ("cn-northwest-1", "480864352451"),
    ("sa-east-1", "546914126324"),
    ("ap-south-2", "682251015962"),
    ("ap-southeast-4", "353488359550"),
    ("ap-southeast-5", "009160069308"),
    ("ap-southeast-7", "941377115582"),
    ("eu-south-2", "936182149045"),
    ("eu-central-2", "867642063380"),
    ("il-central-1", "619233833001"),
    ("eu-south-1", "977238331021"),
    ("ap-east-1", "249472122084"),
    ("me-south-1", "404001805210"),
    ("af-south-1", "957664736811"),
    ("ap-southeast-3", "452118225523"),
    ("me-central-1", "828603743433"),
    ("mx-central-1", "557690616787"),
    ("ap-east-2", "863518437308"),
    ("us-gov-east-1", "226283551151"),
    ("us-gov-west-1", "226300430612"),
];

/// Of a snapshot or an AMI: `permission` is `createVolumePermission` or `launchPermission`, `id` where its id
/// stands.
pub(crate) fn told_by_permission(event: &Event, id: &str, permission: &str) -> Told {
    let request = parameters(event);
    let with = if json::is_left_out(request) { None } else { added(request, permission) };
    Told { id: text(request, id).map(str::to_owned), with }
}

pub(crate) fn told_by_principals(event: &Event) -> Told {
    let request = parameters(event);
    let principal = |name: &str| match name {
        "*" => SharedWith::Everyone,
        arn => SharedWith::Principal(arn.to_owned()),
    };
    let with = (!json::is_left_out(request))
        .then(|| texts(field(request, "addAllowedPrincipals")).into_iter().map(principal).collect());
    Told { id: text(request, "serviceId").map(str::to_owned), with }
}

/// Whether an account is no stranger: the event's own, one that the operator trusts, or GuardDuty's.
pub(crate) fn is_trusted(account: &str, event: &Event, settings: &Settings) -> bool {
    account == event.account || settings.trusted_accounts.contains(account) || OfEc2::is_of_aws(account, event)
}

/// Those to whom the parameters give a permission, in a list or flat; nothing if the form is not known.
fn added(request: &Value, permission: &str) -> Option<Vec<SharedWith>> {
    let permissions = field(request, permission);
    let add = field(permissions, "add");
    let mut with = vec![];
    for element in json::list(add) {
        let found = grantees(element)?;
        if found.is_empty() {
            return None;
        }
        with.extend(found);
    }
    let operation = text(request, "operationType").unwrap_or_default();
    if operation.eq_ignore_ascii_case("add") {
        with.extend(grantees(request)?);
    }
    let removes = operation.eq_ignore_ascii_case("remove") || !field(permissions, "remove").is_null();
    // An AMI has attributes that let nobody in; of a snapshot this is the only one.
    let attribute = text(request, "attributeType").or_else(|| text(request, "attribute"));
    let is_other = permission == "launchPermission"
        && permissions.is_null()
        && !attribute.is_some_and(|name| name.replace('_', "").eq_ignore_ascii_case(permission))
        && operation.is_empty();
    (!with.is_empty() || removes || is_other).then_some(with)
}

/// Whoever is named by the fields of an element, or of flat parameters; nothing if one has a form that is not known.
fn grantees(fields: &Value) -> Option<Vec<SharedWith>> {
    let mut found = vec![];
    for (name, value) in fields.as_object()? {
        let name = name.to_ascii_lowercase();
        let of: fn(String) -> SharedWith = if name.starts_with("userid") {
            SharedWith::Account
        } else if name.starts_with("organizationarn") {
            SharedWith::Organization
        } else if name.starts_with("organizationalunitarn") {
            SharedWith::OrganizationalUnit
        } else if name.contains("group") {
            |_| SharedWith::Everyone
        } else {
            continue;
        };
        let names = texts(value);
        if names.is_empty() && !value.is_null() && !value.as_object().is_some_and(serde_json::Map::is_empty) {
            return None;
        }
        found.extend(names.into_iter().map(|name| of(name.to_owned())));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;
    use snapback::control::{Control, Given, Suspicion};
    use snapback::decision::Decision;
    use snapback::sharing::{self, Standing, State};
    use snapback::subject::Subject;

    use super::*;
    use crate::controls::{OpenEndpointService, SharedImage, SharedSnapshot};

    fn standing(one: &SharedWith, event: &Event, settings: &Settings) -> Standing {
        sharing::standing::<OfEc2>(one, event, settings)
    }

    fn event(name: &str, request: Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn told(permission: &str, request: Value) -> String {
        let told = told_by_permission(&event("ModifyImageAttribute", request), "imageId", permission);
        told.with.map_or("not told".to_owned(), |with| format!("{with:?}"))
    }

    fn trusting() -> Settings {
        Settings {
            trusted_accounts: ["222233334444".to_owned()].into(),
            trusted_organizations: ["o-a1b2c3d4e5".to_owned()].into(),
            ..Settings::default()
        }
    }

    #[test]
    fn every_form_of_sharing_is_read() {
        for (request, expected) in [
            (
                json!({"launchPermission": {"add": {"items": [{"userId": "444455556666"}, {"group": "all"}]}}}),
                r#"[Account("444455556666"), Everyone]"#,
            ),
            (json!({"launchPermission": {"add": {"items": [{"groups": "all"}]}}}), "[Everyone]"),
            (
                json!({"launchPermission": {"add": {"items": [{"organizationArn": "arn:o"}, {"organizationalUnitArn": "arn:ou"}]}}}),
                r#"[Organization("arn:o"), OrganizationalUnit("arn:ou")]"#,
            ),
            (
                json!({"ModifyImageAttributeRequest": {"ImageId": "ami-1", "LaunchPermission": {"Add": {"UserId": "444455556666", "tag": 1}}}}),
                r#"[Account("444455556666")]"#,
            ),
            (
                json!({"attributeType": "launchPermission", "operationType": "add", "userIds": {"items": [{"userId": "444455556666"}]}, "userGroups": {"items": [{"userGroup": "all"}]}}),
                r#"[Account("444455556666"), Everyone]"#,
            ),
            (
                json!({"operationType": "add", "userId": "444455556666", "groupNames": {}}),
                r#"[Account("444455556666")]"#,
            ),
            (json!({"launchPermission": {"remove": {"items": [{"userId": "444455556666"}]}}}), "[]"),
            (
                json!({"attributeType": "launchPermission", "operationType": "remove", "userIds": {"items": [{"userId": "444455556666"}]}}),
                "[]",
            ),
            (json!({"imageId": "ami-1", "description": {"value": "ours"}}), "[]"),
            (json!({"launchPermission": {"add": {"items": [{"who": "444455556666"}]}}}), "not told"),
            (json!({"attributeType": "launchPermission", "imageId": "ami-1"}), "not told"),
            (json!({"omitted": true}), "not told"),
            (json!(null), "not told"),
        ] {
            assert_eq!(told("launchPermission", request.clone()), expected, "{request}");
        }
        assert_eq!(told("createVolumePermission", json!({"snapshotId": "snap-1"})), "not told");
    }

    #[test]
    fn who_is_a_stranger() {
        let event = event("ModifyImageAttribute", json!({}));
        let organization = |account: &str, id: &str| {
            SharedWith::Organization(format!("arn:aws:organizations::{account}:organization/{id}"))
        };
        let unit = |id: &str| {
            SharedWith::OrganizationalUnit(format!("arn:aws:organizations::444455556666:ou/{id}/ou-ab12-cdefghij"))
        };
        let principal = |arn: &str| SharedWith::Principal(arn.to_owned());
        for (grantee, expected) in [
            (SharedWith::Everyone, Standing::Stranger),
            (SharedWith::Account("111122223333".to_owned()), Standing::Trusted),
            (SharedWith::Account("222233334444".to_owned()), Standing::Trusted),
            (SharedWith::Account("444455556666".to_owned()), Standing::Stranger),
            (SharedWith::Account("002294850712".to_owned()), Standing::Trusted),
            // GuardDuty's of another Region.
            (SharedWith::Account("652050842985".to_owned()), Standing::Stranger),
            (SharedWith::Account("mallory".to_owned()), Standing::Unknown),
            (organization("444455556666", "o-a1b2c3d4e5"), Standing::Trusted),
            (organization("111122223333", "o-z9y8x7w6v5"), Standing::Trusted),
            (organization("444455556666", "o-z9y8x7w6v5"), Standing::Stranger),
            (unit("o-a1b2c3d4e5"), Standing::Trusted),
            (unit("o-z9y8x7w6v5"), Standing::Stranger),
            (principal("arn:aws:iam::222233334444:root"), Standing::Trusted),
            (principal("arn:aws:iam::444455556666:role/reader"), Standing::Stranger),
            (principal("444455556666"), Standing::Stranger),
            (principal("arn:aws:iam::*:role/reader"), Standing::Unknown),
        ] {
            assert_eq!(standing(&grantee, &event, &trusting()), expected, "{grantee}");
        }
        // Without a word on organizations, one may be the operator's own.
        assert_eq!(standing(&unit("o-z9y8x7w6v5"), &event, &Settings::default()), Standing::Unknown);
    }

    fn grantees() -> impl Strategy<Value = Vec<SharedWith>> {
        let all = [
            SharedWith::Everyone,
            SharedWith::Account("111122223333".to_owned()),
            SharedWith::Account("222233334444".to_owned()),
            SharedWith::Account("444455556666".to_owned()),
            SharedWith::Account("777788889999".to_owned()),
            SharedWith::Organization("arn:aws:organizations::444455556666:organization/o-a1b2c3d4e5".to_owned()),
            SharedWith::Organization("arn:aws:organizations::444455556666:organization/o-z9y8x7w6v5".to_owned()),
        ];
        let most = all.len();
        prop::sample::subsequence(all.to_vec(), 0..=most)
    }

    /// The event that shares with all of these, in the form of its call.
    fn sharing(name: &str, with: &[SharedWith]) -> (Event, Vec<SharedWith>) {
        if name == "ModifyVpcEndpointServicePermissions" {
            let principal = |one: &SharedWith| match one {
                SharedWith::Everyone => "*".to_owned(),
                SharedWith::Account(id) => format!("arn:aws:iam::{id}:root"),
                other => other.to_string(),
            };
            let principals: Vec<String> = with.iter().map(principal).collect();
            let of = |arn: &String| if arn == "*" { SharedWith::Everyone } else { SharedWith::Principal(arn.clone()) };
            let live = principals.iter().map(of).collect();
            return (
                event(name, json!({"serviceId": "vpce-svc-1", "addAllowedPrincipals": {"items": principals}})),
                live,
            );
        }
        let items: Vec<Value> = with
            .iter()
            .map(|one| match one {
                SharedWith::Everyone => json!({"group": "all"}),
                SharedWith::Account(id) => json!({"userId": id}),
                SharedWith::Organization(arn) => json!({"organizationArn": arn}),
                SharedWith::OrganizationalUnit(arn) | SharedWith::Principal(arn) => {
                    json!({"organizationalUnitArn": arn})
                }
            })
            .collect();
        let mut request = json!({"snapshotId": "snap-1", "imageId": "ami-1"});
        for permission in ["createVolumePermission", "launchPermission"] {
            request[permission] = json!({"add": {"items": items}});
        }
        (event(name, request), with.to_vec())
    }

    fn laws<C: Control<State = State, Change = Ec2>>(
        name: &str,
        new: &[SharedWith],
        old: &[SharedWith],
        settings: &Settings,
    ) -> Result<(), TestCaseError> {
        let (event, own) = sharing(name, new);
        let (_, before) = sharing(name, old);
        let beside: Vec<SharedWith> = before.into_iter().filter(|one| !own.contains(one)).collect();
        let state = State { shared_with: Some(beside.iter().chain(&own).cloned().collect()) };
        let holds = BTreeSet::new();
        let given = Given { settings, holds: &holds };
        let subject = Subject::snapshot(&event, "snap-1");
        let suspicion = Suspicion { subject, why: String::new() };
        let decision = C::decide(&event, &suspicion, &state, &given);
        prop_assert!(decision.is_allow() || !C::suspect(&event, settings).is_empty(), "not suspected: {}", decision);
        if let Decision::Revert { plan, left, .. } = decision {
            let after = plan.iter().fold(state.clone(), |state, change| C::after(&state, change));
            let stays = after.shared_with.clone().unwrap_or_default();
            prop_assert!(beside.iter().all(|one| stays.contains(one)), "{:?} is not all that was there", stays);
            prop_assert!(
                own.iter().all(|one| stays.contains(one) == (standing(one, &event, settings) != Standing::Stranger))
            );
            let again = C::decide(&event, &suspicion, &after, &given);
            prop_assert!(again.is_allow() || !left.is_empty() && again.plan().is_empty(), "{}", again);
            let undone = plan.iter().rev().fold(after, |state, change| C::after(&state, &change.undo()));
            let sorted = |state: &State| state.shared_with.iter().flatten().cloned().collect::<BTreeSet<_>>();
            prop_assert_eq!(sorted(&undone), sorted(&state));
        }
        Ok(())
    }

    proptest! {
        /// Nothing that would be reverted goes unsuspected; a revert takes the event's strangers and nobody else,
        /// leaves nothing to revert, and can be undone.
        #[test]
        fn only_the_event_s_strangers_are_taken_out(new in grantees(), old in grantees(), trusts in any::<bool>()) {
            let settings = if trusts { trusting() } else { Settings::default() };
            laws::<SharedSnapshot>("ModifySnapshotAttribute", &new, &old, &settings)?;
            laws::<SharedImage>("ModifyImageAttribute", &new, &old, &settings)?;
            laws::<OpenEndpointService>("ModifyVpcEndpointServicePermissions", &new, &old, &settings)?;
        }
    }
}
