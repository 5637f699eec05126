//! The operator at work: whose credentials these are, where the journal is, and what an entry of it is worth.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result, bail, ensure};
use aws_config::{Region, SdkConfig};
use snapback::aws;
use snapback::change::Change;
use snapback::control::{AnyControl, Function, Given, Look, Remembering, Suspicion};
use snapback::decision::Decision;
use snapback::event::Kind;
use snapback::journal::{Entry, Journal, Planted};
use snapback::place::Place;

use crate::terminal::on_one_line;

#[derive(Debug, clap::Args)]
pub(crate) struct JournalArguments {
    /// The journal's table, as the notification names it (output `JournalTable` of the stack)
    #[arg(long, env = "SNAPBACK_JOURNAL")]
    pub(crate) journal: String,
    /// The Region of the journal, if it is not that of your credentials
    #[arg(long)]
    region: Option<String>,
}

pub(crate) struct Operator {
    pub(crate) config: SdkConfig,
    pub(crate) journal: Journal,
}

/// Whose credentials the operator has.
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) arn: String,
}

impl Operator {
    pub(crate) async fn new(arguments: &JournalArguments) -> Self {
        let mut config = aws::config().await;
        if let Some(region) = &arguments.region {
            config = config.into_builder().region(Region::new(region.clone())).build();
        }
        Self { journal: Journal::new(&config, &arguments.journal), config }
    }

    /// The operator's own Region, and the account of an entry that is known to be the operator's.
    pub(crate) fn place(&self, account: &str) -> Place {
        Place::new(account, self.config.clone())
    }

    pub(crate) fn look<'a>(&'a self, place: &'a Place) -> Look<'a> {
        Look { place, memory: Remembering::Journal(&self.journal) }
    }

    pub(crate) async fn caller(&self) -> Result<Caller> {
        Caller::of(&self.config).await
    }

    pub(crate) async fn entry(&self, id: &str) -> Result<Entry> {
        let Some(entry) = self.journal.find(id).await? else {
            bail!("there is no entry `{id}` in table `{}`", self.journal.table());
        };
        Ok(entry)
    }
}

impl Caller {
    pub(crate) async fn of(config: &SdkConfig) -> Result<Self> {
        let caller = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
        let caller = caller.map_err(aws::failure).context("asking AWS whose credentials these are")?;
        let account = caller.account.unwrap_or_default();
        Ok(Self { arn: caller.arn.unwrap_or_else(|| account.clone()), account })
    }

    /// Credentials of another account than the entry's would act on something else of the same name.
    pub(crate) fn is_at_home(&self, entry: &Entry) -> Result<()> {
        let (account, of_entry) = (&self.account, &entry.subject.account);
        ensure!(
            account == of_entry,
            "the entry is about account {of_entry}, and these credentials are of account {account}"
        );
        Ok(())
    }
}

/// What is not genuine is not obeyed, and somebody should look who has written it.
pub(crate) fn warn_of(planted: impl IntoIterator<Item = Planted>) {
    for planted in planted {
        // Where standard error is closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "snapback: {}", on_one_line(&planted.to_string()));
    }
}

/// What the entry's plan took away.
pub(crate) fn grants(entry: &Entry) -> &[String] {
    match &entry.decision {
        Decision::Revert { grants, .. } => grants,
        Decision::Allow { .. } | Decision::Alert { .. } => &[],
    }
}

/// What made an entry that is as it was made.
pub(crate) struct Genuine {
    pub(crate) function: &'static Function,
    pub(crate) control: &'static AnyControl,
    pub(crate) suspicion: Suspicion,
}

/// What made the entry, if judging its event and its state again gives the same plan. Whoever changes a plan in the
/// journal would otherwise have it applied with the operator's rights.
pub(crate) fn judged_again(entry: &Entry) -> Result<Genuine> {
    let mut controls =
        crate::FUNCTIONS.iter().flat_map(|function| function.controls.iter().map(move |of| (*function, of)));
    let (function, control) = controls
        .find(|(_, control)| control.about.id == entry.control)
        .with_context(|| format!("this version does not know the control `{}`", entry.control))?;
    let (event, settings) = (entry.event(), &entry.basis.settings);
    // What a look finds is found by going through what there is.
    let looked_at = (event.is_look() && control.survey.is_some())
        .then(|| Suspicion { subject: entry.subject.clone(), why: entry.suspicion.clone() });
    let suspicion = (control.suspect)(&event, settings)
        .into_iter()
        .chain(looked_at)
        .find(|suspicion| Entry::id_of(&event, control.about.id, &suspicion.subject) == entry.id)
        .context("the entry's event is not the one that it was made for")?;
    let holds = entry.basis.holds.iter().map(|hold| hold.grant.clone()).collect();
    let decision = (control.decide)(&event, &suspicion, &entry.state, &Given { settings, holds: &holds })?;
    let subject = (control.found)(&event, &suspicion, &entry.state)?;
    let is_same = subject == entry.subject && decision.plan() == entry.decision.plan();
    ensure!(
        is_same && matches!(decision, Decision::Revert { grants: again, .. } if again == grants(entry)),
        "judging the entry's event and state again gives another plan than the one that it has. Somebody has changed \
         it, or another version of Snapback made it: nothing is done"
    );
    Ok(Genuine { function, control, suspicion })
}

