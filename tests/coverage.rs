//! `docs/coverage.md`: which attacks Snapback answers and how, from what came of those that the end-to-end tests play, and for
//! all others from what its controls declare and were seen to do. `UPDATE=1` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};
use snapback::control::AnyControl;
use snapback::event::Kind;
use workspace_tests::{controls, workspace};

use crate::docs::anchor;
use crate::pages::{Proofs, proofs};
use crate::recorded::is_recorded;

/// Every technique of Stratus Red Team against AWS.
/// <https://stratus-red-team.cloud/attack-techniques/AWS/>
const STRATUS: [&str; 44] = [
    "aws.credential-access.ec2-get-password-data",
    "aws.credential-access.ec2-steal-instance-credentials",
    "aws.credential-access.secretsmanager-batch-retrieve-secrets",
    "aws.credential-access.secretsmanager-retrieve-secrets",
    "aws.credential-access.ssm-retrieve-securestring-parameters",
    "aws.defense-evasion.cloudtrail-delete",
    "aws.defense-evasion.cloudtrail-event-selectors",
    "aws.defense-evasion.cloudtrail-lifecycle-rule",
    "aws.defense-evasion.cloudtrail-stop",
    "aws.defense-evasion.dns-delete-logs",
    "aws.defense-evasion.organizations-leave",
    "aws.defense-evasion.vpc-remove-flow-logs",
    "aws.discovery.ec2-download-user-data",
    "aws.discovery.ec2-enumerate-from-instance",
    "aws.discovery.ses-enumerate",
    "aws.execution.ec2-launch-unusual-instances",
    "aws.execution.ec2-user-data",
    "aws.execution.sagemaker-update-lifecycle-config",
    "aws.execution.ssm-send-command",
    "aws.execution.ssm-start-session",
    "aws.exfiltration.ec2-security-group-open-port-22-ingress",
    "aws.exfiltration.ec2-share-ami",
    "aws.exfiltration.ec2-share-ebs-snapshot",
    "aws.exfiltration.rds-share-snapshot",
    "aws.exfiltration.s3-backdoor-bucket-policy",
    "aws.impact.bedrock-invoke-model",
    "aws.impact.ec2-deregister-ami",
    "aws.impact.s3-ransomware-batch-deletion",
    "aws.impact.s3-ransomware-client-side-encryption",
    "aws.impact.s3-ransomware-individual-deletion",
    "aws.initial-access.console-login-without-mfa",
    "aws.lateral-movement.ec2-instance-connect",
    "aws.lateral-movement.ec2-serial-console-send-ssh-public-key",
    "aws.persistence.iam-backdoor-role",
    "aws.persistence.iam-backdoor-user",
    "aws.persistence.iam-create-admin-user",
    "aws.persistence.iam-create-backdoor-role",
    "aws.persistence.iam-create-user-login-profile",
    "aws.persistence.lambda-backdoor-function",
    "aws.persistence.lambda-layer-extension",
    "aws.persistence.lambda-overwrite-code",
    "aws.persistence.rolesanywhere-create-trust-anchor",
    "aws.persistence.sts-federation-token",
    "aws.privilege-escalation.iam-update-user-login-profile",
];

