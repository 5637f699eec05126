//! Where calls to AWS are made: an account, one of its Regions, and credentials that are good for both.
//!
//! The three travel together, so that a call can never be made with the credentials of one account and judged under the
//! ARN of another.

use aws_config::{Region, SdkConfig};

/// An account and one of its Regions, as seen with credentials of that account.
#[derive(Debug, Clone)]
pub struct Place {
    /// 12 digits.
    pub account: String,
    /// `eu-central-1`
    pub region: String,
    pub config: SdkConfig,
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
}
