//! The operator at work: whose credentials these are, where the journal is, and what an entry of it is worth.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use std::{env, fmt, iter};

use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use clap::builder::NonEmptyStringValueParser;
use functions::FUNCTIONS;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use snapback::aws;
use snapback::change::{Applied, Change};
use snapback::control::{AnyControl, Function, Given, Look, Remembering, Suspicion};
use snapback::decision::Decision;
use snapback::event::Kind;
use snapback::journal::{Entry, Forged, Journal, Outcome};
use snapback::place::Place;
use snapback::settings::Pace;
use snapback::subject::Subject;
use tokio::sync::OnceCell;

use crate::caller::{Caller, MemberArguments};
use crate::choices::{self, region};
use crate::terminal::on_one_line;
use crate::trouble;

/// The variable that names the journal's table where no flag does.
const VARIABLE: &str = "SNAPBACK_JOURNAL";

/// What `sam deploy` calls the stack unless somebody says otherwise.
const STACK: &str = "snapback";

/// The stack's output that names the journal's table.
const OUTPUT: &str = "JournalTable";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "AWS options")]
pub(crate) struct JournalArguments {
    /// The journal's DynamoDB table [default: `SNAPBACK_JOURNAL`, then the stack's output `JournalTable`]
    #[arg(long, value_name = "TABLE", value_parser = NonEmptyStringValueParser::new())]
    journal: Option<String>,
    /// The CloudFormation stack to find the journal by, whatever `SNAPBACK_JOURNAL` says [default: snapback]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    stack: Option<String>,
    /// The AWS Region [default: the Region of your AWS profile or environment]
    #[arg(long, value_parser = region)]
    region: Option<String>,
}

/// An operator with credentials, and the journal to work with.
pub(crate) struct Operator {
    pub(crate) journal: Journal,
    config: SdkConfig,
    named_by: NamedBy,
    caller: OnceCell<Caller>,
}

/// What said which table is the journal.
#[derive(Debug, PartialEq, Eq)]
enum NamedBy {
    Flag,
    Variable,
    Stack(String),
}

impl JournalArguments {
    pub(crate) async fn config(&self) -> Result<SdkConfig> {
        config(self.region.as_deref()).await
    }

    /// The name of Snapback's stack.
    pub(crate) fn stack(&self) -> &str {
        self.stack.as_deref().unwrap_or(STACK)
    }

    /// Whether somebody said which journal is meant. It is an error then if it cannot be used.
    fn names_one(&self) -> bool {
        self.journal.is_some() || self.stack.is_some() || variable().is_some()
    }

    /// The journal's table, and who says so. AWS is asked only where a flag names the stack, or nothing the table.
    async fn table(&self, config: &SdkConfig) -> Result<(String, NamedBy)> {
        if let Some(table) = &self.journal {
            return Ok((table.clone(), NamedBy::Flag));
        }
        if self.stack.is_none()
            && let Some(table) = variable()
        {
            return Ok((table, NamedBy::Variable));
        }
        let stack = self.stack();
        match output(config, stack).await {
            Ok(table) => Ok((table, NamedBy::Stack(stack.to_owned()))),
            Err(error) => Err(trouble::with_advice(error, config)),
        }
    }
}

impl Operator {
    /// Finds the journal and does the work. An error of either says which journal, Region and account it is about.
    pub(crate) async fn at_work<T>(
        arguments: &JournalArguments,
        work: impl AsyncFnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let operator = Self::new(arguments, arguments.config().await?).await?;
        match work(&operator).await {
            Ok(done) => Ok(done),
            Err(error) => Err(operator.explained(error).await),
        }
    }

