//! What was found against the laws of exposure, as small as it could be made, so that it stays away.

mod checked;
mod naive;

use snapback::policy::{Exposure, Kind, Policy};

use checked::{Checked, trust};

/// All laws, for a policy that once broke one of them.
#[track_caller]
fn keeps_the_laws(kind: Kind, text: &str) {
    if let Err(broken) = Checked::of(text, kind).keeps_the_laws() {
        panic!("{broken}");
    }
}

/// What is left of a policy without all that lets strangers in; it keeps the laws.
#[track_caller]
fn without_strangers(text: &str) -> String {
    keeps_the_laws(Kind::Resource, text);
    let policy = Policy::parse(text).expect("a policy");
    let judged = policy.judge(Kind::Resource, &trust());
    let strangers: Vec<_> = judged.grants.into_iter().filter(snapback::policy::Grant::is_untrusted).collect();
    policy.without(&strangers).unwrap_or_default()
}

fn everyone_if(condition: &str) -> String {
    those_if(r#""*""#, condition)
}

fn those_if(principal: &str, condition: &str) -> String {
    let statement = r#""Effect":"Allow","Action":"s3:GetObject","Resource":"*""#;
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{{statement},"Principal":{principal},"Condition":{condition}}}]}}"#
    )
}

/// A friend who may give their own queue stays, where a service that acts for anyone is named beside everyone.
#[test]
fn a_friend_does_not_go_because_a_service_is_named_as_well() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com","AWS":"*"},
        "Action":"*","Resource":"*","Condition":{"StringLike":{"sns:Endpoint":
        ["arn:aws:sqs:us-east-1:111122223333:queue","https://*"]}}}]}"#;
    let left = without_strangers(text);
    assert!(left.contains("111122223333:queue") && left.contains(r#""AWS":"*""#) && !left.contains("https"), "{left}");
}

#[test]
fn no_queue_has_a_star_in_its_arn() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["222233334444",
        "arn:aws:iam::444455556666:role/app"]},"Action":"*","Resource":"*","Condition":{"StringEquals":{"sns:Endpoint":
        ["arn:aws:sqs:us-east-1:111122223333:queue","arn:aws:sqs:us-east-1:*:queue"]}}}]}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Account, true), text);
}

/// An account has two ids, and which canonical user it is nobody can tell: this `Deny` leaves the stranger only one's own
/// network.
#[test]
fn a_canonical_user_who_is_denied_may_be_the_account_that_is_allowed() {
    let deny = r#"{"Effect":"Deny","Principal":{"CanonicalUser":"4444555566664444555566664444555566664444555566664444555566664444"},
        "Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-0ours"}}}"#;
    let allow = r#"{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:GetObject","Resource":"*"}"#;
    keeps_the_laws(Kind::Resource, &format!(r#"{{"Version":"2012-10-17","Statement":[{deny},{allow}]}}"#));
}

/// A bucket's ARN has no account, so it does not take back what the policy says of whose bucket it is.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
#[test]
fn whose_a_bucket_is_that_events_come_from_is_said_by_the_account_and_not_by_the_arn() {
    let of = |account: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Service":"s3.amazonaws.com"}},
            "Action":"SQS:SendMessage","Resource":"arn:aws:sqs:eu-central-1:111122223333:orders",
            "Condition":{{"ArnLike":{{"aws:SourceArn":"arn:aws:s3:::b"}},
            "StringEquals":{{"aws:SourceAccount":"{account}"}}}}}}}}"#
        )
    };
    assert_eq!(exposure(&of("777788889999")), Exposure::Foreign);
    assert_eq!(exposure(&of("111122223333")), Exposure::Account);
}

/// Whose the source is has to be said for the ARN to say no more.
#[test]
fn an_account_that_is_any_says_not_whose_a_bucket_is() {
    for account in ["*", "${aws:SourceAccount}"] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage",
            "Resource":"arn:aws:sqs:eu-central-1:111122223333:orders","Condition":{{"ArnLike":{{"aws:SourceArn":"arn:aws:s3:::b"}},
            "StringLike":{{"aws:SourceAccount":"{account}"}}}}}}}}"#
        );
        assert_eq!(exposure(&policy), Exposure::Account, "{account}");
    }
}

/// The key says how an object is encrypted, and not who calls.
#[test]
fn a_stranger_who_is_named_stays_one_whatever_key_has_to_be_used() {
    let key = r#""s3:x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab""#;
    assert_eq!(
        exposure(&put_if(r#"{"AWS":"777788889999"}"#, &format!(r#"{{"StringEquals":{{{key}}}}}"#))),
        Exposure::Foreign
    );
    let by_account = format!(r#"{{"StringEquals":{{{key},"aws:PrincipalAccount":"777788889999"}}}}"#);
    assert_eq!(exposure(&put_if(r#""*""#, &by_account)), Exposure::Foreign);
    assert_eq!(exposure(&put_if(r#""*""#, &format!(r#"{{"StringEquals":{{{key}}}}}"#))), Exposure::Account);
}

/// A caller makes of `${aws:PrincipalTag/team}` what spares them.
#[test]
fn a_deny_that_spares_what_a_variable_names_does_not_cover_it() {
    for spared in ["b/${aws:PrincipalTag/team}/*", "b/${aws:username}/x"] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/team/x"}},
            {{"Effect":"Deny","Principal":"*","Action":"s3:*","NotResource":"arn:aws:s3:::{spared}"}}]}}"#
        );
        assert_eq!(exposure(&policy), Exposure::Public, "{spared}");
    }
}

/// The key's policy may keep the stranger out, so nothing is taken away.
#[test]
fn a_deny_of_other_keys_makes_no_friend_of_a_stranger_who_is_named() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":{"AWS":"777788889999"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"},
        {"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringNotEquals":
        {"s3:x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:eu-central-1:111122223333:key/1"}}}]}"#;
    let judged = Policy::parse(policy).expect("a policy").judge(Kind::Resource, &trust());
    assert_eq!((judged.exposure, judged.grants[0].certain), (Exposure::Foreign, false));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalaccount>
