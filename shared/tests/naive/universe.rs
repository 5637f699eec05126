//! Everyone who may come, with everything that they may say of themselves: small, and chosen so that each trap that a
//! policy can set is one that somebody here walks through.
//!
//! What a request says of who makes it AWS fills in, and nobody can choose. What describes where it comes from can be
//! chosen within limits: a stranger has networks, access points and keys of their own. All else (tags, headers, the time)
//! is free, so whatever a policy asks for, somebody has it.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::LazyLock;

use super::{Caller, Context, Policy, Request, Told};

pub(crate) const OWN: &str = "111122223333";
pub(crate) const PARTNER: &str = "222233334444";
/// Trusted for its organization only: by its id alone nobody can tell.
pub(crate) const MEMBER: &str = "555566667777";
pub(crate) const STRANGER: &str = "444455556666";
/// No policy names it.
pub(crate) const UNKNOWN: &str = "999988887777";
/// No policy names it either, but wildcards in account ids and names may mean it.
pub(crate) const NEIGHBOUR: &str = "111122223339";
/// With few others.
const NEIGHBOURS: &str = "11112222333?";

/// Canonical users are accounts by another id.
pub(crate) const OWN_USER: &str = "1111222233331111222233331111222233331111222233331111222233331111";
const PARTNER_USER: &str = "2222333344442222333344442222333344442222333344442222333344442222";
const MEMBER_USER: &str = "5555666677775555666677775555666677775555666677775555666677775555";
pub(crate) const STRANGER_USER: &str = "4444555566664444555566664444555566664444555566664444555566664444";
const UNKNOWN_USER: &str = "9999888877779999888877779999888877779999888877779999888877779999";

pub(crate) const ORGANIZATION: &str = "o-trusted0001";
pub(crate) const FOREIGN_ORGANIZATION: &str = "o-foreign0001";

/// When all this happens. Nobody calls earlier.
pub(crate) const NOW: &str = "2026-06-01T12:00:00Z";
const NOW_IN_SECONDS: &str = "1780315200";

/// The operator's own networks.
pub(crate) const NETWORKS: [&str; 2] = ["vpc-0ours", "vpce-0ours"];
pub(crate) const RANGE: &str = "192.0.2.0/24";

/// How a request stands to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// From an account that is trusted by itself.
    Own,
    /// From a trusted organization.
    Member,
    /// A stranger who comes through a network or an access point or with a key of the operator's.
    Guest,
    /// Of whom nobody can say: their id tells nothing of its account, or their address is a private one.
    Unclear,
    /// An AWS service that acts for a stranger, or does not say for whom.
    Service,
    /// Whom a policy can only let in by meaning them.
    Stranger,
    /// One of those who are everyone.
    Anyone,
}

use Standing::{Anyone, Guest, Member, Own, Service, Stranger, Unclear};

/// One way to be, with what it makes a request say.
#[derive(Debug, Clone)]
struct Aspect {
    standing: Standing,
    says: Context,
}

struct Somebody {
    standing: Standing,
    caller: Caller,
    says: Context,
}

