//! # The role of an administrator was passed to a service
//!
//! **Watches** of EC2 `RunInstances`; of Lambda `CreateFunction20150331`, `UpdateFunctionConfiguration20150331v2`; of
//! CloudFormation `CreateStack`, `UpdateStack`, `CreateChangeSet`, `CreateStackSet`, `UpdateStackSet`; of ECS
//! `RegisterTaskDefinition`, `RunTask`, `StartTask`; of Glue `CreateJob`, `UpdateJob`, `CreateDevEndpoint`, `CreateSession`; of
//! SageMaker `CreateNotebookInstance`, `UpdateNotebookInstance`, `CreateTrainingJob`, `CreateProcessingJob`.
//!
//! **Why** Whoever may pass a role to a service that runs what they give it has all privileges of the role (Pacu:
//! `iam__privesc_scan`). Passing it leaves no event of its own, only that of the call that it is passed with.
//!
//! **Does** Alerts, and says which role it is, to what it was passed, and by which statement or which published way it is an
//! administrator. What the role may do is in a baseline, which a scheduled check takes from all that roles hold, once a day or,
//! where there are fewer than 1,200, more often: so a pass of any role costs one look at the journal. Only if the role is not in
//! a baseline of the last 48 hours, as one that is new, it is read, and judged as `snapback explain identity` does. If that
//! cannot tell, it alerts. The same call with the same role by the same user or role is told once, and then more and more
//! seldom, until a day has passed without it. Nothing is reverted, as there is no exact revert: what has been given the role
//! would have to be deleted.
//!
//! **Leaves alone**
//! - roles that neither are administrators nor can make themselves one
//! - calls that pass no role, such as an update that does not name one
//! - the role that CDK deploys with, if it is passed to CloudFormation
//! - roles of AWS itself, which only their service can assume
//! - roles of other accounts, which no service takes
//! - roles that are gone, and instance profiles without a role
//! - what an AWS service does by itself, with nobody's credentials
//!
//! A role that became an administrator since the last check is told of by `iam-new-administrator`, and here from the next
//! check on. In members of a hub there is a baseline only where `Members` names them. A role that can become administrator only
//! by passing yet another role counts as none. Roles that are passed by other calls are not told of, such as those of CodeBuild,
//! Batch or Auto Scaling; but of the instances that Auto Scaling starts, `RunInstances` tells. An instance that gets another
//! profile later is told of by `signin-instance-profile`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{IamIdentity, IdentityKind, Nothing};
use snapback::control::{
    About, Baseline, Control, Given, Look, ReadAll, Remembered, Remembers, Survey, Suspicion, Watch, journaled,
};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::administrator::{found, unread};
use crate::aws::passable_roles::{self, Passable};
use crate::permissions::Permissions;
use crate::{aws, rights, told};

const EC2: &str = "ec2.amazonaws.com";
const LAMBDA: &str = "lambda.amazonaws.com";
const CLOUD_FORMATION: &str = "cloudformation.amazonaws.com";
const ECS: &str = "ecs.amazonaws.com";
const GLUE: &str = "glue.amazonaws.com";
const SAGE_MAKER: &str = "sagemaker.amazonaws.com";

/// A call that passes a role. Where something stands is told by the fields on the way there, in whatever case, as services
/// differ in that.
struct Call {
    service: &'static str,
    name: &'static str,
    /// Where the request says which role, or which instance profile.
    asked: &'static [&'static str],
    /// Where the answer says it, if it may be that of a template which the request only names.
    answered: &'static [&'static str],
    /// What it is passed to, and where the request or the answer names that.
    to: (&'static str, &'static str),
}