/// Those of Pacu's modules that blind detectors or leave something behind in IAM, by the calls or the ways of each that has several.
/// <https://github.com/RhinoSecurityLabs/pacu/tree/master/pacu/modules>
const PACU: [&str; 42] = [
    "detection__disruption: delete_alarms",
    "detection__disruption: delete_config_rule",
    "detection__disruption: delete_configuration_aggregator",
    "detection__disruption: delete_configuration_recorder",
    "detection__disruption: delete_detector",
    "detection__disruption: delete_flow_logs",
    "detection__disruption: delete_trail",
    "detection__disruption: disable_alarm_actions",
    "detection__disruption: stop_configuration_recorder",
    "detection__disruption: stop_logging",
    "detection__disruption: update_detector",
    "detection__disruption: update_trail",
    "guardduty__whitelist_ip",
    "iam__backdoor_assume_role",
    "iam__backdoor_users_keys",
    "iam__backdoor_users_password",
    "iam__privesc_scan: AddUserToGroup",
    "iam__privesc_scan: AttachGroupPolicy",
    "iam__privesc_scan: AttachRolePolicy",
    "iam__privesc_scan: AttachUserPolicy",
    "iam__privesc_scan: CodeStarCreateProjectFromTemplate",
    "iam__privesc_scan: CodeStarCreateProjectThenAssociateTeamMember",
    "iam__privesc_scan: CreateAccessKey",
    "iam__privesc_scan: CreateEC2WithExistingIP",
    "iam__privesc_scan: CreateLoginProfile",
    "iam__privesc_scan: CreateNewPolicyVersion",
    "iam__privesc_scan: EditExistingLambdaFunctionWithRole",
    "iam__privesc_scan: PassExistingRoleToNewCloudFormation",
    "iam__privesc_scan: PassExistingRoleToNewCodeStarProject",
    "iam__privesc_scan: PassExistingRoleToNewDataPipeline",
    "iam__privesc_scan: PassExistingRoleToNewGlueDevEndpoint",
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenInvoke",
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenInvokeCrossAccount",
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenTriggerWithExistingDynamo",
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenTriggerWithNewDynamo",
    "iam__privesc_scan: PutGroupPolicy",
    "iam__privesc_scan: PutRolePolicy",
    "iam__privesc_scan: PutUserPolicy",
    "iam__privesc_scan: SetExistingDefaultPolicyVersion",
    "iam__privesc_scan: UpdateExistingGlueDevEndpoint",
    "iam__privesc_scan: UpdateLoginProfile",
    "iam__privesc_scan: UpdateRolePolicyToAssumeIt",
];

/// What endgame backdoors.
/// <https://github.com/DavidDikker/endgame>
const ENDGAME: [&str; 18] = [
    "acm-pca",
    "ami",
    "cloudwatch",
    "ebs",
    "ecr",
    "efs",
    "elasticsearch",
    "glacier",
    "iam",
    "kms",
    "lambda",
    "lambda-layer",
    "rds",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
];

/// By the word with which controls name them, and what the page calls them.
const CATALOGUES: [(&str, &str, &[&str]); 3] = [
    ("Stratus", "Stratus Red Team", &STRATUS),
    ("Pacu", "Pacu, what it blinds and what it leaves in IAM", &PACU),
    ("endgame", "endgame, what it backdoors", &ENDGAME),
];

/// What no event tells of, as Snapback's rules ask for them.
const NOT_VISIBLE: [(&[&str], &str); 2] = [
    (
        &[
            "aws.credential-access.ec2-get-password-data",
            "aws.credential-access.secretsmanager-batch-retrieve-secrets",
            "aws.credential-access.secretsmanager-retrieve-secrets",
            "aws.credential-access.ssm-retrieve-securestring-parameters",
            "aws.discovery.ec2-download-user-data",
            "aws.discovery.ec2-enumerate-from-instance",
            "aws.discovery.ses-enumerate",
        ],
        "it only reads, and rules are not told of [calls that do]\
         (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html)",
    ),
    (
        &[
            "aws.impact.s3-ransomware-batch-deletion",
            "aws.impact.s3-ransomware-client-side-encryption",
            "aws.impact.s3-ransomware-individual-deletion",
        ],
        "it works on objects, and only a trail that logs data events tells of that",
    ),
];

/// Whose reverts take nothing back, but keep the risk from doing harm.
const CONTAIN: [&str; 2] = ["iam-federation-token", "s3-unwritable-bucket-policy"];

/// What came of each attack that the end-to-end tests play, by control, which they record.
const ATTACKS: &str = "tests/end_to_end/attacks.json";

const BEGIN: &str = "# Coverage