    /// The journal, for work that is done without it where there is none. That is said once. A journal that somebody has
    /// named has to be there.
    pub(crate) async fn journal_if_any(arguments: &JournalArguments, config: &SdkConfig) -> Result<Option<Journal>> {
        let found = match Self::new(arguments, config.clone()).await {
            // What cannot be read would be complained of for each thing that is looked at.
            Ok(operator) => match operator.journal.stopped(Timestamp::now()).await {
                Ok(_) => Ok(operator.journal),
                Err(error) => Err(operator.explained(error).await),
            },
            Err(error) => Err(error),
        };
        match found {
            Ok(journal) => Ok(Some(journal)),
            Err(error) if arguments.names_one() => Err(error),
            Err(error) => {
                let why = error.to_string();
                let why = on_one_line(why.lines().next().unwrap_or_default());
                writeln!(io::stderr(), "snapback: going on without baselines and holds: {why}")?;
                Ok(None)
            }
        }
    }

    async fn new(arguments: &JournalArguments, config: SdkConfig) -> Result<Self> {
        let (table, named_by) = arguments.table(&config).await?;
        Ok(Self { journal: Journal::new(&config, &table), config, named_by, caller: OnceCell::new() })
    }

    /// Where an entry's resource is, as the operator may act there. The journal may be in another Region, and for a hub in
    /// another account.
    pub(crate) async fn place(&self, of: &Subject, member: &MemberArguments) -> Result<Place> {
        let caller = self.caller().await?;
        caller.reaches(of, member)?;
        let home = Place::new(&caller.account, self.config.clone());
        Ok(match &member.member_role {
            Some(role) if caller.account != of.account => {
                Box::pin(home.taken_by_role(&of.account, &of.region, role)).await
            }
            _ => home.in_region(&of.region),
        })
    }

    /// A look by the baseline of then, where a check may have recorded another since.
    pub(crate) fn look<'a>(&'a self, place: &'a Place, of_then: Option<&'a Value>) -> Look<'a> {
        let memory = of_then.map_or(Remembering::Journal(&self.journal), Remembering::Then);
        Look { place, memory, stack: None }
    }

    pub(crate) async fn caller(&self) -> Result<&Caller> {
        self.caller.get_or_try_init(|| Caller::of(&self.config)).await
    }

    pub(crate) async fn entry(&self, id: &str) -> Result<Entry> {
        let Some(entry) = self.journal.find(id).await? else { bail!("there is no entry `{id}` in the journal") };
        Ok(entry)
    }

    async fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        // Whoever reads us has gone, and is nobody to explain to.
        if error.is::<io::Error>() {
            return error;
        }
        let account = trouble::account(self.caller.get(), &error, &self.config).await;
        let error = match self.is_no_journal(&error).await {
            Some(what) => trouble::advice(
                &what,
                "Check --region, --journal and SNAPBACK_JOURNAL. The stack's output `JournalTable` names the table.",
                &error,
            ),
            None => trouble::with_advice(error, &self.config),
        };
        let (table, region) = (self.journal.table(), trouble::region(&self.config));
        anyhow!("{error:#}\n  journal: table `{table}` (named by {}), {region}, {account}", self.named_by)
    }

    /// Why the table is not Snapback's journal, if that is what went wrong. Other things can be missing as well.
    async fn is_no_journal(&self, error: &anyhow::Error) -> Option<String> {
        let (table, region) = (self.journal.table(), trouble::region(&self.config));
        match trouble::code(error)? {
            "ResourceNotFoundException" => {
                let missing = self.journal.stopped(Timestamp::now()).await.err()?;
                let is_table = trouble::code(&missing) == Some("ResourceNotFoundException");
                is_table.then(|| format!("there is no table `{table}` in {region}"))
            }
            "NotFoundException" if format!("{error:#}").contains(&format!("alias/{table}")) => Some(format!(
                "table `{table}` is not the journal of a Snapback: there is no KMS key `alias/{table}` in {region}"
            )),
            _ => None,
        }
    }
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--journal"),
            Self::Variable => f.write_str(VARIABLE),
            Self::Stack(stack) => write!(f, "stack `{stack}`"),
        }
    }
}

