//! From which actions a holder can become administrator: the published paths.
//!
//! Each row is a fact that somebody found out and published, told in our own words; a path's name is its actions. What
//! is published and has no row of its own stands below, with the reason: mostly actions that only help to find the way.
//! - <https://pathfinding.cloud>, whose ids the rows give, and which credits those who found each path first
//! - <https://rhinosecuritylabs.com/aws/aws-privilege-escalation-methods-mitigation/>
//! - <https://github.com/nccgroup/PMapper>
//! - <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permission-to-pass-iam-roles.html>, which says what passes a role
//!   to an instance

/// One way to become administrator.
#[derive(Debug)]
pub(super) struct Path {
    /// Its actions, sorted, joined by `+`.
    pub(super) name: &'static str,
    /// The services that take the role which `iam:PassRole` passes, as `iam:PassedToService` names them.
    pub(super) passes_to: &'static [&'static str],
    /// What its holder does: a predicate.
    pub(super) why: &'static str,
    /// Where it is published.
    pub(super) source: &'static str,
}

const RHINO: &str = "Rhino Security Labs";
const PMAPPER: &str = "PMapper";
const EC2_GUIDE: &str = "Amazon EC2 User Guide";

pub(super) const PATHS: [Path; 103] = [
    passing(
        "amplify:CreateApp+amplify:CreateBranch+amplify:StartJob+iam:PassRole",
        &["amplify.amazonaws.com"],
        "builds an Amplify app as a privileged role",
        "pathfinding.cloud amplify-001",
    ),
    passing(
        "apprunner:CreateService+iam:PassRole",
        &["tasks.apprunner.amazonaws.com", "apprunner.amazonaws.com", "build.apprunner.amazonaws.com"],
        "runs a container of their own as a privileged role",
        "pathfinding.cloud apprunner-001",
    ),
    path(
        "apprunner:UpdateService",
        "replaces the container of a service that has a privileged role",
        "pathfinding.cloud apprunner-002",
    ),
    passing(
        "autoscaling:CreateAutoScalingGroup+autoscaling:CreateLaunchConfiguration+iam:PassRole",
        &["ec2.amazonaws.com", "autoscaling.amazonaws.com"],
        "starts instances of their own with a privileged role",
        PMAPPER,
    ),
    passing(
        "autoscaling:CreateLaunchConfiguration+autoscaling:UpdateAutoScalingGroup+iam:PassRole",
        &["ec2.amazonaws.com", "autoscaling.amazonaws.com"],
        "makes an existing group start instances of their own with a privileged role",
        PMAPPER,
    ),
    passing(
        "batch:CreateComputeEnvironment+batch:CreateJobQueue+batch:RegisterJobDefinition+batch:SubmitJob+iam:PassRole",
        &["ecs-tasks.amazonaws.com", "batch.amazonaws.com", "ec2.amazonaws.com"],
        "runs a job of their own as a privileged role, where there is no queue yet",
        "pathfinding.cloud batch-003",
    ),
    passing(
        "batch:RegisterJobDefinition+batch:SubmitJob+iam:PassRole",
        &["ecs-tasks.amazonaws.com", "batch.amazonaws.com"],
        "runs a job of their own as a privileged role",
        "pathfinding.cloud batch-001",
    ),
    path("batch:SubmitJob", "runs other commands in a job that has a privileged role", "pathfinding.cloud batch-002"),
    passing(
        "bedrock-agentcore:ConnectBrowserAutomationStream+bedrock-agentcore:CreateBrowser+bedrock-agentcore:StartBrowserSession+iam:PassRole",
        &["bedrock-agentcore.amazonaws.com"],
        "reads the credentials of a privileged role out of a browser of their own",
        "pathfinding.cloud bedrock-006",
    ),
    path(
        "bedrock-agentcore:ConnectBrowserAutomationStream+bedrock-agentcore:StartBrowserSession",
        "reads the credentials of a privileged role out of an existing browser",
        "pathfinding.cloud bedrock-007",
    ),
    passing(
        "bedrock-agentcore:CreateAgentRuntime+bedrock-agentcore:CreateAgentRuntimeEndpoint+bedrock-agentcore:CreateHarness+bedrock-agentcore:CreateWorkloadIdentity+bedrock-agentcore:GetAgentRuntime+bedrock-agentcore:InvokeAgentRuntimeCommand+iam:PassRole",
        &["bedrock-agentcore.amazonaws.com"],
        "runs commands in a harness of their own that has a privileged role",
        "pathfinding.cloud bedrock-005",
    ),
    passing(
        "bedrock-agentcore:CreateAgentRuntime+bedrock-agentcore:CreateAgentRuntimeEndpoint+bedrock-agentcore:CreateWorkloadIdentity+bedrock-agentcore:InvokeAgentRuntimeCommand+iam:PassRole",
        &["bedrock-agentcore.amazonaws.com"],
        "runs commands in an agent of their own that has a privileged role",
        "pathfinding.cloud bedrock-003",
    ),
    passing(
        "bedrock-agentcore:CreateCodeInterpreter+bedrock-agentcore:InvokeCodeInterpreter+bedrock-agentcore:StartCodeInterpreterSession+iam:PassRole",
        &["bedrock-agentcore.amazonaws.com"],
        "runs code of their own as a privileged role",
        "pathfinding.cloud bedrock-001",
    ),
    path(
        "bedrock-agentcore:InvokeAgentRuntimeCommand",
        "runs commands in an agent that has a privileged role",
        "pathfinding.cloud bedrock-004",
    ),
    path(
        "bedrock-agentcore:InvokeCodeInterpreter+bedrock-agentcore:StartCodeInterpreterSession",
        "runs code in an interpreter that has a privileged role",
        "pathfinding.cloud bedrock-002",
    ),
    passing(
        "braket:CreateJob+iam:PassRole",
        &["braket.amazonaws.com"],
        "runs a job of their own as a privileged role",
        "pathfinding.cloud braket-001",
    ),
    path(
        "cloudformation:CreateChangeSet+cloudformation:ExecuteChangeSet",
        "changes a stack that has a privileged role, by a change set",
        "pathfinding.cloud cloudformation-005",
    ),
    passing(
        "cloudformation:CreateStack+iam:PassRole",
        &["cloudformation.amazonaws.com"],
        "creates whatever a template says as a privileged role",
        "pathfinding.cloud cloudformation-001",
    ),
    passing(
        "cloudformation:CreateStackInstances+cloudformation:CreateStackSet+iam:PassRole",
        &["cloudformation.amazonaws.com"],
        "creates whatever a template says as a privileged role, by a stack set",
        "pathfinding.cloud cloudformation-003",
    ),
    path(
        "cloudformation:UpdateStack",
        "changes a stack that has a privileged role",
        "pathfinding.cloud cloudformation-002",
    ),
    passing(
        "cloudformation:UpdateStackSet+iam:PassRole",
        &["cloudformation.amazonaws.com"],
        "changes a stack set to a privileged role",
        "pathfinding.cloud cloudformation-004",
    ),
    passing(
        "codebuild:CreateProject+codebuild:StartBuild+iam:PassRole",
        &["codebuild.amazonaws.com"],
        "builds a project of their own as a privileged role",
        "pathfinding.cloud codebuild-001",
    ),
    passing(
        "codebuild:CreateProject+codebuild:StartBuildBatch+iam:PassRole",
        &["codebuild.amazonaws.com"],
        "builds a project of their own as a privileged role, in a batch",
        "pathfinding.cloud codebuild-004",
    ),
    path(
        "codebuild:StartBuild",
        "builds a project that has a privileged role with other commands",
        "pathfinding.cloud codebuild-002",
    ),
    path(
        "codebuild:StartBuildBatch",
        "builds a project that has a privileged role with other commands, in a batch",
        "pathfinding.cloud codebuild-003",
    ),
    path(
        "codedeploy:CreateDeployment",
        "runs commands on instances that have a privileged role",
        "pathfinding.cloud codedeploy-001",
    ),
    passing(
        "cognito-identity:SetIdentityPoolRoles+iam:PassRole",
        &["cognito-identity.amazonaws.com"],
        "lets whoever signs in to an identity pool be a privileged role",
        "pathfinding.cloud cognitoidentity-001",
    ),
    passing(
        "datapipeline:ActivatePipeline+datapipeline:CreatePipeline+datapipeline:PutPipelineDefinition+iam:PassRole",
        &["datapipeline.amazonaws.com", "ec2.amazonaws.com", "elasticmapreduce.amazonaws.com"],
        "runs commands in a pipeline as a privileged role",
        "pathfinding.cloud datapipeline-001",
    ),
    path(
        "ec2-instance-connect:SendSSHPublicKey",
        "signs in to an instance that has a privileged role",
        "pathfinding.cloud ec2-003",
    ),
    passing(
        "ec2:AssociateIamInstanceProfile+iam:PassRole",
        &["ec2.amazonaws.com"],
        "gives a privileged role to a running instance of theirs",
        EC2_GUIDE,
    ),
    path(
        "ec2:CreateLaunchTemplateVersion+ec2:ModifyLaunchTemplate",
        "changes what new instances with a privileged role run",
        "pathfinding.cloud ec2-005",
    ),
    path(
        "ec2:ModifyInstanceAttribute+ec2:StartInstances+ec2:StopInstances",
        "changes what an instance with a privileged role runs when it starts",
        "pathfinding.cloud ec2-002",
    ),
    passing(
        "ec2:ReplaceIamInstanceProfileAssociation+iam:PassRole",
        &["ec2.amazonaws.com"],
        "gives a privileged role to a running instance of theirs, in place of another",
        EC2_GUIDE,
    ),
    passing(
        "ec2:RequestSpotInstances+iam:PassRole",
        &["ec2.amazonaws.com"],
        "starts a spot instance of their own with a privileged role",
        "pathfinding.cloud ec2-004",
    ),
    passing(
        "ec2:RunInstances+iam:PassRole",
        &["ec2.amazonaws.com"],
        "starts an instance of their own with a privileged role",
        "pathfinding.cloud ec2-001",
    ),
    passing(
        "ecs:CreateCluster+ecs:CreateService+ecs:RegisterTaskDefinition+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs a container of their own as a privileged role, in a new cluster and by a service",
        "pathfinding.cloud ecs-001",
    ),
    passing(
        "ecs:CreateCluster+ecs:RegisterTaskDefinition+ecs:RunTask+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs a container of their own as a privileged role, in a new cluster",
        "pathfinding.cloud ecs-002",
    ),
    passing(
        "ecs:CreateService+ecs:RegisterTaskDefinition+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs a container of their own as a privileged role, by a service",
        "pathfinding.cloud ecs-003",
    ),
    path("ecs:ExecuteCommand", "runs commands in a container that has a privileged role", "pathfinding.cloud ecs-006"),
    passing(
        "ecs:RegisterContainerInstance+ecs:StartTask+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs other commands in a task as a privileged role, on an instance of their own",
        "pathfinding.cloud ecs-007",
    ),
    passing(
        "ecs:RegisterTaskDefinition+ecs:RunTask+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs a container of their own as a privileged role",
        "pathfinding.cloud ecs-004",
    ),
    passing(
        "ecs:RegisterTaskDefinition+ecs:StartTask+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs a container of their own as a privileged role, on an instance of the cluster",
        "pathfinding.cloud ecs-005",
    ),
    passing(
        "ecs:RunTask+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs other commands in a task as a privileged role",
        "pathfinding.cloud ecs-008",
    ),
    passing(
        "ecs:StartTask+iam:PassRole",
        &["ecs-tasks.amazonaws.com"],
        "runs other commands in a task as a privileged role, on an instance of the cluster",
        "pathfinding.cloud ecs-009",
    ),
    passing(
        "elasticmapreduce:RunJobFlow+iam:PassRole",
        &["ec2.amazonaws.com", "elasticmapreduce.amazonaws.com"],
        "starts a cluster of their own with a privileged role",
        "pathfinding.cloud emr-001",
    ),
    passing(
        "emr-serverless:CreateApplication+emr-serverless:StartJobRun+iam:PassRole",
        &["emr-serverless.amazonaws.com"],
        "runs a job of their own as a privileged role",
        "pathfinding.cloud emrserverless-001",
    ),
    passing(
        "gamelift:CreateBuild+gamelift:CreateFleet+gamelift:RequestUploadCredentials+iam:PassRole",
        &["gamelift.amazonaws.com"],
        "runs a game server of their own as a privileged role",
        "pathfinding.cloud gamelift-001",
    ),
    passing(
        "glue:CreateDevEndpoint+iam:PassRole",
        &["glue.amazonaws.com"],
        "opens a development endpoint that has a privileged role",
        "pathfinding.cloud glue-001",
    ),
    passing(
        "glue:CreateJob+glue:CreateTrigger+iam:PassRole",
        &["glue.amazonaws.com"],
        "runs a job of their own as a privileged role, by a trigger",
        "pathfinding.cloud glue-004",
    ),
    passing(
        "glue:CreateJob+glue:StartJobRun+iam:PassRole",
        &["glue.amazonaws.com"],
        "runs a job of their own as a privileged role",
        "pathfinding.cloud glue-003",
    ),
    passing(
        "glue:CreateSession+glue:RunStatement+iam:PassRole",
        &["glue.amazonaws.com"],
        "runs statements in a session that has a privileged role",
        "pathfinding.cloud glue-007",
    ),
    passing(
        "glue:CreateTrigger+glue:UpdateJob+iam:PassRole",
        &["glue.amazonaws.com"],
        "changes a job to a privileged role and to other code, and runs it by a trigger",
        "pathfinding.cloud glue-006",
    ),
    passing(
        "glue:StartJobRun+glue:UpdateJob+iam:PassRole",
        &["glue.amazonaws.com"],
        "changes a job to a privileged role and to other code",
        "pathfinding.cloud glue-005",
    ),
    path(
        "glue:UpdateDevEndpoint",
        "signs in to a development endpoint that has a privileged role",
        "pathfinding.cloud glue-002",
    ),
    path("iam:AddUserToGroup", "joins the administrators' group", "pathfinding.cloud iam-013"),
    path("iam:AttachGroupPolicy", "attaches AdministratorAccess to a group of their own", "pathfinding.cloud iam-010"),
    path("iam:AttachRolePolicy", "attaches AdministratorAccess to a role of their own", "pathfinding.cloud iam-009"),
    path(
        "iam:AttachRolePolicy+iam:UpdateAssumeRolePolicy",
        "makes a role administrator and makes it trust the holder",
        "pathfinding.cloud iam-019",
    ),
    path(
        "iam:AttachRolePolicy+sts:AssumeRole",
        "makes a role administrator and becomes that role",
        "pathfinding.cloud iam-014",
    ),
    path("iam:AttachUserPolicy", "attaches AdministratorAccess to a user", "pathfinding.cloud iam-008"),
    path(
        "iam:AttachUserPolicy+iam:CreateAccessKey",
        "makes another user administrator and signs in as that user",
        "pathfinding.cloud iam-015",
    ),
    path("iam:CreateAccessKey", "signs in as another user with a new access key", "pathfinding.cloud iam-002"),
    path(
        "iam:CreateAccessKey+iam:DeleteAccessKey",
        "signs in as a user who has two access keys already",
        "pathfinding.cloud iam-003",
    ),
    path(
        "iam:CreateAccessKey+iam:PutUserPolicy",
        "writes any permission into another user and signs in as that user",
        "pathfinding.cloud iam-018",
    ),
    path("iam:CreateLoginProfile", "gives another user a console password", "pathfinding.cloud iam-004"),
    path("iam:CreatePolicyVersion", "rewrites a policy that the holder has", "pathfinding.cloud iam-001"),
    path(
        "iam:CreatePolicyVersion+iam:UpdateAssumeRolePolicy",
        "rewrites a policy of a role and makes it trust the holder",
        "pathfinding.cloud iam-020",
    ),
    path(
        "iam:CreatePolicyVersion+sts:AssumeRole",
        "rewrites a policy of a role and becomes that role",
        "pathfinding.cloud iam-016",
    ),
    path(
        "iam:DeleteRolePermissionsBoundary+sts:AssumeRole",
        "removes what bounds a role's permissions and becomes that role",
        "pathfinding.cloud iam-023",
    ),
    path("iam:DeleteUserPermissionsBoundary", "removes what bounds a user's permissions", "pathfinding.cloud iam-022"),
    passing(
        "iam:PassRole+imagebuilder:CreateComponent+imagebuilder:CreateImage+imagebuilder:CreateImageRecipe+imagebuilder:CreateInfrastructureConfiguration",
        &["ec2.amazonaws.com", "imagebuilder.amazonaws.com"],
        "builds an image on an instance that has a privileged role",
        "pathfinding.cloud imagebuilder-001",
    ),
    passing(
        "iam:PassRole+kinesisanalytics:CreateApplication+kinesisanalytics:StartApplication",
        &["kinesisanalytics.amazonaws.com"],
        "runs an application of their own as a privileged role",
        "pathfinding.cloud kinesisanalytics-001",
    ),
    passing(
        "iam:PassRole+lambda:AddPermission+lambda:CreateFunction",
        &["lambda.amazonaws.com"],
        "makes a function with a privileged role and lets another account run it",
        "pathfinding.cloud lambda-006",
    ),
    passing(
        "iam:PassRole+lambda:CreateEventSourceMapping+lambda:CreateFunction",
        &["lambda.amazonaws.com"],
        "runs a function of their own as a privileged role, by an event source",
        "pathfinding.cloud lambda-002",
    ),
    passing(
        "iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction",
        &["lambda.amazonaws.com"],
        "runs a function of their own as a privileged role",
        "pathfinding.cloud lambda-001",
    ),
    passing(
        "iam:PassRole+omics:CreateWorkflow+omics:StartRun",
        &["omics.amazonaws.com"],
        "runs a workflow of their own as a privileged role",
        "pathfinding.cloud omics-001",
    ),
    passing(
        "iam:PassRole+sagemaker:CreateNotebookInstance",
        &["sagemaker.amazonaws.com"],
        "opens a notebook that has a privileged role",
        "pathfinding.cloud sagemaker-001",
    ),
    passing(
        "iam:PassRole+sagemaker:CreateProcessingJob",
        &["sagemaker.amazonaws.com"],
        "runs a processing job of their own as a privileged role",
        "pathfinding.cloud sagemaker-003",
    ),
    passing(
        "iam:PassRole+sagemaker:CreateTrainingJob",
        &["sagemaker.amazonaws.com"],
        "runs a training job of their own as a privileged role",
        "pathfinding.cloud sagemaker-002",
    ),
    passing(
        "iam:PassRole+scheduler:CreateSchedule",
        &["scheduler.amazonaws.com"],
        "has a schedule call any API as a privileged role",
        "pathfinding.cloud scheduler-001",
    ),
    passing(
        "iam:PassRole+ssm:CreateDocument+ssm:StartAutomationExecution",
        &["ssm.amazonaws.com"],
        "runs a document of their own as a privileged role",
        "pathfinding.cloud ssm-003",
    ),
    passing(
        "iam:PassRole+states:CreateStateMachine+states:StartExecution",
        &["states.amazonaws.com"],
        "has a state machine call any API as a privileged role",
        "pathfinding.cloud stepfunctions-001",
    ),
    path("iam:PutGroupPolicy", "writes any permission into a group of their own", "pathfinding.cloud iam-011"),
    path("iam:PutRolePolicy", "writes any permission into a role of their own", "pathfinding.cloud iam-005"),
    path(
        "iam:PutRolePolicy+iam:UpdateAssumeRolePolicy",
        "writes any permission into a role and makes it trust the holder",
        "pathfinding.cloud iam-021",
    ),
    path(
        "iam:PutRolePolicy+sts:AssumeRole",
        "writes any permission into a role and becomes that role",
        "pathfinding.cloud iam-017",
    ),
    path("iam:PutUserPolicy", "writes any permission into a user", "pathfinding.cloud iam-007"),
    path("iam:SetDefaultPolicyVersion", "brings back an older, wider version of a policy that the holder has", RHINO),
    path("iam:UpdateAssumeRolePolicy", "makes a privileged role trust the holder", "pathfinding.cloud iam-012"),
    path("iam:UpdateLoginProfile", "changes another user's console password", "pathfinding.cloud iam-006"),
    path(
        "lambda:AddPermission+lambda:UpdateFunctionCode",
        "replaces the code of a function that has a privileged role and lets another account run it",
        "pathfinding.cloud lambda-005",
    ),
    path(
        "lambda:InvokeFunction+lambda:UpdateFunctionCode",
        "replaces the code of a function that has a privileged role and runs it",
        "pathfinding.cloud lambda-004",
    ),
    path(
        "lambda:UpdateFunctionCode",
        "replaces the code of a function that has a privileged role",
        "pathfinding.cloud lambda-003",
    ),
    path(
        "lambda:UpdateFunctionConfiguration",
        "puts a layer of their own into a function that has a privileged role",
        RHINO,
    ),
    path(
        "sagemaker:CreateNotebookInstanceLifecycleConfig+sagemaker:StartNotebookInstance+sagemaker:StopNotebookInstance+sagemaker:UpdateNotebookInstance",
        "changes what a notebook with a privileged role runs when it starts",
        "pathfinding.cloud sagemaker-005",
    ),
    path(
        "sagemaker:CreatePresignedNotebookInstanceUrl",
        "opens a notebook that has a privileged role already",
        "pathfinding.cloud sagemaker-004",
    ),
    path("ssm:SendCommand", "runs commands on an instance that has a privileged role", "pathfinding.cloud ssm-002"),
    path("ssm:StartSession", "signs in to an instance that has a privileged role", "pathfinding.cloud ssm-001"),
    path(
        "sso:AttachManagedPolicyToPermissionSet",
        "attaches AdministratorAccess to a permission set of their own",
        "pathfinding.cloud sso-002",
    ),
    path(
        "sso:AttachManagedPolicyToPermissionSet+sso:CreateAccountAssignment+sso:CreatePermissionSet",
        "makes an administrator's permission set and assigns it to the holder",
        "pathfinding.cloud sso-001",
    ),
    path(
        "sso:PutInlinePolicyToPermissionSet",
        "writes any permission into a permission set of their own",
        "pathfinding.cloud sso-003",
    ),
    path(
        "states:StartExecution+states:UpdateStateMachine",
        "changes what a state machine with a privileged role calls",
        "pathfinding.cloud stepfunctions-002",
    ),
    path("sts:AssumeRole", "becomes any role that trusts the account", "pathfinding.cloud sts-001"),
];