/// All of them.
const CALLS: [Call; 19] = [
    Call {
        service: EC2,
        name: "RunInstances",
        asked: &["iamInstanceProfile"],
        answered: &["instancesSet.iamInstanceProfile"],
        to: ("instance", "instancesSet.instanceId"),
    },
    asks(LAMBDA, "CreateFunction20150331", &["role"], ("function", "functionName")),
    asks(LAMBDA, "UpdateFunctionConfiguration20150331v2", &["role"], ("function", "functionName")),
    asks(CLOUD_FORMATION, "CreateStack", &["roleARN"], ("stack", "stackName")),
    asks(CLOUD_FORMATION, "UpdateStack", &["roleARN"], ("stack", "stackName")),
    asks(CLOUD_FORMATION, "CreateChangeSet", &["roleARN"], ("stack", "stackName")),
    asks(CLOUD_FORMATION, "CreateStackSet", &["administrationRoleARN"], ("stack set", "stackSetName")),
    asks(CLOUD_FORMATION, "UpdateStackSet", &["administrationRoleARN"], ("stack set", "stackSetName")),
    asks(ECS, "RegisterTaskDefinition", &["taskRoleArn", "executionRoleArn"], ("task definition", "family")),
    asks(ECS, "RunTask", &OVERRIDDEN, ("task", "taskDefinition")),
    asks(ECS, "StartTask", &OVERRIDDEN, ("task", "taskDefinition")),
    asks(GLUE, "CreateJob", &["role"], ("job", "name")),
    asks(GLUE, "UpdateJob", &["jobUpdate.role"], ("job", "jobName")),
    asks(GLUE, "CreateDevEndpoint", &["roleArn"], ("development endpoint", "endpointName")),
    asks(GLUE, "CreateSession", &["role"], ("session", "id")),
    asks(SAGE_MAKER, "CreateNotebookInstance", &["roleArn"], ("notebook instance", "notebookInstanceName")),
    asks(SAGE_MAKER, "UpdateNotebookInstance", &["roleArn"], ("notebook instance", "notebookInstanceName")),
    asks(SAGE_MAKER, "CreateTrainingJob", &["roleArn"], ("training job", "trainingJobName")),
    asks(SAGE_MAKER, "CreateProcessingJob", &["roleArn"], ("processing job", "processingJobName")),
];

/// What stands in a request of EC2 that leaves it to a template which role is passed. No other call has such a field.
const TEMPLATE: &str = "launchTemplate";

const OVERRIDDEN: [&str; 2] = ["overrides.taskRoleArn", "overrides.executionRoleArn"];

const fn asks(
    service: &'static str,
    name: &'static str,
    asked: &'static [&'static str],
    to: (&'static str, &'static str),
) -> Call {
    Call { service, name, asked, answered: &[], to }
}

const WATCHES: [Watch; CALLS.len()] = {
    let mut watches = [const { Watch { service: "", name: "" } }; CALLS.len()];
    let mut index = 0;
    while index < CALLS.len() {
        watches[index] = Watch { service: CALLS[index].service, name: CALLS[index].name };
        index += 1;
    }
    watches
};

#[derive(Debug)]
pub(crate) struct PassedAdministrator;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What a scheduled check has found of the role, or of that in the instance profile.
    known: Option<Remembered<Passable>>,
    /// All that the role holds, if that is not known; nothing if it is gone.
    role: Option<Permissions>,
}

/// What a call passes.
#[derive(Debug, PartialEq)]
enum Passed {
    /// By its name.
    Role(String),
    /// By the name of the profile.
    InstanceProfile(String),
    /// As it stands there.
    Unknown(String),
}