/// The operator's credentials, in the Region that is meant.
pub(crate) async fn config(region: Option<&str>) -> Result<SdkConfig> {
    let mut config = aws::config().await;
    if env::var_os("AWS_MAX_ATTEMPTS").is_none() {
        let retries = patient(config.retry_config());
        config = config.into_builder().retry_config(retries).build();
    }
    if let Some(region) = region {
        config = config.into_builder().region(Region::new(region.to_owned())).build();
    }
    let Some(region) = config.region() else {
        bail!("no AWS Region is set\n  hint: Name it with --region or AWS_REGION, or set it in your AWS profile.");
    };
    // Anything else would end up in the name of a host.
    if let Err(expected) = choices::region(region.as_ref()) {
        bail!(
            "`{region}` is not an AWS Region: {expected}\n  hint: --region, AWS_REGION or your AWS profile names it."
        );
    }
    Ok(config)
}

/// As often as a command tries that makes hundreds of calls in a row. A function has the next delivery to try again.
fn patient(retries: Option<&RetryConfig>) -> RetryConfig {
    const ATTEMPTS: u32 = 6;
    let retries = retries.cloned().unwrap_or_else(RetryConfig::standard);
    let attempts = retries.max_attempts().max(ATTEMPTS);
    retries.with_max_attempts(attempts)
}

fn variable() -> Option<String> {
    env::var(VARIABLE).ok().filter(|table| !table.is_empty())
}

/// The journal's table as the stack names it.
async fn output(config: &SdkConfig, stack: &str) -> Result<String> {
    let region = trouble::region(config);
    let asked = aws_sdk_cloudformation::Client::new(config).describe_stacks().stack_name(stack).send().await;
    let outputs = match asked {
        Ok(found) => found.stacks.unwrap_or_default().into_iter().flat_map(|stack| stack.outputs.unwrap_or_default()),
        Err(error) => {
            let is_missing = aws::code(&error) == Some("ValidationError");
            let error =
                aws::failure(error).context(format!("looking for the journal in the outputs of stack `{stack}`"));
            if is_missing && format!("{error:#}").contains("does not exist") {
                let account = trouble::account(None, &error, config).await;
                return Err(trouble::advice(
                    &format!("there is no CloudFormation stack `{stack}` in {region}, {account}"),
                    "Name the Region that Snapback runs in with --region, its stack with --stack, or the journal's table \
                     with --journal.",
                    &error,
                ));
            }
            return Err(error);
        }
    };
    let table =
        outputs.into_iter().find(|output| output.output_key() == Some(OUTPUT)).and_then(|output| output.output_value);
    table.with_context(|| {
        format!(
            "stack `{stack}` in {region} is not Snapback's: it has no output `{OUTPUT}`\n  hint: Name its stack with \
             --stack, or the journal's table with --journal."
        )
    })
}

/// How long to wait before each further read of what AWS may still show as it was.
const BETWEEN_READS: Duration = Duration::from_secs(5);

/// Applies a change. Until AWS must show what was written at `since`, it is not believed that somebody has changed it since,
/// nor that there is nothing to do. A change that writes nothing has nothing to do.
pub(crate) async fn applied(of: &Genuine, place: &Place, change: &Change, since: Timestamp) -> Result<Applied> {
    let is_idle = *change == change.idle();
    let is_certain = |applied: &Applied| match applied {
        Applied::Done { .. } => true,
        Applied::Already => is_idle,
        Applied::Changed { .. } => false,
    };
    settled(of.control, since, async || (of.function.apply)(place, change).await, is_certain).await
}

/// Whether what a change only adds is there already. That AWS shows it is not believed as long as it may show what was there
/// before.
pub(crate) async fn is_added(of: &Genuine, place: &Place, change: &Change, since: Timestamp) -> Result<bool> {
    let Some(added) = change.added() else { return Ok(false) };
    let is_missing = |applied: &Applied| matches!(applied, Applied::Changed { .. });
    let found = settled(of.control, since, async || (of.function.apply)(place, &added).await, is_missing).await?;
    Ok(!is_missing(&found))
}

