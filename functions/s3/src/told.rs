//! What CloudTrail tells of a call to S3: which bucket, which ACL, which settings of Block Public Access.

use serde_json::Value;
use snapback::change::{Acl, AclGrant, Flag, Flags, Grantee, Object};
use snapback::event::Event;
use snapback::json;
use snapback::subject::Subject;

use crate::exposed;

/// The permission that each header of a grant gives.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html>
const GRANT_HEADERS: [(&str, &str); 5] = [
    ("x-amz-grant-full-control", "FULL_CONTROL"),
    ("x-amz-grant-read", "READ"),
    ("x-amz-grant-read-acp", "READ_ACP"),
    ("x-amz-grant-write", "WRITE"),
    ("x-amz-grant-write-acp", "WRITE_ACP"),
];

/// The bucket that the event is about, or the account where it does not tell.
pub(crate) fn subject(event: &Event) -> Subject {
    match bucket(event) {
        Some(name) => Subject::bucket(event, name),
        None => Subject::account(event),
    }
}

/// The bucket's name: from the parameters, or from the ARN that stays when the parameters are left out.
fn bucket(event: &Event) -> Option<&str> {
    let from_arn = || event.resources.iter().find_map(|arn| arn.split_once(":s3:::").map(|(_, name)| name));
    json::text(&event.request, "bucketName").or_else(from_arn)
}

/// The object that the event is about: from the parameters, or from the ARN that stays when the parameters are left out.
pub(crate) fn object(event: &Event) -> Option<Object> {
    let told = || Some((json::text(&event.request, "bucketName")?, json::text(&event.request, "key")?));
    let from_arn = || event.resources.iter().find_map(|arn| arn.split_once(":s3:::")?.1.split_once('/'));
    let (bucket, key) = told().or_else(from_arn)?;
    // Which version it was S3 answers, where the caller has not said.
    let version = json::text(&event.request, "versionId").or(json::text(&event.response, "x-amz-version-id"));
    Some(Object { bucket: bucket.to_owned(), key: key.to_owned(), version: version.map(str::to_owned) })
}

/// The same, or the account where the event does not tell.
pub(crate) fn subject_of_object(event: &Event) -> Subject {
    match object(event) {
        Some(Object { bucket, key, .. }) => Subject::object(event, &bucket, &key),
        None => Subject::account(event),
    }
}

pub(crate) fn bucket_of(subject: &Subject) -> Option<&str> {
    (subject.kind == "bucket").then_some(subject.name.as_str())
}

/// The policy that an event gives a bucket.
pub(crate) fn bucket_policy(event: &Event) -> Option<String> {
    let given = &event.request["bucketPolicy"];
    let is_told = !json::is_left_out(given);
    is_told.then(|| given.as_str().map_or_else(|| given.to_string(), str::to_owned))
}

/// The access point's name. How CloudTrail tells it was not seen, so it is looked for wherever it may stand.
pub(crate) fn access_point(event: &Event) -> Option<&str> {
    let from_arn = || event.resources.iter().find_map(|arn| arn.split_once(":accesspoint/").map(|(_, name)| name));
    let told = ["name", "accessPointName"].iter().find_map(|field| json::text(&event.request, field));
    told.or_else(from_arn)
}

/// The policy that an event gives an access point, in the body of the call or as one of its parameters.
pub(crate) fn access_point_policy(event: &Event) -> Option<String> {
    let request = &event.request;
    let places = [&request["PutAccessPointPolicyRequest"]["Policy"], &request["policy"], &request["Policy"]];
    places.into_iter().find_map(|place| match place {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Object(policy) if !policy.is_empty() => Some(place.to_string()),
        _ => None,
    })
}

/// The ACL that an event gives a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToldAcl {
    /// By its name, such as `public-read`.
    Canned(String),
    /// In full. The owner is told only by the form that has a body.
    Grants { owner: Option<String>, grants: Vec<AclGrant> },
    /// The event gives none.
    None,
    /// There is one, in a form that is not known.
    Unknown,
}

