//! Guardrails: the operator's say in when Snapback may act, written in Cedar.
//!
//! Each revert is asked for before it is made. `default.cedar` permits all; a `forbid` turns a revert into an alert, and
//! nothing turns anything into a revert. Cedar skips a policy that errs, so one that was to forbid would open: here an
//! error forbids as well. `guardrails/schema.cedarschema` says what guardrails can speak of.

mod names;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision as Answer, Effect, Entities, Entity, EntityId, EntityTypeName,
    EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, Request, ResourceConstraint,
    RestrictedExpression as Value, Schema, ValidationMode, ValidationWarning, Validator,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use miette::Diagnostic;
use serde::Serialize;
use serde_json::json;

use crate::change::Change;
use crate::control::{About, Look, ReadTags, Watch};
use crate::decision::{Decision, Severity};
use crate::event::{Actor, Event};
use crate::journal::digest_of;
use crate::network;
use crate::subject::Subject;
use crate::trusted;
use names::Misnamed;

/// What guardrails can speak of.
const SCHEMA: &str = include_str!("../../guardrails/schema.cedarschema");

/// The guardrail that a clone has. It is known what it says: reading it would need Cedar's grammar, which is an eighth of a
/// cold start that reverts.
const DEFAULT: &str = include_str!("../../guardrails/default.cedar");

/// What stands before a guardrail. Any other word is a slip, such as an `@untill` that would never end it.
const ANNOTATIONS: [&str; 3] = ["reason", "owner", "until"];

/// The file beside guardrails that says which have been checked, and by which schema.
const MARK: &str = "checked.sha256";

/// What else belongs into a folder of guardrails and is none: whom the operator trusts, and what a clone has there.
const BESIDE: [&str; 5] = [trusted::FILE, MARK, "schema.cedarschema", "Makefile", "README.md"];

/// The folder beside guardrails that is there to be copied from.
const EXAMPLES: &str = "examples";

/// The guardrails of a folder, all of which fit the schema.
#[derive(Debug)]
pub struct Guardrails {
    all: Vec<Loaded>,
    /// What is allowed and hardly meant, such as a guardrail that can never apply.
    doubtful: Vec<String>,
    /// What of that can never apply.
    idle: Vec<String>,
}

/// One guardrail, as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guardrail {
    /// The name of its file, and which it is in there if there are more.
    pub id: String,
    pub file: String,
    /// Or else it permits.
    pub forbids: bool,
    pub reason: Option<String>,
    pub owner: Option<String>,
    /// The last day, in UTC, on which it applies.
    pub until: Option<Date>,
}

#[derive(Debug)]
struct Loaded {
    guardrail: Guardrail,
    policy: Policy,
    mentions_tags: bool,
    mentions_units: bool,
}

/// What is wrong with the guardrails of a folder, each with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub Vec<String>);

/// The revert that guardrails are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub event: &'a Event,
    pub subject: &'a Subject,
    pub about: &'a About,
    pub severity: Severity,
    /// Those of the subject, if they are known.
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// The root and the units of the organization that its account is in, if they are known.
    pub units: Option<&'a BTreeSet<String>>,
    pub now: Timestamp,
}

/// What guardrails say to a revert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Permitted,
    /// By these; by none of them in particular if none permits it.
    Forbidden(Vec<Guardrail>),
    /// It cannot be told, for this reason.
    Unsure(String),
}

impl Guardrails {
    /// Reads all `*.cedar` of a folder, and checks them.
    ///
    /// # Errors
    /// Names each file and line, and what was expected. Guardrails are read all or not at all.
    pub fn read(folder: &Path) -> Result<Self, Broken> {
        Self::parse(&texts(folder)?)
    }

    /// The same, without checking once more what is marked as checked: that takes more than a third of a cold start.
    ///
    /// # Errors
    /// As for [`Guardrails::read`].
    pub fn read_marked(folder: &Path) -> Result<Self, Broken> {
        let texts = texts(folder)?;
        let is_marked = fs::read_to_string(folder.join(MARK)).is_ok_and(|mark| mark == digest(&texts));
        if is_marked { Self::unchecked(&texts) } else { Self::parse(&texts) }
    }

    /// As [`Guardrails::read`], and refuses what could never apply, such as one that names a role without its ARN. It is for
    /// whoever writes guardrails: a function asks those that it has.
    ///
    /// # Errors
    /// As for [`Guardrails::read`], and names what nothing is called, and what was meant.
    pub fn check(folder: &Path) -> Result<Self, Broken> {
        let texts = texts(folder)?;
        Self::parse(&texts)?.that_may_apply(&texts)
    }

    /// As [`Guardrails::check`], and puts the mark that says so into another folder, to which they will be copied.
    ///
    /// # Errors
    /// As for [`Guardrails::check`], and when the mark cannot be written.
    pub fn check_and_mark(folder: &Path, copy: &Path) -> Result<Self, Broken> {
        let (texts, mark) = (texts(folder)?, copy.join(MARK));
        let guardrails = Self::parse(&texts)?.that_may_apply(&texts)?;
        match fs::write(&mark, digest(&texts)) {
            Ok(()) => Ok(guardrails),
            Err(error) => Err(Broken(vec![format!("{}: cannot be written: {error}", mark.display())])),
        }
    }

