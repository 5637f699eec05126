//! # The role of an administrator was passed to a service
//!
//! **Watches** of EC2 `RunInstances`, `RequestSpotInstances`, `RequestSpotFleet`, `CreateFleet`, `ModifyFleet`,
//! `RunScheduledInstances`; of Lambda `CreateFunction20150331`, `UpdateFunctionConfiguration20150331v2`; of CloudFormation
//! `CreateStack`, `UpdateStack`, `CreateChangeSet`, `RollbackStack`, `ContinueUpdateRollback`, `DeleteStack`,
//! `CreateStackSet`, `UpdateStackSet`, `RegisterType`, `ActivateType`; of ECS `RegisterTaskDefinition`,
//! `RegisterDaemonTaskDefinition`, `RunTask`, `StartTask`, `CreateExpressGatewayService`, `UpdateExpressGatewayService`,
//! `CreateCapacityProvider`, `UpdateCapacityProvider`; of Glue `CreateJob`, `UpdateJob`, `CreateDevEndpoint`,
//! `CreateSession`, `StartBlueprintRun`; of SageMaker `CreateNotebookInstance`, `UpdateNotebookInstance`,
//! `CreateTrainingJob`, `CreateProcessingJob`, `CreateHyperParameterTuningJob`, `CreateAutoMLJob`, `CreateAutoMLJobV2`,
//! `CreateModel`, `CreateModelPackage`, `CreateAlgorithm`, `CreateEndpointConfig`, `CreateInferenceExperiment`,
//! `CreateInferenceRecommendationsJob`, `CreateDomain`, `UpdateDomain`, `CreateUserProfile`, `UpdateUserProfile`,
//! `CreatePipeline`, `UpdatePipeline`, `CreateCluster`, `UpdateCluster`, `CreateDataQualityJobDefinition`,
//! `CreateModelQualityJobDefinition`, `CreateModelBiasJobDefinition`, `CreateModelExplainabilityJobDefinition`,
//! `CreateMonitoringSchedule`, `UpdateMonitoringSchedule`.
//!
//! **Why** Whoever may pass a role to a service that runs what they give it has all privileges of the role (Pacu:
//! `iam__privesc_scan`). Passing it leaves no event of its own, only that of the call that it is passed with.
//!
//! **Does** Alerts, and says which role it is, to what it was passed, and by which statement or which published way it is
//! an administrator. A role that is none may become one by assuming another: every role, a role of the same account that is
//! an administrator and lets it in, or one of the name that Organizations, Control Tower or `StackSets` give to
//! administrators of other accounts. Then the alert is of severity `medium` and says what is not known. A stack set that
//! names no role takes `AWSCloudFormationStackSetAdministrationRole`. What the role may do is in a baseline, which a
//! scheduled check takes from all that roles hold, once a day or, where there are fewer than 1,200, more often: so a pass
//! of any role costs one look at the journal. Only if the role is not in a baseline of the last 48 hours, as one that is
//! new, it is read, and judged as `snapback explain identity` does. If that cannot tell, it alerts. The same call with the
//! same role by the same user or role is told once, and then more and more seldom, until a day has passed without it.
//! Nothing is reverted, as there is no exact revert: what has been given the role would have to be deleted.
//!
//! **Leaves alone**
//! - roles that neither are administrators nor can make themselves one
//! - calls that pass no role, such as an update that does not name one
//! - the role that CDK deploys with, if it is passed to CloudFormation and has no path
//! - stack sets with service-managed permissions, which work with roles of AWS
//! - roles of AWS itself, which only their service can assume
//! - roles of other accounts, which no service takes
//! - roles that are gone, and instance profiles without a role
//! - what an AWS service does by itself, with nobody's credentials
//!
//! A role that became an administrator since the last check is told of by `iam-new-administrator`, and here from the next
//! check on; so is a role that was made since and may only assume an administrator's of its own account. In members of a hub
//! there is a baseline only where `Members` names them. A role that can become administrator only by passing yet another role
//! counts as none, as does one that may only assume roles with which CDK deploys. Not told of are
//!
//! - roles that are passed by calls of other services, such as CodeBuild, Batch, Step Functions, Data Pipeline, EMR, Systems
//!   Manager or Auto Scaling; but of the instances that Auto Scaling starts, `RunInstances` tells;
//! - roles with which a service does only what it is made for, such as those of Glue's crawlers;
//! - fleets and spot requests whose launch template has the profile, as their events do not show it;
//! - what makes use of a role that was passed before, such as `UpdateDevEndpoint`, which adds a key to an endpoint, or new code
//!   for a function.
//!
//! An instance that gets another profile later is told of by `signin-instance-profile`.