impl ToldAcl {
    /// The ACL that it makes of the one that is there; nothing if it does not tell.
    pub(crate) fn acl(self, live: Option<&Acl>) -> Option<Acl> {
        let owner = live.map(|acl| acl.owner.clone()).unwrap_or_default();
        match self {
            Self::Canned(name) => Some(Acl { owner, grants: exposed::canned(&name)? }),
            Self::Grants { owner: told, grants } => Some(Acl { owner: told.unwrap_or(owner), grants }),
            Self::None | Self::Unknown => None,
        }
    }

    pub(crate) fn of(request: &Value) -> Self {
        if json::is_left_out(request) {
            return Self::Unknown;
        }
        // Headers stand among the parameters, or in a member of their own.
        let of_header = |name: &str| {
            let values = [&request[name], &request["accessControlList"][name]].into_iter().flat_map(texts);
            values.filter(|text| !text.is_empty()).collect::<Vec<_>>()
        };
        if let Some(canned) = of_header("x-amz-acl").first() {
            return Self::Canned((*canned).to_owned());
        }
        let in_headers = GRANT_HEADERS.iter().flat_map(|(header, permission)| {
            let listed = of_header(header).into_iter().flat_map(|text| text.split(','));
            listed.map(|named| of_text(named, permission)).collect::<Vec<_>>()
        });
        let in_headers: Vec<Option<AclGrant>> = in_headers.collect();
        let body = &request["AccessControlPolicy"];
        let (owner, told) = match body {
            Value::Null if in_headers.is_empty() => return Self::None,
            Value::Null => (None, in_headers),
            _ => {
                let listed = json::list(&body["AccessControlList"]["Grant"]).into_iter().map(of_body);
                (json::text(&body["Owner"], "ID").map(str::to_owned), listed.collect())
            }
        };
        match told.into_iter().collect::<Option<Vec<_>>>() {
            Some(grants) if !grants.is_empty() => Self::Grants { owner, grants },
            _ => Self::Unknown,
        }
    }
}

/// A value that may be a text or a list of texts.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(elements) => elements.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// `uri="http://acs.amazonaws.com/groups/global/AllUsers"`, `id="…"`; an address of mail tells nobody.
fn of_text(named: &str, permission: &str) -> Option<AclGrant> {
    let (kind, name) = named.trim().split_once('=')?;
    let name = name.trim_matches('"').to_owned();
    let grantee = match kind.to_ascii_lowercase().as_str() {
        "id" => Grantee::User(name),
        "uri" => Grantee::Group(name),
        _ => return None,
    };
    Some(AclGrant { grantee, permission: permission.to_owned() })
}

fn of_body(grant: &Value) -> Option<AclGrant> {
    let named = |field| json::text(&grant["Grantee"], field).map(str::to_owned);
    let grantee = match (named("ID"), named("URI")) {
        (Some(id), None) => Grantee::User(id),
        (None, Some(uri)) => Grantee::Group(uri),
        _ => return None,
    };
    Some(AclGrant { grantee, permission: json::text(grant, "Permission")?.to_owned() })
}