    /// Reads guardrails from the texts of named files, and checks them.
    ///
    /// # Errors
    /// As for [`Guardrails::read`].
    pub fn parse<T: AsRef<str>>(files: &[(T, T)]) -> Result<Self, Broken> {
        let mut guardrails = Self::unchecked(files)?;
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA)
            .map_err(|error| Broken(vec![said("schema.cedarschema", SCHEMA, &error)]))?;
        let text_of: HashMap<&str, &str> = files.iter().map(|(file, text)| (file.as_ref(), text.as_ref())).collect();
        let place = |id: &PolicyId, error: &dyn Diagnostic| {
            let found = guardrails.all.iter().find(|loaded| loaded.policy.id() == id);
            let file = found.map_or("", |loaded| loaded.guardrail.file.as_str());
            said(file, text_of.get(file).copied().unwrap_or_default(), error)
        };
        let set = set(guardrails.all.iter()).map_err(|error| Broken(vec![error.to_string()]))?;
        let found = Validator::new(schema).validate(&set, ValidationMode::Strict);
        let broken: Vec<String> = found.validation_errors().map(|error| place(error.policy_id(), error)).collect();
        let warned = |of: &[&ValidationWarning]| -> Vec<String> {
            of.iter().map(|warning| place(warning.policy_id(), *warning)).collect()
        };
        let all: Vec<&ValidationWarning> = found.validation_warnings().collect();
        let is_idle = |warning: &&ValidationWarning| matches!(warning, ValidationWarning::ImpossiblePolicy(_));
        let idle: Vec<&ValidationWarning> = all.iter().copied().filter(is_idle).collect();
        let (doubtful, idle) = (warned(&all), warned(&idle));
        (guardrails.doubtful, guardrails.idle) = (doubtful, idle);
        if broken.is_empty() { Ok(guardrails) } else { Err(Broken(broken)) }
    }

    fn unchecked<T: AsRef<str>>(files: &[(T, T)]) -> Result<Self, Broken> {
        let (mut all, mut broken) = (vec![], vec![]);
        for (file, text) in files {
            match policies(file.as_ref(), text.as_ref()) {
                Ok(policies) => all.extend(policies),
                Err(problems) => broken.extend(problems),
            }
        }
        if broken.is_empty() { Ok(Self { all, doubtful: vec![], idle: vec![] }) } else { Err(Broken(broken)) }
    }

    fn that_may_apply<T: AsRef<str>>(self, files: &[(T, T)]) -> Result<Self, Broken> {
        let all = files.iter().flat_map(|(file, text)| {
            let (file, text) = (file.as_ref(), text.as_ref());
            let of_file = self.all.iter().filter(move |loaded| loaded.guardrail.file == file);
            of_file.flat_map(move |loaded| loaded.misnamed(text))
        });
        let misnamed: Vec<String> = all.collect();
        let broken = if misnamed.is_empty() { self.idle.clone() } else { misnamed };
        if broken.is_empty() { Ok(self) } else { Err(Broken(broken)) }
    }

    /// All there are, in the order of their files, also those whose time is over.
    pub fn iter(&self) -> impl Iterator<Item = &Guardrail> {
        self.all.iter().map(|loaded| &loaded.guardrail)
    }

    /// What is allowed and hardly meant.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let mut warnings = self.doubtful.clone();
        for guardrail in self.iter().filter(|guardrail| !guardrail.applies(now)) {
            let until = guardrail.until.map(|until| until.to_string()).unwrap_or_default();
            warnings.push(format!("{}: `{}` ended with {until} and no longer applies", guardrail.file, guardrail.id));
        }
        for Loaded { guardrail, .. } in
            self.in_force(now).filter(|loaded| loaded.guardrail.forbids && says_of_all(&loaded.policy))
        {
            let what = "forbids every revert, so nothing is ever reverted";
            warnings.push(format!("{}: `{}` {what}", guardrail.file, guardrail.id));
        }
        if !self.in_force(now).any(|loaded| !loaded.guardrail.forbids) {
            warnings.push("no guardrail permits anything, so nothing is ever reverted".to_owned());
        }
        warnings
    }

    /// Whether the tags of a subject matter.
    #[must_use]
    pub fn mention_tags(&self, now: Timestamp) -> bool {
        self.in_force(now).any(|loaded| loaded.mentions_tags)
    }

    /// Whether the units of the organization matter that an account is in.
    #[must_use]
    pub fn mention_units(&self, now: Timestamp) -> bool {
        self.in_force(now).any(|loaded| loaded.mentions_units)
    }

    /// Whether Snapback may make this revert, by the subject's tags too where a guardrail asks for them.
    pub async fn look_and_judge(&self, read: ReadTags, look: &Look<'_>, question: Question<'_>) -> Verdict {
        if !self.mention_tags(question.now) {
            return self.judge(&question);
        }
        match read(look, question.subject).await {
            Ok(tags) => self.judge(&Question { tags: Some(&tags), ..question }),
            Err(failure) => Verdict::Unsure(format!("{failure:#}")),
        }
    }

    /// Whether Snapback may make this revert. What goes wrong on the way forbids it.
    #[must_use]
    pub fn judge(&self, question: &Question<'_>) -> Verdict {
        if question.tags.is_none() && self.mention_tags(question.now) {
            return Verdict::Unsure("a guardrail asks for tags, and they are not known".to_owned());
        }
        if question.units.is_none() && self.mention_units(question.now) {
            return Verdict::Unsure(
                "a guardrail asks for the units that the account is in, and no list of the last 48 hours says them \
                 (`TrustMembers`)"
                    .to_owned(),
            );
        }
        self.ask(question).unwrap_or_else(|error| Verdict::Unsure(format!("{error:#}")))
    }

    fn ask(&self, question: &Question<'_>) -> Result<Verdict> {
        // As `default.cedar` does: then nobody has to be asked.
        if self.in_force(question.now).all(|loaded| permits_everything(&loaded.policy)) {
            let permits = self.in_force(question.now).next().is_some();
            return Ok(if permits { Verdict::Permitted } else { Verdict::Forbidden(vec![]) });
        }
        let policies = set(self.in_force(question.now))?;
        let (actor, action, resource) = (actor(&question.event.actor)?, action(question.about)?, resource(question)?);
        let (who, what, which) = (actor.uid(), action.uid(), resource.uid());
        let entities = Entities::from_entities([actor, action, resource], None)?;
        let request = Request::new(who, what, which, circumstances(question)?, None)?;
        let response = Authorizer::new().is_authorized(&request, &policies, &entities);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        if !errors.is_empty() {
            return Ok(Verdict::Unsure(errors.join("; ")));
        }
        let reasons: HashSet<&PolicyId> = response.diagnostics().reason().collect();
        Ok(match response.decision() {
            Answer::Allow => Verdict::Permitted,
            Answer::Deny => {
                let speaking = self.all.iter().filter(|loaded| reasons.contains(loaded.policy.id()));
                Verdict::Forbidden(speaking.map(|loaded| loaded.guardrail.clone()).collect())
            }
        })
    }

    fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Loaded> {
        self.all.iter().filter(move |loaded| loaded.guardrail.applies(now))
    }
}

