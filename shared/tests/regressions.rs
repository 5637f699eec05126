//! What was found against the laws of exposure, as small as it could be made, so that it stays away.

mod checked;
mod naive;

use snapback::policy::{Exposure, Kind, Policy};

use checked::{Checked, trust};

/// All laws, for a policy that once broke one of them.
#[track_caller]
fn keeps_the_laws(kind: Kind, text: &str) {
    let checked = Checked::of(text, kind);
    for law in [
        checked.is_closed(),
        checked.allows_nothing_new(),
        checked.takes_nothing_from_friends(),
        checked.is_quiet(),
        checked.tells_of_everyone_who_gets_in(),
        checked.raises_no_false_alarm(),
        checked.keeps_the_bytes(),
    ] {
        if let Err(broken) = law {
            panic!("{broken}");
        }
    }
}

fn everyone_if(condition: &str) -> String {
    let statement = r#""Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*""#;
    format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement},"Condition":{condition}}}]}}"#)
}

/// AWS writes its data perimeters with these: the caller must be of the account or organization that owns the resource.
/// A variable is no fixed value, so it may be told of; but strangers do not surely get in, and nothing may be taken.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount>
#[test]
fn who_must_belong_to_the_owner_of_the_resource_is_not_certainly_everyone() {
    for condition in [
        r#"{"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}"#,
        r#"{"StringEquals":{"aws:ResourceOrgID":"${aws:PrincipalOrgID}"}}"#,
        r#"{"StringEquals":{"aws:SourceAccount":"${aws:ResourceAccount}"}}"#,
        r#"{"StringEquals":{"kms:CallerAccount":["222233334444","${aws:ResourceAccount}"]}}"#,
    ] {
        keeps_the_laws(Kind::Resource, &everyone_if(condition));
    }
}

#[test]
fn who_equals_themselves_is_everyone() {
    for condition in [
        r#"{"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}}"#,
        r#"{"StringLike":{"aws:PrincipalOrgID":"${aws:PrincipalOrgID}"}}"#,
    ] {
        let text = everyone_if(condition);
        let judgement = Policy::parse(&text).expect("a policy").judge(Kind::Resource, &trust());
        assert_eq!(judgement.exposure, Exposure::Public, "{judgement:#?}");
        keeps_the_laws(Kind::Resource, &text);
    }
}

/// Where a star stands beside another principal, and strangers get in by one value of its condition, that value goes: the
/// star is how friends get in.
#[test]
fn a_value_goes_before_the_star_that_friends_need() {
    for (principal, condition) in [
        (
            r#"{"Service":"sns.amazonaws.com","AWS":"*"}"#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":["o-trusted0001","o-foreign0001"]}}"#,
        ),
        (
            r#"{"AWS":["*","AIDADELETEDUSEREXAMPLE"]}"#,
            r#"{"StringEquals":{"aws:PrincipalAccount":["222233334444","444455556666"]}}"#,
        ),
        (
            r#"{"AWS":["111122223333","*"]}"#,
            r#"{"StringLike":{"aws:PrincipalOrgID":["o-trusted0001","o-trusted0001*"]}}"#,
        ),
    ] {
        let statement = r#""Effect":"Allow","Action":"s3:GetObject","Resource":"*""#;
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{{statement},"Principal":{principal},"Condition":{condition}}}]}}"#
        );
        keeps_the_laws(Kind::Resource, &text);
    }
}

/// Variables are text before the version of 2012, and no request says such a text.
#[test]
fn a_variable_in_the_older_version_names_nobody() {
    let statement = r#""Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*""#;
    let condition = r#"{"StringEquals":{"aws:PrincipalAccount":["222233334444","${aws:PrincipalAccount}"]}}"#;
    for version in [r#""Version":"2008-10-17","#, ""] {
        keeps_the_laws(
            Kind::Resource,
            &format!(r#"{{{version}"Statement":[{{{statement},"Condition":{condition}}}]}}"#),
        );
    }
}
