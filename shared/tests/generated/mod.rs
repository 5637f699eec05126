//! Policies of every form that AWS takes: all principals, operators and condition keys that the engine claims to read,
//! written in as many ways as people and tools write them.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::RngSeed;

/// How many policies a property is shown for.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let is_long = std::env::var_os("PROPTEST_CASES").is_some();
    let long = ProptestConfig::default();
    // The same policies every time, so that a test is not red by chance; a long run (`PROPTEST_CASES`) takes new ones, or
    // those of its seed (`PROPTEST_RNG_SEED`).
    let (cases, rng_seed) = if is_long { (long.cases, long.rng_seed) } else { (cases, RngSeed::Fixed(1)) };
    // What is found becomes a test with a name, not a seed in a file.
    ProptestConfig { cases, rng_seed, failure_persistence: None, max_shrink_iters: 1_000, ..ProptestConfig::default() }
}

/// JSON with the order of its members, which is the author's.
#[derive(Debug, Clone)]
pub(crate) enum Json {
    Text(String),
    /// A number, a boolean, `null`.
    Bare(&'static str),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Tight,
    Spaced,
    Indented,
    Ragged,
}

pub(crate) fn resource_policy() -> impl Strategy<Value = String> {
    policy(Audience::Resource, true)
}

/// Without a `Deny`, so that what is allowed is what the statements say.
pub(crate) fn resource_policy_that_only_allows() -> impl Strategy<Value = String> {
    policy(Audience::Resource, false)
}

pub(crate) fn trust_policy() -> impl Strategy<Value = String> {
    policy(Audience::Trust, true)
}

pub(crate) fn trust_policy_that_only_allows() -> impl Strategy<Value = String> {
    policy(Audience::Trust, false)
}

/// Somebody may subscribe, but only certain endpoints.
pub(crate) fn subscription_policy() -> impl Strategy<Value = String> {
    let statement = (who(Audience::Resource), asked(ENDPOINT)).prop_map(|(who, (operator, key, values))| {
        let condition = Json::Object(vec![(operator, Json::Object(vec![(key, values)]))]);
        let rest = [("Action", text("*")), ("Resource", text("*")), ("Condition", condition)];
        let rest = rest.into_iter().map(|(name, value)| (name.to_owned(), value));
        Json::Object([("Effect".to_owned(), text("Allow")), who].into_iter().chain(rest).collect())
    });
    statement.prop_map(|statement| whole(vec![statement]))
}

/// Somebody is let in, and somebody kept out who may be the same: by name, by account, by a role or by a session of one.
pub(crate) fn policy_with_a_deny() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "*",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/app",
        "444455556666",
        "arn:aws:iam::444455556666:user/mallory",
        "arn:aws:iam::444455556666:role/app",
        "arn:aws:sts::444455556666:assumed-role/app/session",
    ];
    const OPERATORS: &[&str] = &["StringEquals", "StringLike", "StringNotEquals", "StringNotLike"];
    const SETS: &[&str] = &["", "ForAnyValue:", "ForAllValues:"];
    const WHOM: &[&str] = &["Principal", "Principal", "NotPrincipal"];
    let values = some_of(&["111122223333", "222233334444", "444455556666"], 2);
    let condition = (select(SETS), select(OPERATORS), values).prop_map(|(set, operator, values)| {
        let asked = Json::Object(vec![("aws:PrincipalAccount".to_owned(), values)]);
        Json::Object(vec![(format!("{set}{operator}"), asked)])
    });
    let statement = |effect: &'static str, (whom, who): (&'static str, Json), condition: Option<Json>| {
        let who = Json::Object(vec![("AWS".to_owned(), who)]);
        let members =
            [("Effect", text(effect)), (whom, who), ("Action", text("s3:GetObject")), ("Resource", text("*"))];
        let members = members.into_iter().chain(condition.map(|condition| ("Condition", condition)));
        Json::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let denied = (select(WHOM), some_of(NAMES, 2));
    (some_of(NAMES, 2), denied, weighted(0.6, condition)).prop_map(move |(allowed, denied, condition)| {
        whole(vec![statement("Allow", ("Principal", allowed), None), statement("Deny", denied, condition)])
    })
}

