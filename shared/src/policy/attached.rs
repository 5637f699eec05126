//! The resource that a policy is attached to. Whatever else its statements name, it is about nothing but that.
//!
//! So in it `"Resource": "*"` is this resource, and `"Action": "*"` are the actions of its service.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::document::{Document, Word};
use super::pattern;
use super::principal::is_fixed;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attached<'p> {
    /// One, if it was told; all of which it may be, if not. None if it is not known.
    arns: Vec<&'p str>,
    /// What the actions of its service are called before the colon.
    pub service: Option<Cow<'p, str>>,
    /// Whether this was told, and not taken from what the policy names.
    pub is_told: bool,
}

impl<'p> Attached<'p> {
    /// The resource that was told, or else those that the policy names. Where it names none, its actions tell the service.
    pub(super) fn of(document: &'p Document<'_>, told: Option<&'p str>) -> Self {
        if let Some(arn) = told {
            let service = service(arn).map(Cow::Borrowed);
            return Self { arns: service.iter().map(|_| arn).collect(), service, is_told: true };
        }
        let resources = document.statements.iter().flat_map(|statement| &statement.resources.words);
        let arns: BTreeSet<&str> = resources.filter_map(|word| whole(&word.text)).collect();
        let actions = document.statements.iter().flat_map(|statement| &statement.actions.words);
        let mut services: BTreeSet<Cow<'_, str>> =
            arns.iter().filter_map(|arn| service(arn)).map(Cow::Borrowed).collect();
        if arns.is_empty() {
            let named = actions.filter_map(|word| Some(pattern::lower(word.text.split_once(':')?.0)));
            services = named.filter(|service| SERVICES.contains(&&**service)).collect();
        }
        let service = if services.len() == 1 { services.pop_first() } else { None };
        let is_known = service.is_some() && arns.iter().all(|arn| self::service(arn).is_some());
        Self { arns: if is_known { arns.into_iter().collect() } else { vec![] }, service, is_told: false }
    }

    /// What it is, and what that consists of.
    pub(super) fn parts(&self) -> Vec<Cow<'p, str>> {
        let parts = self.arns.iter().flat_map(|arn| {
            // No key is empty.
            let objects = objects(arn).map(|objects| Cow::Owned(format!("{arn}{objects}?*")));
            [Some(Cow::Borrowed(*arn)), objects].into_iter().flatten()
        });
        parts.collect()
    }

    /// The access point that it is, through which then every call comes.
    pub(super) fn access_point(&self) -> Option<&'p str> {
        self.arns.first().copied().filter(|arn| self.arns.len() == 1 && is_access_point(arn))
    }
}

/// The service of all these resources.
pub(super) fn service_of<'p>(resources: &'p [Word<'_>]) -> Option<&'p str> {
    let mut services = resources.iter().map(|word| service(&word.text));
    let first = services.next()??;
    services.all(|other| other == Some(first)).then_some(first)
}

/// Services whose actions are called as their ARNs are, and whose resources have no others within them but for objects. Of
/// others that is not so: actions upon `kafka` are also those of `kafka-cluster`.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
const SERVICES: [&str; 7] = ["ecr", "kms", "lambda", "s3", "secretsmanager", "sns", "sqs"];

fn service(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(1).filter(|service| SERVICES.contains(service))
}

/// What stands in an ARN between what has objects and the key of one.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html#security_iam_service-with-iam-id-based-policies-resources>
fn objects(arn: &str) -> Option<&'static str> {
    let is_of_s3 = service(arn) == Some("s3");
    is_of_s3.then_some(if is_access_point(arn) { "/object/" } else { "/" })
}

fn is_access_point(arn: &str) -> bool {
    service(arn) == Some("s3") && arn.splitn(6, ':').nth(5).is_some_and(|name| name.starts_with("accesspoint/"))
}

/// The resource that this is, or is a part of.
fn whole(arn: &str) -> Option<&str> {
    let (name, _) = arn.match_indices(':').nth(4)?;
    let end = objects(arn).and_then(|objects| arn[name..].find(objects)).map_or(arn.len(), |at| name + at);
    Some(&arn[..end]).filter(|whole| is_fixed(whole))
}