impl Control for PassedAdministrator {
    const ABOUT: &'static About = &About {
        id: "iam-passed-administrator",
        title: "The role of an administrator was passed to a service",
        happened: "was passed to a service",
        watches: &WATCHES,
        reads: &[
            rights::GET_INSTANCE_PROFILE,
            rights::GET_ROLE,
            rights::LIST_ATTACHED_ROLE_POLICIES,
            rights::LIST_ROLE_POLICIES,
            rights::GET_ROLE_POLICY,
            rights::GET_POLICY,
            rights::GET_POLICY_VERSION,
        ],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.003", "ATT&CK T1548.005", "Pacu iam__privesc_scan"],
        caveat: "If nobody meant it, delete what the role was passed to, and look in CloudTrail for what it did as that role.",
        source: file!(),
    };

    const TELLS_FROM: Option<u64> = Some(1);

    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.known.as_ref()));
    const SURVEY: Option<Survey> = Some(passable_roles::ROLES);

    /// Most roles are known, and whoever gives one more privileges afterwards is told of for that.
    const IS_SETTLED: Option<fn(&State) -> bool> = Some(|_| true);

    type State = State;
    type Change = Nothing;

    fn counted_as(event: &Event) -> String {
        format!("{} by {}", event.name, Subject::caller(event).arn)
    }

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let Some(call) = call_of(event).filter(|_| !event.actor.is_aws()) else { return vec![] };
        let to = to(call, event);
        let Some(passed) = passed(call, event) else {
            let why = format!("{} may have passed a role to {to}, and the event does not say which", event.actor);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let suspicions = passed.into_iter().map(|one| {
            let (subject, what) = match &one {
                Passed::Role(name) => (Subject::role(event, name), format!("role `{name}`")),
                Passed::InstanceProfile(name) => {
                    (told::instance_profile(event, name), format!("instance profile `{name}`"))
                }
                Passed::Unknown(text) => {
                    (Subject::account(event), format!("`{text}`, which is no role that it knows,"))
                }
            };
            (subject.arn.clone(), Suspicion { subject, why: format!("{} passed {what} to {to}", event.actor) })
        });
        // A request may name the same role twice, and the answer the same profile.
        suspicions.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    async fn observe(look: &Look<'_>, event: &Event, Suspicion { subject, .. }: &Suspicion) -> Result<State> {
        if event.is_look() || subject.kind == "account" {
            return Ok(State::default());
        }
        let known = look.remembered::<Self>(subject).await?;
        if known.as_ref().is_some_and(|known| known.good_before(event).is_some()) {
            return Ok(State { known, role: None });
        }
        let name = if subject.kind == "role" {
            Some(subject.name.clone())
        } else {
            passable_roles::role_in(look.place, &subject.name).await?
        };
        let role = match name {
            Some(name) => {
                let of = IamIdentity { kind: IdentityKind::Role, name };
                Box::pin(aws::identities::read(look.place, &of)).await?
            }
            None => None,
        };
        Ok(State { known, role })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Nothing> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, more: &str| Decision::Alert { severity, why: format!("{}{more}", suspicion.why) };
        if event.is_look() {
            return allow("nobody has passed it");
        }
        if suspicion.subject.kind == "account" {
            return alert(Severity::Medium, "");
        }
        let (role, administrator, since) =
            match (state.known.as_ref().and_then(|known| known.good_before(event)), &state.role) {
                (Some((known, age)), _) => {
                    (&known.role, known.administrator.clone(), format!(", as a scheduled check has found {age} before"))
                }
                (None, None) => return allow("there is no such role, or not any more"),
                (None, Some(role)) => match role.judge(Some(event.time)) {
                    Ok(judged) => {
                        (&role.of.name, found(&judged, &BTreeSet::new(), false).map(|(_, why)| why), String::new())
                    }
                    Err(error) => return alert(Severity::Medium, &format!("; {}", unread(&error))),
                },
            };
        let Some(administrator) = administrator else {
            return allow("the role neither is an administrator nor can make itself one");
        };
        let with =
            if suspicion.subject.kind == "role" { String::new() } else { format!(", and with it role `{role}`") };
        alert(Severity::High, &format!("{with}; the role is as good as an administrator: {administrator}{since}"))
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        match (&state.role, &state.known) {
            (Some(role), _) => Subject::role(event, &role.of.name).at(Some(&role.arn)),
            (None, Some(Remembered { good: Some(known), .. })) => Subject::role(event, &known.role),
            (None, _) => suspicion.subject.clone(),
        }
    }

    fn after(_: &State, change: &Nothing) -> State {
        match *change {}
    }
}

impl Remembers for PassedAdministrator {
    /// Until then each pass of a new role costs a look at it.
    const SOON: bool = true;

    const ALL: Option<ReadAll<Passable>> = Some(passable_roles::all);

    type Good = Passable;

    fn good(_: &State) -> Option<Passable> {
        None
    }
}

fn call_of(event: &Event) -> Option<&'static Call> {
    CALLS.iter().find(|call| (call.service, call.name) == (&*event.service, &*event.name))
}