#[test]
fn the_account_of_who_does_not_sign_is_anonymous() {
    let is = |operator: &str, accounts: &str| {
        those_if(r#""*""#, &format!(r#"{{"{operator}":{{"aws:PrincipalAccount":{accounts}}}}}"#))
    };
    assert_eq!(exposure(&is("StringEquals", r#"["anonymous","111122223333"]"#)), Exposure::Public);
    let if_it_exists = is("StringEqualsIfExists", r#""111122223333""#);
    let judged = Policy::parse(&if_it_exists).expect("a policy").judge(Kind::Resource, &trust());
    assert!(!judged.grants[0].certain, "every call tells the account: {judged:?}");
}

#[test]
fn a_key_in_two_spellings_is_no_way_to_seem_closed() {
    let account = |key: &str, account: &str| format!(r#""{key}":"{account}""#);
    let both = [account("aws:PrincipalAccount", "111122223333"), account("AWS:principalaccount", "777788889999")];
    let judged = those_if(r#""*""#, &format!(r#"{{"StringEquals":{{{}}}}}"#, both.join(",")));
    assert_eq!(exposure(&judged), Exposure::Public);
}

#[test]
fn a_deny_that_may_mean_a_stranger_leaves_a_doubt() {
    let session = r#"{"AWS":"arn:aws:sts::777788889999:assumed-role/x/s"}"#;
    for (principal, condition) in [
        (session, r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::777788889999:role/x"}}"#),
        (session, r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::777788889999:role/team/*"}}"#),
    ] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"*"}},
            {{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{condition}}}]}}"#
        );
        let judged = Policy::parse(&policy).expect("a policy").judge(Kind::Resource, &trust());
        assert_eq!((judged.exposure, judged.grants[0].certain), (Exposure::Foreign, false), "{policy}");
    }
    // Who is named by an account has one.
    let denied = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"777788889999"},"Action":"s3:*",
        "Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Null":
        {"aws:PrincipalAccount":"false"}}}]}"#;
    is_judged((Exposure::None, true), denied);
}

fn put_if(principal: &str, condition: &str) -> String {
    those_if(principal, condition).replace("s3:GetObject", "s3:PutObject")
}

fn exposure(text: &str) -> Exposure {
    Policy::parse(text).expect("a policy").judge(Kind::Resource, &trust()).exposure
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
        keeps_the_laws(Kind::Resource, &those_if(principal, condition));
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

/// A statement whose principals and values are mixed loses what lets strangers in, and no friend with it.
#[test]
fn of_principals_and_values_that_go() {
    for (principal, condition) in [
        // Services have no organization of the caller.
        (
            r#"{"Service":"sns.amazonaws.com","AWS":"*"}"#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":["o-trusted0001","${aws:PrincipalOrgID}"]}}"#,
        ),
        (
            r#"{"Service":"sns.amazonaws.com","AWS":"*"}"#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":["${aws:PrincipalOrgID}","${aws:ResourceOrgID}"]}}"#,
        ),
        // Nobody but a service acts for a source.
        (
            r#"{"AWS":["*","arn:aws:sts::111122223333:assumed-role/app/session"]}"#,
            r#"{"StringLike":{"aws:SourceOrgID":["o-trusted0001","*"]}}"#,
        ),
        (r#""*""#, r#"{"StringLike":{"aws:SourceArn":["arn:aws:sns:*:111122223333:*","*"]}}"#),
        // A value that nobody has is not what keeps friends in.
        (
            r#""*""#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":["o-trusted0001*","${aws:PrincipalOrgID}"],"aws:SourceVpce":["vpce-0ours","vpce-0named"]}}"#,
        ),
        (
            r#""*""#,
            r#"{"StringEquals":{"s3:DataAccessPointAccount":["222233334444","444455556666"],"aws:PrincipalAccount":["222233334444","${aws:PrincipalAccount}"]}}"#,
        ),
        // One key names the stranger, the other means everyone.
        (
            r#""*""#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":["o-trusted0001","o-foreign0001"]},"ArnEquals":{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/app","*"]}}"#,
        ),
        // The name of a service is a service's alone.
        (
            r#"{"Service":"s3.amazonaws.com","AWS":"444455556666"}"#,
            r#"{"StringEquals":{"aws:PrincipalServiceName":["s3.amazonaws.com","*.amazonaws.com"]}}"#,
        ),
        (
            r#"{"Service":"sns.amazonaws.com","AWS":"444455556666"}"#,
            r#"{"StringEquals":{"aws:ResourceAccount":["${aws:PrincipalAccount}","${aws:ResourceAccount}"]}}"#,
        ),
        // Whatever else a value of this operator is, it is there.
        (
            r#""*""#,
            r#"{"ForAnyValue:StringNotEquals":{"aws:SourceOwner":"222233334444"},"ForAllValues:StringLike":{"aws:SourceOwner":["${aws:ResourceAccount}"]}}"#,
        ),
    ] {
        keeps_the_laws(Kind::Resource, &those_if(principal, condition));
    }
}

/// Where the principals differ and so do the values of several keys, what goes is of each stranger's way in something that
/// no friend needs.
#[test]
fn principals_and_values_are_one_matrix() {
    for (principal, condition) in [
        (
            r#"{"AWS":["222233334444","*"]}"#,
            r#"{"StringEquals":{"aws:PrincipalOrgID":["o-trusted0001","o-foreign0001"],"aws:SourceVpce":["vpce-0ours","vpce-0named"]}}"#,
        ),
        (
            r#"{"AWS":["444455556666","*"]}"#,
            r#"{"StringEquals":{"aws:PrincipalAccount":["222233334444","444455556666"],"aws:SourceVpc":["vpc-0ours","vpc-0named"]}}"#,
        ),
        (
            r#"{"Service":"sns.amazonaws.com","AWS":["444455556666","111122223333"]}"#,
            r#"{"StringLike":{"aws:SourceAccount":["111122223333","444455556666"]}}"#,
        ),
        (
            r#"{"AWS":["444455556666","222233334444"]}"#,
            r#"{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]}}"#,
        ),
    ] {
        keeps_the_laws(Kind::Resource, &those_if(principal, condition));
    }
}

#[test]
fn what_is_anothers_resource_lets_nobody_in() {
    let text = everyone_if(r#"{"StringEquals":{"aws:ResourceAccount":"444455556666"}}"#);
    let judgement = Policy::parse(&text).expect("a policy").judge(Kind::Resource, &trust());
    assert_eq!(judgement.exposure, Exposure::None, "{judgement:#?}");
    keeps_the_laws(Kind::Resource, &text);
}

/// What anyone may subscribe is open only as far as the messages go: to a queue of one's own, nowhere else. Whose an address
/// of mail is stands in no policy, so it is told of and nothing is taken.
#[test]
fn a_subscription_lets_in_whom_its_messages_go_to() {
    let (account, foreign) = ((Exposure::Account, true), (Exposure::Foreign, true));
    let (anyone, perhaps) = ((Exposure::Public, true), (Exposure::Public, false));
    let own = "arn:aws:sqs:us-east-1:111122223333:queue";
    for (action, operator, endpoint, expected) in [
        ("SNS:Subscribe", "StringEquals", own, account),
        ("SNS:*", "StringEquals", own, account),
        ("SNS:Subscribe", "ArnLike", "arn:aws:*:*:111122223333:*", account),
        // A function may have the number of an account for its name.
        ("SNS:Subscribe", "StringLike", "arn:aws:*:*:111122223333:*", perhaps),
        ("SNS:Subscribe", "StringEquals", "arn:aws:sqs:us-east-1:444455556666:queue", foreign),
        ("SNS:Subscribe", "StringLike", "arn:aws:sqs:*:*:queue", anyone),
        ("SNS:Subscribe", "StringLike", "*@example.com", perhaps),
        ("SNS:Subscribe", "StringEquals", "https://example.com/hook", perhaps),
        ("SNS:Subscribe", "StringLike", "https://*", anyone),
        ("SNS:Subscribe", "StringLike", "*", anyone),
        ("SNS:Subscribe", "StringNotLike", "*@example.com", anyone),
        ("sns:subscribe", "StringEqualsIfExists", own, perhaps),
        // Whoever publishes tells of no subscription.
        ("SNS:*", "StringEqualsIfExists", own, anyone),
    ] {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"{action}",
                "Resource":"arn:aws:sns:us-east-1:111122223333:topic","Condition":{{"{operator}":{{"sns:Endpoint":"{endpoint}"}}}}}}]}}"#
        );
        let grants = Policy::parse(&text).expect("a policy").judge(Kind::Resource, &trust()).grants;
        let found: Vec<_> = grants.iter().map(|grant| (grant.exposure, grant.certain)).collect();
        assert_eq!(found, [expected], "{text}");
        keeps_the_laws(
            Kind::Resource,
            &everyone_if(&format!(r#"{{"{operator}":{{"sns:Endpoint":["{endpoint}","{own}"]}}}}"#)),
        );
    }
}

fn denied(allowed: &str, denied: &str) -> String {
    let statement = r#""Action":"s3:GetObject","Resource":"*""#;
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{statement},"Principal":{allowed}}},{{"Effect":"Deny",{statement},{denied}}}]}}"#
    )
}

#[track_caller]
fn is_left(expected: Exposure, text: &str) {
    let judgement = Policy::parse(text).expect("a policy").judge(Kind::Resource, &trust());
    assert_eq!(judgement.exposure, expected, "{text}\n{judgement:#?}");
    keeps_the_laws(Kind::Resource, text);
}

/// Of the one value of a key it is all the same whether any, or all of them are asked for.
#[test]
fn a_deny_that_asks_for_any_of_one_value_keeps_out_who_has_it() {
    let stranger = r#"{"AWS":"444455556666"}"#;
    for condition in [
        r#"{"ForAnyValue:StringEquals":{"aws:PrincipalAccount":"444455556666"}}"#,
        r#"{"ForAllValues:StringEquals":{"aws:PrincipalAccount":["444455556666","222233334444"]}}"#,
        r#"{"ForAnyValue:StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}"#,
        r#"{"ForAllValues:StringNotLike":{"aws:PrincipalAccount":"1111*"}}"#,
    ] {
        is_left(Exposure::None, &denied(stranger, &format!(r#""Principal":"*","Condition":{condition}"#)));
    }
    let another = r#"{"ForAnyValue:StringEquals":{"aws:PrincipalAccount":"222233334444"}}"#;
    is_left(Exposure::Foreign, &denied(stranger, &format!(r#""Principal":"*","Condition":{another}"#)));
}

#[test]
fn a_deny_of_a_role_keeps_out_its_sessions_and_one_of_a_session_only_that() {
    let session = r#"{"AWS":"arn:aws:sts::444455556666:assumed-role/app/session"}"#;
    for (principal, expected) in [
        ("arn:aws:iam::444455556666:role/app", Exposure::None),
        ("arn:aws:iam::444455556666:role/of/a/path/app", Exposure::None),
        ("arn:aws:sts::444455556666:assumed-role/app/session", Exposure::None),
        ("arn:aws:sts::444455556666:assumed-role/app/another", Exposure::Foreign),
        ("arn:aws:iam::444455556666:role/session", Exposure::Foreign),
        ("arn:aws:iam::444455556666:role/other-app", Exposure::Foreign),
        ("arn:aws:iam::444455556666:user/app", Exposure::Foreign),
        ("arn:aws:iam::222233334444:role/app", Exposure::Foreign),
        ("arn:aws-cn:iam::444455556666:role/app", Exposure::Foreign),
    ] {
        let text = denied(session, &format!(r#""Principal":{{"AWS":"{principal}"}}"#));
        let judgement = Policy::parse(&text).expect("a policy").judge(Kind::Resource, &trust());
        assert_eq!(judgement.exposure, expected, "{text}");
    }
    let role = r#"{"AWS":"arn:aws:iam::444455556666:role/app"}"#;
    let only_one = r#""Principal":{"AWS":"arn:aws:sts::444455556666:assumed-role/app/session"}"#;
    is_left(Exposure::Foreign, &denied(role, only_one));
    is_left(Exposure::None, &denied(session, r#""Principal":{"AWS":"arn:aws:iam::444455556666:role/app"}"#));
}

/// A canonical user is an account by another id: whether the stranger is the one who is spared nobody can tell.
#[test]
fn a_deny_of_all_but_a_canonical_user_may_spare_the_account_that_is_allowed() {
    let policy = denied(
        r#"{"AWS":"444455556666"}"#,
        r#""NotPrincipal":{"CanonicalUser":"4444555566664444555566664444555566664444555566664444555566664444"}"#,
    );
    is_left(Exposure::Foreign, &policy);
    let policy = Policy::parse(&policy).expect("a policy").judge(Kind::Resource, &trust());
    assert!(!policy.grants[0].certain);
}

/// Reading is of objects and listing is of buckets, so that two statements may close what four pairs of them seem to leave open.
#[test]
fn what_no_call_can_do_is_not_left_open() {
    let of = |deny: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],
            "Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}},{deny}]}}"#
        )
    };
    let reading = r#"{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}"#;
    let listing = r#"{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket"}"#;
    is_left(Exposure::None, &of(&format!("{reading},{listing}")));
    is_left(Exposure::Public, &of(reading));
    is_left(Exposure::Public, &of(listing));
}

/// A policy is about what it is attached to, whatever it names.
#[test]
fn a_star_means_what_the_policy_is_attached_to() {
    let queue = "arn:aws:sqs:eu-central-1:111122223333:orders";
    let judged = |action: &str, resource: &str, denied: &str, upon: &str, attached: Option<&str>| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":"*","Action":"{action}","Resource":"{resource}"}},
            {{"Effect":"Deny","Principal":"*","Action":"{denied}","Resource":"{upon}"}}]}}"#
        );
        let trust = snapback::policy::Trust { resource: attached.map(str::to_owned), ..trust() };
        let judged = Policy::parse(&text).expect("a policy").judge(Kind::Resource, &trust);
        (judged.exposure, judged.grants[0].certain)
    };
    let (closed, open, perhaps) = ((Exposure::None, true), (Exposure::Public, true), (Exposure::Public, false));
    for (attached, expected) in
        [(Some(queue), closed), (None, perhaps), (Some("arn:aws:sqs:eu-central-1:111122223333:bills"), open)]
    {
        assert_eq!(judged("sqs:*", "*", "sqs:*", queue, attached), expected, "{attached:?}");
        assert_eq!(judged("*", "*", "sqs:*", queue, attached), expected, "{attached:?}");
    }
    assert_eq!(judged("*", queue, "sqs:*", queue, None), closed);
    assert_eq!(judged("*", "*", "sqs:*", "*", Some(queue)), closed);
    assert_eq!(judged("*", queue, "sns:*", queue, None), open);
    let cluster = "arn:aws:kafka:eu-central-1:111122223333:cluster/c/1";
    assert_eq!(judged("*", cluster, "kafka:*", cluster, None), open);
    assert_eq!(judged("*", queue, "sqs:SendMessage", queue, None), open);
    let bucket = Some("arn:aws:s3:::b");
    assert_eq!(judged("s3:GetObject", "*", "s3:GetObject", "arn:aws:s3:::b/*", bucket), closed);
    assert_eq!(judged("s3:GetObject", "*", "s3:GetObject", "arn:aws:s3:::b/logs/*", bucket), open);
    assert_eq!(judged("s3:*", "*", "s3:GetObject", "arn:aws:s3:::b/*", bucket), open);
}

/// However a statement spells it, it is about nothing but what the policy is attached to.
#[test]
fn whatever_a_pattern_could_mean_it_means_what_the_policy_is_attached_to() {
    let judged = |allowed: &str, upon: &str, denied: &[(&str, &str)], attached: Option<&str>| {
        let denied = denied.iter().map(|(action, resource)| {
            format!(r#",{{"Effect":"Deny","Principal":"*","Action":"{action}","Resource":{resource}}}"#)
        });
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*",{allowed},{upon}}}{}]}}"#,
            denied.collect::<String>()
        );
        let trust = snapback::policy::Trust { resource: attached.map(str::to_owned), ..trust() };
        let judged = Policy::parse(&text).expect("a policy").judge(Kind::Resource, &trust);
        (judged.exposure, judged.grants[0].certain)
    };
    let (closed, open, perhaps) = ((Exposure::None, true), (Exposure::Public, true), (Exposure::Public, false));
    let (all, bucket) = (r#"["arn:aws:s3:::b","arn:aws:s3:::b/*"]"#, Some("arn:aws:s3:::b"));
    for upon in ["*/*/*", "arn:aws:s3:::*", "arn:aws:s3:::b*", "*b/*"] {
        let upon = format!(r#""Resource":"{upon}""#);
        for action in [r#""Action":"*""#, r#""Action":"s3:*""#, r#""NotAction":"s3:DeleteBucket""#] {
            assert_eq!(judged(action, &upon, &[("s3:*", all)], bucket), closed, "{action} {upon}");
            assert_eq!(judged(action, &upon, &[("s3:*", all)], None), perhaps, "{action} {upon}");
            assert_eq!(judged(action, &upon, &[("s3:*", r#""arn:aws:s3:::b/x""#)], bucket), open, "{action} {upon}");
        }
        assert_eq!(judged(r#""Action":"s3:*""#, &upon, &[("s3:*", r#""*""#)], None), closed, "{upon}");
    }
    // Nothing but a star tells the service here, and it may be another.
    assert_eq!(judged(r#""Action":"*""#, r#""Resource":"*/*/*""#, &[("s3:*", r#""*""#)], None), perhaps);
    let other = r#""NotResource":"arn:aws:s3:::other/*""#;
    assert_eq!(judged(r#""Action":"s3:*""#, other, &[("s3:*", all)], bucket), closed);
    assert_eq!(judged(r#""Action":"s3:*""#, other, &[("s3:*", r#""arn:aws:s3:::b""#)], bucket), open);
    let reading = r#""Action":["s3:GetObject","s3:ListBucket"]"#;
    let apart = [("s3:Get*", r#""arn:aws:s3:::b/*""#), ("s3:List*", r#""arn:aws:s3:::b""#)];
    assert_eq!(judged(reading, r#""Resource":"arn:aws:s3:::b*""#, &apart, bucket), closed);
    assert_eq!(judged(reading, r#""Resource":"arn:aws:s3:::b*""#, &apart[..1], bucket), open);
}

/// Only who signs has these keys, and who signs tells an ARN.
#[test]
fn what_only_a_signed_call_has_makes_a_lenient_operator_strict() {
    for asked in [r#""Bool":{"aws:PrincipalIsAWSService":"false"}"#, r#""Null":{"aws:PrincipalOrgID":"false"}"#] {
        let own = r#""ArnLikeIfExists":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}"#;
        let text = everyone_if(&format!("{{{own},{asked}}}"));
        assert_eq!(exposure(&text), Exposure::Account, "{asked}");
        keeps_the_laws(Kind::Resource, &text);
    }
    let by_a_service = r#"{"ArnLikeIfExists":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"},
        "Bool":{"aws:PrincipalIsAWSService":"true"}}"#;
    assert_eq!(exposure(&everyone_if(by_a_service)), Exposure::Service);
}

fn trusted_to(provider: &str, action: &str, condition: &str) -> String {
    let provider = if provider.starts_with(['{', '"']) {
        provider.to_owned()
    } else {
        format!(r#"{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{provider}"}}"#)
    };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{provider},"Action":"sts:{action}",
        "Condition":{condition}}}}}"#
    )
}

#[track_caller]
fn is_trusted(expected: (Exposure, bool), text: &str) {
    let judged = Policy::parse(text).expect("a policy").judge(Kind::Trust, &trust());
    let found = judged.grants.first().map_or((Exposure::None, true), |grant| (grant.exposure, grant.certain));
    assert_eq!(found, expected, "{text}");
}

/// What stands before the name of a tenant is no tenant.
#[test]
fn a_claim_that_every_tenant_has_names_none() {
    const WEB: &str = "AssumeRoleWithWebIdentity";
    for (provider, claim, value, expected) in [
        ("api.pulumi.com/oidc", "aud", "aws:*", Exposure::Public),
        ("api.pulumi.com/oidc", "aud", "aws:acme", Exposure::Account),
        ("oidc.vercel.com", "aud", "https://vercel.com/*", Exposure::Public),
        ("oidc.vercel.com", "aud", "https://vercel.com/acme", Exposure::Account),
        ("oidc.vercel.com", "aud", "https://vercel.com/acme*", Exposure::Public),
        ("oidc.vercel.com", "sub", "owner:acme:*", Exposure::Account),
        (
            "oidc.op1.openshiftapps.com/2c51blsaqa9gkjt0o9rt11mle8mmropu",
            "sub",
            "system:serviceaccount:*",
            Exposure::Public,
        ),
        (
            "oidc.op1.openshiftapps.com/2c51blsaqa9gkjt0o9rt11mle8mmropu",
            "sub",
            "system:serviceaccount:turbo:*",
            Exposure::Account,
        ),
        ("gitlab.com", "namespace_id", "12*", Exposure::Public),
        ("token.actions.githubusercontent.com", "repository", "acme/*", Exposure::Account),
        ("token.actions.githubusercontent.com", "repository", "acme*", Exposure::Public),
    ] {
        let condition = format!(r#"{{"StringLike":{{"{provider}:{claim}":"{value}"}}}}"#);
        is_trusted((expected, true), &trusted_to(provider, WEB, &condition));
    }
    let pool = |value: &str| {
        format!(
            r#"{{"StringLike":{{"cognito-identity.amazonaws.com:aud":"{value}"}},
            "ForAnyValue:StringLike":{{"cognito-identity.amazonaws.com:amr":"authenticated"}}}}"#
        )
    };
    let cognito = r#"{"Federated":"cognito-identity.amazonaws.com"}"#;
    is_trusted((Exposure::Public, true), &trusted_to(cognito, WEB, &pool("us-east-1:*")));
    is_trusted(
        (Exposure::Account, true),
        &trusted_to(cognito, WEB, &pool("us-east-1:12345678-dead-beef-cafe-123456790ab")),
    );
}

#[test]
fn with_some_providers_the_public_signs_in() {
    let web = |provider: &str, condition: &str| trusted_to(provider, "AssumeRoleWithWebIdentity", condition);
    for provider in
        ["appleid.apple.com", "slack.com", "login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"]
    {
        is_trusted((Exposure::Public, true), &web(provider, "{}"));
        is_trusted(
            (Exposure::Public, true),
            &web(provider, &format!(r#"{{"StringEquals":{{"{provider}:aud":"app"}}}}"#)),
        );
        is_trusted(
            (Exposure::Account, true),
            &web(provider, &format!(r#"{{"StringEquals":{{"{provider}:sub":"me"}}}}"#)),
        );
    }
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
#[test]
fn a_call_that_assumes_no_role_or_that_its_principal_cannot_make_lets_nobody_in() {
    let stranger = r#"{"AWS":"444455556666"}"#;
    is_trusted((Exposure::None, true), &trusted_to(stranger, "TagSession", "{}"));
    is_trusted((Exposure::None, true), &trusted_to(stranger, "SetSourceIdentity", "{}"));
    is_trusted((Exposure::None, true), &trusted_to(stranger, "AssumeRoleWithWebIdentity", "{}"));
    is_trusted((Exposure::Foreign, true), &trusted_to(stranger, "AssumeRole*", "{}"));
    is_trusted((Exposure::Public, false), &trusted_to("gitlab.com", "AssumeRole", "{}"));
    is_trusted((Exposure::Public, true), &trusted_to("gitlab.com", "AssumeRoleWithWebIdentity", "{}"));
}

#[track_caller]
fn is_judged(expected: (Exposure, bool), text: &str) {
    let judged = Policy::parse(text).expect("a policy").judge(Kind::Resource, &trust());
    let widest = judged.grants.iter().find(|grant| grant.exposure == judged.exposure);
    assert_eq!((judged.exposure, widest.is_none_or(|grant| grant.certain)), expected, "{text}");
}

/// An address of the web may have a question mark, and the path of a role nearly every character.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
#[test]
fn a_star_that_is_compared_letter_by_letter_may_be_in_a_name() {
    let endpoint = |value: &str| everyone_if(&format!(r#"{{"StringEquals":{{"sns:Endpoint":"{value}"}}}}"#));
    is_judged((Exposure::Public, false), &endpoint("https://evil.example.com/hook?x=1"));
    let arn =
        |operator: &str, value: &str| everyone_if(&format!(r#"{{"{operator}":{{"aws:PrincipalArn":"{value}"}}}}"#));
    for operator in ["StringEquals", "StringEqualsIgnoreCase"] {
        is_judged((Exposure::Foreign, true), &arn(operator, "arn:aws:iam::444455556666:role/*/x"));
        is_judged((Exposure::Foreign, true), &arn(operator, "arn:aws:iam::444455556666:role/?/x"));
        is_judged((Exposure::None, true), &arn(operator, "arn:aws:iam::444455556666:role/*"));
        is_judged((Exposure::None, true), &arn(operator, "arn:aws:iam::*:role/x"));
        let alarm = "arn:aws:cloudwatch:us-east-1:444455556666:alarm:prod*";
        let source = everyone_if(&format!(r#"{{"{operator}":{{"aws:SourceArn":"{alarm}"}}}}"#));
        is_judged((Exposure::Foreign, true), &source);
        let subject = |value: &str| {
            let asked = format!(r#"{{"{operator}":{{"token.actions.githubusercontent.com:sub":"{value}"}}}}"#);
            trusted_to("token.actions.githubusercontent.com", "AssumeRoleWithWebIdentity", &asked)
        };
        is_trusted((Exposure::Public, false), &subject("workflow:*"));
        is_trusted((Exposure::Account, true), &subject("repo:acme/*"));
    }
}

/// Every call that an access point's policy is about comes through that access point.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html>
#[test]
fn that_a_call_comes_through_an_access_point_says_nothing_in_the_policy_of_that_access_point() {
    let point = "arn:aws:s3:us-east-1:111122223333:accesspoint/point";
    let judged = |told: Option<&str>, principal: &str, condition: &str, denied: Option<&str>| {
        let deny = denied.map(|condition| {
            format!(r#",{{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{condition}}}"#)
        });
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject",
            "Resource":"{point}/object/*","Condition":{condition}}}{}]}}"#,
            deny.unwrap_or_default()
        );
        let trust = snapback::policy::Trust { resource: told.map(str::to_owned), ..trust() };
        let judged = Policy::parse(&text).expect("a policy").judge(Kind::Resource, &trust);
        (judged.exposure, judged.grants[0].certain)
    };
    for (condition, is_met) in [
        (r#"{"StringEquals":{"s3:DataAccessPointAccount":"111122223333"}}"#, true),
        (r#"{"StringLike":{"s3:DataAccessPointAccount":"*"}}"#, true),
        (r#"{"StringNotEquals":{"s3:DataAccessPointAccount":"444455556666"}}"#, true),
        (r#"{"Null":{"s3:DataAccessPointAccount":"false"}}"#, true),
        (r#"{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:111122223333:accesspoint/*"}}"#, true),
        (r#"{"StringLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:111122223333*"}}"#, true),
        (r#"{"StringNotLikeIfExists":{"s3:DataAccessPointArn":"arn:aws:s3:*:*:accesspoint/other"}}"#, true),
        (r#"{"StringEquals":{"s3:DataAccessPointAccount":"444455556666"}}"#, false),
        (r#"{"ForAnyValue:StringNotEquals":{"s3:DataAccessPointAccount":"111122223333"}}"#, false),
        (r#"{"Null":{"s3:DataAccessPointArn":"true"}}"#, false),
        (r#"{"ArnNotLike":{"s3:DataAccessPointArn":"arn:aws:s3:*:111122223333:accesspoint/*"}}"#, false),
        (r#"{"ArnEquals":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:111122223333:accesspoint/other"}}"#, false),
    ] {
        for told in [Some(point), None] {
            let expected = |exposure| if is_met { (exposure, true) } else { (Exposure::None, true) };
            let stranger = r#"{"AWS":"444455556666"}"#;
            assert_eq!(judged(told, stranger, condition, None), expected(Exposure::Foreign), "{condition}");
            assert_eq!(judged(told, r#""*""#, condition, None), expected(Exposure::Public), "{condition}");
            let left = if is_met { Exposure::None } else { Exposure::Public };
            assert_eq!(judged(told, r#""*""#, "{}", Some(condition)), (left, true), "{condition}");
        }
    }
    // A bucket delegates to its access points by it.
    is_judged(
        (Exposure::Account, true),
        &everyone_if(r#"{"StringEquals":{"s3:DataAccessPointAccount":"111122223333"}}"#),
    );
}

/// Who has no token of an identity provider cannot make the calls that take one.
#[test]
fn whom_a_deny_keeps_from_the_only_call_that_they_can_make_is_kept_out() {
    let github = r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}"#;
    let stranger = r#"{"AWS":"444455556666"}"#;
    let judged = |principal: &str, condition: &str, denied: &str, call: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{principal},"Action":"sts:*","Condition":{condition}}},
            {{"Effect":"Deny","Principal":{denied},"Action":"sts:{call}"}}]}}"#
        )
    };
    for everyone_or_he in [r#""*""#, stranger] {
        is_trusted((Exposure::None, true), &judged(stranger, "{}", everyone_or_he, "AssumeRole"));
        is_trusted((Exposure::Foreign, true), &judged(stranger, "{}", everyone_or_he, "AssumeRoleWith*"));
    }
    is_trusted((Exposure::Public, true), &judged(github, "{}", github, "AssumeRole"));
    // Whether a session of theirs, or a star, means them is nowhere said.
    is_trusted((Exposure::Public, false), &judged(github, "{}", github, "AssumeRoleWithWebIdentity"));
    is_trusted((Exposure::Public, false), &judged(github, "{}", r#""*""#, "AssumeRoleWithWebIdentity"));
    // Of everyone those with a token are left, who say who they are.
    let google = r#"{"StringEquals":{"accounts.google.com:sub":"11111"}}"#;
    is_trusted((Exposure::Account, true), &judged(r#""*""#, google, r#""*""#, "AssumeRole"));
    // Where no call is left, nobody is.
    let all_denied = judged(r#""*""#, "{}", r#""*""#, "*");
    is_trusted((Exposure::None, true), &all_denied);
    is_trusted((Exposure::None, true), &all_denied.replacen("sts:*", "sts:AssumeRole", 1));
}

/// <https://learn.microsoft.com/en-us/azure/sentinel/connect-aws>
#[test]
fn a_session_of_microsoft_sentinel_tells_a_workspace_only_by_its_whole_id() {
    let sentinel = "sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d";
    let workspace = "MicrosoftSentinel_11112222-3333-4444-5555-666677778888";
    let named = |operator: &str, name: &str| format!(r#"{{"{operator}":{{"sts:RoleSessionName":"{name}"}}}}"#);
    for (operator, name, expected) in [
        ("StringEquals", workspace, (Exposure::Account, true)),
        ("StringLike", "MicrosoftSentinel_*", (Exposure::Public, true)),
        ("StringLike", "MicrosoftSentinel_1*", (Exposure::Public, false)),
        ("StringLike", "Microsoft*_11112222-3333-4444-5555-666677778888", (Exposure::Public, false)),
        ("StringNotEquals", workspace, (Exposure::Public, true)),
        // Every session has a name.
        ("StringEqualsIfExists", workspace, (Exposure::Public, false)),
        ("Null", "true", (Exposure::Public, false)),
    ] {
        is_trusted(expected, &trusted_to(sentinel, "AssumeRoleWithWebIdentity", &named(operator, name)));
    }
    let denied = |principal: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:*"}},
            {{"Effect":"Deny","Principal":{principal},"Action":"sts:*","Condition":{condition}}}]}}"#
        )
    };
    let provider = format!(r#"{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{sentinel}"}}"#);
    is_trusted((Exposure::Public, false), &denied(&provider, &named("StringNotEquals", workspace)));
    // Whoever else assumes a role calls the session as they like.
    is_trusted((Exposure::Public, true), &denied(r#""*""#, &named("StringNotLike", "ours-*")));
    is_trusted((Exposure::Public, false), &denied(r#""*""#, &named("Null", "false")));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
#[test]
fn in_policies_of_the_older_version_a_variable_is_text() {
    let asked = |value: &str| everyone_if(&format!(r#"{{"StringEquals":{{"aws:PrincipalAccount":"{value}"}}}}"#));
    let older = |text: &str| text.replace("2012-10-17", "2008-10-17");
    let own = asked("${aws:PrincipalAccount}");
    is_judged((Exposure::Public, true), &own);
    is_judged((Exposure::None, true), &older(&own));
    is_judged((Exposure::None, true), &own.replace(r#""Version":"2012-10-17","#, ""));
    let arn = everyone_if(r#"{"ArnLike":{"aws:SourceArn":"${aws:SourceArn}"}}"#);
    is_judged((Exposure::Public, false), &older(&arn));
    let denied = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{condition}}}]}}"#
        )
    };
    let others = denied(r#"{"StringNotEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}"#);
    is_judged((Exposure::Account, true), &others);
    is_judged((Exposure::None, true), &older(&others));
    // Everyone has the account that they have.
    let everyone = denied(r#"{"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}}"#);
    is_judged((Exposure::Public, false), &everyone);
}

/// In which organization an account is, and what the id of a role is, stands nowhere.
#[test]
fn a_deny_may_mean_whoever_is_named_by_what_a_name_does_not_tell() {
    let judged = |principal: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"*"}},
            {{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{condition}}}]}}"#
        )
    };
    let stranger = r#"{"AWS":"arn:aws:iam::777788889999:user/bob"}"#;
    for condition in [
        r#"{"StringLike":{"aws:userid":"AIDA*"}}"#,
        r#"{"StringEquals":{"aws:username":"bob"}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":"o-foreign0001"}}"#,
        r#"{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-foreign0001/*"}}"#,
    ] {
        is_judged((Exposure::Foreign, false), &judged(stranger, condition));
        is_judged((Exposure::Public, true), &judged(r#""*""#, condition));
    }
    is_judged((Exposure::Foreign, true), &judged(stranger, r#"{"StringEquals":{"aws:PrincipalTag/team":"x"}}"#));
}

#[test]
fn who_is_named_and_what_is_asked_of_them_may_exclude_each_other() {
    let stranger = r#"{"AWS":"arn:aws:iam::777788889999:role/x"}"#;
    for condition in [
        r#"{"StringNotEquals":{"aws:PrincipalAccount":"777788889999"}}"#,
        r#"{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::777788889999:role/x"}}"#,
        r#"{"Null":{"aws:PrincipalAccount":"true"}}"#,
    ] {
        is_judged((Exposure::None, true), &those_if(stranger, condition));
    }
    let others = r#"{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::777788889999:role/y"}}"#;
    is_judged((Exposure::Foreign, true), &those_if(stranger, others));
}

#[test]
fn an_id_without_its_case_and_a_caller_of_one_account_are_known() {
    is_judged(
        (Exposure::Organization, true),
        &everyone_if(r#"{"StringEqualsIgnoreCase":{"aws:PrincipalOrgID":"O-TRUSTED0001"}}"#),
    );
    let caller = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*",
        "Condition":{"StringEquals":{"kms:CallerAccount":"777788889999"}}},{"Effect":"Deny","Principal":"*","Action":"kms:*",
        "Resource":"*","Condition":{"StringNotEquals":{"kms:CallerAccount":"111122223333"}}}]}"#;
    is_judged((Exposure::None, true), caller);
    // No object has an empty key.
    let objects = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::bucket/*"},{"Effect":"Deny","Principal":"*","Action":"s3:*",
        "Resource":"arn:aws:s3:::bucket/?*"}]}"#;
    is_judged((Exposure::None, true), objects);
}

/// Whether someone is a service, and which, tells only a call that is signed or a service's.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalisawsservice>
#[test]
fn what_only_services_have_lets_in_only_services() {
    let (service, everyone) = ((Exposure::Service, true), (Exposure::Public, true));
    for (condition, expected) in [
        (r#"{"ForAnyValue:StringNotEquals":{"aws:PrincipalIsAWSService":"false"}}"#, service),
        (r#"{"ForAnyValue:StringNotEquals":{"aws:PrincipalIsAWSService":"true"}}"#, everyone),
        // Who does not sign has no such key.
        (r#"{"StringNotEquals":{"aws:PrincipalIsAWSService":"false"}}"#, everyone),
        (
            r#"{"StringNotEquals":{"aws:PrincipalIsAWSService":"false"},"Null":{"aws:PrincipalIsAWSService":"false"}}"#,
            service,
        ),
        (r#"{"Null":{"aws:PrincipalServiceName":"false"}}"#, service),
        (r#"{"Null":{"aws:PrincipalServiceName":"true"}}"#, everyone),
        (r#"{"ForAnyValue:StringNotEquals":{"aws:PrincipalServiceName":"x.amazonaws.com"}}"#, service),
    ] {
        is_judged(expected, &everyone_if(condition));
        keeps_the_laws(Kind::Resource, &everyone_if(condition));
    }
    for (condition, expected) in [
        (r#"{"StringEqualsIfExists":{"aws:PrincipalIsAWSService":"false"}}"#, service),
        (r#"{"ForAllValues:StringEquals":{"aws:PrincipalIsAWSService":"false"}}"#, service),
        (r#"{"Null":{"aws:PrincipalServiceName":"true"}}"#, service),
        (r#"{"ForAnyValue:StringNotEquals":{"aws:PrincipalIsAWSService":"true"}}"#, everyone),
        (r#"{"Null":{"aws:SourceAccount":"true"}}"#, (Exposure::Public, false)),
        (r#"{"StringEqualsIfExists":{"some:key":"x"}}"#, (Exposure::Public, false)),
        (r#"{"ForAnyValue:StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}"#, (Exposure::Public, false)),
        // The caller does not choose what is called upon.
        (r#"{"StringEquals":{"aws:ResourceAccount":"111122223333"}}"#, (Exposure::Public, false)),
    ] {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{condition}}}]}}"#
        );
        is_judged(expected, &text);
        keeps_the_laws(Kind::Resource, &text);
    }
}

/// Whoever made the role chose the provider and who signs in with it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
#[test]
fn a_claim_makes_no_friend_of_a_session_of_a_stranger() {
    let stranger = r#"{"AWS":"444455556666"}"#;
    for (claim, of_stranger, of_everyone) in [
        ("accounts.google.com:sub", (Exposure::Foreign, true), (Exposure::Foreign, true)),
        ("cognito-identity.amazonaws.com:sub", (Exposure::Foreign, true), (Exposure::Foreign, true)),
        ("evil.example.com:sub", (Exposure::Foreign, false), (Exposure::Public, false)),
    ] {
        let condition = format!(r#"{{"StringEquals":{{"{claim}":"us-east-1:admin"}}}}"#);
        is_judged(of_stranger, &those_if(stranger, &condition));
        is_judged(of_everyone, &everyone_if(&condition));
        let lenient = format!(r#"{{"StringEqualsIfExists":{{"{claim}":"us-east-1:admin"}}}}"#);
        is_judged((Exposure::Foreign, true), &those_if(stranger, &lenient));
        is_judged((Exposure::Public, true), &everyone_if(&lenient));
    }
    is_judged(
        (Exposure::Public, true),
        &everyone_if(r#"{"StringEqualsIfExists":{"kms:CallerAccount":"111122223333"}}"#),
    );
    let google = r#"{"StringEquals":{"accounts.google.com:sub":"11111"}}"#;
    is_trusted((Exposure::Foreign, true), &trusted_to(stranger, "AssumeRole", google));
    is_trusted((Exposure::Foreign, true), &trusted_to(r#""*""#, "AssumeRole*", google));
    is_trusted((Exposure::Account, true), &trusted_to(r#""*""#, "AssumeRoleWithWebIdentity", google));
    is_trusted((Exposure::Public, true), &trusted_to(r#""*""#, "AssumeRoleWithWebIdentity", "{}"));
}

#[test]
fn after_the_twelve_digits_of_an_account_nothing_follows() {
    // A star before it may stand for another account, and what follows be a name.
    for (key, value) in [
        ("aws:SourceArn", "arn:aws:sns:*:111122223333*"),
        ("aws:PrincipalArn", "arn:aws:*::111122223333*"),
        ("aws:PrincipalArn", "*:*:*:*:111122223333*"),
    ] {
        is_judged((Exposure::Public, false), &everyone_if(&format!(r#"{{"StringLike":{{"{key}":"{value}"}}}}"#)));
    }
    for (account, expected) in [("111122223333", Exposure::Account), ("444455556666", Exposure::Foreign)] {
        for (operator, key, value) in [
            ("StringLike", "aws:PrincipalArn", format!("arn:aws:iam::{account}*")),
            ("StringLike", "aws:PrincipalArn", format!("arn:aws:iam::{account}*:role/x")),
            ("StringLike", "aws:PrincipalArn", format!("arn:aws:iam::{account}?role/x")),
            ("ArnLike", "aws:PrincipalArn", format!("arn:aws:iam::{account}*:role/x")),
            ("StringLike", "aws:PrincipalAccount", format!("{account}*")),
            ("StringLike", "aws:SourceArn", format!("arn:aws:sns:us-east-1:{account}*")),
        ] {
            is_judged((expected, true), &everyone_if(&format!(r#"{{"{operator}":{{"{key}":"{value}"}}}}"#)));
        }
    }
    is_judged((Exposure::Public, true), &everyone_if(r#"{"StringLike":{"aws:PrincipalAccount":"1111*"}}"#));
    let denied = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*",
        "Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666*:role/x"}}},{"Effect":"Deny","Principal":"*",
        "Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"444455556666"}}}]}"#;
    is_judged((Exposure::None, true), denied);
}

/// Nor does a `Deny` of all others than a claim names spare only friends: guests of a pool are anyone, and a session may be a
/// stranger's.
#[test]
fn a_deny_of_other_claims_makes_no_friend_of_who_is_left() {
    let pool = r#"{"Federated":"cognito-identity.amazonaws.com"}"#;
    let web = r#""Action":"sts:AssumeRoleWithWebIdentity""#;
    let guests = format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Principal":{pool},{web},"Condition":{{"ForAnyValue:StringLike":
        {{"cognito-identity.amazonaws.com:amr":"unauthenticated"}}}}}},
        {{"Effect":"Deny","Principal":{pool},{web},"Condition":{{"StringNotEquals":
        {{"cognito-identity.amazonaws.com:aud":"us-east-1:12345678-aaaa-bbbb-cccc-123456790ab0"}}}}}}]}}"#
    );
    is_trusted((Exposure::Public, false), &guests);
    for claim in ["accounts.google.com:sub", "graph.facebook.com:id", "cognito-identity.amazonaws.com:aud"] {
        let deny = format!(r#""Principal":"*","Condition":{{"StringNotLike":{{"{claim}":"1234"}}}}"#);
        is_judged((Exposure::Foreign, false), &denied(r#"{"AWS":"444455556666"}"#, &deny));
        is_judged((Exposure::Public, false), &denied(r#""*""#, &deny));
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
#[test]
fn a_number_as_audience_of_google_is_one_service_account() {
    let google = r#"{"Federated":"accounts.google.com"}"#;
    let of = |audience: &str| {
        trusted_to(
            google,
            "AssumeRoleWithWebIdentity",
            &format!(
                r#"{{"StringEquals":{{"accounts.google.com:aud":"{audience}","accounts.google.com:oaud":"sts.amazonaws.com"}}}}"#
            ),
        )
    };
    is_trusted((Exposure::Account, true), &of("112233445566778899001"));
    is_trusted((Exposure::Public, false), &of("1122334455-abc.apps.googleusercontent.com"));
}

/// <https://learn.microsoft.com/en-us/azure/sentinel/connect-aws>
#[test]
fn the_tenant_of_microsoft_sentinel_is_told_by_the_name_of_the_session() {
    let sentinel = "sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/";
    let audience = format!(r#""StringEquals":{{"{sentinel}:aud":"api://1462b192-27f7-4cb9-8523-0f4ecb54b47e"}}"#);
    let of = |more: &str| trusted_to(sentinel, "AssumeRoleWithWebIdentity", &format!("{{{audience}{more}}}"));
    is_trusted((Exposure::Public, true), &of(""));
    is_trusted((Exposure::Public, true), &of(r#","StringLike":{"sts:RoleSessionName":"MicrosoftSentinel_*"}"#));
    is_trusted(
        (Exposure::Account, true),
        &of(r#","StringLike":{"sts:RoleSessionName":"MicrosoftSentinel_33e01921-4d64-4f8c-a055-5bdaffd5e33d"}"#),
    );
}

/// In the account of who calls.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
#[test]
fn whose_key_an_alias_or_an_id_means_nobody_can_tell() {
    let key = |id: &str| {
        put_if(r#""*""#, &format!(r#"{{"StringEquals":{{"s3:x-amz-server-side-encryption-aws-kms-key-id":"{id}"}}}}"#))
    };
    is_judged((Exposure::Public, false), &key("alias/backup"));
    is_judged((Exposure::Public, false), &key("1234abcd-12ab-34cd-56ef-1234567890ab"));
}

/// A friend is one wherever what they subscribe goes, so a list that a stranger shares with them cannot be taken apart.
#[test]
fn a_friend_beside_everyone_may_subscribe_what_everyone_may_not() {
    for (friend, values) in [
        (
            r#""AWS":["*","arn:aws:iam::111122223333:user/alice"]"#,
            r#""arn:aws:sqs:us-east-1:111122223333:queue","https://*""#,
        ),
        (r#""AWS":["*","arn:aws:iam::222233334444:user/petra"]"#, r#""arn:aws:sqs:us-east-1:111122223333:queue","*""#),
        (
            r#""Service":"cloudtrail.amazonaws.com","Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com""#,
            r#""arn:aws:sqs:*:111122223333:*","*""#,
        ),
    ] {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{{friend}}},"Action":"*","Resource":"*",
            "Condition":{{"StringLike":{{"sns:Endpoint":[{values}]}}}}}}]}}"#
        );
        keeps_the_laws(Kind::Resource, &text);
    }
}

/// What is denied of a bucket's own calls is denied of all that a star allows there.
#[test]
fn nobody_makes_calls_of_other_services_upon_a_bucket() {
    for allowed in [r#""Action":"*""#, r#""NotAction":"s3:Put*""#] {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*",{allowed},"Resource":"arn:aws:s3:::bucket/*"}},
            {{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}},
            {{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*",
            "Condition":{{"StringEquals":{{"aws:PrincipalOrgID":"o-trusted0001"}}}}}}]}}"#
        );
        keeps_the_laws(Kind::Resource, &text);
        is_judged((Exposure::Organization, true), &text);
    }
}

/// Whose account calls tells whoever signs, and then also by which ARN.
#[test]
fn a_call_with_the_account_of_its_caller_has_the_arn_as_well() {
    let condition = r#"{"StringLike":{"kms:CallerAccount":"*"},"ArnLikeIfExists":{"aws:PrincipalArn":
        ["arn:aws:iam::111122223333:user/*","*","arn:aws:iam::*:role/app"]}}"#;
    keeps_the_laws(Kind::Resource, &everyone_if(condition));
}

#[test]
fn whom_a_value_cannot_mean_does_not_need_it() {
    let text = those_if(
        r#"{"AWS":["*","arn:aws:iam::111122223333:user/alice"]}"#,
        r#"{"ArnEquals":{"aws:PrincipalArn":["arn:aws:iam::111122223333:*","arn:aws:iam::11112222333?:role/app"]}}"#,
    );
    keeps_the_laws(Kind::Resource, &text);
    let policy = Policy::parse(&text).expect("a policy");
    let left = policy.without(
        &policy
            .judge(Kind::Resource, &trust())
            .grants
            .into_iter()
            .filter(snapback::policy::Grant::is_untrusted)
            .collect::<Vec<_>>(),
    );
    assert!(left.is_some_and(|left| left.contains(r#""*""#) && !left.contains('?')));
}

/// By another key the statement asks for something else.
#[test]
fn nobody_has_a_value_that_the_same_condition_excludes() {
    let friend_and_stranger = r#"{"AWS":["222233334444","arn:aws:iam::444455556666:role/app"]}"#;
    let text = those_if(
        friend_and_stranger,
        r#"{"StringNotEquals":{"aws:SourceVpc":"vpc-0named"},"ForAnyValue:StringEquals":
        {"aws:SourceVpc":["vpc-*","vpc-0named","vpc-0ours"]}}"#,
    );
    keeps_the_laws(Kind::Resource, &text);
    let nobody = r#"{"StringNotEquals":{"aws:SourceVpc":"vpc-0named"},"StringEquals":{"aws:SourceVpc":"vpc-0named"}}"#;
    is_judged((Exposure::None, true), &everyone_if(nobody));
}

/// What a key certainly lets strangers in by goes, and what it may let in by an unclear value of another stays.
#[test]
fn what_is_in_doubt_does_not_go_with_what_is_certain() {
    for condition in [
        r#"{"StringLike":{"aws:SourceArn":["arn:aws:sns:*:111122223333:*","arn:aws:s3:::*"],
            "aws:SourceVpc":["vpc-0our*","vpc-*","vpc-0named"]}}"#,
        r#"{"ArnEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":
            ["arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab","arn:aws:kms:us-east-1:*:key/*"]},
            "StringLike":{"aws:VpceOrgID":["${aws:PrincipalOrgID}","o-foreign0001"]}}"#,
        r#"{"ForAnyValue:StringNotLike":{"aws:VpceAccount":["1111*"]},"StringLike":{"aws:VpceOrgID":"o-trusted0001*"}}"#,
        r#"{"Null":{"aws:VpceOrgPaths":"false"},"StringLike":{"aws:SourceVpc":"vpc-0our*"}}"#,
        r#"{"ForAnyValue:StringNotEquals":{"aws:VpceOrgID":"o-foreign0001"},"StringLike":{"aws:SourceVpc":"vpc-0our*"}}"#,
    ] {
        keeps_the_laws(Kind::Resource, &everyone_if(condition));
    }
    let points = r#"{"StringLike":{"s3:DataAccessPointAccount":["222233334444","1111*"]}}"#;
    keeps_the_laws(Kind::Resource, &those_if(r#"{"Service":"sns.amazonaws.com","AWS":"*"}"#, points));
}

/// A principal of AWS has no token, and so no claim that would spare it.
#[test]
fn a_deny_of_a_wrong_audience_may_keep_out_who_comes_without_a_token() {
    let deny = r#"{"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:AssumeRole",
        "Condition":{"StringNotEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}}"#;
    let of = |principal: &str, action: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:{action}"}},{}]}}"#,
            deny.replace("AssumeRole", action)
        )
    };
    let everyone = of(r#""*""#, "AssumeRole");
    keeps_the_laws(Kind::Trust, &everyone);
    is_trusted((Exposure::Public, false), &everyone);
    let github = r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}"#;
    // Whoever has a token has chosen for whom it is.
    is_trusted((Exposure::Public, true), &of(github, "AssumeRoleWithWebIdentity"));
}

/// Of two that each spare whoever likes, the one hits whom the other spares.
#[test]
fn nobody_is_certain_to_get_past_two_denies_that_exclude_each_other() {
    let denied_if = |conditions: &[&str]| {
        let denies = conditions.iter().map(|condition| {
            format!(r#",{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{condition}}}"#)
        });
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}{}]}}"#,
            denies.collect::<String>()
        )
    };
    let (plain, tls) = (r#"{"Bool":{"aws:SecureTransport":"false"}}"#, r#"{"Bool":{"aws:SecureTransport":"true"}}"#);
    let signed = r#"{"StringNotEquals":{"aws:PrincipalAccount":"anonymous"}}"#;
    let anonymous = r#"{"StringEquals":{"aws:PrincipalAccount":"anonymous"}}"#;
    let any_account = r#"{"StringLike":{"aws:PrincipalAccount":"*"}}"#;
    for (conditions, certain) in [
        (&[plain][..], true),
        (&[plain, plain], true),
        (&[plain, signed], true),
        (&[plain, tls], false),
        (&[signed, anonymous], false),
        (&[any_account], false),
    ] {
        is_judged((Exposure::Public, certain), &denied_if(conditions));
    }
}

#[test]
fn who_signs_in_with_a_provider_that_all_share_is_somebody_only_by_the_subject() {
    for (provider, subject) in [
        ("app.gitpod.io", "organization_id:0193e2d4-1c5f:project_id:*"),
        ("oidc.cirrus-ci.com", "repo:github:example/*"),
        ("login.app.env0.com", "auth0|0123456789abcdef"),
    ] {
        let of = |condition: &str| {
            let federated = format!(r#"{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{provider}"}}"#);
            trusted_to(&federated, "AssumeRoleWithWebIdentity", condition)
        };
        is_trusted(
            (Exposure::Public, true),
            &of(&format!(r#"{{"StringEquals":{{"{provider}:aud":"sts.amazonaws.com"}}}}"#)),
        );
        is_trusted((Exposure::Account, true), &of(&format!(r#"{{"StringLike":{{"{provider}:sub":"{subject}"}}}}"#)));
    }
    let gitpod = r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/api.gitpod.io/idp"}"#;
    let of = |condition: &str| trusted_to(gitpod, "AssumeRoleWithWebIdentity", condition);
    is_trusted((Exposure::Public, true), &of("{}"));
    let repository = r#"{"StringEquals":{"api.gitpod.io/idp:sub":"https://github.com/example/app"}}"#;
    is_trusted((Exposure::Public, false), &of(repository));
}

/// In which network it is, its id does not tell, so that a condition on the network says nothing of it.
#[test]
fn an_endpoint_of_a_stranger_may_be_in_any_network() {
    let text = those_if(
        r#"{"AWS":["111122223333","arn:aws:iam::444455556666:role/app"]}"#,
        r#"{"ForAnyValue:ArnNotEquals":{"aws:SourceVpcArn":"arn:aws:ec2:us-east-1:444455556666:vpc/vpc-0named"},
        "StringEquals":{"aws:SourceVpce":["vpce-*","vpce-0named","vpce-0ours"]}}"#,
    );
    keeps_the_laws(Kind::Resource, &text);
}

#[test]
fn no_call_but_of_kms_is_spared_by_the_account_of_its_caller() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole*","Condition":
        {"StringNotLike":{"aws:VpceOrgPaths":"o-trusted0001/*"},"ForAllValues:StringNotLike":{"kms:CallerAccount":"*"}}},
        {"Effect":"Allow","Principal":{"AWS":"*"},"NotAction":["sts:AssumeRole"]}]}"#;
    keeps_the_laws(Kind::Trust, text);
}

#[test]
fn whose_bucket_a_source_is_another_key_says_beside_other_sources_too() {
    let text = everyone_if(
        r#"{"StringEquals":{"aws:SourceOrgID":"o-foreign0001"},"StringLike":{"aws:SourceArn":
        ["arn:aws:sns:us-east-1:444455556666:topic","arn:aws:s3:::my-bucket"]}}"#,
    );
    keeps_the_laws(Kind::Resource, &text);
}

#[test]
fn whoever_signs_in_to_a_pool_of_their_own_says_with_which_provider() {
    let pool = r#"{"Federated":"cognito-identity.amazonaws.com"}"#;
    let claim =
        r#"{"ForAnyValue:StringNotEquals":{"cognito-identity.amazonaws.com:amr":["authenticated","unauthenticated"]}}"#;
    let text = trusted_to(pool, "AssumeRole*", claim);
    keeps_the_laws(Kind::Trust, &text);
    is_trusted((Exposure::Public, true), &text);
}

#[test]
fn who_signs_in_elsewhere_is_not_kept_out_by_a_deny_of_another_call() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":
        "arn:aws:iam::444455556666:saml-provider/directory"},"Action":["sts:*"]},
        {"Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"ArnNotEquals":
        {"aws:SourceVpcArn":"arn:aws:ec2:us-east-1:111122223333:vpc/vpc-0ours"}},"Effect":"Deny"}]}"#;
    keeps_the_laws(Kind::Trust, text);
    is_trusted((Exposure::Foreign, true), text);
}

/// Whose access point it is may be said without its ARN, of a friend's as of a stranger's.
#[test]
fn an_access_point_of_a_friend_may_be_told_by_its_account_alone() {
    let text = those_if(
        r#"{"Service":"sns.amazonaws.com","AWS":"*"}"#,
        r#"{"ArnEqualsIfExists":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:111122223333:accesspoint/*"},
        "StringLike":{"s3:DataAccessPointAccount":["1111*","444455556666","222233334444"]}}"#,
    );
    keeps_the_laws(Kind::Resource, &text);
}

/// Perhaps a friend is among those who sign in, and whoever is a stranger by name is none.
#[test]
fn a_stranger_by_name_is_no_reason_to_take_from_others_what_is_in_doubt() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{
        "Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
        "CanonicalUser":"4444555566664444555566664444555566664444555566664444555566664444"},"Action":"*","Resource":"*",
        "Condition":{"StringLike":{"sns:Endpoint":["arn:aws:sqs:*:111122223333:*","https://*"]}}}]}"#;
    keeps_the_laws(Kind::Resource, text);
    let policy = Policy::parse(text).expect("a policy");
    let mut certain = policy.judge(Kind::Resource, &trust()).grants;
    certain.retain(|grant| grant.certain && grant.is_untrusted());
    let left = policy.without(&certain).unwrap_or_default();
    assert!(left.contains("sqs:*:111122223333") && left.contains("oidc-provider") && !left.contains("https"), "{left}");
}

/// Who is not named is denied: other accounts, services, and who does not sign.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
#[test]
fn a_deny_of_all_but_friends_keeps_strangers_out() {
    let of = |allowed: &str, spared: &str, more: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{allowed},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}},
            {{"Effect":"Deny","NotPrincipal":{spared},"Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]{more}}}]}}"#
        )
    };
    let own = r#"{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:role/app"]}"#;
    let partner = r#"{"AWS":["111122223333","arn:aws:iam::222233334444:user/petra"]}"#;
    let stranger = r#"{"AWS":["111122223333","444455556666"]}"#;
    let without_tls = r#","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#;
    for (text, expected) in [
        (of(r#""*""#, own, ""), (Exposure::Account, true)),
        (of(r#""*""#, partner, ""), (Exposure::Account, true)),
        (of(r#"{"AWS":["111122223333","444455556666"]}"#, own, ""), (Exposure::Account, true)),
        (of(r#""*""#, r#"{"AWS":"AIDADELETEDUSEREXAMPLE"}"#, ""), (Exposure::None, true)),
        (of(r#""*""#, r#"{"Service":"cloudtrail.amazonaws.com"}"#, ""), (Exposure::Service, true)),
        // How a caller of a named account is named decides.
        (of(r#""*""#, stranger, ""), (Exposure::Foreign, false)),
        (of(r#"{"AWS":"444455556666"}"#, stranger, ""), (Exposure::Foreign, false)),
        (of(r#""*""#, r#"{"AWS":"*"}"#, ""), (Exposure::Public, false)),
        (of(r#""*""#, own, without_tls), (Exposure::Public, true)),
        (of(r#""*""#, own, "").replace("s3:*", "s3:Put*"), (Exposure::Public, true)),
    ] {
        is_judged(expected, &text);
        keeps_the_laws(Kind::Resource, &text);
    }
}

/// No account has more or fewer than twelve digits.
#[test]
fn ten_accounts_are_not_everyone() {
    let of =
        |operator: &str, key: &str, value: &str| everyone_if(&format!(r#"{{"{operator}":{{"{key}":"{value}"}}}}"#));
    let account = |value: &str| of("StringLike", "aws:PrincipalAccount", value);
    for value in ["11112222333?", "11112222333*", "1111?2223333", "*11122223333", "11112222333?*"] {
        is_judged((Exposure::Foreign, true), &account(value));
    }
    keeps_the_laws(Kind::Resource, &account("11112222333?"));
    for value in ["1111222233??", "1111222233*", "1111*", "11112222333??"] {
        is_judged((Exposure::Public, true), &account(value));
    }
    let arn = "arn:aws:iam::11112222333?:role/app";
    is_judged((Exposure::Foreign, true), &of("ArnLike", "aws:PrincipalArn", arn));
    is_judged((Exposure::Foreign, true), &of("StringLike", "aws:PrincipalArn", arn));
    is_judged((Exposure::Public, false), &of("StringLike", "aws:PrincipalArn", "arn:aws:iam::11112222333*:role/app"));
    // S3 takes whatever has a star or a question mark for public.
    let policy = account("11112222333?");
    let as_s3 = Policy::parse(&policy).expect("a policy").judge_as_s3(&trust()).exposure;
    assert_eq!(as_s3, Exposure::Public);
}

/// Nobody chooses the id of their organization, but whoever makes some has one that begins with a certain letter.
#[test]
fn an_organization_of_which_much_is_told_is_not_certainly_everyone() {
    let of =
        |operator: &str, key: &str, value: &str| everyone_if(&format!(r#"{{"{operator}":{{"{key}":"{value}"}}}}"#));
    for (value, expected) in [
        ("*", (Exposure::Public, true)),
        ("o-*", (Exposure::Public, true)),
        ("o-x*", (Exposure::Public, true)),
        ("o-*/*", (Exposure::Public, true)),
        ("o-*/r-*/ou-*", (Exposure::Public, true)),
        ("o-foreign*", (Exposure::Public, false)),
        ("*/r-ab12/*", (Exposure::Public, true)),
        ("o-trusted0001*", (Exposure::Public, false)),
        ("o-foreign0001*", (Exposure::Foreign, true)),
        ("o-foreign0001/*", (Exposure::Foreign, true)),
        ("o-trusted0001/*", (Exposure::Organization, true)),
    ] {
        let text = of("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", value);
        is_judged(expected, &text);
        keeps_the_laws(Kind::Resource, &text);
    }
    is_judged((Exposure::Public, true), &of("StringLike", "aws:PrincipalOrgID", "o-a?*"));
    is_judged((Exposure::Public, false), &of("StringLike", "aws:PrincipalOrgID", "o-abc*"));
}

/// So it needs none of what is asked for by that, as it always says that it is one.
#[test]
fn no_service_says_that_it_is_none() {
    for flags in [
        r#""Bool":{"aws:PrincipalIsAWSService":["true","false"]}"#,
        r#""Bool":{"aws:PrincipalIsAWSService":["false"]}"#,
    ] {
        let text = those_if(
            r#"{"Service":"sns.amazonaws.com","AWS":"*"}"#,
            &format!(
                r#"{{{flags},"StringLike":{{"aws:SourceArn":["arn:aws:sns:us-east-1:444455556666:topic","arn:aws:sns:us-east-1:*:topic","*"]}}}}"#
            ),
        );
        keeps_the_laws(Kind::Resource, &text);
    }
}

#[test]
fn no_access_point_is_of_another_account_than_its_arn_says() {
    for account in ["11112222333?", "111122223333", "1111*"] {
        let text = those_if(
            r#"{"AWS":["*","222233334444"]}"#,
            &format!(
                r#"{{"StringLike":{{"s3:DataAccessPointAccount":"{account}"}},"ArnEquals":{{"s3:DataAccessPointArn":
                ["arn:aws:s3:us-east-1:111122223333:accesspoint/point","arn:aws:s3:us-east-1:444455556666:accesspoint/*"]}}}}"#
            ),
        );
        keeps_the_laws(Kind::Resource, &text);
    }
    // Whether a call says the account as well is nowhere written.
    for account in ["StringNotLike", "StringLikeIfExists", "ForAllValues:StringLike", "ForAnyValue:StringNotLike"] {
        let condition = format!(
            r#"{{"{account}":{{"s3:DataAccessPointAccount":"11112222333?"}},"ForAnyValue:ArnLike":{{"s3:DataAccessPointArn":
            ["arn:aws:s3:us-east-1:111122223333:accesspoint/*"]}}}}"#
        );
        keeps_the_laws(Kind::Resource, &everyone_if(&condition));
        keeps_the_laws(Kind::Resource, &those_if(r#"{"AWS":["*","222233334444"]}"#, &condition));
    }
}

/// Who comes by a token is of no organization yet, and all others are denied.
#[test]
fn who_has_no_account_has_no_organization() {
    for denied in [r#""NotPrincipal":{"AWS":"111122223333"}"#, r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#] {
        for condition in
            [r#"{"StringLike":{"aws:PrincipalOrgID":"o-*"}}"#, r#"{"StringLike":{"aws:PrincipalAccount":"*"}}"#]
        {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole*",
                "Condition":{condition}}},{{"Effect":"Deny",{denied},"Action":"STS:assumerole"}}]}}"#
            );
            keeps_the_laws(Kind::Trust, &text);
        }
    }
}

/// What is denied of whoever has one of two values, or none, is denied of all.
#[test]
fn nobody_gets_past_a_deny_of_all_that_there_is() {
    let all = [
        r#""ForAllValues:StringLike":{"aws:SourceVpc":"vpc-*"}"#,
        r#""ArnLikeIfExists":{"aws:SourceArn":"arn:*"}"#,
        r#""StringLikeIfExists":{"aws:PrincipalOrgID":"o-*"}"#,
        r#""ForAllValues:StringEquals":{"aws:MultiFactorAuthPresent":["true","false"]}"#,
        r#""BoolIfExists":{"aws:SecureTransport":["true","false"]}"#,
    ];
    let outside = r#""StringNotLike":{"aws:VpceOrgPaths":"o-trusted0001/*"}"#;
    let others = r#""NotPrincipal":{"Federated":"arn:aws:iam::111122223333:saml-provider/directory"}"#;
    for whom in [others, r#""Principal":"*""#] {
        for all in all {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}},
                {{"Effect":"Deny",{whom},"Action":"sts:AssumeRole","Condition":{{{all},{outside}}}}}]}}"#
            );
            keeps_the_laws(Kind::Trust, &text);
        }
    }
    let with_a_device = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Condition":{"Bool":
        {"aws:MultiFactorAuthPresent":"true"}},"Effect":"Allow","Principal":"*"},{"Effect":"Deny","Principal":"*","Action":"sts:*",
        "Condition":{"ForAllValues:StringEquals":{"aws:MultiFactorAuthPresent":"true"},
        "StringNotLike":{"aws:SourceOrgID":"${aws:ResourceOrgID}"}}}]}"#;
    keeps_the_laws(Kind::Trust, with_a_device);
}