/// What is read, as soon as it is certain. Until AWS must show what was written at `since`, it may show what was there
/// before: so long anything else is read again.
pub(crate) async fn settled<T>(
    control: &AnyControl,
    since: Timestamp,
    read: impl AsyncFnMut() -> Result<T>,
    is_certain: impl Fn(&T) -> bool,
) -> Result<T> {
    let waits = Pace::read(&|name: &str| env::var(name).ok())?;
    let fresh = since + SignedDuration::try_from(waits.of(control.settles))?;
    read_until(fresh, waits.of(BETWEEN_READS), read, is_certain).await
}

async fn read_until<T>(
    fresh: Timestamp,
    between: Duration,
    mut read: impl AsyncFnMut() -> Result<T>,
    is_certain: impl Fn(&T) -> bool,
) -> Result<T> {
    let mut is_said = false;
    loop {
        let is_believed = Timestamp::now() >= fresh;
        let found = read().await?;
        if is_believed || is_certain(&found) {
            return Ok(found);
        }
        if !is_said {
            let until = format!("AWS may show until {fresh:.0} what was there before; looking again until then");
            writeln!(io::stderr(), "snapback: {until}")?;
            is_said = true;
        }
        tokio::time::sleep(between).await;
    }
}

/// What is not genuine is not obeyed, and somebody should look who has written it.
pub(crate) fn warn_of(forged: impl IntoIterator<Item = Forged>) {
    for forged in forged {
        // Where standard error is closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "snapback: {}", on_one_line(&forged.to_string()));
    }
}

/// What the entry's plan took away.
pub(crate) fn grants(entry: &Entry) -> &[String] {
    match &entry.decision {
        Decision::Revert { grants, .. } => grants,
        Decision::Allow { .. } | Decision::Alert { .. } => &[],
    }
}

/// The controls for which an undo of a revert by this one is held.
pub(crate) fn holders(control: &AnyControl) -> impl Iterator<Item = &'static str> {
    iter::once(control.about.id).chain(control.held_for.iter().copied())
}

/// The control of an entry, and its function.
pub(crate) fn known(entry: &Entry) -> Result<(&'static Function, &'static AnyControl)> {
    let mut controls = FUNCTIONS.iter().flat_map(|function| function.controls.iter().map(move |of| (*function, of)));
    controls
        .find(|(_, control)| control.about.id == entry.control)
        .with_context(|| format!("this version does not know the control `{}`", entry.control))
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
    let (function, control) = known(entry)?;
    let (event, settings) = (entry.event(), &entry.basis.settings);
    // What a look finds is found by going through what there is.
    let looked_at = (event.is_look() && control.survey.is_some())
        .then(|| Suspicion { subject: entry.subject.clone(), why: entry.suspicion.clone() });
    let suspicion = (control.suspect)(&event, settings)
        .into_iter()
        .chain(looked_at)
        .find(|suspicion| Entry::id_of(&event, control.about.id, &suspicion.subject) == entry.id)
        .context("the event in the entry is not the one that the entry was written for")?;
    let holds = entry.basis.holds.iter().map(|hold| hold.grant.clone()).collect();
    let decision = (control.decide)(&event, &suspicion, &entry.state, &Given { settings, holds: &holds })?;
    let subject = (control.found)(&event, &suspicion, &entry.state)?;
    // Where the console shows it may be another place for another version.
    let subject = Subject { console: entry.subject.console.clone(), ..subject };
    let is_same = subject == entry.subject && decision.plan() == entry.decision.plan();
    ensure!(
        is_same && matches!(decision, Decision::Revert { grants: again, .. } if again == grants(entry)),
        "the plan in the journal does not follow from the event and the state that are recorded with it. Somebody has \
         changed the entry, or another version of Snapback wrote it. Nothing was done"
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
        Kind::Look => format!("found by a scheduled check at {}", event.time),
        _ => format!("changed by {} with {} at {}", event.actor, event.name, event.time),
    })?;
    line(decision.why().to_owned())?;
    Ok(())
}

/// What a change would do. `before` says where it is known from what is there before.
pub(crate) fn show_change(change: &Change, [before, after]: [&str; 2], out: &mut impl Write) -> Result<()> {
    let (from, to) = change.sides();
    writeln!(out, "  * {change}\n    --- {before}\n{}\n    --- {after}\n{}", indented(&from), indented(&to))?;
    Ok(())
}