fn whole(statements: Vec<Json>) -> String {
    let version = ("Version".to_owned(), text("2012-10-17"));
    Json::Object(vec![version, ("Statement".to_owned(), Json::List(statements))]).written(Style::Tight)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Audience {
    Resource,
    Trust,
}

fn policy(audience: Audience, may_deny: bool) -> impl Strategy<Value = String> {
    let statement = statement(audience, may_deny);
    let style = select(vec![Style::Tight, Style::Spaced, Style::Indented, Style::Ragged]);
    let statements =
        prop_oneof![1 => statement.clone().prop_map(|one| one), 5 => vec(statement, 1..4).prop_map(Json::List)];
    let version = prop_oneof![8 => Just(Some("2012-10-17")), 1 => Just(Some("2008-10-17")), 1 => Just(None)];
    (version, weighted(0.2, Just("Policy-1")), statements, style, any::<bool>()).prop_map(
        |(version, id, statements, style, version_last)| {
            let mut members: Vec<(String, Json)> = Vec::new();
            members.extend(id.map(|id| ("Id".to_owned(), text(id))));
            // Variables mean nothing in the older version.
            let version = if statements.written(Style::Tight).contains("${") { Some("2012-10-17") } else { version };
            members.push(("Statement".to_owned(), statements));
            if let Some(version) = version {
                let place = if version_last { members.len() } else { 0 };
                members.insert(place, ("Version".to_owned(), text(version)));
            }
            Json::Object(members).written(style)
        },
    )
}

fn statement(audience: Audience, may_deny: bool) -> BoxedStrategy<Json> {
    let effect =
        if may_deny { prop_oneof![4 => Just("Allow"), 1 => Just("Deny")].boxed() } else { Just("Allow").boxed() };
    let condition = prop_oneof![2 => Just(None), 5 => condition(audience).prop_map(Some)];
    let resource = if audience == Audience::Resource { resource().prop_map(Some).boxed() } else { Just(None).boxed() };
    let sid = weighted(0.4, select(vec!["Everyone", "PartnerRead", "s1", "Deny Allow \" \\ {}"]));
    let extra = weighted(
        0.1,
        Just(("Comment".to_owned(), Json::List(vec![Json::Bare("null"), Json::Bare("1.50"), text("}")]))),
    );
    (sid, effect, who(audience), action(audience), resource, condition, extra, 0..6_usize)
        .prop_map(|(sid, effect, who, action, resource, condition, extra, rotation)| {
            let mut members = vec![("Effect".to_owned(), text(effect)), who, action];
            members.extend(resource);
            members.extend(condition.map(|condition| ("Condition".to_owned(), condition)));
            members.extend(extra);
            members.extend(sid.map(|sid| ("Sid".to_owned(), text(sid))));
            let middle = rotation % members.len();
            members.rotate_left(middle);
            Json::Object(members)
        })
        .boxed()
}

const AWS: &[&str] = &[
    "*",
    "111122223333",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:role/app",
    "arn:aws:sts::111122223333:assumed-role/app/session",
    "222233334444",
    "arn:aws:iam::222233334444:user/petra",
    "444455556666",
    "arn:aws:iam::444455556666:root",
    "arn:aws-cn:iam::444455556666:root",
    "arn:aws-us-gov:iam::444455556666:root",
    "arn:aws-eusc:iam::444455556666:root",
    "arn:aws:iam::444455556666:user/mallory",
    "arn:aws:iam::444455556666:role/app",
    "arn:aws:sts::444455556666:assumed-role/app/session",
    "arn:aws:iam::*:root",
    "arn:aws:iam::*:role/app",
    // What AWS leaves of a principal that was deleted: nobody.
    "AROADELETEDROLEEXAMPLE",
    "AIDADELETEDUSEREXAMPLE",
];
const SERVICES: &[&str] = &["sns.amazonaws.com", "s3.amazonaws.com", "cloudtrail.amazonaws.com", "ec2.amazonaws.com"];
const FEDERATED: &[&str] = &[
    "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
    "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/D539D4633E53DE1B",
    "arn:aws:iam::111122223333:saml-provider/directory",
    "arn:aws:iam::444455556666:saml-provider/directory",
    "cognito-identity.amazonaws.com",
    "accounts.google.com",
    "graph.facebook.com",
];
const CANONICAL: &[&str] = &[
    "1111222233331111222233331111222233331111222233331111222233331111",
    "4444555566664444555566664444555566664444555566664444555566664444",
];

fn who(audience: Audience) -> impl Strategy<Value = (String, Json)> {
    let federated = if audience == Audience::Trust { 4 } else { 1 };
    let canonical = match audience {
        Audience::Resource => weighted(0.1, some_of(CANONICAL, 2)).boxed(),
        Audience::Trust => Just(None).boxed(),
    };
    let aws = prop_oneof![1 => just_one(&AWS[..1]), 6 => some_of(AWS, 4)];
    let kinds = (
        weighted(0.8, aws.clone()),
        weighted(0.15, some_of(SERVICES, 2)),
        weighted(0.05 * f64::from(federated), some_of(FEDERATED, 2)),
        canonical,
    );
    let object = kinds.prop_filter_map("somebody is named", |(aws, service, federated, canonical)| {
        let kinds = [("Service", service), ("AWS", aws), ("Federated", federated), ("CanonicalUser", canonical)];
        let kinds: Vec<_> = kinds.into_iter().filter_map(|(kind, who)| Some((kind.to_owned(), who?))).collect();
        (!kinds.is_empty()).then_some(Json::Object(kinds))
    });
    let alone = |kind: &'static str, who: BoxedStrategy<Json>| {
        who.prop_map(move |who| Json::Object(vec![(kind.to_owned(), who)]))
    };
    let named = prop_oneof![
        5 => Just(text("*")),
        3 => alone("AWS", aws.boxed()),
        2 => alone("Service", some_of(SERVICES, 2).boxed()),
        federated => alone("Federated", some_of(FEDERATED, 2).boxed()),
        6 => object,
    ];
    (named, prop_oneof![12 => Just("Principal"), 1 => Just("NotPrincipal")])
        .prop_map(|(who, name)| (name.to_owned(), who))
}