/// What a user does to itself to be bounded no more.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUserPermissionsBoundary.html>
pub(super) const USERS: [Path; 2] = [
    path("iam:DeleteUserPermissionsBoundary", "removes what bounds its own permissions", AWS),
    path("iam:PutUserPermissionsBoundary", "replaces what bounds its own permissions", AWS),
];

/// And a role.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePermissionsBoundary.html>
pub(super) const ROLES: [Path; 2] = [
    path("iam:DeleteRolePermissionsBoundary", "removes what bounds its own permissions", AWS),
    path("iam:PutRolePermissionsBoundary", "replaces what bounds its own permissions", AWS),
];

/// What takes off a policy that denies something.
pub(super) const TAKING_OFF: [Path; 7] = [
    path("iam:DeleteGroupPolicy", "deletes a policy of its own group that denies it more", AWS),
    path("iam:DeleteRolePolicy", "deletes its own policy that denies it more", AWS),
    path("iam:DeleteUserPolicy", "deletes its own policy that denies it more", AWS),
    path("iam:DetachGroupPolicy", "detaches a policy from its own group that denies it more", AWS),
    path("iam:DetachRolePolicy", "detaches a policy that denies it more", AWS),
    path("iam:DetachUserPolicy", "detaches a policy that denies it more", AWS),
    path("iam:RemoveUserFromGroup", "leaves a group whose policy denies it more", AWS),
];