/// So what asks for its absence spares nobody.
#[test]
fn no_token_has_claims_of_another_provider() {
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    for whom in [r#""*""#.to_owned(), format!(r#"{{"Federated":"{github}"}}"#)] {
        for absent in ["saml:aud", "accounts.google.com:aud"] {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"{github}"}},"Action":"sts:AssumeRole*"}},
                {{"Effect":"Deny","Principal":{whom},"Action":"sts:AssumeRole*","Condition":{{"Null":{{"{absent}":"true"}},
                "StringNotEquals":{{"token.actions.githubusercontent.com:sub":"repo:acme/app:ref:refs/heads/main"}}}}}}]}}"#
            );
            keeps_the_laws(Kind::Trust, &text);
        }
    }
}

/// Who must not call upon anything of the owner's calls upon what tells no owner, and is nobody by that.
#[test]
fn a_variable_that_stands_for_nothing_lets_nobody_in() {
    for absent in [
        r#""ForAllValues:StringNotEqualsIgnoreCase":{"aws:ResourceAccount":["222233334444","111122223333"]}"#,
        r#""StringNotLike":{"aws:ResourceAccount":"1111*"}"#,
        r#""Null":{"aws:ResourceAccount":"true"}"#,
    ] {
        let text = everyone_if(&format!(
            r#"{{"StringLike":{{"s3:DataAccessPointAccount":["11112222333?","${{aws:ResourceAccount}}"]}},
            "StringEquals":{{"aws:SourceVpce":["vpce-0named","vpce-0ours"]}},{absent}}}"#
        ));
        keeps_the_laws(Kind::Resource, &text);
    }
}