impl Loaded {
    /// What it names and nothing is called, each with its place in the text of its file.
    fn misnamed(&self, text: &str) -> Vec<String> {
        let Guardrail { id, file, .. } = &self.guardrail;
        let own = self.policy.to_cedar().and_then(|own| text.find(&own)).unwrap_or_default();
        let said = |Misnamed { found, expected }: Misnamed| {
            let at = text[own..].find(&format!("\"{found}\"")).map_or(own, |at| own + at);
            let line = text[..at].matches('\n').count() + 1;
            format!("{file}:{line}: `{id}` could never apply: expected {expected}, found `{found}`")
        };
        names::misnamed(&self.policy.to_json().unwrap_or_default()).into_iter().map(said).collect()
    }
}

impl Guardrail {
    #[must_use]
    pub fn applies(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now.to_zoned(TimeZone::UTC).date() <= until)
    }
}

impl Verdict {
    /// What is left of a decision under this verdict: a revert that is not permitted is an alert.
    #[must_use]
    pub fn over(&self, decision: Decision<Change>) -> Decision<Change> {
        match decision {
            Decision::Revert { severity, why, .. } if *self != Self::Permitted => {
                Decision::Alert { severity, why: format!("{why}; {self}") }
            }
            decision => decision,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permitted => f.write_str("no guardrail forbids reverting it"),
            Self::Forbidden(by) if by.is_empty() => f.write_str("no guardrail permits reverting it"),
            Self::Forbidden(by) => {
                let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                write!(f, "reverting it is forbidden by {}", by.join(" and by "))
            }
            Self::Unsure(why) => write!(f, "cannot tell whether a guardrail forbids reverting it: {why}"),
        }
    }
}

impl fmt::Display for Guardrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guardrail `{}`", self.id)?;
        if let Some(reason) = &self.reason {
            write!(f, ": {}", reason.trim_end_matches('.'))?;
        }
        let owner = self.owner.as_ref().map(|owner| format!("owner {owner}"));
        let until = self.until.map(|until| format!("until {until}"));
        let more: Vec<String> = owner.into_iter().chain(until).collect();
        if more.is_empty() { Ok(()) } else { write!(f, " ({})", more.join(", ")) }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Broken {}

/// Whether everything in a folder is read, and says something: a guardrail under another name is none.
///
/// # Errors
/// Names each, and what was expected.
pub fn refuse_strays(folder: &Path) -> Result<(), Broken> {
    let strays = paths(folder)?.into_iter().filter_map(|path| Some(format!("{}: {}", path.display(), stray(&path)?)));
    let strays: Vec<String> = strays.collect();
    if strays.is_empty() { Ok(()) } else { Err(Broken(strays)) }
}

/// Why nobody would ever ask what is in this, if it may be meant to be asked.
fn stray(path: &Path) -> Option<&'static str> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() {
        let holds_some = paths(path).is_ok_and(|paths| paths.iter().any(|path| is_guardrails(path)));
        let is_read = !holds_some || name == EXAMPLES || name.starts_with('.');
        return (!is_read).then_some("expected guardrails in the folder itself: a folder in it is not read");
    }
    if is_guardrails(path) {
        // What is no Cedar is told when it is read.
        let set = fs::read_to_string(path).ok().and_then(|text| PolicySet::from_str(&text).ok());
        let is_empty = set.is_some_and(|set| set.is_empty());
        return is_empty.then_some("expected a guardrail (`permit …` or `forbid …`), found none");
    }
    let is_expected = BESIDE.contains(&&*name) || name.starts_with('.');
    (!is_expected).then_some("expected a name that ends in `.cedar`, or `trusted.json`: no other file is read")
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Broken> {
    let mut files = paths(folder)?;
    files.retain(|path| is_guardrails(path));
    Ok(files)
}

fn is_guardrails(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "cedar")
}

fn paths(folder: &Path) -> Result<Vec<PathBuf>, Broken> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| unreadable(folder, &error))?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Which files there are, and what is in them.
fn texts(folder: &Path) -> Result<Vec<(String, String)>, Broken> {
    let mut texts = vec![];
    for path in files(folder)? {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        texts.push((path.display().to_string(), text));
    }
    if texts.is_empty() {
        let what = "expected guardrails (`*.cedar`), found none; one that permits is needed, such as `default.cedar`";
        return Err(Broken(vec![format!("{}: {what}", folder.display())]));
    }
    Ok(texts)
}