Which attacks Snapback answers, by which control, and what was seen in the last run of all end-to-end tests. An attack that
was *played* was made call by call on the [local AWS](local-aws.md), and what came of it is told as the journal has it. Of all
others it is told how far the control went in [tests of its own](controls.md). *Reverted* and *asked* hold for mode `revert`;
in other modes less is done. What cannot be as it was before is *contained*. A control that is named for an attack answers the
calls of it that open or change something, and not what is read or copied by it.
`UPDATE=1 cargo test -p workspace-tests` writes this page; without `UPDATE` a test fails where it differs.
";

#[test]
fn the_page_of_coverage_is_what_the_controls_declare_and_were_seen_to_do() -> Result<()> {
    is_recorded(&workspace("docs/coverage.md"), &page()?)
}

#[test]
fn every_attack_that_a_control_names_is_one_that_there_is() {
    for (catalogue, _, known) in CATALOGUES {
        for (name, controls) in named(catalogue) {
            let is_known = known.iter().any(|attack| is_of(attack, name));
            assert!(is_known, "{} names {name}, which {catalogue} does not have", controls[0].about.id);
        }
    }
}

#[test]
fn what_came_of_an_attack_is_by_the_controls_that_name_it() -> Result<()> {
    let attacks = attacks()?;
    for (catalogue, known) in [("Stratus", &STRATUS[..]), ("Pacu", &PACU[..])] {
        for (name, controls) in named(catalogue) {
            let played = attacks.iter().filter(|(attack, _)| is_of(attack, name)).collect::<Vec<_>>();
            let seen: BTreeSet<&str> = played.iter().flat_map(|(_, came)| came.keys().map(String::as_str)).collect();
            let named: BTreeSet<&str> = controls.iter().map(|control| control.about.id).collect();
            assert!(played.is_empty() || seen == named, "{name}: {named:?} name it, {seen:?} were seen");
        }
        for attack in attacks.keys().filter(|attack| attack.starts_with("aws.") == (catalogue == "Stratus")) {
            assert!(known.contains(&attack.as_str()), "{catalogue} has no {attack}");
        }
    }
    Ok(())
}

#[test]
fn what_is_said_not_to_be_visible_is_an_attack_that_no_control_names() {
    let named = named("Stratus");
    for attack in NOT_VISIBLE.iter().flat_map(|(attacks, _)| *attacks) {
        assert!(STRATUS.contains(attack) && !named.contains_key(attack), "{attack}");
    }
}

/// Whether an attack is the one that a control names, or one of its ways.
fn is_of(attack: &str, name: &str) -> bool {
    attack.strip_prefix(name).is_some_and(|way| way.is_empty() || way.starts_with(':'))
}

type Attacks = BTreeMap<String, BTreeMap<String, String>>;

fn attacks() -> Result<Attacks> {
    Ok(serde_json::from_str(&fs::read_to_string(workspace(ATTACKS))?)?)
}

fn page() -> Result<String> {
    let (proofs, attacks) = (proofs()?, attacks()?);
    let mut out = BEGIN.to_owned();
    for (catalogue, title, known) in CATALOGUES {
        let named = named(catalogue);
        let answered = |attack: &&str| answered(attack, &named, attacks.get(*attack));
        let all: Vec<Vec<&AnyControl>> = known.iter().map(answered).collect();
        write!(out, "\n## {title}\n\n{}\n\n", counted(&all))?;
        out += "| attack | control | what was seen | seen in |\n|---|---|---|---|\n";
        for (attack, controls) in known.iter().zip(all) {
            let came = attacks.get(*attack);
            let seen_in = if came.is_some() { "the attack, played" } else { "tests of the control" };
            for control in &controls {
                let seen = match came {
                    Some(came) => given(control, &came[control.about.id]),
                    None => seen(control, &proofs)?,
                };
                writeln!(out, "| `{attack}` | {} | {seen} | {seen_in} |", linked(control))?;
            }
            if controls.is_empty() {
                let not_visible = NOT_VISIBLE.iter().find(|(attacks, _)| attacks.contains(attack));
                let why = match (came, not_visible) {
                    (Some(_), _) => "nothing is said of it".to_owned(),
                    (_, Some((_, why))) => format!("not visible: {why}"),
                    (None, None) => "no control yet".to_owned(),
                };
                writeln!(out, "| `{attack}` | | {why} | {} |", if came.is_some() { seen_in } else { "" })?;
            }
        }
    }
    out += "\n## MITRE ATT&CK\n\nTechniques that some control is about.\n\n";
    out += "| technique | control | what was seen |\n|---|---|---|\n";
    for (technique, controls) in named("ATT&CK") {
        let link = format!("https://attack.mitre.org/techniques/{}/", technique.replace('.', "/"));
        for control in controls {
            writeln!(out, "| [{technique}]({link}) | {} | {} |", linked(control), seen(control, &proofs)?)?;
        }
    }
    Ok(out)
}