use std::collections::BTreeMap;

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

use crate::administrator::unread;
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
const CALLS: [Call; 58] = [
    Call {
        service: EC2,
        name: "RunInstances",
        asked: &["iamInstanceProfile"],
        answered: &["instancesSet.iamInstanceProfile"],
        to: ("instance", "instancesSet.instanceId"),
    },
    asks(EC2, "RequestSpotInstances", &["launchSpecification.iamInstanceProfile"], SPOT_REQUEST),
    asks(EC2, "RequestSpotFleet", &["spotFleetRequestConfig.launchSpecifications.iamInstanceProfile"], SPOT_FLEET),
    asks(EC2, "CreateFleet", &["launchTemplateConfigs.overrides.iamInstanceProfile"], FLEET),
    asks(EC2, "ModifyFleet", &["launchTemplateConfig.overrides.iamInstanceProfile"], FLEET),
    asks(EC2, "RunScheduledInstances", &["launchSpecification.iamInstanceProfile"], SCHEDULED),
    asks(LAMBDA, "CreateFunction20150331", &["role"], FUNCTION),
    asks(LAMBDA, "UpdateFunctionConfiguration20150331v2", &["role"], FUNCTION),
    asks(CLOUD_FORMATION, "CreateStack", &["roleARN"], STACK),
    asks(CLOUD_FORMATION, "UpdateStack", &["roleARN"], STACK),
    asks(CLOUD_FORMATION, "CreateChangeSet", &["roleARN"], STACK),
    asks(CLOUD_FORMATION, "RollbackStack", &["roleARN"], STACK),
    asks(CLOUD_FORMATION, "ContinueUpdateRollback", &["roleARN"], STACK),
    asks(CLOUD_FORMATION, "DeleteStack", &["roleARN"], STACK),
    asks(CLOUD_FORMATION, "CreateStackSet", &["administrationRoleARN"], STACK_SET),
    asks(CLOUD_FORMATION, "UpdateStackSet", &["administrationRoleARN"], STACK_SET),
    asks(CLOUD_FORMATION, "RegisterType", &["executionRoleArn"], ("extension", "typeName")),
    asks(CLOUD_FORMATION, "ActivateType", &["executionRoleArn"], ("extension", "typeName")),
    asks(ECS, "RegisterTaskDefinition", &TASK_ROLES, ("task definition", "family")),
    asks(ECS, "RegisterDaemonTaskDefinition", &TASK_ROLES, ("daemon task definition", "family")),
    asks(ECS, "RunTask", &OVERRIDDEN, ("task", "taskDefinition")),
    asks(ECS, "StartTask", &OVERRIDDEN, ("task", "taskDefinition")),
    asks(ECS, "CreateExpressGatewayService", &TASK_ROLES, ("express service", "serviceName")),
    asks(ECS, "UpdateExpressGatewayService", &TASK_ROLES, ("express service", "serviceArn")),
    asks(ECS, "CreateCapacityProvider", &[MANAGED_INSTANCES], ("capacity provider", "name")),
    asks(ECS, "UpdateCapacityProvider", &[MANAGED_INSTANCES], ("capacity provider", "name")),
    asks(GLUE, "CreateJob", &["role"], ("job", "name")),
    asks(GLUE, "UpdateJob", &["jobUpdate.role"], ("job", "jobName")),
    asks(GLUE, "CreateDevEndpoint", &["roleArn"], ("development endpoint", "endpointName")),
    asks(GLUE, "CreateSession", &["role"], ("session", "id")),
    asks(GLUE, "StartBlueprintRun", &["roleArn"], ("blueprint", "blueprintName")),
    asks(SAGE_MAKER, "CreateNotebookInstance", &["roleArn"], ("notebook instance", "notebookInstanceName")),
    asks(SAGE_MAKER, "UpdateNotebookInstance", &["roleArn"], ("notebook instance", "notebookInstanceName")),
    asks(SAGE_MAKER, "CreateTrainingJob", &["roleArn"], ("training job", "trainingJobName")),
    asks(SAGE_MAKER, "CreateProcessingJob", &["roleArn"], ("processing job", "processingJobName")),
    asks(SAGE_MAKER, "CreateHyperParameterTuningJob", &TUNED, ("tuning job", "hyperParameterTuningJobName")),
    asks(SAGE_MAKER, "CreateAutoMLJob", &["roleArn"], ("AutoML job", "autoMLJobName")),
    asks(SAGE_MAKER, "CreateAutoMLJobV2", &["roleArn"], ("AutoML job", "autoMLJobName")),
    asks(SAGE_MAKER, "CreateModel", &["executionRoleArn"], ("model", "modelName")),
    asks(SAGE_MAKER, "CreateModelPackage", &[VALIDATED], ("model package", "modelPackageName")),
    asks(SAGE_MAKER, "CreateAlgorithm", &[VALIDATED], ("algorithm", "algorithmName")),
    asks(SAGE_MAKER, "CreateEndpointConfig", &["executionRoleArn"], ("endpoint configuration", "endpointConfigName")),
    asks(SAGE_MAKER, "CreateInferenceExperiment", &["roleArn"], ("inference experiment", "name")),
    asks(SAGE_MAKER, "CreateInferenceRecommendationsJob", &["roleArn"], ("recommendations job", "jobName")),
    asks(SAGE_MAKER, "CreateDomain", &OF_DOMAIN, ("domain", "domainName")),
    asks(SAGE_MAKER, "UpdateDomain", &OF_DOMAIN, ("domain", "domainId")),
    asks(SAGE_MAKER, "CreateUserProfile", &["userSettings.executionRole"], ("user profile", "userProfileName")),
    asks(SAGE_MAKER, "UpdateUserProfile", &["userSettings.executionRole"], ("user profile", "userProfileName")),
    asks(SAGE_MAKER, "CreatePipeline", &["roleArn"], ("pipeline", "pipelineName")),
    asks(SAGE_MAKER, "UpdatePipeline", &["roleArn"], ("pipeline", "pipelineName")),
    asks(SAGE_MAKER, "CreateCluster", &OF_CLUSTER, ("cluster", "clusterName")),
    asks(SAGE_MAKER, "UpdateCluster", &OF_CLUSTER, ("cluster", "clusterName")),
    asks(SAGE_MAKER, "CreateDataQualityJobDefinition", &["roleArn"], JOB_DEFINITION),
    asks(SAGE_MAKER, "CreateModelQualityJobDefinition", &["roleArn"], JOB_DEFINITION),
    asks(SAGE_MAKER, "CreateModelBiasJobDefinition", &["roleArn"], JOB_DEFINITION),
    asks(SAGE_MAKER, "CreateModelExplainabilityJobDefinition", &["roleArn"], JOB_DEFINITION),
    asks(SAGE_MAKER, "CreateMonitoringSchedule", &[MONITORED], SCHEDULE),
    asks(SAGE_MAKER, "UpdateMonitoringSchedule", &[MONITORED], SCHEDULE),
];