/// At most this many requests to the policy: all that differ, or where there are more, some that chance picks, always
/// the same for the same text.
pub(crate) fn requests(
    text: &str,
    is_trust: bool,
    at_most: usize,
) -> impl Iterator<Item = (Standing, Request)> + use<> {
    let policy = Policy::read(text);
    let asked = asked(text, &policy);
    let of_asked = |says: &Context| -> Context {
        let of_asked = says.iter().filter(|(key, _)| asked.contains_key(*key));
        of_asked.map(|(key, values)| (key.clone(), values.clone())).collect()
    };
    let is_neighbour = |says: &Context| says.values().flatten().any(|value| value.contains(NEIGHBOUR));
    // Who is one of ten accounts that are meant is not everyone.
    let is_meant = text.contains(NEIGHBOURS);
    let standing = |standing: Standing, says: &Context| {
        if is_meant && standing == Anyone && is_neighbour(says) { Stranger } else { standing }
    };
    let callers = CALLERS.iter().map(|one| Somebody {
        standing: standing(one.standing, &one.says),
        caller: one.caller.clone(),
        says: of_asked(&one.says),
    });
    let callers: Vec<_> = callers
        .flat_map(|Somebody { standing, caller, says }| {
            with_reticent(says).into_iter().map(move |says| Somebody { standing, caller: caller.clone(), says })
        })
        .collect();
    let targets = targets(&policy, is_trust);
    let mut aspects: Vec<Vec<Aspect>> = Vec::new();
    let all: [&[Aspect]; 6] =
        [&locations(&asked), &ACCESS_POINTS, &KEYS, &endpoints(&asked), &user_ids(&asked), &RESOURCES];
    for choices in all {
        let choices = choices.iter().flat_map(|Aspect { standing: stands, says }| {
            let standing = standing(*stands, says);
            with_reticent(of_asked(says)).into_iter().map(move |says| Aspect { standing, says })
        });
        aspects.push(distinct(choices.collect()));
    }
    // Of what a policy does not ask there is one way to be.
    aspects.retain(|choices| {
        choices.len() > 1 || choices.iter().any(|one| one.standing != Anyone || !one.says.is_empty())
    });
    let settled = settled(&callers, &aspects);
    aspects.extend(asked.iter().filter(|(key, _)| !settled.contains(*key)).map(|(key, values)| free(key, values)));

    let sizes: Vec<usize> = [callers.len(), targets.len()].into_iter().chain(aspects.iter().map(Vec::len)).collect();
    let all: usize = sizes.iter().fold(1, |product, size| product.saturating_mul(*size));
    let mut chance = Chance::of(text);
    let many = if targets.is_empty() { 0 } else { all.min(at_most) };
    let picks = (0..many).map(move |number| if all <= at_most { number } else { chance.below(all) });
    let callers_say: Vec<Rc<Context>> = callers.iter().map(|one| Rc::new(one.says.clone())).collect();
    let shared = |choices: Vec<Aspect>| choices.into_iter().map(|one| (one.standing, Rc::new(one.says))).collect();
    let aspects: Vec<Vec<(Standing, Rc<Context>)>> = aspects.into_iter().map(shared).collect();
    let session = |account: &str| {
        let arn = format!("arn:aws:iam::{account}:role/signed-in");
        let says: [(&str, &[&str]); 3] = [
            ("aws:principalisawsservice", &["false"]),
            ("aws:principalaccount", &[account]),
            ("aws:principalarn", &[&arn]),
        ];
        Rc::new(context(&says))
    };
    let (own_session, strangers_session, anyones_session) = (session(OWN), session(STRANGER), session(UNKNOWN));
    let request = move |pick: usize| {
        let mut rest = pick;
        let mut digit = |size: usize| {
            let digit = rest % size;
            rest /= size;
            digit
        };
        let index = digit(callers.len());
        let somebody = &callers[index];
        let (action, resource) = targets[digit(targets.len())];
        let mut told = Vec::with_capacity(aspects.len() + 1);
        told.push(Rc::clone(&callers_say[index]));
        let mut standing = somebody.standing;
        for choices in &aspects {
            let (stands, says) = &choices[digit(choices.len())];
            standing = together(standing, *stands);
            told.extend((!says.is_empty()).then(|| Rc::clone(says)));
        }
        // Whoever has a session by a token signs as others do.
        if action == "sts:AssumeRole" && matches!(somebody.caller, Caller::Federated(_)) {
            told.push(Rc::clone(match somebody.standing {
                Own | Member | Guest => &own_session,
                Stranger => &strangers_session,
                Unclear | Service | Anyone => &anyones_session,
            }));
        }
        (standing, Request { caller: somebody.caller.clone(), action, resource, context: Told(told) })
    };
    let can_call = move |(_, request): &(Standing, Request)| !is_trust || can_call(&request.caller, request.action);
    picks.map(request).filter(can_call)
}

/// A friend is a friend wherever they come from. A stranger who comes through what is the operator's is their guest, and
/// one who comes through what is somebody's is not everyone any more.
fn together(caller: Standing, aspect: Standing) -> Standing {
    match (caller, aspect) {
        (Own | Member, Own) => Own,
        (Own | Member, _) => caller,
        (Guest, _) | (_, Own) => Guest,
        (_, Unclear) | (Unclear, _) => Unclear,
        (Anyone, Stranger) => Stranger,
        _ => caller,
    }
}

/// What is said, and the same without one or two of its keys: nowhere is it written that a call which has one key has
/// another, but that it has one which tells whether a service calls, and those which tell the account and the ARN of who
/// signs it; and a token of an identity pool has one which tells whether it is a guest's.
fn with_reticent(says: Context) -> Vec<Context> {
    let always = ["aws:principalis", "aws:principalservice", "aws:principalaccount", "aws:principalarn"];
    let may_be_left_out = |key: &&String| !always.iter().any(|one| key.starts_with(one)) && !key.ends_with(":amr");
    let keys: Vec<_> = says.keys().filter(may_be_left_out).collect();
    let without = |left_out: &[&String]| {
        says.iter()
            .filter(|(key, _)| !left_out.contains(key))
            .map(|(key, values)| (key.clone(), values.clone()))
            .collect()
    };
    let mut all = Vec::new();
    for (number, first) in keys.iter().enumerate() {
        all.push(without(&[first]));
        all.extend(keys[number + 1..].iter().map(|second| without(&[first, second])));
    }
    all.push(says);
    all
}