/// The controls that answer an attack: those that did when it was played, and else those that name it.
fn answered(attack: &str, named: &Named, came: Option<&BTreeMap<String, String>>) -> Vec<&'static AnyControl> {
    match came {
        Some(came) => controls().filter(|control| came.contains_key(control.about.id)).collect(),
        None => named.get(attack).cloned().unwrap_or_default(),
    }
}

fn linked(control: &AnyControl) -> String {
    let about = control.about;
    format!("[`{}`](controls.md#{})", about.id, anchor(about.title))
}

/// How many attacks are answered, by their controls, and how many of those only where something is given.
fn counted(attacks: &[Vec<&AnyControl>]) -> String {
    let answered: Vec<_> = attacks.iter().filter(|controls| !controls.is_empty()).collect();
    let only = |is_so: fn(&AnyControl) -> bool, where_: &str| {
        let count = answered.iter().filter(|controls| controls.iter().all(|control| is_so(control))).count();
        (count > 0).then(|| format!("{count} of them only if {where_}"))
    };
    let limits = [
        only(|control| control.opt_in, "`ModeOverrides` names the control"),
        only(|control| control.kind == Kind::DeniedCall, "the call was denied"),
    ];
    let limits = limits.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let answered = format!("{} of {} are answered", answered.len(), attacks.len());
    if limits.is_empty() { format!("{answered}.") } else { format!("{answered}, {limits}.") }
}

type Named = BTreeMap<&'static str, Vec<&'static AnyControl>>;

/// The controls by what they name of a catalogue.
fn named(catalogue: &str) -> Named {
    let mut named = Named::new();
    for control in controls() {
        let techniques = control.about.frameworks.iter().filter_map(|of| of.strip_prefix(catalogue)?.strip_prefix(' '));
        for name in techniques.collect::<BTreeSet<_>>() {
            named.entry(name).or_default().push(control);
        }
    }
    named
}

/// The most that it was seen to do, and what it takes for that.
fn seen(control: &AnyControl, proofs: &Proofs) -> Result<String> {
    let seen = proofs.get(control.about.id).context("every control has its place among the proofs")?;
    let has = |outcome: &str| seen.values().any(|seen| seen == outcome);
    let reverted = if CONTAIN.contains(&control.about.id) { "contained" } else { "reverted exactly" };
    let done = match () {
        () if has("undone") => format!("{reverted} and undone"),
        () if has("reverted") => reverted.to_owned(),
        () if has("alerted") => return Ok(given(control, "alerted")),
        () => return Ok("canned answers only".to_owned()),
    };
    let by_whom = |done| if control.operator_applies() { format!("asked; {done} by an operator") } else { done };
    Ok(given(control, &by_whom(done)))
}

/// What was done, and what has to be given for that.
fn given(control: &AnyControl, done: &str) -> String {
    match control {
        AnyControl { opt_in: true, .. } => format!("{done} if `ModeOverrides` names it"),
        AnyControl { kind: Kind::DeniedCall, .. } => format!("{done} if the call was denied"),
        AnyControl { asks_unless_named: true, .. } if done.starts_with("reverted") => {
            format!("asked; {done} if `ModeOverrides` names it")
        }
        _ => done.to_owned(),
    }
}
