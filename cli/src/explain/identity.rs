//! `snapback explain identity`: of one policy, or of all that a principal holds.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use iam::{IamIdentity, Permissions};
use jiff::Timestamp;
use serde::Serialize;
use snapback::place::Place;
use snapback::policy::identity::{self, Holder, Identity};
use snapback::policy::{NotUnderstood, Policy, PolicyText};

use super::policy::no_policy;
use super::saved::Saved;
use super::{Answer, Input, Question, Unanswered};
use crate::caller::Caller;
use crate::choices::{account, region};
use crate::{operator, trouble};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The JSON document, or with --principal what `aws iam get-account-authorization-details` has written; `-` is
    /// standard input
    file: Option<PathBuf>,
    /// Judge all that this user, role or group holds: its managed and inline policies, those of its groups, and its
    /// permissions boundary. Without a file it is read as it is now, with your credentials; nothing is changed
    #[arg(long, value_name = "ARN", value_parser = principal)]
    principal: Option<Principal>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Read one document a line and answer each
    #[arg(long, requires = "file")]
    lines: bool,
    /// The account of whoever holds the policy: permissions on what IAM keeps for another account then do not count
    #[arg(long, value_name = "ID", value_parser = account, conflicts_with = "principal")]
    account: Option<String>,
    /// The Region whose IAM endpoint is called [default: the Region of your AWS profile or environment]
    #[arg(long, value_name = "REGION", value_parser = region, conflicts_with = "file")]
    region: Option<String>,
}

#[derive(Debug, Clone)]
struct Principal {
    arn: String,
    account: String,
    of: IamIdentity,
}

/// An answer about a principal.
#[derive(Serialize)]
struct Shown<'a> {
    principal: &'a str,
    #[serde(flatten)]
    identity: &'a Identity,
}

impl Question for Arguments {
    fn input(&self) -> Input {
        let file = self.file.clone().unwrap_or_else(|| PathBuf::from("-"));
        Input { file, json: self.json, lines: self.lines }
    }

    fn answer(&self, text: &str) -> Result<Answer, Unanswered> {
        let at = Some(Timestamp::now());
        let (principal, identity) = if let Some(principal) = &self.principal {
            let saved = Saved::read(text)?;
            let held = saved.permissions(&principal.arn)?;
            let mut identity = held.judge(at)?;
            if !identity.is_risky()
                && let Some(why) = iam::by_assuming(&held, saved.roles(), Timestamp::now())
            {
                identity.escalation.push(ASSUMING.to_owned());
                identity.why.push(format!("`{ASSUMING}`: {why}"));
            }
            (Some(held.arn.clone()), identity)
        } else {
            let holder = Holder { account: self.account.clone(), at, ..Holder::default() };
            Policy::parse(text).map_err(|error| no_policy(text, error))?.has_no_strays()?;
            (None, identity::judge(text, &holder).map_err(|error| no_policy(text, error))?)
        };
        let shown = self.shown(principal.as_deref(), &identity).map_err(|error| NotUnderstood {
            message: error.to_string(),
            line: error.line(),
            column: error.column(),
        })?;
        let notes = if self.principal.is_none() && !identity.is_risky() && may_assume(&[text]) {
            vec![NOT_FOLLOWED.to_owned()]
        } else {
            vec![]
        };
        Ok(Answer { shown, is_untrusted: identity.is_risky(), notes })
    }
}

impl Arguments {
    /// Whether AWS is asked what the principal holds.
    pub(super) fn is_live(&self) -> bool {
        self.file.is_none()
    }

    #[tokio::main(flavor = "current_thread")]
    pub(super) async fn look(&self, out: &mut impl Write) -> Result<ExitCode> {
        let principal = self.principal.as_ref().context(NEITHER)?;
        let held = self.held(principal).await?;
        let identity = held.judge(Some(Timestamp::now())).with_context(|| format!("judging `{}`", held.arn))?;
        writeln!(out, "{}", self.shown(Some(&held.arn), &identity)?)?;
        let policies: Vec<&str> = held.policies().map(PolicyText::as_str).collect();
        if !identity.is_risky() && may_assume(&policies) {
            writeln!(io::stderr(), "snapback: {NOT_FOLLOWED}")?;
        }
        Ok(ExitCode::from(u8::from(identity.is_risky())))
    }

    async fn held(&self, principal: &Principal) -> Result<Permissions> {
        let config = operator::config(self.region.as_deref()).await?;
        let advised = |error| trouble::with_advice(error, &config);
        let account = Caller::of(&config).await.map_err(advised)?.account;
        ensure!(
            account == principal.account,
            "`{}` is of account {}, but your credentials belong to account {account}",
            principal.arn,
            principal.account
        );
        let place = Place::new(account, config.clone());
        match iam::permissions(&place, &principal.of).await.map_err(advised)? {
            Some(held) => Ok(held),
            None => bail!("there is no {} in account {}", principal.of, principal.account),
        }
    }

    fn shown(&self, principal: Option<&str>, identity: &Identity) -> serde_json::Result<String> {
        match (principal, self.json) {
            (Some(principal), true) => serde_json::to_string(&Shown { principal, identity }),
            (None, true) => serde_json::to_string(identity),
            (Some(principal), false) => Ok(format!("{principal}: {}", for_people(identity))),
            (None, false) => Ok(for_people(identity)),
        }
    }
}

/// By what the published ways name that of assuming a role.
const ASSUMING: &str = "sts:AssumeRole";

const NOT_FOLLOWED: &str = "it may assume roles: what these can do is judged only with --principal and what `aws iam \
                            get-account-authorization-details` has written";

/// Whether one of these policies may let its holder assume a role.
fn may_assume(policies: &[&str]) -> bool {
    policies.iter().any(|policy| identity::may_allow(policy, |action| action == ASSUMING).unwrap_or(false))
}

const NEITHER: &str =
    "expected the file of a policy, or the ARN of who is to be judged with --principal, found neither";

/// A session of a role holds what the role holds.
fn principal(arn: &str) -> Result<Principal, String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let role = match parts[..] {
        ["arn", partition, "sts", "", account, session] => session.strip_prefix("assumed-role/").map(|session| {
            let role = session.split('/').next().unwrap_or(session);
            format!("arn:{partition}:iam::{account}:role/{role}")
        }),
        _ => None,
    };
    let arn = role.unwrap_or_else(|| arn.to_owned());
    let account = arn.split(':').nth(4).filter(|text| account(text).is_ok()).map(str::to_owned);
    match (iam::named(&arn), account) {
        (Some(of), Some(account)) => Ok(Principal { arn, account, of }),
        _ => Err("expected the ARN of a user, a role, a session of a role or a group, such as \
                  `arn:aws:iam::111122223333:role/deploy`"
            .to_owned()),
    }
}

fn for_people(identity: &Identity) -> String {
    let verdict = match (identity.admin, identity.escalation.len()) {
        (true, 0) => "administrator".to_owned(),
        (true, paths) => format!("administrator, and {paths} of the published ways to become one"),
        (false, 0) => return "not an administrator, and none of the published ways to become one".to_owned(),
        (false, 1) => "one of the published ways to become administrator".to_owned(),
        (false, paths) => format!("{paths} of the published ways to become administrator"),
    };
    let why = identity.why.iter().map(|why| format!("\n! {why}"));
    format!("{verdict}{}", why.collect::<String>())
}