/// The keys that the policy asks for, in conditions and by variables, with the values that it asks for.
fn asked(text: &str, policy: &Policy) -> BTreeMap<String, BTreeSet<String>> {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, values) in policy.asks_for() {
        asked.entry(key.to_owned()).or_default().extend(values.iter().map(ToString::to_string));
    }
    for variable in text.split("${").skip(1).filter_map(|rest| rest.split(['}', ',']).next()) {
        asked.entry(variable.trim().to_lowercase()).or_default();
    }
    asked
}

// Made once, since it takes longer than the judging of a policy.
static CALLERS: LazyLock<Vec<Somebody>> = LazyLock::new(callers);
static NETWORKS_OF_CALLS: LazyLock<Vec<Aspect>> = LazyLock::new(networks_of_calls);
static ACCESS_POINTS: LazyLock<Vec<Aspect>> = LazyLock::new(access_points);
static KEYS: LazyLock<Vec<Aspect>> = LazyLock::new(keys);
static RESOURCES: LazyLock<Vec<Aspect>> = LazyLock::new(resources);

fn callers() -> Vec<Somebody> {
    let mut all = vec![
        // AWS documents `anonymous` as the account of whoever has none; not every service says so.
        somebody(Anyone, Caller::Anonymous, &[]),
        somebody(
            Anyone,
            Caller::Anonymous,
            &[
                ("aws:principalaccount", &["anonymous"]),
                ("aws:userid", &["anonymous"]),
                ("aws:principaltype", &["Anonymous"]),
            ],
        ),
    ];
    all.extend(PRINCIPALS.iter().map(principal));
    // Whoever signs in somewhere for a role of theirs has a session that says so.
    for (key, value) in [
        ("accounts.google.com:sub", "113027383838383838383"),
        ("accounts.google.com:aud", "66677788899900pro0"),
        ("cognito-identity.amazonaws.com:aud", "us-east-1:12345678-aaaa-bbbb-cccc-123456790ab0"),
    ] {
        all.extend(PRINCIPALS.iter().map(principal).filter(|one| one.standing == Stranger).map(|mut one| {
            one.says.insert(key.to_owned(), vec![value.to_owned()]);
            one
        }));
    }
    for (standing, account, organization, bucket) in [
        (Own, OWN, Some(ORGANIZATION), "arn:aws:s3:::my-bucket"),
        (Own, PARTNER, None, "arn:aws:s3:::partner-bucket"),
        (Member, MEMBER, Some(ORGANIZATION), "arn:aws:s3:::member-bucket"),
        (Service, STRANGER, Some(FOREIGN_ORGANIZATION), "arn:aws:s3:::stranger-bucket"),
        (Service, UNKNOWN, Some("o-unknown0001"), "arn:aws:s3:::my-evil-bucket"),
        (Service, NEIGHBOUR, Some("o-trusted0001zz"), "arn:aws:s3:::my-neighbour"),
        (Service, NEIGHBOUR, None, "arn:aws:s3:::my-neighbour"),
    ] {
        let topic = format!("arn:aws:sns:us-east-1:{account}:topic");
        all.push(service(standing, "sns.amazonaws.com", account, organization, &topic));
        all.push(service(standing, "s3.amazonaws.com", account, organization, bucket));
        // Not every service tells everything.
        let mut reticent = service(standing, "sns.amazonaws.com", account, organization, &topic);
        reticent.says.retain(|key, _| !matches!(key.as_str(), "aws:sourceaccount" | "aws:sourceowner"));
        all.push(reticent);
    }
    for name in ["sns.amazonaws.com", "s3.amazonaws.com", "cloudtrail.amazonaws.com"] {
        let says = [("aws:principalisawsservice", ["true"].as_slice()), ("aws:principalservicename", &[name])];
        all.push(somebody(Service, Caller::Service(name), &says));
    }
    all.extend(
        FEDERATED.iter().map(|(standing, provider, says)| somebody(*standing, Caller::Federated(provider), says)),
    );
    all
}