/// Of the schema and of all files, wherever their folder is.
fn digest(texts: &[(String, String)]) -> String {
    let named = texts.iter().flat_map(|(path, text)| [Path::new(path).file_name().and_then(OsStr::to_str), Some(text)]);
    let parts: Vec<Option<&str>> = [Some(SCHEMA)].into_iter().chain(named).collect();
    digest_of(json!(parts).to_string().as_bytes())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Broken {
    Broken(vec![format!("{}: cannot be read: {error}", path.display())])
}

/// The policies of one file, in their order, named after it.
fn policies(file: &str, text: &str) -> Result<Vec<Loaded>, Vec<String>> {
    let set = match (text == DEFAULT).then(default).flatten() {
        Some(known) => known,
        None => PolicySet::from_str(text)
            .map_err(|errors| errors.iter().map(|error| said(file, text, error)).collect::<Vec<_>>())?,
    };
    if set.num_of_templates() > 0 {
        return Err(vec![format!("{file}: expected policies, found a template (`?principal` or `?resource`)")]);
    }
    let stem = Path::new(file).file_stem().map(OsStr::to_string_lossy).unwrap_or_default();
    // Cedar numbers the policies of a text from 0.
    let number = |policy: &Policy| policy.id().to_string().trim_start_matches("policy").parse().unwrap_or(0_usize);
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| number(policy));
    let (mut loaded, mut problems) = (vec![], vec![]);
    for policy in policies {
        let id = match number(policy) {
            0 => stem.to_string(),
            before => format!("{stem}-{}", before + 1),
        };
        match guardrail(&id, file, policy) {
            Ok(guardrail) => loaded.push(Loaded {
                mentions_tags: mentions(policy, |key, _| matches!(key, "hasTag" | "getTag")),
                mentions_units: mentions(policy, |key, value| key == "attr" && value == "units"),
                policy: policy.new_id(PolicyId::new(&guardrail.id)),
                guardrail,
            }),
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{file}: `{id}`: {problem}"))),
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

/// What `default.cedar` says.
fn default() -> Option<PolicySet> {
    let all = json!({"op": "All"});
    let permit = json!({"effect": "permit", "principal": all, "action": all, "resource": all, "conditions": []});
    let policy = Policy::from_json(Some(PolicyId::new("policy0")), permit).ok()?;
    PolicySet::from_policies([policy]).ok()
}

fn set<'a>(all: impl Iterator<Item = &'a Loaded>) -> Result<PolicySet> {
    Ok(PolicySet::from_policies(all.map(|loaded| loaded.policy.clone()))?)
}

fn permits_everything(policy: &Policy) -> bool {
    policy.effect() == Effect::Permit && says_of_all(policy)
}

/// Whether it applies to every revert.
fn says_of_all(policy: &Policy) -> bool {
    policy.principal_constraint() == PrincipalConstraint::Any
        && policy.action_constraint() == ActionConstraint::Any
        && policy.resource_constraint() == ResourceConstraint::Any
        && !policy.has_non_scope_constraint()
}

fn guardrail(id: &str, file: &str, policy: &Policy) -> Result<Guardrail, Vec<String>> {
    let forbids = policy.effect() == Effect::Forbid;
    let mut problems = vec![];
    for (name, _) in policy.annotations().filter(|(name, _)| !ANNOTATIONS.contains(name)) {
        problems.push(format!("expected `@reason`, `@owner` or `@until`, found `@{name}`"));
    }
    // Asked for one by its name, Cedar would set up its grammar to read the name.
    let annotation = |name: &str| policy.annotations().find(|(other, _)| *other == name).map(|(_, text)| text);
    let given = |name: &str| annotation(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let (reason, owner) = (given("reason"), given("owner"));
    for (name, what, text) in [("reason", "says why", &reason), ("owner", "says who answers for it", &owner)] {
        if forbids && text.is_none() {
            problems.push(format!("expected `@{name}(\"…\")`, which {what}, found none"));
        }
    }
    let until = match annotation("until") {
        None => None,
        Some(text) => match text.parse::<Date>() {
            Ok(date) if date.to_string() == text => Some(date),
            _ => {
                problems.push(format!("expected `@until` with a day such as `2027-03-31`, found `{text}`"));
                None
            }
        },
    };
    if problems.is_empty() {
        Ok(Guardrail { id: id.to_owned(), file: file.to_owned(), forbids, reason, owner, until })
    } else {
        Err(problems)
    }
}

/// Whether a guardrail has something in it. In doubt it does: then that is read.
fn mentions(policy: &Policy, is_it: fn(&str, &serde_json::Value) -> bool) -> bool {
    fn has(json: &serde_json::Value, is_it: fn(&str, &serde_json::Value) -> bool) -> bool {
        match json {
            serde_json::Value::Object(object) => {
                object.iter().any(|(key, value)| is_it(key, value) || has(value, is_it))
            }
            serde_json::Value::Array(elements) => elements.iter().any(|element| has(element, is_it)),
            _ => false,
        }
    }
    policy.to_json().map_or(true, |json| has(&json, is_it))
}

/// A problem, with the line that it is on and what Cedar says besides.
fn said(file: &str, text: &str, problem: &dyn Diagnostic) -> String {
    let label = problem.labels().and_then(|mut labels| labels.next());
    let line =
        label.as_ref().and_then(|label| text.get(..label.offset())).map(|before| before.matches('\n').count() + 1);
    let more = label.as_ref().and_then(|label| label.label()).map(|label| format!(", {label}")).unwrap_or_default();
    let help = problem.help().map(|help| format!(" ({help})")).unwrap_or_default();
    match line {
        Some(line) => format!("{file}:{line}: {problem}{more}{help}"),
        None => format!("{file}: {problem}{more}{help}"),
    }
}

fn actor(actor: &Actor) -> Result<Entity> {
    // An address that the caller may have chosen says nothing of where they are.
    let address = actor.source_address.as_deref().and_then(|address| address.parse::<IpAddr>().ok());
    let address = address.map(|address| address.to_canonical());
    let address = address.filter(|address| actor.vpc_endpoint.is_none() && network::is_of_the_internet(*address));
    let optional = [("arn", &actor.arn), ("account", &actor.account), ("name", &actor.name), ("role", &actor.role)];
    let mut attributes: HashMap<String, Value> = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::new_string(value.clone()?))))
        .collect();
    attributes.insert("type".to_owned(), Value::new_string(actor.kind.clone()));
    attributes.insert("mfa".to_owned(), Value::new_bool(actor.mfa));
    attributes.extend(address.map(|address| ("sourceAddress".to_owned(), Value::new_ip(address.to_string()))));
    let id = [&actor.role, &actor.arn, &actor.invoked_by].into_iter().flatten().next();
    Ok(Entity::new(uid("Actor", id.map_or("unknown", String::as_str))?, attributes, HashSet::new())?)
}