/// What a call passes that is worth a look; nothing at all if the event does not tell.
fn passed(call: &Call, event: &Event) -> Option<Vec<Passed>> {
    let asked = call.asked.iter().flat_map(|path| at(&event.request, path));
    let answered = call.answered.iter().flat_map(|path| at(&event.response, path));
    let named: Vec<&Value> = asked.chain(answered).filter(|named| !json::is_nothing(named)).collect();
    let is_told = !json::is_left_out(&event.request) && at(&event.request, TEMPLATE).is_empty()
        || !call.answered.is_empty() && !json::is_left_out(&event.response);
    if named.is_empty() && !is_told {
        return None;
    }
    let passed = named.into_iter().filter_map(|named| read(named, event));
    Some(passed.filter(|one| !matches!(one, Passed::Role(name) if is_of_cdk(name, call, event))).collect())
}

/// What stands at the end of a path, in each element of the lists on the way.
fn at<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let elements = json::list(value);
    let fields = elements.into_iter().filter_map(Value::as_object).flatten();
    let fields = fields.filter(|(name, _)| name.eq_ignore_ascii_case(first)).map(|(_, value)| value);
    match rest {
        Some(rest) => fields.flat_map(|value| at(value, rest)).collect(),
        None => fields.collect(),
    }
}

/// A role by its ARN or its name, or an instance profile by an object that has its ARN or its name; nothing for what no
/// service takes from somebody.
fn read(named: &Value, event: &Event) -> Option<Passed> {
    let unknown = || Some(Passed::Unknown(named.to_string()));
    let Some(text) = named.as_str() else {
        let of_profile = |field: &str| at(named, field).into_iter().find_map(Value::as_str);
        return match (of_profile("arn"), of_profile("name")) {
            (Some(arn), _) => read(&Value::String(arn.to_owned()), event),
            (None, Some(name)) if is_name(name) => Some(Passed::InstanceProfile(name.to_owned())),
            (None, _) => unknown(),
        };
    };
    if text.is_empty() || told::is_of_aws(text) {
        return None;
    }
    let name = text.rsplit('/').next().unwrap_or(text);
    match text.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "iam", "", account, _] if account != event.account => None,
        ["arn", _, "iam", "", _, path] if path.starts_with("role/") && is_name(name) => {
            Some(Passed::Role(name.to_owned()))
        }
        ["arn", _, "iam", "", _, path] if path.starts_with("instance-profile/") && is_name(name) => {
            Some(Passed::InstanceProfile(name.to_owned()))
        }
        [_] if is_name(name) => Some(Passed::Role(name.to_owned())),
        _ => unknown(),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names>
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}

/// Whether it is the role that CDK makes for CloudFormation to deploy with in this account and Region.
/// <https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html>
fn is_of_cdk(role: &str, call: &Call, event: &Event) -> bool {
    let ending = format!("-cfn-exec-role-{}-{}", event.account, event.region);
    call.service == CLOUD_FORMATION && role.starts_with("cdk-") && role.ends_with(&ending)
}