/// What the entry is about, a line each.
pub(crate) fn show(entry: &Entry, out: &mut impl Write) -> Result<()> {
    let Entry { title, subject, event, decision, .. } = entry;
    writeln!(out, "{}", on_one_line(&format!("{title} - {} {}", subject.kind, subject.name)))?;
    let mut line = |text: String| writeln!(out, "    {}", on_one_line(&text));
    line(format!("{}, account {}, {}", subject.arn, subject.account, subject.region))?;
    line(match event.kind {
        Kind::Look => format!("found by a look on schedule at {}", event.time),
        _ => format!("opened by {} with {} at {}", event.actor, event.name, event.time),
    })?;
    line(decision.why().to_owned())?;
    Ok(())
}

/// What each change would do.
pub(crate) fn show_changes(changes: &[Change], out: &mut impl Write) -> Result<()> {
    for change in changes {
        let (before, after) = change.sides();
        writeln!(out, "  * {change}\n    --- now\n{}\n    --- then\n{}", indented(&before), indented(&after))?;
    }
    Ok(())
}

pub(crate) fn agreed(out: &mut impl Write) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask at: say --yes if you are sure");
    }
    write!(out, "Do it? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use snapback::change::{Holder, PolicyChange};
    use snapback::journal::{Basis, Cause, Outcome};
    use snapback::mode::Mode;
    use snapback::settings::Settings;

    use super::*;

    const PUBLIC: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;

    /// An entry as the function for S3 writes it.
    fn reverted() -> Entry {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "userName": "mallory"},
            "requestParameters": {"bucketName": "b", "bucketPolicy": serde_json::from_str::<Value>(PUBLIC).expect("JSON")},
        });
        let (event, settings) = (snapback::event::Event::from_record(record).expect("an event"), Settings::default());
        let control = &s3::FUNCTION.controls[0];
        let suspicion = (control.suspect)(&event, &settings).pop().expect("it is suspicious");
        let state = json!({"policy": PUBLIC, "restricted": false});
        let given = Given { settings: &settings, holds: &std::collections::BTreeSet::new() };
        let decision = (control.decide)(&event, &suspicion, &state, &given).expect("a decision");
        Entry {
            id: Entry::id_of(&event, control.about.id, &suspicion.subject),
            control: control.about.id.to_owned(),
            title: control.about.title.to_owned(),
            happened: Some(control.about.happened.to_owned()),
            caveat: control.about.caveat.to_owned(),
            subject: suspicion.subject,
            event: Cause::from(&event),
            suspicion: suspicion.why,
            basis: Basis {
                request: event.request,
                response: event.response,
                resources: event.resources,
                settings,
                holds: vec![],
            },
            state,
            decision,
            mode: Mode::Revert,
            outcome: Outcome::Reverted,
            decided_at: event.time,
            reverted_at: Some(event.time),
            applied_by: None,
            repeat: None,
            applied: vec![],
            problem: None,
            planted: std::collections::BTreeSet::new(),
            announced: true,
            undone: None,
            expires: event.time,
        }
    }

    fn refusal(entry: &Entry) -> String {
        judged_again(entry).map(drop).expect_err("it is tampered with").to_string()
    }

    #[test]
    fn credentials_of_another_account_are_refused() {
        let of = |account: &str| Caller { account: account.to_owned(), arn: String::new() };
        assert!(of("111122223333").is_at_home(&reverted()).is_ok());
        let refused = of("444455556666").is_at_home(&reverted()).expect_err("it is another account's");
        assert!(refused.to_string().contains("444455556666"), "{refused}");
    }

    #[test]
    fn an_entry_that_is_as_it_was_made_is_taken_at_its_word() {
        let entry: Entry = serde_json::from_str(&serde_json::to_string(&reverted()).expect("JSON")).expect("an entry");
        let genuine = judged_again(&entry).map(|genuine| genuine.function.name);
        assert_eq!(genuine.expect("it is genuine"), "S3Function");
    }

    #[test]
    fn a_plan_that_does_not_follow_from_event_and_state_is_refused() {
        let mut other_plan = reverted();
        let Decision::Revert { plan, .. } = &mut other_plan.decision else { panic!("it is a revert") };
        let Change::Policy(PolicyChange { from, .. }) = &mut plan[0] else { panic!("of a bucket policy") };
        *from = Some(PUBLIC.replace("s3:GetObject", "s3:*").into());
        let mut other_grant = reverted();
        let Decision::Revert { grants, .. } = &mut other_grant.decision else { panic!("it is a revert") };
        grants.push("another".to_owned());
        let mut other_bucket = reverted();
        let Decision::Revert { plan, .. } = &mut other_bucket.decision else { panic!("it is a revert") };
        let Change::Policy(PolicyChange { of, .. }) = &mut plan[0] else { panic!("of a bucket policy") };
        *of = Holder::Bucket("payroll".to_owned());
        let mut other_state = reverted();
        other_state.state["policy"] = json!(PUBLIC.replace("s3:GetObject", "s3:*"));
        let mut other_subject = reverted();
        other_subject.subject.name = "payroll".to_owned();
        for tampered in [other_plan, other_grant, other_bucket, other_state, other_subject] {
            let refusal = refusal(&tampered);
            assert!(refusal.contains("gives another plan than the one that it has"), "{refusal}");
        }
    }

    #[test]
    fn an_event_that_is_not_the_entry_s_own_is_refused() {
        let mut other_event = reverted();
        other_event.event.id = "e-2".to_owned();
        let mut other_resource = reverted();
        other_resource.basis.request["bucketName"] = json!("payroll");
        let mut harmless = reverted();
        harmless.basis.request["bucketPolicy"] = json!({"Statement": []});
        for tampered in [other_event, other_resource, harmless] {
            assert_eq!(refusal(&tampered), "the entry's event is not the one that it was made for");
        }
    }
}