/// A neighbour may have a bucket of such a name, and no other condition says whose it is.
#[test]
fn a_star_in_an_account_is_somebody_elses_too() {
    let condition = r#"{"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::my-*"},"StringLike":{"aws:SourceAccount":["1111*","222233334444"]}}"#;
    keeps_the_laws(Kind::Resource, &everyone_if(condition));
}

/// Neither does the id of a network tell whose it is, nor has an owner always an organization.
#[test]
fn whom_nobody_knows_may_be_a_friend() {
    let network = r#"{"StringEquals":{"aws:SourceVpc":["vpc-0ours","vpc-0named"]},
        "StringLike":{"aws:VpceAccount":["1111*","${aws:ResourceAccount}"]}}"#;
    keeps_the_laws(Kind::Resource, &everyone_if(network));
    let organization = r#"{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-foreign0001"},
        "StringLike":{"aws:ResourceAccount":["*","${aws:PrincipalAccount}"]}}"#;
    keeps_the_laws(Kind::Resource, &those_if(r#"{"Service":"sns.amazonaws.com","AWS":"*"}"#, organization));
}

/// Whoever writes a header writes stars into it as well.
#[test]
fn a_star_that_is_compared_letter_by_letter_can_be_written() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":["*"]},
        {"Action":["*"],"Condition":{"StringNotEquals":{"aws:Referer":"https://example.com/*","aws:vpceaccount":["111122223333"]}},
        "Effect":"Deny","Principal":"*"}]}"#;
    keeps_the_laws(Kind::Trust, text);
}