/// What a role is passed to, as people call it.
fn to(call: &Call, event: &Event) -> String {
    let service = match call.service {
        EC2 => "EC2",
        LAMBDA => "Lambda",
        CLOUD_FORMATION => "CloudFormation",
        ECS => "ECS",
        GLUE => "Glue",
        _ => "SageMaker",
    };
    let (kind, place) = call.to;
    let named = [&event.request, &event.response].into_iter().flat_map(|part| at(part, place));
    match named.filter_map(Value::as_str).find(|name| !name.is_empty()) {
        Some(name) => format!("{service} {kind} `{name}`"),
        None => format!("a {service} {kind} that the event does not name"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(service: &str, name: &str, request: &Value, response: &Value) -> Event {
        Event::from_record(json!({
            "eventID": "e-1", "eventTime": "2026-04-24T12:00:00Z", "eventSource": service, "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
            "responseElements": response,
        }))
        .expect("an event")
    }

    fn suspected(event: &Event) -> Vec<String> {
        let suspicions = PassedAdministrator::suspect(event, &Settings::default());
        suspicions.into_iter().map(|suspicion| suspicion.subject.arn).collect()
    }

    const ACCOUNT: &str = "arn:aws:iam::111122223333:root";

    #[test]
    fn a_role_is_found_by_name_and_by_arn_wherever_a_call_has_it() {
        let role = "arn:aws:iam::111122223333:role/x";
        for call in CALLS.iter().filter(|call| call.service != EC2) {
            for path in call.asked {
                for named in ["x", "team/x", "arn:aws:iam::111122223333:role/team/x"] {
                    let request = path.rsplit('.').fold(json!(named), |value, field| json!({field: value}));
                    assert_eq!(suspected(&event(call.service, call.name, &request, &Value::Null)), [role], "{request}");
                }
            }
            let without = json!({"name": "y"});
            assert!(suspected(&event(call.service, call.name, &without, &json!({"role": role}))).is_empty());
            assert_eq!(suspected(&event(call.service, call.name, &Value::Null, &Value::Null)), [ACCOUNT]);
        }
    }

    #[test]
    fn an_instance_profile_is_found_in_the_request_or_in_the_answer_and_told_once() {
        let profile = "arn:aws:iam::111122223333:instance-profile/x";
        let with_path = json!({"arn": "arn:aws:iam::111122223333:instance-profile/team/x", "id": "AIPAEXAMPLE"});
        let answer = |profile: &Value| {
            json!({"instancesSet": {"items": [
                {"instanceId": "i-1", "iamInstanceProfile": profile}, {"instanceId": "i-2", "iamInstanceProfile": profile},
            ]}})
        };
        let (by_name, by_template) =
            (json!({"iamInstanceProfile": {"name": "x"}}), json!({"launchTemplate": {"version": "1"}}));
        for (request, response, expected) in [
            (&by_name, &answer(&json!({})), &[profile][..]),
            (&by_name, &answer(&with_path), &[profile]),
            (&by_name, &Value::Null, &[profile]),
            (&by_template, &answer(&with_path), &[profile]),
            (&by_template, &answer(&Value::Null), &[]),
            (&by_template, &Value::Null, &[ACCOUNT]),
            (&json!({"instanceType": "t3.micro"}), &Value::Null, &[]),
            (&json!({"iamInstanceProfile": {}}), &answer(&json!({})), &[]),
            (&Value::Null, &answer(&with_path), &[profile]),
        ] {
            assert_eq!(suspected(&event(EC2, "RunInstances", request, response)), expected, "{request} {response}");
        }
    }

    #[test]
    fn what_no_service_takes_is_left_alone_and_what_is_no_role_is_told() {
        let create =
            |role: Value| suspected(&event(LAMBDA, "CreateFunction20150331", &json!({"role": role}), &Value::Null));
        for role in [
            "arn:aws:iam::777788889999:role/x",
            "arn:aws:iam::111122223333:role/aws-service-role/lambda.amazonaws.com/AWSServiceRoleForX",
            "",
        ] {
            assert!(create(json!(role)).is_empty(), "{role}");
        }
        for role in
            [json!("arn:aws:iam::111122223333:user/x"), json!("x y"), json!(7), json!({"x": 1}), json!("arn:aws:x")]
        {
            assert_eq!(create(role.clone()), [ACCOUNT], "{role}");
        }
    }

    #[test]
    fn the_role_of_cdk_is_ordinary_for_cloudformation_in_its_place_and_nowhere_else() {
        let role = |account: &str, region: &str| {
            format!("arn:aws:iam::111122223333:role/cdk-x-cfn-exec-role-{account}-{region}")
        };
        let create = |service, name, field: &str, role: String| {
            suspected(&event(service, name, &json!({field: role}), &Value::Null)).len()
        };
        let own = || role("111122223333", "eu-central-1");
        assert_eq!(create(CLOUD_FORMATION, "CreateChangeSet", "roleARN", own()), 0);
        assert_eq!(create(CLOUD_FORMATION, "CreateStack", "roleARN", role("111122223333", "us-east-1")), 1);
        assert_eq!(create(CLOUD_FORMATION, "CreateStack", "roleARN", role("777788889999", "eu-central-1")), 1);
        assert_eq!(create(LAMBDA, "CreateFunction20150331", "role", own()), 1);
    }
}