/// The control, in its groups.
fn action(about: &About) -> Result<Entity> {
    let kind = EntityTypeName::from_str("Action")?;
    let named = |id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
    Ok(Entity::new_no_attrs(named(about.id), groups(about).iter().map(|group| named(group)).collect()))
}

/// The groups of actions that a control is in: the services whose calls it watches, and the most severe that it can say.
#[must_use]
pub fn groups(about: &About) -> BTreeSet<String> {
    let service = |watch: &Watch| format!("service/{}", watch.service.trim_end_matches(".amazonaws.com"));
    about.watches.iter().map(service).chain([format!("severity/{}", about.severity)]).collect()
}

fn resource(question: &Question<'_>) -> Result<Entity> {
    let Subject { kind, name, arn, account, region, .. } = question.subject;
    let attributes = [("arn", arn), ("type", kind), ("account", account), ("region", region), ("name", name)];
    let text = |(name, value): (&str, &String)| (name.to_owned(), Value::new_string(value.clone()));
    let tags = question.tags.into_iter().flatten().map(|(key, value)| text((key, value)));
    let units = Value::new_set(question.units.into_iter().flatten().map(|unit| Value::new_string(unit.clone())));
    let attributes = attributes.map(text).into_iter().chain([("units".to_owned(), units)]);
    Ok(Entity::new_with_tags(uid("Resource", arn)?, attributes, [], tags)?)
}