fn action(audience: Audience) -> impl Strategy<Value = (String, Json)> {
    let (actions, left_out): (&[&str], &[&str]) = match audience {
        Audience::Resource => (
            &[
                "s3:GetObject",
                "s3:Get*",
                "S3:PutObject",
                "s3:ListBucket",
                "s3:*",
                "*",
                "s3:?etObject",
                "sqs:SendMessage",
                "kms:Decrypt",
            ],
            &["s3:GetObject", "s3:*", "s3:Put*", "sqs:*"],
        ),
        Audience::Trust => (
            &[
                "sts:AssumeRole",
                "sts:AssumeRole",
                "sts:AssumeRole*",
                "sts:*",
                "*",
                "sts:AssumeRoleWithWebIdentity",
                "sts:AssumeRoleWithSAML",
                "sts:TagSession",
                "sts:SetSourceIdentity",
                "STS:assumerole",
                "s3:GetObject",
            ],
            &["sts:TagSession", "s3:*", "sts:AssumeRole"],
        ),
    };
    prop_oneof![
        10 => some_of(actions, 3).prop_map(|actions| ("Action".to_owned(), actions)),
        1 => some_of(left_out, 2).prop_map(|actions| ("NotAction".to_owned(), actions)),
    ]
}

fn resource() -> impl Strategy<Value = (String, Json)> {
    let resources =
        &["*", "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/logs/*", "arn:aws:s3:::bucket/?ey"];
    let left_out = &["arn:aws:s3:::bucket/logs/*", "arn:aws:s3:::bucket"];
    prop_oneof![
        12 => some_of(resources, 2).prop_map(|resources| ("Resource".to_owned(), resources)),
        1 => some_of(left_out, 1).prop_map(|resources| ("NotResource".to_owned(), resources)),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Arn,
    Address,
    Bool,
    Number,
    Date,
}

use Form::{Address, Arn, Bool, Date, Number, Text};

/// What is asked, of what form, and what may be asked for.
type Key = (&'static str, Form, &'static [&'static str]);

const ACCOUNTS: &[&str] = &[
    "111122223333",
    "222233334444",
    "444455556666",
    "*",
    "1111*",
    "11112222333?",
    "${aws:PrincipalAccount}",
    "${aws:ResourceAccount}",
];
const ORGANIZATIONS: &[&str] = &[
    "o-trusted0001",
    "o-foreign0001",
    "o-*",
    "*",
    "o-trusted0001*",
    "o-foreign*",
    "${aws:PrincipalOrgID}",
    "${aws:ResourceOrgID}",
];
/// The owner may be in an organization that nobody has listed.
const OWNERS: &[&str] =
    &["o-trusted0001", "o-unlisted001", "o-*", "*", "${aws:PrincipalOrgID}", "${aws:ResourceOrgID}"];
const PATHS: &[&str] = &[
    "o-trusted0001/*",
    "o-trusted0001/r-ab12/ou-ab12-11111111/*",
    "o-trusted0001/r-ab12/ou-ab12-11111111/",
    "o-foreign0001/r-ab12/*",
    "o-trusted0001*",
    "o-foreign0001*/r-ab12/*",
    "*/r-ab12/*",
    "o-*/*",
];
const VALUES: &[&str] = &["blue", "red", "b*", "*", "${aws:PrincipalTag/team}"];
const SERVICE_NAMES: &[&str] = &["sns.amazonaws.com", "s3.amazonaws.com", "*.amazonaws.com"];
const BOTH: &[&str] = &["true", "false"];

/// The keys of which a value that is fixed narrows an `Allow` to somebody.
const NARROWING: &[Key] = &[
    ("aws:PrincipalOrgID", Text, ORGANIZATIONS),
    ("aws:PrincipalOrgPaths", Text, PATHS),
    ("aws:PrincipalAccount", Text, ACCOUNTS),
    (
        "aws:PrincipalArn",
        Arn,
        &[
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:iam::111122223333:*",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::444455556666:user/mallory",
            "arn:aws:iam::444455556666:*",
            "arn:aws:iam::*:role/app",
            "arn:aws:iam::11112222333?:role/app",
            "arn:*:role/app",
            "*",
        ],
    ),
    (
        "aws:userid",
        Text,
        &["AIDAOWNALICEEXAMPLE01", "AROAOWNAPPEXAMPLE0001:*", "AIDASTRANGEREXAMPLE01", "*:session", "*"],
    ),
    ("aws:SourceAccount", Text, ACCOUNTS),
    ("aws:SourceOwner", Text, ACCOUNTS),
    (
        "aws:SourceArn",
        Arn,
        &[
            "arn:aws:sns:us-east-1:111122223333:topic",
            "arn:aws:sns:*:111122223333:*",
            "arn:aws:sns:us-east-1:444455556666:topic",
            "arn:aws:sns:us-east-1:*:topic",
            "arn:aws:s3:::my-bucket",
            "arn:aws:s3:*:*:my-bucket",
            "arn:aws:s3:::my-*",
            "arn:aws:s3:::*",
            "*",
        ],
    ),
    ("aws:SourceOrgID", Text, ORGANIZATIONS),
    ("aws:SourceOrgPaths", Text, PATHS),
    ("aws:SourceVpc", Text, &["vpc-0ours", "vpc-0named", "vpc-*", "vpc-0our*"]),
    ("aws:SourceVpce", Text, &["vpce-0ours", "vpce-0named", "vpce-*"]),
    (
        "aws:SourceVpcArn",
        Arn,
        &[
            "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-0ours",
            "arn:aws:ec2:us-east-1:444455556666:vpc/vpc-0named",
            "arn:aws:ec2:*:444455556666:vpc/*",
            "arn:aws:ec2:us-east-1:*:vpc/*",
        ],
    ),
    ("aws:VpceAccount", Text, ACCOUNTS),
    ("aws:VpceOrgID", Text, ORGANIZATIONS),
    ("aws:VpceOrgPaths", Text, PATHS),
    (
        "aws:SourceIp",
        Address,
        &[
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "208.236.235.254/0",
            "64.0.0.0/2",
            "203.0.113.0/24",
            "198.51.100.7/32",
            "198.51.100.7",
            "192.0.2.0/24",
            "192.0.2.16/28",
            "52.0.0.0/8",
            "10.0.0.0/8",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "2001:db8::/32",
            "2001:db8::/31",
        ],
    ),
    ("aws:PrincipalServiceName", Text, SERVICE_NAMES),
    ("aws:PrincipalServiceNamesList", Text, SERVICE_NAMES),
    ("aws:PrincipalIsAWSService", Bool, BOTH),
    (
        "s3:DataAccessPointArn",
        Arn,
        &[
            "arn:aws:s3:us-east-1:111122223333:accesspoint/*",
            "arn:aws:s3:us-east-1:111122223333:accesspoint/point",
            "arn:aws:s3:us-east-1:444455556666:accesspoint/*",
            "arn:aws:s3:us-east-1:*:accesspoint/point",
        ],
    ),
    ("s3:DataAccessPointAccount", Text, ACCOUNTS),
    (
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        Arn,
        &[
            "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:us-east-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:us-east-1:*:key/*",
        ],
    ),
    ("kms:CallerAccount", Text, ACCOUNTS),
];

/// Where what is subscribed goes.
const ENDPOINT: Key = (
    "sns:Endpoint",
    Text,
    &[
        "arn:aws:sqs:us-east-1:111122223333:queue",
        "arn:aws:sqs:us-east-1:444455556666:queue",
        "arn:aws:sqs:us-east-1:*:queue",
        "arn:aws:sqs:*:111122223333:*",
        "*@example.com",
        "https://example.com/hook",
        "https://*",
        "*",
    ],
);

/// The keys that narrow nothing: anyone can have any value, or the value says nothing about who comes. Of an endpoint, these
/// say nothing that could be told.
const IDLE: &[Key] = &[
    ("aws:PrincipalTag/team", Text, VALUES),
    ("aws:RequestTag/team", Text, VALUES),
    ("aws:ResourceTag/team", Text, VALUES),
    ("aws:TagKeys", Text, VALUES),
    ("aws:ResourceAccount", Text, ACCOUNTS),
    ("aws:ResourceOrgID", Text, OWNERS),
    ("aws:ResourceOrgPaths", Text, PATHS),
    ("aws:UserAgent", Text, VALUES),
    ("aws:Referer", Text, &["https://example.com/*", "https://example.com/page"]),
    ("aws:SecureTransport", Bool, BOTH),
    ("aws:MultiFactorAuthPresent", Bool, BOTH),
    ("aws:MultiFactorAuthAge", Number, &["3600", "0"]),
    ("aws:CurrentTime", Date, &["2026-01-01T00:00:00Z", "2030-06-01T12:00:00Z"]),
    ("aws:EpochTime", Date, &["1767225600"]),
    ("aws:PrincipalType", Text, &["User", "AssumedRole", "Anonymous", "*"]),
    ("aws:username", Text, &["alice", "mallory", "${aws:username}"]),
    ("aws:VpcSourceIp", Address, &["10.0.0.0/8", "10.0.0.5"]),
    ("aws:RequestedRegion", Text, &["us-east-1", "eu-*"]),
    ("aws:CalledVia", Text, &["athena.amazonaws.com", "*"]),
    ("aws:CalledViaFirst", Text, &["athena.amazonaws.com"]),
    ("aws:ViaAWSService", Bool, BOTH),
    ("kms:ViaService", Text, &["s3.us-east-1.amazonaws.com", "*"]),
    ("kms:GrantConstraintType", Text, &["EncryptionContextEquals"]),
    ("kms:GrantIsForAWSResource", Bool, BOTH),
    ("kms:EncryptionContext:aws:s3:arn", Text, &["arn:aws:s3:::bucket"]),
    ("lambda:FunctionUrlAuthType", Text, &["NONE", "AWS_IAM"]),
    ("sns:Endpoint", Text, &["*@example.com", "https://example.com/hook"]),
    ("sns:Protocol", Text, &["https", "sqs"]),
    ("s3:x-amz-acl", Text, &["bucket-owner-full-control"]),
    ("s3:x-amz-server-side-encryption", Text, &["AES256", "aws:kms"]),
    ("s3:signatureversion", Text, &["AWS4-HMAC-SHA256"]),
    ("s3:authType", Text, &["REST-HEADER", "POST"]),
    ("s3:prefix", Text, &["logs/*", "${aws:username}/*"]),
    ("s3:max-keys", Number, &["10"]),
    ("example:Whatever", Text, VALUES),
    ("example:Where", Address, &["10.0.0.0/8"]),
];

/// What a role trust asks beside these.
const OF_TRUST: &[Key] = &[
    ("sts:ExternalId", Text, &["12345", "*"]),
    ("sts:RoleSessionName", Text, &["${aws:username}", "session"]),
    ("sts:SourceIdentity", Text, &["alice"]),
    ("aws:MultiFactorAuthPresent", Bool, BOTH),
    ("saml:aud", Text, &["https://signin.aws.amazon.com/saml"]),
    ("token.actions.githubusercontent.com:aud", Text, &["sts.amazonaws.com"]),
    (
        "token.actions.githubusercontent.com:sub",
        Text,
        &[
            "repo:acme/app:ref:refs/heads/main",
            "repo:acme/*",
            "repo:acme*",
            "repo:*",
            "*",
            "repo:*/app:*",
            "repo:acme/app:*",
        ],
    ),
    (
        "oidc.eks.us-east-1.amazonaws.com/id/D539D4633E53DE1B:sub",
        Text,
        &["system:serviceaccount:default:app", "system:*"],
    ),
    ("accounts.google.com:aud", Text, &["66677788899900pro0"]),
    ("cognito-identity.amazonaws.com:aud", Text, &["us-east-1:12345678-aaaa-bbbb-cccc-123456790ab0"]),
    ("cognito-identity.amazonaws.com:amr", Text, &["authenticated", "unauthenticated", "*"]),
    ("accounts.google.com:sub", Text, &["113027383838383838383", "*"]),
];

fn condition(audience: Audience) -> impl Strategy<Value = Json> {
    let narrowing = select(NARROWING);
    let key = match audience {
        Audience::Resource => prop_oneof![3 => narrowing, 1 => select(IDLE)].boxed(),
        Audience::Trust => prop_oneof![2 => narrowing, 1 => select(IDLE), 3 => select(OF_TRUST)].boxed(),
    };
    vec(key.prop_flat_map(asked), 1..4).prop_map(|asked| {
        let mut block: Vec<(String, Vec<(String, Json)>)> = Vec::new();
        for (operator, key, values) in asked {
            let is = |one: &String, other: &str| one.eq_ignore_ascii_case(other);
            let place = block.iter().position(|(one, _)| is(one, &operator)).unwrap_or_else(|| {
                block.push((operator, Vec::new()));
                block.len() - 1
            });
            // One operator cannot ask for one key twice.
            let keys = &mut block[place].1;
            if !keys.iter().any(|(one, _)| is(one, &key)) {
                keys.push((key, values));
            }
        }
        Json::Object(block.into_iter().map(|(operator, keys)| (operator, Json::Object(keys))).collect())
    })
}

fn asked((key, form, values): Key) -> impl Strategy<Value = (String, String, Json)> {
    let operators: &[&str] = match form {
        Text => &[
            "StringEquals",
            "StringEquals",
            "StringEquals",
            "StringLike",
            "StringLike",
            "StringEqualsIgnoreCase",
            "StringNotEquals",
            "StringNotLike",
            "StringNotEqualsIgnoreCase",
        ],
        Arn => &[
            "ArnEquals",
            "ArnLike",
            "ArnLike",
            "StringEquals",
            "StringLike",
            "ArnNotEquals",
            "ArnNotLike",
            "StringNotLike",
        ],
        Address => &["IpAddress", "IpAddress", "IpAddress", "NotIpAddress"],
        Bool => &["Bool", "StringEquals", "StringNotEquals"],
        Number => &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        Date => &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
    };
    let plain = (
        select(operators),
        select(vec!["", "", "", "", "", "", "ForAllValues:", "ForAnyValue:"]),
        select(vec!["", "", "", "", "", "IfExists"]),
    )
        .prop_map(|(operator, set, suffix)| format!("{set}{operator}{suffix}"));
    let values = some_of(values, 3);
    let comparison = (plain, values).boxed();
    let null = (Just("Null".to_owned()), some_of(BOTH, 1)).boxed();
    let unknown = (Just("StringResembles".to_owned()), just_one(&["*"])).boxed();
    let spelling = select(vec![str::to_owned as fn(&str) -> String, str::to_lowercase, str::to_uppercase]);
    let spelling = prop_oneof![6 => Just(str::to_owned as fn(&str) -> String), 1 => spelling];
    (prop_oneof![20 => comparison, 2 => null, 1 => unknown], spelling)
        .prop_map(move |((operator, values), spelt)| (spelt(&operator), spelt(key), values))
}

/// One of the texts by itself, or several in a list; a boolean may be one of JSON's own.
fn some_of(texts: &'static [&'static str], at_most: usize) -> BoxedStrategy<Json> {
    let alone = select(texts).prop_map(text);
    let bare = select(texts).prop_map(|one| if BOTH.contains(&one) { Json::Bare(one) } else { text(one) });
    let several = subsequence(texts, 1..=at_most.min(texts.len())).prop_shuffle();
    let several = several.prop_map(|texts| Json::List(texts.into_iter().map(text).collect()));
    prop_oneof![2 => alone, 1 => bare, 3 => several].boxed()
}

fn just_one(texts: &'static [&'static str]) -> BoxedStrategy<Json> {
    let alone = select(texts).prop_map(text);
    prop_oneof![alone.clone(), alone.prop_map(|one| Json::List(vec![one]))].boxed()
}

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

impl Json {
    pub(crate) fn written(&self, style: Style) -> String {
        let mut written = String::new();
        self.write(style, 0, &mut written);
        written
    }

    fn write(&self, style: Style, depth: usize, to: &mut String) {
        match self {
            // A character may stand for itself or be escaped, and means the same.
            Self::Text(text) if matches!(style, Style::Ragged) && text == "*" => to.push_str("\"\\u002a\""),
            Self::Text(text) => to.push_str(&serde_json::to_string(text).expect("a text is JSON")),
            Self::Bare(bare) => to.push_str(bare),
            Self::List(values) => {
                let each = |value: &Self, to: &mut String| value.write(style, depth + 1, to);
                enclose('[', ']', style, depth, values, each, to);
            }
            Self::Object(members) => {
                let each = |(name, value): &(String, Self), to: &mut String| {
                    let colon = ["\":", "\": ", "\": ", "\" :\t"][style as usize];
                    let _ = write!(to, "\"{name}{colon}");
                    value.write(style, depth + 1, to);
                };
                enclose('{', '}', style, depth, members, each, to);
            }
        }
    }
}

fn enclose<T>(
    open: char,
    close: char,
    style: Style,
    depth: usize,
    all: &[T],
    each: impl Fn(&T, &mut String),
    to: &mut String,
) {
    let space = |depth: usize| match style {
        Style::Tight | Style::Spaced => String::new(),
        Style::Indented => format!("\n{}", "  ".repeat(depth)),
        Style::Ragged => ["", " ", "\t", "\r\n  "][depth % 4].to_owned(),
    };
    to.push(open);
    for (number, one) in all.iter().enumerate() {
        if number > 0 {
            to.push_str([",", ", ", ",", " , "][style as usize]);
        }
        to.push_str(&space(depth + 1));
        each(one, to);
    }
    to.push_str(&space(depth));
    to.push(close);
}
