//! `docs/coverage.md`: which attacks Snapback answers and how, from what its controls declare and from what they were seen to
//! do end to end. `UPDATE=1` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

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

/// Those of Pacu's modules that leave something behind in IAM.
/// <https://github.com/RhinoSecurityLabs/pacu/tree/master/pacu/modules>
const PACU: [&str; 4] =
    ["iam__backdoor_assume_role", "iam__backdoor_users_keys", "iam__backdoor_users_password", "iam__privesc_scan"];

const BEGIN: &str = "# Coverage

Which attacks Snapback answers, by which control, and how far the control went in the last run of all end-to-end tests
([what proves what](controls.md)). *Reverted* and *asked* hold for mode `revert`; in other modes less is done. A control that
is named for an attack answers the calls of it that open or change something, and not what is read or copied by it.
`UPDATE=1 cargo test -p workspace-tests` writes this page; without `UPDATE` a test fails where it differs.
";

#[test]
fn the_page_of_coverage_is_what_the_controls_declare_and_were_seen_to_do() -> Result<()> {
    is_recorded(&workspace("docs/coverage.md"), &page()?)
}

#[test]
fn every_attack_that_a_control_names_is_one_that_there_is() {
    for (catalogue, known) in [("Stratus", &STRATUS[..]), ("Pacu", &PACU[..])] {
        for (name, controls) in named(catalogue) {
            assert!(known.contains(&name), "{} names {name}, which {catalogue} does not have", controls[0].about.id);
        }
    }
}

fn page() -> Result<String> {
    let proofs = proofs()?;
    let mut out = BEGIN.to_owned();
    for (title, catalogue, known) in
        [("Stratus Red Team", "Stratus", &STRATUS[..]), ("Pacu, what it leaves in IAM", "Pacu", &PACU[..])]
    {
        let named = named(catalogue);
        let answered = known.iter().filter_map(|attack| named.get(attack)).map(Vec::as_slice);
        write!(out, "\n## {title}\n\n{}\n\n", counted(&answered.collect::<Vec<_>>(), known.len()))?;
        out += "| attack | control | what was seen |\n|---|---|---|\n";
        for attack in known {
            out += &rows(&format!("`{attack}`"), named.get(attack).map_or(&[], Vec::as_slice), &proofs)?;
        }
    }
    out += "\n## MITRE ATT&CK\n\nTechniques that some control is about.\n\n";
    out += "| technique | control | what was seen |\n|---|---|---|\n";
    for (technique, controls) in named("ATT&CK") {
        let link = technique.replace('.', "/");
        out += &rows(&format!("[{technique}](https://attack.mitre.org/techniques/{link}/)"), &controls, &proofs)?;
    }
    Ok(out)
}

/// How many attacks are answered, by their controls, and how many of those only where something is given.
fn counted(answered: &[&[&AnyControl]], of: usize) -> String {
    let only = |is_so: fn(&AnyControl) -> bool, where_: &str| {
        let count = answered.iter().filter(|controls| controls.iter().all(|control| is_so(control))).count();
        (count > 0).then(|| format!("{count} of them only if {where_}"))
    };
    let limits = [
        only(|control| control.opt_in, "`ModeOverrides` names the control"),
        only(|control| control.kind == Kind::DeniedCall, "the call was denied"),
    ];
    let limits = limits.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let answered = format!("{} of {of} are answered", answered.len());
    if limits.is_empty() { format!("{answered}.") } else { format!("{answered}, {limits}.") }
}

/// The controls by what they name of a catalogue.
fn named(catalogue: &str) -> BTreeMap<&'static str, Vec<&'static AnyControl>> {
    let mut named: BTreeMap<&str, Vec<&AnyControl>> = BTreeMap::new();
    for control in controls() {
        let techniques = control.about.frameworks.iter().filter_map(|of| of.strip_prefix(catalogue)?.strip_prefix(' '));
        for name in techniques.collect::<BTreeSet<_>>() {
            named.entry(name).or_default().push(control);
        }
    }
    named
}

fn rows(attack: &str, controls: &[&AnyControl], proofs: &Proofs) -> Result<String> {
    let mut out = String::new();
    for control in controls {
        let (id, seen) = (control.about.id, seen(control, proofs)?);
        writeln!(out, "| {attack} | [`{id}`](controls.md#{}) | {seen} |", anchor(control.about.title))?;
    }
    Ok(if controls.is_empty() { format!("| {attack} | | no control yet |\n") } else { out })
}

/// The most that it was seen to do, and what it takes for that.
fn seen(control: &AnyControl, proofs: &Proofs) -> Result<String> {
    let seen = proofs.get(control.about.id).context("every control has its place among the proofs")?;
    let has = |outcome: &str| seen.values().any(|seen| seen == outcome);
    let done = match () {
        () if has("undone") => "reverted exactly and undone",
        () if has("reverted") => "reverted exactly",
        () if has("alerted") => "alerted",
        () => return Ok("canned answers only".to_owned()),
    };
    Ok(match control {
        AnyControl { opt_in: true, .. } => format!("{done} if `ModeOverrides` names it"),
        AnyControl { kind: Kind::DeniedCall, .. } => format!("{done} if the call was denied"),
        _ if done == "alerted" => done.to_owned(),
        AnyControl { operator_applies: true, .. } => format!("asked; {done} by an operator"),
        AnyControl { asks_unless_named: true, .. } => format!("asked; {done} if `ModeOverrides` names it"),
        _ => done.to_owned(),
    })
}