const SPOT_REQUEST: (&str, &str) = ("spot request", "spotInstanceRequestSet.spotInstanceRequestId");
const SPOT_FLEET: (&str, &str) = ("spot fleet", "spotFleetRequestId");
const FLEET: (&str, &str) = ("fleet", "fleetId");
const SCHEDULED: (&str, &str) = ("scheduled instance", "scheduledInstanceId");
const FUNCTION: (&str, &str) = ("function", "functionName");
const STACK: (&str, &str) = ("stack", "stackName");
const STACK_SET: (&str, &str) = ("stack set", "stackSetName");
const SCHEDULE: (&str, &str) = ("monitoring schedule", "monitoringScheduleName");
const JOB_DEFINITION: (&str, &str) = ("job definition", "jobDefinitionName");

const TASK_ROLES: [&str; 2] = ["taskRoleArn", "executionRoleArn"];
const OVERRIDDEN: [&str; 2] = ["overrides.taskRoleArn", "overrides.executionRoleArn"];
const MANAGED_INSTANCES: &str = "managedInstancesProvider.instanceLaunchTemplate.ec2InstanceProfileArn";
const TUNED: [&str; 2] = ["trainingJobDefinition.roleArn", "trainingJobDefinitions.roleArn"];
const VALIDATED: &str = "validationSpecification.validationRole";
const MONITORED: &str = "monitoringScheduleConfig.monitoringJobDefinition.roleArn";
const OF_DOMAIN: [&str; 2] = ["defaultUserSettings.executionRole", "defaultSpaceSettings.executionRole"];
const OF_CLUSTER: [&str; 2] = ["instanceGroups.executionRole", "restrictedInstanceGroups.executionRole"];

