//! # A policy lets strangers use a domain of OpenSearch
//!
//! **Watches** `UpdateDomainConfig`, `CreateDomain` and, as they were called before, `UpdateElasticsearchDomainConfig` and
//! `CreateElasticsearchDomain`.
//!
//! **Why** Whoever gets through to a domain reads, changes and deletes what is in it (endgame backdoors domains this way).
//!
//! **Does** Asks an operator, in every mode: the one right that writes a domain's access policy changes all of the domain,
//! so the function does not have it. It reads the policy that the domain has now and plans to remove from it what lets in
//! everyone, or accounts and organizations that are not trusted: one principal of a list, one of the values that a condition
//! allows, or else the whole statement. Everything else stays as it is. An operator's `snapback apply` sends the policy and
//! no other setting of the domain; an empty one if nothing is left.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - changes of a domain that put no policy, and those that are only tried (`DryRun`)
//! - domains in a VPC, and those with fine-grained access control that lets nobody in anonymously
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which domain.

use serde_json::{Value, json};
use snapback::control::{About, Applier, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const ES: &str = "es.amazonaws.com";

const DOMAINS: On = On::new("Domains", &["arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/*"]);
const DESCRIBE: Right = DOMAINS.right("es:DescribeDomainConfig");
const UPDATE: Right = DOMAINS.right("es:UpdateDomainConfig");

#[derive(Debug)]
pub(crate) struct OpensearchOpenDomainPolicy;

impl Row for OpensearchOpenDomainPolicy {
    const ABOUT: &'static About = &About {
        id: "opensearch-open-domain-policy",
        title: "A policy lets strangers use a domain of OpenSearch",
        watches: &[
            Watch { service: ES, name: "UpdateDomainConfig" },
            Watch { service: ES, name: "CreateDomain" },
            Watch { service: ES, name: "UpdateElasticsearchDomainConfig" },
            Watch { service: ES, name: "CreateElasticsearchDomain" },
        ],
        reads: &[DESCRIBE],
        writes: &[UPDATE],
        undoes: &[DESCRIBE, UPDATE],
        frameworks: &["ATT&CK T1530", "endgame elasticsearch"],
        caveat: "What strangers read in the meantime they have, and what they changed stays changed: look at the domain's audit \
                 logs, if it writes any, and compare with a snapshot.",
        source: file!(),
        ..OPENED
    };
    const APPLIED_BY: Applier = Applier::Operator;
    const WORD: &'static str = "OpenSearch domain";
    const SERVICE: Service = Service::rest("es");
    const PATH: &'static str = "domain/";
    const PAGE: &'static str = "aos";
    const LIST: &'static [Right] = &[On::new("AllDomains", &["*"]).right("es:ListDomainNames")];
    const TAGS: Option<Right> = Some(DOMAINS.right("es:ListTags"));
    const GONE: &'static [&'static str] = &["ResourceNotFoundException"];
    /// What was asked for, also while the domain is still taking it over.
    const POLICY: &'static str = "/DomainConfig/AccessPolicies/Options";
    const BARRIER: &'static str = "a VPC or fine-grained access control keeps strangers out of the domain";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let request = &event.request;
        let put = &request["accessPolicies"];
        // An empty text takes the policy away.
        let is_dry = json::is_true(&request["dryRun"]);
        let has_none = is_dry || *put == "" || json::is_nothing(put) && !json::is_left_out(request);
        let policy = put.as_str().map(str::to_owned);
        (json::text(request, "domainName"), if has_none { ToldPolicy::None } else { policy.into() })
    }

    /// <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/fgac.html#fgac-recommendations>
    fn is_barred(answer: &Value) -> bool {
        let options = |of: &str| &answer["DomainConfig"][of]["Options"];
        let asks = options("AdvancedSecurityOptions");
        let is_asking = json::is_true(&asks["Enabled"]) && !json::is_true(&asks["AnonymousAuthEnabled"]);
        is_asking || !json::is_nothing(&options("VPCOptions")["SubnetIds"])
    }

    fn get(name: &str) -> Call {
        Call::rest("DescribeDomainConfig", "GET", &["2021-01-01", "opensearch", "domain", name, "config"])
    }

    fn put(name: &str, policy: &str) -> Call {
        let call = Call::rest("UpdateDomainConfig", "POST", &["2021-01-01", "opensearch", "domain", name, "config"]);
        call.with(json!({"AccessPolicies": policy}))
    }

    fn delete(name: &str) -> Option<Call> {
        Some(Self::put(name, ""))
    }

    fn list() -> List {
        let call = Call::rest("ListDomainNames", "GET", &["2021-01-01", "domain"]);
        List { call, all: "DomainNames", one: "DomainName", next: ["", ""] }
    }

    fn tags(domain: &Subject) -> Option<(Call, &'static str)> {
        let call = Call::rest("ListTags", "GET", &["2021-01-01", "tags", ""]);
        Some((call.and(Self::SERVICE, "arn", &domain.arn), "TagList"))
    }
}