fn circumstances(question: &Question<'_>) -> Result<Context> {
    let time = |time: Timestamp| Value::new_datetime(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    Ok(Context::from_pairs([
        ("now".to_owned(), time(question.now)),
        ("eventTime".to_owned(), time(question.event.time)),
        ("severity".to_owned(), Value::new_string(question.severity.to_string())),
    ])?)
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind)?, EntityId::new(id)))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::change::{Holder, PolicyChange};

    const PERMIT: &str = "permit (principal, action, resource);";

    static ABOUT: About = About {
        id: "s3-public-bucket-policy",
        title: "",
        happened: "",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &[],
        caveat: "",
        source: "",
    };

    #[test]
    fn what_a_clone_has_says_what_is_known_of_it() {
        let read = |text: &str| {
            let all = policies("default.cedar", text).expect("a guardrail").into_iter();
            let all = all.map(|one| (one.guardrail, one.mentions_tags, one.policy.to_json().expect("a policy")));
            all.collect::<Vec<_>>()
        };
        assert!(default().is_some());
        assert_eq!(read(DEFAULT), read(&format!("{DEFAULT}\n")));
    }

    fn event(more: &serde_json::Value) -> Event {
        let mut record = json!({
            "eventID": "e-1", "eventTime": "2026-11-20T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "sourceIPAddress": "198.51.100.7",
            "userIdentity": {"type": "IAMUser", "userName": "mallory", "arn": "arn:aws:iam::111122223333:user/mallory"},
        });
        for (field, value) in more.as_object().expect("fields of a record") {
            record[field] = value.clone();
        }
        Event::from_record(record).expect("a record")
    }

    /// What these guardrails say, beside one that permits all, if it happened like this.
    fn judged(guardrails: &str, more: &serde_json::Value, tags: Option<&[(&str, &str)]>) -> Verdict {
        let event = event(more);
        let tags = tags.map(|tags| tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        Guardrails::parse(&[("default.cedar", PERMIT), ("own.cedar", guardrails)]).expect("guardrails").judge(
            &Question {
                event: &event,
                subject: &Subject::bucket(&event, "b"),
                about: &ABOUT,
                severity: Severity::High,
                tags: tags.as_ref(),
                units: None,
                now: "2026-11-20T12:00:05Z".parse().expect("a time"),
            },
        )
    }

    /// A guardrail that forbids on this condition.
    fn forbid(when: &str) -> String {
        format!("@reason(\"because\") @owner(\"me\") forbid (principal, action, resource) when {{ {when} }};")
    }

    fn is_forbidden(when: &str, more: &serde_json::Value) -> bool {
        match judged(&forbid(when), more, Some(&[])) {
            Verdict::Permitted => false,
            Verdict::Forbidden(by) => by.len() == 1,
            Verdict::Unsure(why) => panic!("{why}"),
        }
    }

    fn broken(text: &str) -> String {
        Guardrails::parse(&[("own.cedar", text)]).map(drop).expect_err("it is broken").to_string()
    }

    #[test]
    fn a_guardrail_that_forbids_is_named_with_reason_owner_and_end() {
        let text = "@reason(\"because.\") @owner(\"me@example.com\") @until(\"2026-11-20\")\n\
                    forbid (principal, action in Action::\"service/s3\", resource);";
        insta::assert_snapshot!(
            judged(text, &json!({}), None),
            @"reverting it is forbidden by guardrail `own`: because (owner me@example.com, until 2026-11-20)"
        );
    }

    #[test]
    fn a_guardrail_ends_with_its_last_day() {
        let with = |until: &str| forbid("true").replacen("forbid", &format!("@until(\"{until}\") forbid"), 1);
        assert_eq!(judged(&with("2026-11-19"), &json!({}), None), Verdict::Permitted);
        assert!(matches!(judged(&with("2026-11-20"), &json!({}), None), Verdict::Forbidden(_)));
        let files = [("default.cedar", PERMIT), ("own.cedar", &with("2026-11-19"))];
        let guardrails = Guardrails::parse(&files).expect("guardrails");
        insta::assert_snapshot!(
            guardrails.warnings("2026-11-20T00:00:00Z".parse().expect("a time")).join("\n"),
            @"own.cedar: `own` ended with 2026-11-19 and no longer applies"
        );
    }

    /// Cedar skips a policy that errs, as if it were not there.
    #[test]
    fn a_guardrail_that_errs_does_not_open() {
        let errs = "9223372036854775807 + 1 == 0";
        for text in [forbid(errs), format!("permit (principal, action, resource) when {{ {errs} }};")] {
            let verdict = judged(&text, &json!({}), None);
            assert!(matches!(&verdict, Verdict::Unsure(why) if why.contains("overflow")), "{verdict}");
        }
    }

    #[test]
    fn without_a_guardrail_that_permits_nothing_is_permitted() {
        let guardrails = Guardrails::parse(&[("own.cedar", &forbid("false"))]).expect("guardrails");
        let event = event(&json!({}));
        let verdict = guardrails.judge(&Question {
            event: &event,
            subject: &Subject::bucket(&event, "b"),
            about: &ABOUT,
            severity: Severity::High,
            tags: None,
            units: None,
            now: Timestamp::UNIX_EPOCH,
        });
        assert_eq!(verdict, Verdict::Forbidden(vec![]));
        assert_eq!(guardrails.warnings(Timestamp::UNIX_EPOCH).len(), 2, "it can never apply, and nothing permits");
    }

    #[test]
    fn tags_are_asked_for_only_where_a_guardrail_mentions_them() {
        let tagged = forbid("resource.hasTag(\"exposure\") && resource.getTag(\"exposure\") == \"approved\"");
        let guardrails = |text| Guardrails::parse(&[("own.cedar", text)]).expect("guardrails");
        assert!(guardrails(&tagged).mention_tags(Timestamp::UNIX_EPOCH));
        assert!(!guardrails(&forbid("resource.name == \"hasTag\"")).mention_tags(Timestamp::UNIX_EPOCH));
        assert!(matches!(judged(&tagged, &json!({}), None), Verdict::Unsure(_)), "they are not known");
        assert_eq!(judged(&tagged, &json!({}), Some(&[])), Verdict::Permitted);
        assert!(matches!(judged(&tagged, &json!({}), Some(&[("exposure", "approved")])), Verdict::Forbidden(_)));
    }

    #[test]
    fn what_asks_for_units_forbids_until_they_are_known() {
        let sandbox = forbid("resource.units.contains(\"ou-ab12-c3d4e5f6\")");
        let guardrails = Guardrails::parse(&[("default.cedar", PERMIT), ("own.cedar", &sandbox)]).expect("guardrails");
        assert!(guardrails.mention_units(Timestamp::UNIX_EPOCH));
        let event = event(&json!({}));
        let in_units = |units: Option<&[&str]>| {
            let units = units.map(|units| units.iter().map(|&unit| unit.to_owned()).collect::<BTreeSet<_>>());
            guardrails.judge(&Question {
                event: &event,
                subject: &Subject::bucket(&event, "b"),
                about: &ABOUT,
                severity: Severity::High,
                tags: None,
                units: units.as_ref(),
                now: Timestamp::UNIX_EPOCH,
            })
        };
        assert!(matches!(in_units(None), Verdict::Unsure(_)));
        assert!(matches!(in_units(Some(&["r-ab12", "ou-ab12-c3d4e5f6"])), Verdict::Forbidden(_)));
        assert_eq!(in_units(Some(&["r-ab12"])), Verdict::Permitted);
        // What speaks of something else asks for none.
        assert_eq!(judged(&forbid("resource.name == \"units\""), &json!({}), None), Verdict::Permitted);
    }

    #[test]
    fn the_name_of_a_session_says_nothing_of_who_it_is() {
        let session = |role: &str, session: &str| {
            json!({"userIdentity": {
                "type": "AssumedRole", "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}"),
                "sessionContext": {"sessionIssuer": {"arn": format!("arn:aws:iam::111122223333:role/{role}")}},
            }})
        };
        let ops = "principal == Actor::\"arn:aws:iam::111122223333:role/Ops\"";
        assert!(is_forbidden(ops, &session("Ops", "alice")));
        assert!(!is_forbidden(ops, &session("Developer", "Ops")));
    }

    #[test]
    fn a_control_is_in_the_groups_of_its_service_and_of_its_severity() {
        for (group, is_in) in [("service/s3", true), ("severity/critical", true), ("service/ec2", false)] {
            assert_eq!(is_forbidden(&format!("action in Action::\"{group}\""), &json!({})), is_in, "{group}");
        }
        assert!(is_forbidden("context.severity == \"high\"", &json!({})), "this very change is less severe");
    }

    #[test]
    fn an_address_that_the_caller_may_have_chosen_is_none() {
        let office = "principal has sourceAddress && principal.sourceAddress.isInRange(ip(\"198.51.100.0/24\"))";
        assert!(is_forbidden(office, &json!({})));
        assert!(is_forbidden(office, &json!({"sourceIPAddress": "::ffff:198.51.100.7"})));
        assert!(!is_forbidden(office, &json!({"vpcEndpointId": "vpce-1"})));
        let any = "principal has sourceAddress";
        for address in ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1", "cloudformation.amazonaws.com", "AWS Internal", ""] {
            assert!(!is_forbidden(any, &json!({"sourceIPAddress": address})), "{address}");
        }
    }

    #[test]
    fn what_is_broken_is_told_with_its_place() {
        insta::assert_snapshot!(broken("// a comment\nforbid (principal, action resource);"), @"own.cedar:2: unexpected token `resource`, expected `!=`, `)`, `,`, `:`, `<`, `<=`, `==`, `>`, `>=`, `in`, or `is`");
        insta::assert_snapshot!(broken(&forbid("\nresource.owner == \"me\"")), @"own.cedar:2: for policy `own`, attribute `owner` on entity type `Resource` not found (did you mean `arn`?)");
        insta::assert_snapshot!(broken(&forbid("\nprincipal.role == \"me\"")), @"own.cedar:2: for policy `own`, unable to guarantee safety of access to optional attribute `role` on entity type `Actor` (try testing for the attribute's presence with `e has role && ..`)");
        insta::assert_snapshot!(broken(&forbid("action == Action::\"s3-public-bucket-polic\"")), @r#"own.cedar:1: for policy `own`, unrecognized action `Action::"s3-public-bucket-polic"` (did you mean `Action::"s3-public-bucket-policy"`?)"#);
        let text = "@untill(\"2027-02-30\") @until(\"2027-2-3\")\nforbid (principal, action, resource);";
        insta::assert_snapshot!(broken(text).replace("; ", "\n"), @r#"
        own.cedar: `own`: expected `@reason`, `@owner` or `@until`, found `@untill`
        own.cedar: `own`: expected `@reason("…")`, which says why, found none
        own.cedar: `own`: expected `@owner("…")`, which says who answers for it, found none
        own.cedar: `own`: expected `@until` with a day such as `2027-03-31`, found `2027-2-3`
        "#);
        insta::assert_snapshot!(broken("permit (principal == ?principal, action, resource);"), @"own.cedar: expected policies, found a template (`?principal` or `?resource`)");
    }

    fn never(text: &str) -> String {
        let files = [("own.cedar", text)];
        let checked = Guardrails::parse(&files).expect("it fits the schema").that_may_apply(&files);
        checked.map(drop).expect_err(text).to_string()
    }

    /// Each fits the schema, and nothing is ever called so.
    #[test]
    fn what_could_never_apply_is_told_with_its_line_and_with_what_was_meant() {
        let of = |who: &str, what: &str, which: &str| {
            format!("@reason(\"r\")\n@owner(\"o\")\nforbid (\n{who},\n{what},\n{which}\n);")
        };
        let session = "Actor::\"arn:aws:sts::111122223333:assumed-role/Ops/alice\"";
        for (text, said) in [
            (
                of("principal", "action == Action::\"service/s3\"", "resource"),
                "own.cedar:5: `own` could never apply: expected `action in Action::\"service/s3\"`",
            ),
            (
                of("principal == Actor::\"BreakGlass\"", "action", "resource"),
                "own.cedar:4: `own` could never apply: expected the ARN of a role or a user",
            ),
            (
                of(&format!("principal == {session}"), "action", "resource"),
                "expected the role of the session, `arn:aws:iam::111122223333:role/Ops`",
            ),
            (
                of("principal == Actor::\"arn:aws:iam::111122223333:role/*\"", "action", "resource"),
                "`principal has role && principal.role like",
            ),
            (
                of("principal", "action", "resource == Resource::\"example-reports\""),
                "own.cedar:6: `own` could never apply: expected the ARN of a resource",
            ),
            (
                of("principal", "action", "resource == Resource::\"arn:aws:s3:::site-*\""),
                "a pattern needs `resource.arn like",
            ),
            (
                forbid("\ncontext.severity == \"hgih\""),
                "own.cedar:2: `own` could never apply: expected `low`, `medium`, `high` or `critical`, found `hgih`",
            ),
            (forbid("\"hgih\" != context.severity"), "found `hgih`"),
            (forbid("[\"high\", \"critcal\"].contains(context.severity)"), "found `critcal`"),
            (forbid("resource.account == \"sandbox\""), "expected the twelve digits of an account, found `sandbox`"),
            (forbid("principal has role && principal.role == \"Ops\""), "expected the ARN of a role or a user"),
            (forbid("resource.arn == \"reports\""), "expected an ARN, found `reports`"),
            (forbid("principal.type == \"AssumeRole\""), "expected `AssumedRole`, found `AssumeRole`"),
            (forbid("[Action::\"service/s3\"].contains(action)"), "expected `action in Action::\"service/s3\"`"),
            (forbid("principal in [Actor::\"Ops\"]"), "found `Ops`"),
            (forbid("false"), "policy is impossible"),
        ] {
            assert!(never(&text).contains(said), "{text}: {}", never(&text));
        }
        let second = format!("{PERMIT}\n{}\n{}", forbid("true"), forbid("context.severity == \"hgih\""));
        assert!(never(&second).starts_with("own.cedar:3: `own-3`"), "{}", never(&second));
    }

    #[test]
    fn what_may_apply_is_not_refused() {
        for text in [
            forbid("action in [Action::\"service/s3\", Action::\"ec2-open-egress\"]"),
            forbid("principal == Actor::\"unknown\" || principal == Actor::\"lambda.amazonaws.com\""),
            forbid("principal == Actor::\"arn:aws-cn:iam::111122223333:user/eng/bob\""),
            forbid("principal == Actor::\"arn:aws:iam::111122223333:root\""),
            forbid("principal == Actor::\"arn:aws:sts::111122223333:federated-user/bob\""),
            forbid("principal has arn && principal.arn == \"arn:aws:sts::111122223333:assumed-role/Ops/alice\""),
            forbid("resource == Resource::\"arn:aws:s3:::reports/odd*name\""),
            forbid("resource.name == \"hgih\" && context.severity != \"critical\" && resource.type == \"bucket\""),
            forbid("principal.type == \"SomethingThatIsNew\""),
        ] {
            let files = [("own.cedar", &*text)];
            let checked = Guardrails::parse(&files).expect("it fits the schema").that_may_apply(&files);
            assert!(checked.is_ok(), "{text}: {checked:?}");
        }
    }

    #[test]
    fn several_guardrails_of_a_file_are_numbered() {
        let text = [PERMIT, &forbid("true"), &forbid("false")].concat();
        let guardrails = Guardrails::parse(&[("own.cedar", &text)]).expect("guardrails");
        assert_eq!(guardrails.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["own", "own-2", "own-3"]);
        let twice = Guardrails::parse(&[("a/own.cedar", PERMIT), ("b/own.cedar", PERMIT)]);
        assert!(twice.is_err(), "two of one name could not be told apart");
    }

    #[test]
    fn a_folder_without_guardrails_is_broken_and_permits_nothing() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy");
        assert!(Guardrails::read(&folder).is_err_and(|broken| broken.to_string().contains("found none")));
        assert!(
            Guardrails::read(&folder.join("none")).is_err_and(|broken| broken.to_string().contains("cannot be read"))
        );
    }

    /// What is marked is not checked again, however little it fits; one other letter, and it is.
    #[test]
    fn only_what_is_marked_is_not_checked_again() {
        let folder = std::env::temp_dir().join(format!("snapback-marked-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let misfit = "permit (principal, action, resource) when { resource.owner == 1 };";
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
        let is_read = || Guardrails::read_marked(&folder).is_ok();
        write("own.cedar", misfit);
        assert!(Guardrails::check_and_mark(&folder, &folder).is_err() && !is_read(), "what does not fit gets no mark");
        write(MARK, &digest(&texts(&folder).expect("texts")));
        assert!(is_read());
        write("own.cedar", &misfit.replace('1', "2"));
        assert!(!is_read(), "another text");
        write("own.cedar", misfit);
        write("other.cedar", PERMIT);
        assert!(!is_read(), "another file");
        fs::remove_dir_all(&folder).expect("the folder");
    }

    /// A function asks without the schema: this is what it would have refused.
    fn fits_the_schema(question: &Question<'_>) -> Result<()> {
        static FITTING: LazyLock<Schema> = LazyLock::new(|| Schema::from_cedarschema_str(SCHEMA).expect("a schema").0);
        let (actor, resource) = (actor(&question.event.actor)?, resource(question)?);
        let (who, what, which) = (actor.uid(), action(question.about)?.uid(), resource.uid());
        Entities::from_entities([actor, resource, action(question.about)?], Some(&FITTING))?;
        Request::new(who, what, which, circumstances(question)?, Some(&FITTING))?;
        Ok(())
    }

    fn decision() -> impl Strategy<Value = Decision<Change>> {
        let change = Change::Policy(PolicyChange { of: Holder::Bucket("b".to_owned()), from: None, to: None });
        prop_oneof![
            Just(Decision::Allow { why: "fine".to_owned() }),
            Just(Decision::Alert { severity: Severity::Low, why: "odd".to_owned() }),
            Just(Decision::Revert {
                severity: Severity::High,
                why: "open".to_owned(),
                grants: vec!["g".to_owned()],
                plan: vec![change],
                left: vec![],
            }),
        ]
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![Just(Verdict::Permitted), Just(Verdict::Forbidden(vec![])), "[a-z ]{0,9}".prop_map(Verdict::Unsure),]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Guardrails take away, and never add: nothing but a revert changes, and that only into an alert.
        #[test]
        fn nothing_becomes_a_revert(decision in decision(), verdict in verdict()) {
            let left = verdict.over(decision.clone());
            match &decision {
                Decision::Revert { severity, why, .. } if verdict != Verdict::Permitted => {
                    prop_assert!(matches!(left, Decision::Alert { .. }), "{left}");
                    prop_assert_eq!(left.severity(), Some(*severity));
                    prop_assert!(left.why().starts_with(why.as_str()));
                }
                _ => prop_assert_eq!(left, decision),
            }
        }

        /// Whatever a record says of its caller, it can be judged.
        #[test]
        fn whoever_it_was_can_be_judged(kind in ".*", arn in ".*", address in ".*", name in ".*") {
            let identity = json!({"type": kind, "arn": arn, "userName": name});
            let more = json!({"userIdentity": identity, "sourceIPAddress": address});
            prop_assert_eq!(judged(&forbid("false"), &more, None), Verdict::Permitted);
            let (event, units) = (event(&more), BTreeSet::from([name.clone()]));
            let tags = BTreeMap::from([(name, arn)]);
            let (subject, severity, now) = (Subject::bucket(&event, &address), Severity::High, Timestamp::UNIX_EPOCH);
            let question =
                Question { event: &event, subject: &subject, about: &ABOUT, severity, tags: Some(&tags), units: Some(&units), now };
            fits_the_schema(&question).map_err(|error| TestCaseError::fail(error.to_string()))?;
        }
    }
}