/// Of a role there are other sessions than the one that is denied.
#[test]
fn a_deny_of_one_session_keeps_out_no_other() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":
        "arn:aws:sts::444455556666:assumed-role/app/session"},"Action":"*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"],
        "Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-0ours"}}},{"Effect":"Allow","Principal":{"AWS":
        ["arn:aws:iam::444455556666:role/app","arn:aws:sts::111122223333:assumed-role/app/session"]},"Action":"S3:PutObject",
        "Resource":"*"}]}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Foreign, true), text);
}

/// All but somebody are not those who sign in elsewhere, by what anybody relies on.
#[test]
fn nobody_relies_on_being_one_of_all_but_others() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotPrincipal":{"Federated":
        "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/D539D4633E53DE1B"},
        "Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"accounts.google.com:sub":"113027383838383838383"}}},
        {"Effect":"Allow","Action":"sts:AssumeRole*","Principal":{"Federated":"accounts.google.com"}}]}"#;
    keeps_the_laws(Kind::Trust, text);
}

/// No user of one account has the number of another, whichever values stand beside it.
#[test]
fn a_value_that_nobody_who_is_named_has_lets_nobody_in() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws-us-gov:iam::444455556666:root"},
        "Action":"s3:GetObject","Resource":"*","Condition":{"StringLike":{"aws:PrincipalAccount":
        ["11112222333?","${aws:ResourceAccount}"]}}}]}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Account, true), text);
}