type Says = [(&'static str, &'static [&'static str])];

fn somebody(standing: Standing, caller: Caller, says: &[(&str, &[&str])]) -> Somebody {
    Somebody { standing, caller, says: context(says) }
}

fn context(says: &[(&str, &[&str])]) -> Context {
    says.iter().map(|(key, values)| ((*key).to_owned(), values.iter().map(ToString::to_string).collect())).collect()
}

/// Standing, account, organization, ARNs with the principal's own first, id, kind.
type PrincipalRow =
    (Standing, &'static str, Option<&'static str>, &'static [&'static str], &'static str, &'static str, &'static str);

const PRINCIPALS: &[PrincipalRow] = &[
    (
        Own,
        OWN,
        Some(ORGANIZATION),
        &["arn:aws:iam::111122223333:user/alice"],
        "AIDAOWNALICEEXAMPLE01",
        "User",
        OWN_USER,
    ),
    (
        Own,
        OWN,
        Some(ORGANIZATION),
        &["arn:aws:iam::111122223333:role/app", "arn:aws:sts::111122223333:assumed-role/app/session"],
        "AROAOWNAPPEXAMPLE0001:session",
        "AssumedRole",
        OWN_USER,
    ),
    // Whom one trusts may be of an organization that one does not trust, as may oneself.
    (
        Own,
        OWN,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::111122223333:user/alice"],
        "AIDAOWNALICEEXAMPLE01",
        "User",
        OWN_USER,
    ),
    (
        Own,
        PARTNER,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::222233334444:user/petra"],
        "AIDAPARTNERPETRAEX001",
        "User",
        PARTNER_USER,
    ),
    (Own, PARTNER, None, &["arn:aws:iam::222233334444:user/petra"], "AIDAPARTNERPETRAEX001", "User", PARTNER_USER),
    (
        Member,
        MEMBER,
        Some(ORGANIZATION),
        &["arn:aws:iam::555566667777:user/mia"],
        "AIDAMEMBERMIAEXAMPLE1",
        "User",
        MEMBER_USER,
    ),
    (
        Stranger,
        STRANGER,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::444455556666:user/mallory"],
        "AIDASTRANGEREXAMPLE01",
        "User",
        STRANGER_USER,
    ),
    (
        Stranger,
        STRANGER,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::444455556666:role/app", "arn:aws:sts::444455556666:assumed-role/app/session"],
        "AROASTRANGEREXAMPLE01:session",
        "AssumedRole",
        STRANGER_USER,
    ),
    (
        Stranger,
        STRANGER,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::444455556666:role/app", "arn:aws:sts::444455556666:assumed-role/app/other"],
        "AROASTRANGEREXAMPLE01:other",
        "AssumedRole",
        STRANGER_USER,
    ),
    (
        Stranger,
        UNKNOWN,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::999988887777:user/alice"],
        "AIDAUNKNOWNEXAMPLE001",
        "User",
        UNKNOWN_USER,
    ),
    (
        Anyone,
        UNKNOWN,
        Some("o-unknown0001"),
        &["arn:aws:iam::999988887777:user/alice"],
        "AIDAUNKNOWNEXAMPLE001",
        "User",
        UNKNOWN_USER,
    ),
    (
        Anyone,
        UNKNOWN,
        None,
        &["arn:aws:iam::999988887777:role/app", "arn:aws:sts::999988887777:assumed-role/app/session"],
        "AROAUNKNOWNEXAMPLE001:session",
        "AssumedRole",
        UNKNOWN_USER,
    ),
    // Close enough to be meant by a star or a question mark in the wrong place.
    (
        Anyone,
        NEIGHBOUR,
        Some("o-trusted0001zz"),
        &["arn:aws:iam::111122223339:role/app", "arn:aws:sts::111122223339:assumed-role/app/session"],
        "AROANEIGHBOUREXAMPLE1:session",
        "AssumedRole",
        UNKNOWN_USER,
    ),
    (
        Stranger,
        NEIGHBOUR,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::111122223339:role/app", "arn:aws:sts::111122223339:assumed-role/app/session"],
        "AROANEIGHBOUREXAMPLE1:session",
        "AssumedRole",
        UNKNOWN_USER,
    ),
    (
        Anyone,
        NEIGHBOUR,
        Some("o-trusted0001zz"),
        &["arn:aws:iam::111122223339:user/nora"],
        "AIDANEIGHBOUREXAMPLE2",
        "User",
        UNKNOWN_USER,
    ),
    (
        Stranger,
        NEIGHBOUR,
        Some(FOREIGN_ORGANIZATION),
        &["arn:aws:iam::111122223339:user/noah"],
        "AIDANEIGHBOUREXAMPLE3",
        "User",
        UNKNOWN_USER,
    ),
    (Anyone, NEIGHBOUR, None, &["arn:aws:iam::111122223339:user/nell"], "AIDANEIGHBOUREXAMPLE1", "User", UNKNOWN_USER),
];

fn principal(row: &PrincipalRow) -> Somebody {
    let (standing, account, organization, arns, id, kind, canonical) = *row;
    let mut says = context(&[
        ("aws:principalarn", &arns[..1]),
        ("aws:principalaccount", &[account]),
        ("kms:calleraccount", &[account]),
        ("aws:userid", &[id]),
        ("aws:principaltype", &[kind]),
        ("aws:principalisawsservice", &["false"]),
    ]);
    if let Some(organization) = organization {
        says.extend(in_organization("aws:principal", organization));
    }
    Somebody { standing, caller: Caller::Principal { account, arns, canonical }, says }
}

fn in_organization(prefix: &str, organization: &str) -> Context {
    // Only who is of no organization that a policy names has another root.
    let unit = if organization == "o-unknown0001" { "r-cd34/ou-cd34-11111111" } else { "r-ab12/ou-ab12-11111111" };
    let path = format!("{organization}/{unit}/");
    let says = [("orgid", organization.to_owned()), ("orgpaths", path)];
    says.into_iter().map(|(key, value)| (format!("{prefix}{key}"), vec![value])).collect()
}

fn service(
    standing: Standing,
    name: &'static str,
    account: &str,
    organization: Option<&str>,
    source: &str,
) -> Somebody {
    let mut says = context(&[
        ("aws:principalisawsservice", &["true"]),
        ("aws:principalservicename", &[name]),
        ("aws:principalservicenameslist", &[name, "service.us-east-1.amazonaws.com"]),
        ("aws:sourceaccount", &[account]),
        ("aws:sourceowner", &[account]),
        ("aws:sourcearn", &[source]),
    ]);
    if let Some(organization) = organization {
        says.extend(in_organization("aws:source", organization));
    }
    Somebody { standing, caller: Caller::Service(name), says }
}

pub(crate) const GITHUB: &str = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
pub(crate) const CLUSTER: &str =
    "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/D539D4633E53DE1B";
pub(crate) const SAML: &str = "arn:aws:iam::111122223333:saml-provider/directory";
pub(crate) const FOREIGN_SAML: &str = "arn:aws:iam::444455556666:saml-provider/directory";
pub(crate) const COGNITO: &str = "cognito-identity.amazonaws.com";
pub(crate) const GOOGLE: &str = "accounts.google.com";

const FEDERATED: &[(Standing, &str, &Says)] = &[
    (
        Own,
        GITHUB,
        &[
            ("token.actions.githubusercontent.com:sub", &["repo:acme/app:ref:refs/heads/main"]),
            ("token.actions.githubusercontent.com:aud", &["sts.amazonaws.com"]),
        ],
    ),
    (
        Anyone,
        GITHUB,
        &[
            ("token.actions.githubusercontent.com:sub", &["repo:mallory/app:ref:refs/heads/main"]),
            ("token.actions.githubusercontent.com:aud", &["sts.amazonaws.com"]),
        ],
    ),
    (
        Anyone,
        GITHUB,
        &[
            ("token.actions.githubusercontent.com:sub", &["repo:acme-evil/app:ref:refs/heads/main"]),
            ("token.actions.githubusercontent.com:aud", &["sts.amazonaws.com"]),
        ],
    ),
    // Whom a token is for its owner chooses.
    (
        Anyone,
        GITHUB,
        &[
            ("token.actions.githubusercontent.com:sub", &["repo:mallory/app:ref:refs/heads/main"]),
            ("token.actions.githubusercontent.com:aud", &["https://github.com/mallory"]),
        ],
    ),
    (
        Own,
        CLUSTER,
        &[("oidc.eks.us-east-1.amazonaws.com/id/d539d4633e53de1b:sub", &["system:serviceaccount:default:app"])],
    ),
    (Own, SAML, &[("saml:aud", &["https://signin.aws.amazon.com/saml"])]),
    (Stranger, FOREIGN_SAML, &[("saml:aud", &["https://signin.aws.amazon.com/saml"])]),
    // Anybody can make an identity pool, and anybody can be the guest of one that has guests.
    (
        Anyone,
        COGNITO,
        &[
            ("cognito-identity.amazonaws.com:aud", &["us-east-1:99999999-aaaa-bbbb-cccc-dddddddddddd"]),
            ("cognito-identity.amazonaws.com:amr", &["authenticated"]),
        ],
    ),
    // Of most pools it also says with which provider somebody signed in.
    (
        Anyone,
        COGNITO,
        &[
            ("cognito-identity.amazonaws.com:aud", &["us-east-1:99999999-aaaa-bbbb-cccc-dddddddddddd"]),
            ("cognito-identity.amazonaws.com:amr", &["authenticated", "cognito-idp.us-east-1.amazonaws.com/other"]),
        ],
    ),
    (
        Anyone,
        COGNITO,
        &[
            ("cognito-identity.amazonaws.com:aud", &["us-east-1:12345678-aaaa-bbbb-cccc-123456790ab0"]),
            ("cognito-identity.amazonaws.com:amr", &["unauthenticated"]),
        ],
    ),
    (
        Own,
        COGNITO,
        &[
            ("cognito-identity.amazonaws.com:aud", &["us-east-1:12345678-aaaa-bbbb-cccc-123456790ab0"]),
            ("cognito-identity.amazonaws.com:amr", &["authenticated", "cognito-idp.us-east-1.amazonaws.com/pool"]),
        ],
    ),
    // An application's id tells through what they signed in, not who they are.
    (
        Anyone,
        GOOGLE,
        &[
            ("accounts.google.com:aud", &["66677788899900pro0"]),
            ("accounts.google.com:sub", &["999999999999999999999"]),
        ],
    ),
    (
        Own,
        GOOGLE,
        &[
            ("accounts.google.com:aud", &["66677788899900pro0"]),
            ("accounts.google.com:sub", &["113027383838383838383"]),
        ],
    ),
    (Anyone, "graph.facebook.com", &[("graph.facebook.com:app_id", &["111222333444555"])]),
];

/// Whoever assumes a role by another call than `AssumeRole` shows a token of an identity provider, and is its principal by that.
/// Providers of one sort have no tokens of the other.
fn can_call(caller: &Caller, action: &str) -> bool {
    match caller {
        Caller::Principal { .. } | Caller::Service(_) => action == "sts:AssumeRole",
        Caller::Federated(provider) if provider.contains(":saml-provider/") => {
            action != "sts:AssumeRoleWithWebIdentity"
        }
        Caller::Federated(_) => action != "sts:AssumeRoleWithSAML",
        // Whoever calls this signs.
        Caller::Anonymous => action != "sts:AssumeRole",
    }
}

/// Actions upon resources, as far as statements tell them apart, and some statement allows them.
fn targets(policy: &Policy, is_trust: bool) -> Vec<(&'static str, &'static str)> {
    let (actions, resources): (&[_], &[_]) = if is_trust {
        (
            &["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"],
            &["arn:aws:iam::111122223333:role/app"],
        )
    } else {
        (
            &[
                "s3:GetObject",
                "s3:GetObjectAcl",
                "s3:PutObject",
                "s3:ListBucket",
                "s3:GetBucketAcl",
                "s3:ReplicateObject",
                "sqs:SendMessage",
                "kms:Decrypt",
            ],
            &[
                "arn:aws:s3:::bucket",
                "arn:aws:s3:::bucket/key",
                "arn:aws:s3:::bucket/logs/key",
                "arn:aws:s3:::bucket/other",
            ],
        )
    };
    let mut seen = BTreeSet::new();
    let all = actions.iter().flat_map(|action| resources.iter().map(move |resource| (*action, *resource)));
    let there_are = all.filter(|(action, resource)| is_trust || Policy::has_calls_of(action, resource));
    there_are
        .filter(|(action, resource)| {
            let request = Request { caller: Caller::Anonymous, action, resource, context: Told::default() };
            let about: Vec<_> = policy.statements.iter().map(|statement| statement.is_about(&request)).collect();
            let is_allowed = policy.statements.iter().zip(&about).any(|(statement, about)| statement.allows && *about);
            // Who comes to a role by one call cannot come by another.
            is_allowed && (seen.insert(about) || is_trust)
        })
        .collect()
}

/// Addresses that stand for all: whatever range is wide has one of them, and no narrow range has.
const ANYWHERE: [&str; 5] = ["65.1.1.1", "1.2.3.4", "130.1.1.1", "200.200.200.200", "2a00::1"];

fn locations(asked: &BTreeMap<String, BTreeSet<String>>) -> Vec<Aspect> {
    let internet = |standing, address: &str| Aspect { standing, says: context(&[("aws:sourceip", &[address])]) };
    let mut all: Vec<_> = ANYWHERE.iter().map(|address| internet(Anyone, address)).collect();
    // Beside a wide range of IPv6 that is not all of it.
    all.push(internet(Anyone, "2001:db9::1"));
    let named = asked.get("aws:sourceip").into_iter().flatten();
    for address in named.filter_map(|range| range.split('/').next()?.parse::<IpAddr>().ok()) {
        // AWS sees no private address come from the internet; whether one is a stranger's nobody can say.
        let is_ours = address.to_string().starts_with("192.0.2.");
        let standing = if is_ours {
            Own
        } else if is_private(address) {
            Unclear
        } else {
            Stranger
        };
        all.push(internet(standing, &address.to_string()));
    }
    // No address at all: a service, or a call that another service passes on.
    all.push(Aspect { standing: Anyone, says: Context::new() });
    let is_asked = |network: &&Aspect| network.says.keys().any(|key| asked.contains_key(key));
    all.extend(NETWORKS_OF_CALLS.iter().filter(is_asked).cloned());
    all
}

/// Through which network, and by which of its endpoints.
fn networks_of_calls() -> Vec<Aspect> {
    let mut all = Vec::new();
    for (standing, account, network, endpoint, organization) in [
        (Own, OWN, "0ours", "0ours", Some(ORGANIZATION)),
        // One's own organization may be one that one does not trust.
        (Own, OWN, "0ours", "0ours", Some(FOREIGN_ORGANIZATION)),
        (Own, MEMBER, "0member", "0member", Some(ORGANIZATION)),
        (Own, PARTNER, "0partner", "0partner", None),
        // Whose a network is that a policy names its id does not tell.
        (Own, OWN, "0named", "0named", Some(ORGANIZATION)),
        (Own, OWN, "0named", "0ours", Some(ORGANIZATION)),
        (Own, OWN, "0ours", "0named", Some(ORGANIZATION)),
        (Own, PARTNER, "0named", "0named", None),
        (Own, MEMBER, "0named", "0named", Some(ORGANIZATION)),
        (Stranger, NEIGHBOUR, "0named", "0named", None),
        (Stranger, STRANGER, "0named", "0named", Some(FOREIGN_ORGANIZATION)),
        (Stranger, STRANGER, "0named", "0second", Some(FOREIGN_ORGANIZATION)),
        // In which network an endpoint is nobody can tell by its id.
        (Stranger, STRANGER, "0second", "0named", Some(FOREIGN_ORGANIZATION)),
        (Anyone, UNKNOWN, "0ourz", "0ourz", None),
        (Anyone, UNKNOWN, "0ourz", "0ourz", Some("o-trusted0001zz")),
        (Stranger, UNKNOWN, "0ourz", "0ourz", Some(FOREIGN_ORGANIZATION)),
        (Stranger, UNKNOWN, "0ourz", "0named", None),
        (Stranger, NEIGHBOUR, "0ourz", "0ourz", Some(FOREIGN_ORGANIZATION)),
        (Anyone, NEIGHBOUR, "0ourz", "0ourz", Some("o-unknown0001")),
        (Anyone, NEIGHBOUR, "0neighbour", "0neighbour", Some("o-trusted0001zz")),
    ] {
        let arn = format!("arn:aws:ec2:us-east-1:{account}:vpc/vpc-{network}");
        let mut says = context(&[
            ("aws:sourcevpc", &[&format!("vpc-{network}")]),
            ("aws:sourcevpce", &[&format!("vpce-{endpoint}")]),
            ("aws:sourcevpcarn", &[&arn]),
            ("aws:vpceaccount", &[account]),
            // Everyone's network may have the same private addresses.
            ("aws:vpcsourceip", &["10.0.0.5"]),
        ]);
        if let Some(organization) = organization {
            says.extend(in_organization("aws:vpce", organization));
        }
        all.push(Aspect { standing, says });
    }
    all
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let carrier_grade = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || carrier_grade
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback(),
    }
}

fn access_points() -> Vec<Aspect> {
    let mut all = vec![Aspect { standing: Anyone, says: Context::new() }];
    all.extend([(Own, OWN), (Own, PARTNER), (Stranger, STRANGER), (Anyone, UNKNOWN), (Anyone, NEIGHBOUR)].map(
        |(standing, account)| {
            let arn = format!("arn:aws:s3:us-east-1:{account}:accesspoint/point");
            let says = context(&[("s3:dataaccesspointarn", &[&arn]), ("s3:dataaccesspointaccount", &[account])]);
            Aspect { standing, says }
        },
    ));
    all
}

/// Whoever writes with a key must be able to use it, so a stranger has a key of their own only.
fn keys() -> Vec<Aspect> {
    let mut all = vec![Aspect { standing: Anyone, says: Context::new() }];
    all.extend([(Own, OWN), (Own, PARTNER), (Stranger, STRANGER), (Anyone, UNKNOWN), (Anyone, NEIGHBOUR)].map(
        |(standing, account)| {
            let arn = format!("arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
            Aspect { standing, says: context(&[("s3:x-amz-server-side-encryption-aws-kms-key-id", &[&arn])]) }
        },
    ));
    all
}

/// Where what is subscribed goes. Whose an address of mail or of the web is that a policy names, nobody can say.
fn endpoints(asked: &BTreeMap<String, BTreeSet<String>>) -> Vec<Aspect> {
    let endpoint = |standing, endpoint: &str| Aspect { standing, says: context(&[("sns:endpoint", &[endpoint])]) };
    let mut all = vec![Aspect { standing: Anyone, says: Context::new() }];
    all.extend(
        [(Own, OWN), (Own, PARTNER), (Stranger, STRANGER), (Anyone, UNKNOWN), (Anyone, NEIGHBOUR)]
            .map(|(standing, account)| endpoint(standing, &format!("arn:aws:sqs:us-east-1:{account}:queue"))),
    );
    all.extend(["mallory@example.org", "https://example.org/hook"].map(|address| endpoint(Anyone, address)));
    let named = asked.get("sns:endpoint").into_iter().flatten();
    let addresses = named.filter(|value| !value.starts_with("arn:")).filter_map(|value| made_of(value));
    all.extend(addresses.map(|address| endpoint(Unclear, &address)));
    all
}

/// Whose the resource is, which not every service tells.
fn resources() -> Vec<Aspect> {
    let owned = |organization: &str| {
        let mut says = context(&[("aws:resourceaccount", &[OWN])]);
        says.extend(in_organization("aws:resource", organization));
        says
    };
    [owned(ORGANIZATION), owned("o-unlisted001"), Context::new()].map(|says| Aspect { standing: Anyone, says }).into()
}

/// Nothing in an id tells whose it is, so the ids that a policy names may be anybody's.
fn user_ids(asked: &BTreeMap<String, BTreeSet<String>>) -> Vec<Aspect> {
    let named = asked.get("aws:userid").into_iter().flatten();
    let named =
        named.filter_map(|id| Some(Aspect { standing: Unclear, says: context(&[("aws:userid", &[&made_of(id)?])]) }));
    [Aspect { standing: Anyone, says: Context::new() }].into_iter().chain(named).collect()
}

/// A key that anyone can set as they like: to what is asked for, to something beside it, and not at all.
fn free(key: &str, asked: &BTreeSet<String>) -> Vec<Aspect> {
    let mut values: BTreeSet<String> = BTreeSet::new();
    // A star may be written as it stands, too.
    let as_written = |value: &String| (!value.contains("${")).then(|| value.clone());
    for value in asked.iter().take(3).flat_map(|value| [made_of(value), as_written(value)]).flatten() {
        if let Ok(number) = value.parse::<i64>() {
            values.extend([number.saturating_sub(1).to_string(), number.saturating_add(1).to_string()]);
        }
        if value.parse::<jiff::Timestamp>().is_ok() {
            values.extend(["1999-01-01T00:00:00Z".to_owned(), "2099-01-01T00:00:00Z".to_owned()]);
        }
        if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
            values.extend(["true".to_owned(), "false".to_owned()]);
        }
        values.insert(value);
    }
    // Every call has its time.
    let is_always_there = matches!(key, "aws:currenttime" | "aws:epochtime");
    if !is_always_there {
        values.insert("another".to_owned());
    }
    let earliest = match key {
        "aws:currenttime" => Some(NOW),
        "aws:epochtime" => Some(NOW_IN_SECONDS),
        // No session lives longer than 36 hours.
        "aws:tokenissuetime" => Some("2026-05-31T00:00:00Z"),
        _ => None,
    };
    if let Some(earliest) = earliest {
        values.retain(|value| !is_before(value, earliest));
        values.insert(earliest.to_owned());
    }
    let says = values.into_iter().map(|value| BTreeMap::from([(key.to_owned(), vec![value])]));
    let all = (!is_always_there).then(Context::new).into_iter().chain(says);
    all.map(|says| Aspect { standing: Anyone, says }).collect()
}

/// Whether a time, as a date or in seconds since 1970, is before another.
fn is_before(time: &str, other: &str) -> bool {
    let date = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let seconds = |text: &str| text.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let moment = |text: &str| seconds(text).or_else(|| date(text)).or_else(|| date(&format!("{text}T00:00:00Z")));
    moment(time).is_some_and(|time| Some(time) < moment(other))
}

/// Whether some request has more than one value of a key.
pub(crate) fn may_have_several_values(key: &str) -> bool {
    let key = key.to_lowercase();
    key == "aws:principalservicenameslist" || key.ends_with(":amr")
}

/// A text that is like the pattern, or within the range; nothing if it depends on a variable.
fn made_of(pattern: &str) -> Option<String> {
    let range = pattern.split_once('/').filter(|(address, _)| address.parse::<IpAddr>().is_ok());
    let text = range.map_or(pattern, |(address, _)| address);
    (!text.contains("${")).then(|| text.replace(['*', '?'], "x"))
}

fn distinct(choices: Vec<Aspect>) -> Vec<Aspect> {
    let mut kept: Vec<Aspect> = Vec::new();
    for one in choices {
        if !kept.iter().any(|other| other.says == one.says && (other.standing == one.standing || one.says.is_empty())) {
            kept.push(one);
        }
    }
    kept
}

/// The keys that are somebody's to say, in that they follow from who comes and from where.
fn settled(callers: &[Somebody], aspects: &[Vec<Aspect>]) -> BTreeSet<String> {
    let said = callers.iter().map(|one| &one.says).chain(aspects.iter().flatten().map(|aspect| &aspect.says));
    let mut keys: BTreeSet<String> = said.flat_map(BTreeMap::keys).cloned().collect();
    // One can be of any kind, and somebody of whatever name a policy asks for is everywhere.
    keys.remove("aws:principaltype");
    keys
}

/// Chance that is the same for the same text, so that a failure can be seen again.
struct Chance(u64);

impl Chance {
    /// FNV-1a.
    fn of(text: &str) -> Self {
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// `SplitMix64`.
    #[expect(clippy::cast_possible_truncation, reason = "any part of the number is as random as any other")]
    fn below(&mut self, size: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % size
    }
}