/// The settings of Block Public Access that an event leaves on; nothing if it does not tell.
pub(crate) fn flags(event: &Event) -> Option<Flags> {
    if event.name.starts_with("Delete") {
        return Some(Flags::new());
    }
    let told = &event.request["PublicAccessBlockConfiguration"];
    let is_told = Flag::ALL.iter().any(|flag| !told[flag.to_string()].is_null());
    is_told.then(|| Flag::ALL.into_iter().filter(|flag| json::is_true(&told[flag.to_string()])).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

    fn grants(grants: &[(&str, Grantee)]) -> Vec<AclGrant> {
        let grant = |(permission, grantee): &(&str, Grantee)| AclGrant {
            grantee: grantee.clone(),
            permission: (*permission).to_owned(),
        };
        grants.iter().map(grant).collect()
    }

    #[test]
    fn an_object_is_told_by_parameters_or_arn_and_its_version_by_call_or_answer() {
        let (object, bucket) = (json!({"ARN": "arn:aws:s3:::b/a/k"}), json!({"ARN": "arn:aws:s3:::b"}));
        let told = json!({"bucketName": "b", "key": "a/k"});
        let versioned = json!({"bucketName": "b", "key": "a/k", "versionId": "v1"});
        let answered = json!({"x-amz-version-id": "v2"});
        let omitted = json!({"omitted": true});
        for (request, response, resources, version) in [
            (&told, json!(null), json!([]), Some(None)),
            (&told, answered.clone(), json!([]), Some(Some("v2"))),
            (&versioned, answered.clone(), json!([]), Some(Some("v1"))),
            (&omitted, answered, json!([bucket, object]), Some(Some("v2"))),
            (&omitted, json!(null), json!([bucket]), None),
        ] {
            let record = json!({
                "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
                "eventName": "PutObjectAcl", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
                "requestParameters": request, "responseElements": response, "resources": resources,
            });
            let event = Event::from_record(record).expect("an event");
            let expected = version.map(|version| Object {
                bucket: "b".to_owned(),
                key: "a/k".to_owned(),
                version: version.map(str::to_owned),
            });
            assert_eq!(super::object(&event), expected, "{request}");
        }
    }

    #[test]
    fn an_acl_is_read_in_all_its_forms() {
        let everyone = json!({"Grantee": {"xsi:type": "Group", "URI": ALL_USERS}, "Permission": "READ"});
        let owner = json!({"Grantee": {"xsi:type": "CanonicalUser", "ID": "a", "DisplayName": "x"}, "Permission": "FULL_CONTROL"});
        let body = |grant: Value| {
            json!({"bucketName": "b", "acl": "", "AccessControlPolicy": {
            "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Owner": {"ID": "a"}, "AccessControlList": {"Grant": grant}}})
        };
        let public = ("READ", Grantee::Group(ALL_USERS.to_owned()));
        for (request, told) in [
            (json!({"bucketName": "b", "x-amz-acl": "public-read"}), ToldAcl::Canned("public-read".to_owned())),
            (json!({"bucketName": "b", "x-amz-acl": ["private"], "acl": [""]}), ToldAcl::Canned("private".to_owned())),
            (
                body(everyone.clone()),
                ToldAcl::Grants { owner: Some("a".to_owned()), grants: grants(std::slice::from_ref(&public)) },
            ),
            (
                body(json!([owner, everyone])),
                ToldAcl::Grants {
                    owner: Some("a".to_owned()),
                    grants: grants(&[("FULL_CONTROL", Grantee::User("a".to_owned())), public.clone()]),
                },
            ),
            (
                json!({"bucketName": "b", "x-amz-grant-write": format!("id=\"a\", uri=\"{ALL_USERS}\"")}),
                ToldAcl::Grants {
                    owner: None,
                    grants: grants(&[
                        ("WRITE", Grantee::User("a".to_owned())),
                        ("WRITE", Grantee::Group(ALL_USERS.to_owned())),
                    ]),
                },
            ),
            (
                json!({"bucketName": "b", "accessControlList": {"x-amz-grant-read": [format!("uri={ALL_USERS}")]}}),
                ToldAcl::Grants { owner: None, grants: grants(&[public]) },
            ),
            (json!({"bucketName": "b"}), ToldAcl::None),
            (json!({"bucketName": "b", "x-amz-grant-read": "emailAddress=\"a@example.com\""}), ToldAcl::Unknown),
            (json!({"bucketName": "b", "AccessControlPolicy": "?"}), ToldAcl::Unknown),
            (body(json!({"Grantee": {"EmailAddress": "a@example.com"}, "Permission": "READ"})), ToldAcl::Unknown),
            (json!({"omitted": true}), ToldAcl::Unknown),
            (json!(null), ToldAcl::Unknown),
        ] {
            assert_eq!(ToldAcl::of(&request), told, "{request}");
        }
    }
}
