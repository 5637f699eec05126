//! `snapback explain identity`

use jiff::Timestamp;
use snapback::policy::NotUnderstood;
use snapback::policy::identity::{self, Holder, Identity};

use super::{Answer, Input, Question};
use crate::choices::account;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    input: Input,
    /// The account of whoever holds the policy: nobody can rewrite what IAM keeps for another account
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
}

impl Question for Arguments {
    fn input(&self) -> &Input {
        &self.input
    }

    fn answer(&self, text: &str) -> Result<Answer, NotUnderstood> {
        let holder = Holder { account: self.account.clone(), at: Some(Timestamp::now()) };
        let identity = identity::judge(text, &holder)?;
        let shown = if self.input.json {
            serde_json::to_string(&identity).map_err(|error| NotUnderstood {
                message: error.to_string(),
                line: error.line(),
                column: error.column(),
            })?
        } else {
            for_people(&identity)
        };
        Ok(Answer { shown, is_untrusted: identity.is_risky(), notes: vec![] })
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