/// What can be done about an entry, by what it says.
pub(crate) fn what_can_be_done(entry: &Entry) -> String {
    let id = &entry.id;
    match entry.outcome {
        Outcome::Reverted => format!("It is reverted; `snapback undo {id}` undoes that."),
        Outcome::Asked | Outcome::WouldRevert => format!("Nothing was reverted; `snapback apply {id}` does it."),
        Outcome::Undone => format!(
            "Its revert was undone, and a hold keeps Snapback from reverting it again; `snapback release {id}` ends that."
        ),
        Outcome::Pending => "A function is still at work on it; look again in a minute.".to_owned(),
        Outcome::Failed => "Snapback tries again by itself. If it is urgent, put it right by hand.".to_owned(),
        Outcome::Held => "A hold keeps it as it is. Its notification has the command that ends the hold.".to_owned(),
        Outcome::Alerted => "Snapback has no exact revert for it. Judge it, and put it right by hand.".to_owned(),
        Outcome::Closed => "It was closed before Snapback could do that, and nothing was changed.".to_owned(),
        Outcome::Allowed => "It was found to be harmless, and nothing was changed.".to_owned(),
    }
}

pub(crate) fn agreed(question: &str, out: &mut impl Write) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask at: add --yes if you are sure");
    }
    write!(out, "{question} [y/N] ")?;
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
    use snapback::journal::{Basis, Cause};
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
        let control = functions::controls().next().expect("there are controls");
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
            unwritten: false,
            forged: std::collections::BTreeSet::new(),
            announced: true,
            due: None,
            undone: None,
            expires: event.time,
        }
    }

    fn refusal(entry: &Entry) -> String {
        judged_again(entry).map(drop).expect_err("it is tampered with").to_string()
    }

    #[test]
    fn in_another_account_a_role_has_to_be_named() {
        let of = |account: &str| Caller { account: account.to_owned(), arn: String::new() };
        let (subject, none) = (reverted().subject, MemberArguments { member_role: None });
        assert!(of("111122223333").reaches(&subject, &none).is_ok());
        let refused = of("444455556666").reaches(&subject, &none).expect_err("it is another account's").to_string();
        assert!(refused.contains("444455556666") && refused.contains("--member-role"), "{refused}");
        let named = MemberArguments { member_role: Some("Operator".to_owned()) };
        assert!(of("444455556666").reaches(&subject, &named).is_ok());
    }

    #[test]
    fn an_entry_that_is_as_it_was_made_is_taken_at_its_word() {
        let mut entry: Entry =
            serde_json::from_str(&serde_json::to_string(&reverted()).expect("JSON")).expect("an entry");
        // Another version may show it elsewhere.
        entry.subject.console.push_str("&view=new");
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
            assert!(refusal.contains("does not follow from the event and the state"), "{refusal}");
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
            assert_eq!(refusal(&tampered), "the event in the entry is not the one that the entry was written for");
        }
    }

    /// What is believed of reads that give these in turn, and how many were made.
    async fn read(fresh: Timestamp, certain: u8, reads: &[u8]) -> (u8, usize) {
        let mut made = 0;
        let read = async || {
            made += 1;
            Ok(reads[made - 1])
        };
        let found = read_until(fresh, Duration::ZERO, read, |found| *found == certain).await.expect("it is read");
        (found, made)
    }

    #[tokio::test]
    async fn what_aws_may_still_show_as_it_was_is_read_again() {
        let later = Timestamp::now() + SignedDuration::from_hours(1);
        let (old, new) = (1, 2);
        assert_eq!(read(later, new, &[old, old, new]).await, (new, 3));
        assert_eq!(read(Timestamp::UNIX_EPOCH, new, &[old, new]).await, (old, 1), "by now AWS shows how it is");
        assert_eq!(read(later, new, &[new]).await, (new, 1));
    }
}