/// Which role a stack set takes if the call names none, unless CloudFormation has roles of its own for it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html>
const OF_STACK_SETS: &str = "AWSCloudFormationStackSetAdministrationRole";

/// What stands in a request of EC2 that leaves it to a template which role is passed. No other call has such a field.
const TEMPLATE: &str = "launchTemplate";

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
    /// By its name, which the call leaves to the service.
    Default(&'static str),
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
                Passed::Default(name) => {
                    (Subject::role(event, name), format!("role `{name}`, which is taken where none is named,"))
                }
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
                let of = IamIdentity::named(IdentityKind::Role, name);
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
        let (role, since) = match (state.known.as_ref().and_then(|known| known.good_before(event)), &state.role) {
            (Some((known, age)), _) => (known.clone(), format!(", as a scheduled check has found {age} before")),
            (None, None) => return allow("there is no such role, or not any more"),
            (None, Some(role)) => match Passable::judged(role, event.time) {
                Ok(judged) => (judged, String::new()),
                Err(error) => return alert(Severity::Medium, &format!("; {}", unread(&error))),
            },
        };
        let Passable { role, administrator, by_assuming } = role;
        let with =
            if suspicion.subject.kind == "role" { String::new() } else { format!(", and with it role `{role}`") };
        match (administrator, by_assuming) {
            (Some(why), _) => {
                alert(Severity::High, &format!("{with}; the role is as good as an administrator: {why}{since}"))
            }
            (None, Some(why)) => {
                alert(Severity::Medium, &format!("{with}; the role may become an administrator: {why}{since}"))
            }
            (None, None) => allow("the role neither is an administrator nor can make itself one"),
        }
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
    let request = request(event);
    let asked = call.asked.iter().flat_map(|path| at(request, path));
    let answered = call.answered.iter().flat_map(|path| at(&event.response, path));
    let named: Vec<&Value> = asked.chain(answered).filter(|named| !json::is_nothing(named)).collect();
    let is_told = !json::is_left_out(request) && at(request, TEMPLATE).is_empty()
        || !call.answered.is_empty() && !json::is_left_out(&event.response);
    if named.is_empty() && !is_told {
        return None;
    }
    if named.is_empty() && call.to == STACK_SET && !has_roles_of_aws(request) {
        return Some(vec![Passed::Default(OF_STACK_SETS)]);
    }
    let others = named.into_iter().filter(|named| !named.as_str().is_some_and(|role| is_of_cdk(role, call, event)));
    Some(others.filter_map(|named| read(named, event)).collect())
}

/// Newer calls of EC2 stand in an object of their own: `{"CreateFleetRequest": {…}}`.
fn request(event: &Event) -> &Value {
    let wrapped = event.request.get(format!("{}Request", event.name));
    wrapped.filter(|request| request.is_object()).unwrap_or(&event.request)
}

