//! Where calls to AWS are made: an account, one of its Regions, and credentials that are good for both.
//!
//! The three travel together, so that a call can never be made with the credentials of one account and judged under the
//! ARN of another.

use std::collections::HashMap;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::Mutex;

use crate::partition::Partition;

/// What a session in a member account is called; CloudTrail tells it there.
const SESSION: &str = "snapback";

/// An account and one of its Regions, as seen with credentials of that account.
#[derive(Debug, Clone)]
pub struct Place {
    /// 12 digits.
    pub account: String,
    /// `eu-central-1`
    pub region: String,
    pub config: SdkConfig,
}

/// All places that a function guards: its own and, where it is a hub, every other one that sends it events.
#[derive(Debug)]
pub struct Places {
    /// The function's own account and Region, where the journal and the topic are as well.
    pub home: Place,
    /// Those that it has been to, by account and Region, so that a warm function keeps their credentials.
    others: Mutex<HashMap<(String, String), Place>>,
}

impl Place {
    /// The Region is the one that the configuration names.
    #[must_use]
    pub fn new(account: impl Into<String>, config: SdkConfig) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Self { account: account.into(), region, config }
    }

    /// Another Region of the same account.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        Self { account: self.account.clone(), region: region.to_owned(), config }
    }

    /// An account and Region as somebody sees it who takes this role there. The role is taken with the first call, and
    /// again before its credentials expire.
    #[must_use]
    pub async fn taken_by_role(&self, account: &str, region: &str, role: &str) -> Self {
        let arn = format!("arn:{}:iam::{account}:role/{role}", Partition::of_region(region));
        // STS answers in the Region that the caller is in; the credentials are good for all.
        let provider = AssumeRoleProvider::builder(arn).session_name(SESSION).configure(&self.config).build().await;
        let config = self.in_region(region).config.into_builder();
        let config = config.credentials_provider(SharedCredentialsProvider::new(provider)).build();
        Self { account: account.to_owned(), region: region.to_owned(), config }
    }
}

impl Places {
    #[must_use]
    pub fn new(home: Place) -> Self {
        Self { home, others: Mutex::default() }
    }

    /// The place, which the function sees with this role if it is not its home; nothing without a role for it.
    pub async fn of(&self, account: &str, region: &str, role: Option<&str>) -> Option<Place> {
        if (account, region) == (&self.home.account, &self.home.region) {
            return Some(self.home.clone());
        }
        let role = role?;
        let mut others = self.others.lock().await;
        let key = (account.to_owned(), region.to_owned());
        if let Some(place) = others.get(&key) {
            return Some(place.clone());
        }
        let place = Box::pin(self.home.taken_by_role(account, region, role)).await;
        Some(others.entry(key).or_insert(place).clone())
    }
}