/// AWS does not say what `ForAnyValue` with `IfExists` gives for a key that is absent.
#[test]
fn a_deny_of_any_value_if_there_are_some_keeps_out_nobody_who_has_none() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"},
        {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*","Condition":
            {"ForAnyValue:StringEqualsIfExists":{"aws:PrincipalServiceNamesList":"sns.amazonaws.com"}}}]}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Public, false), text);
}

/// One's own endpoint may be in the network that a policy names.
#[test]
fn an_endpoint_of_ones_own_may_be_in_any_network() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com","AWS":"*"},
        "Action":"s3:Get*","Resource":["*"],"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-0named"},
        "StringLike":{"aws:SourceVpce":["vpce-0ours","vpce-0named","vpce-*"]}}}]}"#;
    keeps_the_laws(Kind::Resource, text);
}

/// Whoever signs in somewhere is nobody's friend, so they go before a service that comes from wherever.
#[test]
fn who_signs_in_anywhere_goes_before_a_service() {
    let endpoint = r#"{"StringLike":{"sns:Endpoint":["arn:aws:sqs:us-east-1:111122223333:queue","*"]}}"#;
    let network = r#"{"StringEquals":{"aws:SourceVpce":["vpce-0ours","vpce-0named"]}}"#;
    for condition in [endpoint, network] {
        let who = r#"{"Service":"sns.amazonaws.com","Federated":"graph.facebook.com"}"#;
        keeps_the_laws(Kind::Resource, &those_if(who, condition));
    }
}