/// Whether a stack set works with roles that AWS makes and keeps.
fn has_roles_of_aws(request: &Value) -> bool {
    at(request, "permissionModel").iter().any(|model| *model == "SERVICE_MANAGED")
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

/// Whether it is the role that CDK makes for CloudFormation to deploy with in this account and Region, without a path.
/// <https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html>
fn is_of_cdk(role: &str, call: &Call, event: &Event) -> bool {
    let path = role.splitn(6, ':').nth(5);
    let name = path.and_then(|path| path.strip_prefix("role/")).filter(|name| is_name(name)).unwrap_or_default();
    let ending = format!("-cfn-exec-role-{}-{}", event.account, event.region);
    call.service == CLOUD_FORMATION && name.starts_with("cdk-") && name.ends_with(&ending)
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
    let named = [request(event), &event.response].into_iter().flat_map(|part| at(part, place));
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

    fn with_path(arn: &str) -> String {
        arn.replace('/', "/team/")
    }

    const ACCOUNT: &str = "arn:aws:iam::111122223333:root";

    #[test]
    fn a_role_is_found_by_name_and_by_arn_wherever_a_call_has_it() {
        let (role, profile) = ("arn:aws:iam::111122223333:role/x", "arn:aws:iam::111122223333:instance-profile/x");
        let (role_with_path, profile_with_path) = (with_path(role), with_path(profile));
        for call in &CALLS {
            for path in call.asked {
                let is_profile = path.to_ascii_lowercase().contains("instanceprofile");
                let named = match call.service {
                    EC2 => vec![json!({"name": "x"}), json!({"arn": profile}), json!({"Arn": profile_with_path})],
                    _ if is_profile => vec![json!(profile), json!(profile_with_path)],
                    _ => vec![json!("x"), json!("team/x"), json!(role), json!(role_with_path)],
                };
                for named in named {
                    let request = path.rsplit('.').fold(named, |value, field| json!({field: value}));
                    let expected = if is_profile { profile } else { role };
                    let in_lists = path.rsplit_once('.').map(|(way, last)| {
                        let request = json!([{last: at(&request, path)[0]}, {}]);
                        way.rsplit('.').fold(request, |value, field| json!({field: value}))
                    });
                    let wrapped = json!({format!("{}Request", call.name): request});
                    for request in [Some(request), in_lists, Some(wrapped)].into_iter().flatten() {
                        let event = event(call.service, call.name, &request, &Value::Null);
                        assert_eq!(suspected(&event), [expected], "{} {request}", call.name);
                    }
                }
            }
            if call.to != STACK_SET {
                let without = json!({"name": "y"});
                let event = event(call.service, call.name, &without, &json!({"role": role}));
                assert!(suspected(&event).is_empty(), "{}", call.name);
            }
            assert_eq!(suspected(&event(call.service, call.name, &Value::Null, &Value::Null)), [ACCOUNT]);
        }
    }

    #[test]
    fn a_stack_set_without_a_role_takes_that_of_stack_sets_unless_aws_has_its_own() {
        let default = "arn:aws:iam::111122223333:role/AWSCloudFormationStackSetAdministrationRole";
        let of = |name: &str, request: &Value| suspected(&event(CLOUD_FORMATION, name, request, &Value::Null));
        for name in ["CreateStackSet", "UpdateStackSet"] {
            assert_eq!(of(name, &json!({"stackSetName": "y"})), [default]);
            assert_eq!(of(name, &json!({"stackSetName": "y", "permissionModel": "SELF_MANAGED"})), [default]);
            assert!(of(name, &json!({"stackSetName": "y", "permissionModel": "SERVICE_MANAGED"})).is_empty());
            let named = json!({"administrationRoleARN": "arn:aws:iam::111122223333:role/x"});
            assert_eq!(of(name, &named), ["arn:aws:iam::111122223333:role/x"]);
        }
        assert!(of("CreateStack", &json!({"stackName": "y"})).is_empty());
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
        assert_eq!(create(CLOUD_FORMATION, "CreateChangeSet", "roleARN", with_path(&own())), 1);
        assert_eq!(create(CLOUD_FORMATION, "CreateChangeSet", "roleARN", own().replace("/cdk-", "/x:role/cdk-")), 1);
        assert_eq!(create(LAMBDA, "CreateFunction20150331", "role", own()), 1);
    }
}