const AWS: &str = "IAM's API reference";

impl Path {
    pub(super) fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.name.split('+')
    }
}

const fn path(name: &'static str, why: &'static str, source: &'static str) -> Path {
    Path { name, passes_to: &[], why, source }
}

const fn passing(
    name: &'static str,
    passes_to: &'static [&'static str],
    why: &'static str,
    source: &'static str,
) -> Path {
    Path { name, passes_to, why, source }
}

/// What is published and has no row: its actions, the row by which it is found all the same, and why.
#[cfg(test)]
pub(super) const ELSEWHERE: [(&str, Option<&str>, &str); 10] = [
    ("codestar:CreateProject+iam:PassRole", None, "AWS has closed CodeStar: nobody can create a project"),
    (
        "codedeploy:CreateDeployment+codedeploy:GetDeploymentConfig+codedeploy:RegisterApplicationRevision",
        Some("codedeploy:CreateDeployment"),
        "a revision that is there already will do",
    ),
    (
        "dynamodb:CreateTable+dynamodb:PutItem+iam:PassRole+lambda:CreateEventSourceMapping+lambda:CreateFunction",
        Some("iam:PassRole+lambda:CreateEventSourceMapping+lambda:CreateFunction"),
        "a table that is there already will do, as will any other source",
    ),
    (
        "ec2-instance-connect:SendSSHPublicKey+ec2:DescribeInstances",
        Some("ec2-instance-connect:SendSSHPublicKey"),
        "an instance can be known by other means than by describing it",
    ),
    (
        "ecs:DeregisterContainerInstance+ecs:RegisterContainerInstance+ecs:StartTask+iam:PassRole",
        Some("ecs:RegisterContainerInstance+ecs:StartTask+iam:PassRole"),
        "another instance need not go before one's own comes",
    ),
    (
        "ecs:DescribeTasks+ecs:ExecuteCommand",
        Some("ecs:ExecuteCommand"),
        "a task can be known by other means than by describing it",
    ),
    ("iam:*", Some("iam:CreatePolicyVersion"), "every action of IAM has the rows of those that count"),
    ("iam:Put*", Some("iam:PutUserPolicy"), "likewise"),
    (
        "iam:PassRole+omics:CreateWorkflow+omics:StartRun+s3:GetObject",
        Some("iam:PassRole+omics:CreateWorkflow+omics:StartRun"),
        "what the role may read it reads for its holder",
    ),
    (
        "iam:UpdateAssumeRolePolicy+sts:AssumeRole",
        Some("iam:UpdateAssumeRolePolicy"),
        "a role that trusts the holder by name needs no permission of the holder's",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_and_so_are_their_actions_and_none_is_there_twice() {
        assert!(PATHS.is_sorted_by(|one, other| one.name < other.name));
        for path in PATHS {
            let actions: Vec<_> = path.actions().collect();
            assert!(actions.is_sorted_by(|one, other| one < other), "{}", path.name);
            assert!(actions.iter().all(|action| action.split(':').count() == 2), "{}", path.name);
        }
    }

    #[test]
    fn a_path_that_passes_a_role_tells_to_whom_and_where_it_is_published() {
        for path in PATHS {
            assert_eq!(
                path.actions().any(|action| action == "iam:PassRole"),
                !path.passes_to.is_empty(),
                "{}",
                path.name
            );
            assert!(!path.why.is_empty() && !path.source.is_empty(), "{}", path.name);
        }
    }
}