/// Nobody knows whether who comes with a token is of an organization.
#[test]
fn a_deny_of_an_organization_if_there_is_one_may_hit_who_comes_with_a_token() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":
        {"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-trusted0001*"},"StringNotEquals":{"aws:SourceVpc":"vpc-0ours"}}},
        {"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"s3:Get*","Resource":"arn:aws:s3:::bucket/*"}]}"#;
    keeps_the_laws(Kind::Resource, text);
}

/// A key that no such call has is absent, and so meets what also holds without it.
#[test]
fn what_is_asked_of_calls_of_another_service_keeps_nobody_out() {
    for (operator, key) in [
        ("StringEqualsIfExists", "iam:PassedToService"),
        ("ForAllValues:StringEquals", "ec2:InstanceType"),
        ("StringLikeIfExists", "foo:bar"),
        ("StringEqualsIfExists", "s3:x-amz-acl"),
        ("ForAllValues:StringLike", "s3:RequestObjectTag/team"),
    ] {
        let condition = format!(r#"{{"{operator}":{{"{key}":"x"}}}}"#);
        is_judged((Exposure::Public, true), &everyone_if(&condition));
    }
    is_judged((Exposure::Public, true), &everyone_if(r#"{"Null":{"s3:x-amz-acl":"true"}}"#));
    let own =
        [r#""StringEqualsIfExists":{"s3:unheard-of":"x"}"#, r#""ForAnyValue:StringEqualsIfExists":{"foo:bar":"x"}"#];
    for condition in own.into_iter().chain([r#""StringEquals":{"foo:bar":"x"}"#]) {
        is_judged((Exposure::Public, false), &everyone_if(&format!("{{{condition}}}")));
    }
}

/// An account's ARNs are IAM's and, of sessions, STS's.
#[test]
fn a_deny_of_all_arns_of_the_account_that_is_named_keeps_it_out() {
    let all = r#"["arn:aws:iam::444455556666:*","arn:aws:sts::444455556666:*"]"#;
    for (denied, exposure) in [
        (r#""arn:aws:*::444455556666:*""#, Exposure::None),
        (all, Exposure::None),
        (r#""arn:aws:iam::444455556666:*""#, Exposure::Foreign),
        (r#""arn:aws:iam::444455556666:role/*""#, Exposure::Foreign),
    ] {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::444455556666:root"}},
            "Action":"s3:GetObject","Resource":"*"}},{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":
            {{"ArnLike":{{"aws:PrincipalArn":{denied}}}}}}}]}}"#
        );
        is_judged((exposure, true), &text);
    }
}

/// Of a service that is named no other's name is asked for, whatever is written with a star beside it.
#[test]
fn a_star_that_is_compared_letter_by_letter_is_no_services_name() {
    let names = r#"{"StringEquals":{"aws:SourceOwner":["444455556666"],
        "aws:PrincipalServiceName":["s3.amazonaws.com","*.amazonaws.com","sns.amazonaws.com"]}}"#;
    keeps_the_laws(Kind::Resource, &those_if(r#"{"Service":"sns.amazonaws.com"}"#, names));
}

/// Nobody assumes a role through an access point.
#[test]
fn a_deny_that_also_holds_without_the_key_of_another_service_may_hit_everyone() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Condition":{"ArnEqualsIfExists":
        {"s3:DataAccessPointArn":["arn:aws:s3:us-east-1:*:accesspoint/point"]}},"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"}},
        {"Principal":{"AWS":["*"]},"Action":"sts:AssumeRole","Effect":"Allow"}]}"#;
    keeps_the_laws(Kind::Trust, text);
}

/// All values that there are begin somehow, and so do those of none.
#[test]
fn a_deny_of_whatever_there_is_hits_everyone_by_that() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":
        {"ForAllValues:StringLike":{"cognito-identity.amazonaws.com:amr":["*"]},
        "StringNotEquals":{"aws:VpceAccount":["111122223333","${aws:ResourceAccount}"]}}},
        {"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#;
    keeps_the_laws(Kind::Trust, text);
}

/// Only who signs says that it is no service, and says its ARN with it.
#[test]
fn who_is_no_service_has_an_arn_though_a_service_has_none() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*","Condition":
        {"ArnEqualsIfExists":{"aws:PrincipalArn":["arn:aws:iam::111122223333:user/*"]},
        "Bool":{"aws:PrincipalIsAWSService":["true","false"]}},"Effect":"Allow"}]}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Service, true), text);
}

/// So a source of one account has no owner of another, and friends need no value that means both.
#[test]
fn the_owner_of_a_source_is_its_account() {
    let text = r#"{"Statement":[{"Resource":"arn:aws:s3:::bucket/*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-0named"},
        "StringLike":{"aws:SourceAccount":["*","${aws:PrincipalAccount}","222233334444"],
        "aws:SourceOwner":["11112222333?","111122223333"]}},"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}],
        "Version":"2012-10-17"}"#;
    keeps_the_laws(Kind::Resource, text);
}

/// One name of the list is the one, and another may be the other.
#[test]
fn two_that_ask_for_any_value_are_met_by_two_values() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::bucket/*","Condition":{"ForAnyValue:StringEquals":{"aws:PrincipalServiceNamesList":
        ["s3.amazonaws.com"]},"ForAnyValue:StringLike":{"aws:SourceAccount":["444455556666"]},
        "ForAnyValue:StringNotEqualsIgnoreCase":{"aws:PrincipalServiceNamesList":"s3.amazonaws.com"}}}}"#;
    keeps_the_laws(Kind::Resource, text);
}

/// An organization that is not trusted stays one, whatever its accounts begin with.
#[test]
fn accounts_that_begin_as_ones_own_are_strangers_in_a_foreign_organization() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":
        "arn:aws:s3:::bucket/*","Condition":{"StringLike":{"aws:VpceAccount":"1111*"},"StringEquals":{"aws:VpceOrgID":"o-foreign0001"}}}}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Foreign, true), text);
}

/// Nobody knows which of two spellings of one key counts.
#[test]
fn two_spellings_of_the_key_of_who_signs_are_in_doubt() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Principal":"*","Action":"s3:GetObject","Resource":"*","Effect":"Allow",
        "Condition":{"Bool":{"aws:PrincipalIsAWSService":["true","false"]},"ArnLikeIfExists":{
        "aws:PrincipalArn":"arn:aws:iam::444455556666:user/*","AWS:PRINCIPALARN":"arn:aws:iam::111122223333:user/*"}}}]}"#;
    is_judged((Exposure::Public, false), text);
}

/// What comes through an endpoint has no address, so whoever asks for none of that hits all of it.
#[test]
fn what_comes_through_an_endpoint_comes_from_no_address() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*",
        "Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"},"Null":{"aws:SourceIp":"true"}}},
        {"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"*","Condition":
        {"StringLike":{"aws:SourceVpcArn":"arn:aws:ec2:us-east-1:*:vpc/*"}}}]}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Public, false), text);
}

/// So a statement that asks for an address and an endpoint lets nobody in.
#[test]
fn nobody_comes_from_an_address_and_through_an_endpoint() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*",
        "Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"},"StringLike":{"aws:SourceVpce":"vpce-*"}}}]}"#;
    keeps_the_laws(Kind::Resource, text);
    is_judged((Exposure::Public, false), text);
}

/// One key that services and others both meet lets in no fewer than each of its values does.
#[test]
fn who_is_a_service_or_not_is_let_in_as_what_they_are() {
    keeps_the_laws(
        Kind::Trust,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":
        ["arn:aws:iam::111122223333:role/app","arn:aws:iam::444455556666:user/mallory"]},"Condition":{
        "Bool":{"aws:PrincipalIsAWSService":["true","false"]},
        "StringEqualsIfExists":{"aws:PrincipalAccount":["222233334444","111122223333"]}}}}"#,
    );
    let text = those_if(
        r#"{"AWS":"arn:aws:iam::111122223333:user/alice"}"#,
        r#"{"ForAllValues:StringEquals":{"aws:PrincipalAccount":"111122223333"},
        "StringEquals":{"aws:PrincipalIsAWSService":["true","false"]}}"#,
    );
    keeps_the_laws(Kind::Resource, &text);
    is_judged((Exposure::Account, true), &text);
}

/// Where all but one service are kept out, that one is let in by a star and its name.
#[test]
fn a_service_that_a_deny_spares_and_a_condition_names_is_told_of() {
    keeps_the_laws(
        Kind::Trust,
        r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","NotPrincipal":{"Service":"sns.amazonaws.com"},"Action":"sts:AssumeRole"},
        {"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole*","Condition":{
        "StringEquals":{"aws:PrincipalServiceName":"sns.amazonaws.com"}}}]}"#,
    );
}

/// Whose the endpoint is that the policy names may be seen from whose it is not.
#[test]
fn a_network_that_is_not_a_strangers_may_be_ones_own() {
    for (network, owner) in [
        (r#"{"aws:SourceVpce":"vpce-0named"}"#, r#"{"aws:VpceOrgPaths":"o-foreign0001/r-ab12/*"}"#),
        (r#"{"aws:SourceVpc":"vpc-0named"}"#, r#"{"aws:VpceOrgID":"o-foreign0001"}"#),
    ] {
        let condition = format!(r#"{{"StringEquals":{network},"ForAnyValue:StringNotLike":{owner}}}"#);
        keeps_the_laws(Kind::Resource, &everyone_if(&condition));
        is_judged((Exposure::Foreign, false), &everyone_if(&condition));
    }
}

/// Calls with a token have neither a principal's ARN nor a source.
#[test]
fn who_comes_with_a_token_is_kept_to_ones_own_network_where_what_they_lack_is_denied() {
    keeps_the_laws(
        Kind::Trust,
        r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole*","Condition":{
        "StringNotEquals":{"aws:SourceVpce":"vpce-0ours"},
        "StringLikeIfExists":{"aws:PrincipalArn":"arn:aws:iam::*:role/app"}}},
        {"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity"}]}"#,
    );
    let allow = r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::bucket/*","Principal":{"Federated":
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}}"#;
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{
        "ArnNotEquals":{"aws:SourceArn":"*"},"StringNotEquals":{"aws:VpceOrgID":"${aws:ResourceOrgID}"}}}"#;
    keeps_the_laws(Kind::Resource, &format!(r#"{{"Version":"2012-10-17","Statement":[{allow},{deny}]}}"#));
}

#[test]
fn whether_one_of_several_is_a_service_is_nowhere_said_of_who_says_nothing() {
    keeps_the_laws(
        Kind::Trust,
        r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Federated":
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}},
        {"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"Federated":
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},
        "Condition":{"ForAnyValue:BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}]}"#,
    );
}

#[test]
fn a_deny_that_has_begun_and_never_ends_keeps_strangers_out() {
    let judged = |operator: &str, key: &str, value: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}},
            {{"Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{{"{operator}":{{"{key}":"{value}"}}}}}}]}}"#
        );
        keeps_the_laws(Kind::Trust, &text);
        Policy::parse(&text).expect("a policy").judge(Kind::Trust, &trust()).exposure
    };
    for (operator, key, value, is_public) in [
        ("DateGreaterThan", "aws:CurrentTime", "2021-01-01T00:00:00Z", false),
        ("NumericGreaterThanEquals", "aws:EpochTime", "1609459200", false),
        ("DateGreaterThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", true),
        ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", true),
        ("DateGreaterThan", "aws:TokenIssueTime", "2021-01-01T00:00:00Z", true),
    ] {
        let exposure = judged(operator, key, value);
        assert_eq!(exposure == Exposure::Public, is_public, "{operator} {key} {value}: {exposure:?}");
    }
}

#[test]
fn where_all_who_are_no_service_are_denied_to_assume_a_role_only_services_are_left() {
    let judged = |allowed: &str, operator: &str, denied: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"*"}},"Action":"{allowed}"}},
            {{"Effect":"Deny","Principal":{{"AWS":"*"}},"Action":"{denied}",
            "Condition":{{"{operator}":{{"aws:PrincipalIsAWSService":"false"}}}}}}]}}"#
        );
        keeps_the_laws(Kind::Trust, &text);
        Policy::parse(&text).expect("a policy").judge(Kind::Trust, &trust()).exposure
    };
    for (allowed, operator, denied, is_public) in [
        ("sts:AssumeRole", "Bool", "sts:AssumeRole", false),
        ("sts:AssumeRole", "StringEquals", "*", false),
        ("sts:AssumeRole", "StringNotEquals", "sts:AssumeRole", true),
        ("sts:AssumeRole", "Bool", "sts:AssumeRoleWithSAML", true),
        ("sts:AssumeRoleWithWebIdentity", "Bool", "sts:*", true),
    ] {
        let exposure = judged(allowed, operator, denied);
        assert_eq!(exposure == Exposure::Public, is_public, "{allowed} {operator} {denied}: {exposure:?}");
    }
}

#[test]
fn whom_a_deny_spares_the_allow_may_leave_out() {
    keeps_the_laws(
        Kind::Resource,
        r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",
        "Condition":{"StringNotEquals":{"aws:SourceVpce":["vpce-0ours","vpce-0named"]}}},
        {"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{"AWS":"arn:aws-eusc:iam::444455556666:root"},
        "Condition":{"StringNotEquals":{"aws:SourceVpce":["vpce-0named","vpce-*"]}}}]}"#,
    );
}

/// Whose endpoint `vpce-0named` is its id does not tell: it may be the partner's, and then nothing tells it from a stranger's.
#[test]
fn whoever_cannot_be_told_from_strangers_may_go_with_them() {
    keeps_the_laws(
        Kind::Resource,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:PutObject",
        "Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":["vpce-0ours","vpce-0named"]},
        "StringLike":{"aws:VpceAccount":["444455556666","222233334444","*"]}}}]}"#,
    );
}

/// Whoever assumes a role by signing has an account, also when he has signed in somewhere.
#[test]
fn a_session_by_a_token_says_its_account() {
    keeps_the_laws(
        Kind::Trust,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole",
        "Condition":{"StringEqualsIfExists":{"aws:PrincipalAccount":"111122223333"}}}]}"#,
    );
}

/// Who is close to one's own may be of any organization that a policy names, as may oneself.
#[test]
fn a_neighbour_may_be_of_an_organization_that_is_named() {
    keeps_the_laws(
        Kind::Resource,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":"*",
        "Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-trusted0001","o-foreign0001"]},"ArnEquals":{"aws:PrincipalArn":
        ["arn:aws:iam::111122223333:user/*","arn:aws:iam::11112222333?:role/app"]}}}]}"#,
    );
}

/// Of services and others who are let in, a service acts for whom the condition says, as it does where it is alone.
#[test]
fn a_service_beside_others_acts_for_whom_its_source_says() {
    let policy = everyone_if(
        r#"{"Bool":{"aws:PrincipalIsAWSService":["true","false"]},"StringEquals":{"aws:SourceAccount":"444455556666"},
        "StringNotEqualsIfExists":{"aws:PrincipalAccount":["1111*","${aws:PrincipalAccount}"]}}"#,
    );
    keeps_the_laws(Kind::Resource, &policy);
    is_judged((Exposure::Foreign, true), &policy);
}

/// Which account a canonical user is, no policy tells. One who is trusted is none of a stranger's.
#[test]
fn whom_a_value_names_beside_a_canonical_user_goes_alone() {
    let left = without_strangers(&those_if(
        r#"{"AWS":"*","CanonicalUser":["1111222233331111222233331111222233331111222233331111222233331111",
        "4444555566664444555566664444555566664444555566664444555566664444"]}"#,
        r#"{"StringEquals":{"aws:PrincipalAccount":["111122223333","222233334444","444455556666"]}}"#,
    ));
    assert!(left.contains(r#""222233334444""#) && left.contains(r#""AWS":"*""#), "{left}");
    assert!(!left.contains(r#""444455556666""#), "{left}");
}

/// A variable that stands for nothing lets nobody in by its value, but whoever lacks the key needs no value.
#[test]
fn who_lacks_the_key_needs_no_value_of_it() {
    keeps_the_laws(
        Kind::Trust,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},
        "Action":"sts:AssumeRole","Condition":{"ForAllValues:StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"},
        "StringNotLike":{"aws:ResourceAccount":"*"}}}}"#,
    );
}

/// Nobody is in a unit of one organization and in another organization.
#[test]
fn a_path_in_an_organization_tells_which_that_is() {
    let policy = those_if(
        r#"{"AWS":["*","arn:aws:iam::111122223333:root"]}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":["o-foreign0001"]},
        "StringLike":{"aws:PrincipalOrgPaths":["o-trusted0001/r-ab12/ou-ab12-11111111/*","o-foreign0001*/r-ab12/*"]}}"#,
    );
    let left = without_strangers(&policy);
    assert!(left.contains(r#"{"AWS":["arn:aws:iam::111122223333:root"]}"#), "{left}");
}

/// A service that acts through a stranger's access point is worth less than a friend.
#[test]
fn a_service_in_a_trust_goes_before_a_friend() {
    keeps_the_laws(
        Kind::Trust,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*",
        "Federated":["arn:aws:iam::444455556666:saml-provider/directory"]},"Action":["STS:assumerole"],
        "Condition":{"Bool":{"aws:PrincipalIsAWSService":["true","false"]},"StringEqualsIgnoreCase":
        {"s3:DataAccessPointAccount":["${aws:ResourceAccount}","444455556666","11112222333?"]}}}}"#,
    );
}

/// One's own account is of no organization of a stranger's, so the value that names that goes alone.
#[test]
fn whom_two_values_name_as_friend_and_stranger_goes_before_a_friend() {
    let left = without_strangers(&everyone_if(
        r#"{"StringLike":{"aws:SourceAccount":["*","${aws:ResourceAccount}"]},"StringEquals":
        {"aws:PrincipalIsAWSService":["true"],"aws:SourceOrgID":["${aws:ResourceOrgID}","o-*","o-foreign0001"]}}"#,
    ));
    assert!(left.contains(r#""*","${aws:ResourceAccount}""#) && !left.contains("o-foreign0001"), "{left}");
}
