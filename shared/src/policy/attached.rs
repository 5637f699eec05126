//! The resource that a policy is attached to. Whatever else its statements name, it is about nothing but that.
//!
//! So in it `"Resource": "*"` is this resource, and `"Action": "*"` are the actions of its service.

use std::borrow::Cow;

use super::document::{Document, Word};
use super::principal::is_fixed;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attached<'p> {
    arn: &'p str,
    /// Whether this was told, and not taken from what the policy names.
    pub is_sure: bool,
}

impl<'p> Attached<'p> {
    /// The resource that was told, or else the only one that the policy names.
    pub(super) fn of(document: &'p Document<'_>, told: Option<&'p str>) -> Option<Self> {
        if let Some(arn) = told {
            return service(arn).map(|_| Self { arn, is_sure: true });
        }
        let words = document.statements.iter().flat_map(|statement| &statement.resources.words);
        let mut named = words.filter(|word| word.text != "*").map(|word| whole(&word.text));
        let arn = named.next()?.filter(|arn| service(arn).is_some())?;
        named.all(|other| other == Some(arn)).then_some(Self { arn, is_sure: false })
    }

    /// What the actions of its service are called before the colon.
    pub(super) fn service(&self) -> Option<&'p str> {
        service(self.arn)
    }

    /// It, and what it consists of.
    pub(super) fn parts(&self) -> Vec<Cow<'p, str>> {
        let arn = Cow::Borrowed(self.arn);
        match objects(self.arn) {
            Some(objects) => vec![arn, Cow::Owned(format!("{}{objects}*", self.arn))],
            None => vec![arn],
        }
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
    let is_access_point = arn.split(':').nth(5).is_some_and(|name| name.starts_with("accesspoint/"));
    is_of_s3.then_some(if is_access_point { "/object/" } else { "/" })
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
    fn a_resource_is_told_or_is_the_only_one_that_is_named() {
        let of = |resources: &str| {
            let text = format!(r#"{{"Statement": {{"Effect": "Allow", "Principal": "*", "Resource": {resources}}}}}"#);
            let document = Document::parse(&text).expect("a policy");
            let attached = Attached::of(&document, None).map(|attached| attached.parts().join(" "));
            assert_eq!(Attached::of(&document, Some("arn:aws:s3:::b")).map(|attached| attached.is_sure), Some(true));
            attached
        };
        assert_eq!(
            of(r#"["arn:aws:s3:::b/logs/*", "*", "arn:aws:s3:::b"]"#).as_deref(),
            Some("arn:aws:s3:::b arn:aws:s3:::b/*")
        );
        let point = "arn:aws:s3:eu-central-1:111122223333:accesspoint/p";
        assert_eq!(of(&format!(r#""{point}/object/*""#)), Some(format!("{point} {point}/object/*")));
        let queue = "arn:aws:sqs:eu-central-1:111122223333:orders";
        assert_eq!(of(&format!(r#""{queue}""#)).as_deref(), Some(queue));
        for resources in [r#""*""#, r#"["arn:aws:s3:::a", "arn:aws:s3:::b"]"#, r#""arn:aws:s3:::b*""#, r#"["orders"]"#]
        {
            assert_eq!(of(resources), None, "{resources}");
        }
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
