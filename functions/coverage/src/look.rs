//! Looks at an account and its Regions: what logs there, and what is deployed there.

use std::collections::BTreeSet;

use anyhow::Result;
use futures::StreamExt;
use snapback::partition::Partition;
use snapback::place::Place;

use crate::accounts::Account;
use crate::deployed::{self, Deployment, Template};
use crate::finding::Finding;
use crate::gaps::Gaps;
use crate::place;
use crate::trail::{self, Selected};

/// How many Regions of an account are looked at side by side: AWS's limits are each account's own.
const AT_ONCE: usize = 4;

/// Whose coverage it is, and how it is seen.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// Where the journal is.
    pub home: Place,
    /// The name of Snapback's stack.
    pub stack: String,
    /// The role to take in each other account.
    pub member_role: Option<String>,
    /// The Regions to look at; of none, all that are enabled in an account.
    pub regions: Vec<String>,
}

impl Coverage {
    /// What is found in an account: Region by Region, and in the account itself.
    pub async fn of(&self, account: &Account) -> Vec<Finding> {
        let Account { id: account, is_management, inactive } = account;
        if let Some(state) = inactive {
            return vec![Finding::inactive(account, state)];
        }
        let of_account = |gaps| Finding::new(account, None, gaps);
        let place = self.place(account).await;
        let regions = match (place::regions(&place).await, &self.regions[..]) {
            (enabled, []) => enabled,
            // In a Region that is not enabled nothing can happen.
            (Ok(enabled), given) => Ok(given.iter().filter(|region| enabled.contains(region)).cloned().collect()),
            (Err(_), given) => Ok(given.to_vec()),
        };
        let regions = match regions {
            Ok(regions) => regions,
            Err(error) => {
                let mut gaps = Gaps::unknown(&error);
                if *is_management {
                    gaps.ask_by_hand(&[]);
                }
                return vec![of_account(gaps)];
            }
        };
        let selected = Selected::default();
        let looks = regions.iter().map(|region| self.in_region(place.in_region(region), &selected));
        let looks: Vec<(Finding, bool)> = futures::stream::iter(looks).buffered(AT_ONCE).collect().await;
        let is_member = *account != self.home.account || looks.iter().any(|(_, is_member)| *is_member);
        let mut findings: Vec<Finding> = looks.into_iter().map(|(finding, _)| finding).collect();
        let mut roles = if is_member { self.roles(&place).await } else { Gaps::default() };
        if *is_management {
            roles.ask_by_hand(&findings);
        }
        if is_member || !roles.is_empty() {
            findings.push(of_account(roles));
        }
        findings
    }

    async fn place(&self, account: &str) -> Place {
        match &self.member_role {
            Some(role) if account != self.home.account => {
                Box::pin(self.home.taken_by_role(account, &self.home.region, role)).await
            }
            _ => self.home.clone(),
        }
    }

    fn deployment(&self, place: &Place) -> Deployment {
        let Place { account, region, .. } = &self.home;
        let (partition, stack) = (Partition::of_region(region), &self.stack);
        Deployment {
            account: place.account.clone(),
            region: place.region.clone(),
            stack: stack.clone(),
            is_hub: true,
            hub_bus: format!("arn:{partition}:events:{region}:{account}:event-bus/{stack}-hub"),
            hub_account: account.clone(),
        }
    }

    /// What is found in a Region, and whether it is a member there.
    async fn in_region(&self, place: Place, selected: &Selected) -> (Finding, bool) {
        let deployment = self.deployment(&place);
        let (trails, there) = futures::join!(trail::trails(&place, selected), place::deployed(&place, &deployment));
        let mut gaps = Gaps::default();
        let is_member = matches!(&there, Ok(Some(there)) if there.template == Template::Member);
        let deployed = match there {
            Ok(Some(there)) => {
                let what = match there.template {
                    Template::Stack => format!("stack `{}`", deployment.stack),
                    Template::Member => format!("forwarding to {}", deployment.hub_bus),
                };
                gaps.missing.extend(there.faults);
                Some(format!("{what}, with {} rules", there.rules))
            }
            Ok(None) => {
                let stack = &deployment.stack;
                gaps.missing.push(format!("neither stack `{stack}` nor what forwards to its hub is deployed here"));
                None
            }
            Err(error) => {
                gaps.add(Gaps::unknown(&error));
                None
            }
        };
        let trails = match trails.and_then(|trails| Ok((watched(&deployment)?, trails))) {
            Ok((services, trails)) => {
                gaps.add(trail::gaps(&trails, &services.iter().map(String::as_str).collect()));
                trails
            }
            Err(error) => {
                gaps.add(Gaps::unknown(&error));
                vec![]
            }
        };
        let finding = Finding::new(&place.account, Some(place.region), gaps);
        (Finding { trails, deployed, ..finding }, is_member)
    }

    /// The roles that functions and rules take in a member.
    async fn roles(&self, place: &Place) -> Gaps {
        let mut gaps = Gaps::default();
        let roles = match deployed::roles(&self.deployment(place)) {
            Ok(roles) => roles,
            Err(error) => return Gaps::unknown(&error),
        };
        for role in roles {
            match place::faults_of(place, &role).await {
                Ok(faults) => gaps.missing.extend(faults),
                Err(error) => gaps.add(Gaps::unknown(&error)),
            }
        }
        gaps
    }
}

/// The services whose calls Snapback would hear of in a Region.
fn watched(deployment: &Deployment) -> Result<BTreeSet<String>> {
    let rules = Template::Stack.rules(deployment)?;
    let has_iam = deployed::has_iam(deployment)?;
    let services = deployed::services(&rules).filter(|service| has_iam || *service != trail::GLOBAL);
    Ok(services.map(str::to_owned).collect())
}