/// Whether some call of this name can be upon this. Of Amazon S3's, some are upon buckets and some upon objects; what the
/// name does not tell may be.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
pub(super) fn may_be_upon(action: &str, resource: &str) -> bool {
    const OF_OBJECTS: [&str; 4] =
        ["abortmultipartupload", "bypassgovernanceretention", "listmultipartuploadparts", "replicatedelete"];
    let (Some(action), Some((_, name))) = (action.strip_prefix("s3:"), resource.split_once(":s3:::")) else {
        return true;
    };
    let begins = before_a_star(action);
    let is_of_bucket = begins.contains("bucket") && !begins.contains("object");
    let is_of_object = begins.contains("object") && !begins.contains("bucket") || OF_OBJECTS.contains(&action);
    let (is_bucket, is_object) = (is_fixed(name) && !name.contains('/'), before_a_star(name).contains('/'));
    !(is_of_object && is_bucket || is_of_bucket && is_object)
}

/// What certainly stands at the beginning, whatever a pattern or a variable stands for.
fn before_a_star(text: &str) -> &str {
    text.split(['*', '?', '$']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_told_or_is_one_of_those_that_are_named() {
        let of = |resources: &str, told: Option<&str>| {
            let text = format!(r#"{{"Statement": {{"Effect": "Allow", "Principal": "*", "Resource": {resources}}}}}"#);
            let document = Document::parse(&text).expect("a policy");
            let attached = Attached::of(&document, told);
            assert_eq!(attached.is_told, told.is_some());
            attached.parts().join(" ")
        };
        let bucket = "arn:aws:s3:::b arn:aws:s3:::b/?*";
        assert_eq!(of(r#""arn:aws:s3:::a/*""#, Some("arn:aws:s3:::b")), bucket);
        assert_eq!(of(r#"["arn:aws:s3:::b/logs/*", "*", "arn:aws:s3:::b"]"#, None), bucket);
        let point = "arn:aws:s3:eu-central-1:111122223333:accesspoint/p";
        assert_eq!(of(&format!(r#""{point}/object/*""#), None), format!("{point} {point}/object/?*"));
        let queue = "arn:aws:sqs:eu-central-1:111122223333:orders";
        assert_eq!(of(&format!(r#""{queue}""#), None), queue);
        let both = "arn:aws:s3:::a arn:aws:s3:::a/?* arn:aws:s3:::b arn:aws:s3:::b/?*";
        assert_eq!(of(r#"["arn:aws:s3:::b", "arn:aws:s3:::a"]"#, None), both);
        for resources in [r#""*""#, r#"["arn:aws:s3:::a", "arn:aws:sqs:::b"]"#, r#""arn:aws:s3:::b*""#, r#"["orders"]"#]
        {
            assert_eq!(of(resources, None), "", "{resources}");
        }
    }

    #[test]
    fn where_no_resource_is_named_the_actions_tell_the_service() {
        let of = |actions: &str| {
            let text = format!(r#"{{"Statement": {{"Effect": "Deny", "Principal": "*", "Action": {actions}}}}}"#);
            let document = Document::parse(&text).expect("a policy");
            Attached::of(&document, None).service.map(Cow::into_owned)
        };
        assert_eq!(of(r#"["*", "S3:Get*", "s3:*"]"#).as_deref(), Some("s3"));
        assert_eq!(of(r#"["sqs:*", "s3:*"]"#), None);
        assert_eq!(of(r#""kafka:*""#), None);
    }

    #[test]
    fn objects_are_not_listed_and_buckets_are_not_read() {
        for (action, resource, may_be) in [
            ("s3:getobject", "arn:aws:s3:::b", false),
            ("s3:getobject*", "arn:aws:s3:::b", false),
            ("s3:listbucket", "arn:aws:s3:::b/*", false),
            ("s3:abortmultipartupload", "arn:aws:s3:::b", false),
            ("s3:getobject", "arn:aws:s3:::b/*", true),
            ("s3:getobject", "arn:aws:s3:::b*", true),
            ("s3:listbucket", "arn:aws:s3:::b*", true),
            ("s3:get*", "arn:aws:s3:::b", true),
            ("s3:*", "arn:aws:s3:::b/*", true),
            ("s3:getbucketobjectlockconfiguration", "arn:aws:s3:::b", true),
            ("s3:putlifecycleconfiguration", "arn:aws:s3:::b", true),
            ("sqs:sendmessage", "arn:aws:sqs:eu-central-1:111122223333:orders", true),
        ] {
            assert_eq!(may_be_upon(action, resource), may_be, "{action} {resource}");
        }
    }
}
