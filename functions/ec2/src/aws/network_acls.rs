//! The rules of network ACLs.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{IcmpTypeCode, NetworkAclEntry, PortRange, RuleAction};
use snapback::aws::failure;
use snapback::change::{AclEntry, Applied};
use snapback::place::Place;

use crate::aws::answer::unless_gone;

/// Nothing if the ACL is gone.
pub(crate) async fn read(place: &Place, acl: &str) -> Result<Option<Vec<AclEntry>>> {
    let answer = Client::new(&place.config).describe_network_acls().network_acl_ids(acl).send().await;
    let doing = || format!("reading the rules of network ACL `{acl}`");
    let answer = unless_gone(answer, &["InvalidNetworkAclID.NotFound"], doing)?;
    let found = answer.and_then(|answer| answer.network_acls).unwrap_or_default().into_iter().next();
    Ok(found.map(|found| found.entries.unwrap_or_default().into_iter().filter_map(kept).collect()))
}

fn kept(entry: NetworkAclEntry) -> Option<AclEntry> {
    let ports = entry.port_range.and_then(|range| Some((range.from?, range.to?)));
    let icmp = entry.icmp_type_code.and_then(|icmp| Some((icmp.r#type?, icmp.code.unwrap_or(-1))));
    Some(AclEntry {
        number: entry.rule_number?,
        egress: entry.egress?,
        allow: entry.rule_action? == RuleAction::Allow,
        protocol: entry.protocol?,
        cidr: entry.cidr_block.or(entry.ipv6_cidr_block)?,
        ports: ports.or(icmp),
    })
}

/// A rule is known by its number and its direction, which another rule may have by now.
pub(super) async fn change(
    place: &Place,
    acl: &str,
    from: Option<&AclEntry>,
    to: Option<&AclEntry>,
) -> Result<Applied> {
    let Some(entry) = from.or(to) else { bail!("a change of no rule") };
    let Some(live) = read(place, acl).await? else {
        return Ok(Applied::Changed { found: format!("network ACL `{acl}` is gone") });
    };
    let live = live.iter().find(|live| live.number == entry.number && live.egress == entry.egress);
    if live == to {
        return Ok(Applied::Already);
    }
    if live != from {
        let found = live.map_or_else(|| format!("rule {} is gone", entry.number), ToString::to_string);
        return Ok(Applied::Changed { found });
    }
    let client = Client::new(&place.config);
    let done = match to {
        None => {
            let call = client.delete_network_acl_entry().network_acl_id(acl).rule_number(entry.number);
            call.egress(entry.egress).send().await.map(drop).map_err(failure)
        }
        Some(entry) => create(&client, acl, entry).await,
    };
    done.with_context(|| format!("changing {entry} of network ACL `{acl}`"))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

async fn create(client: &Client, acl: &str, entry: &AclEntry) -> Result<()> {
    let is_icmp = matches!(entry.protocol.as_str(), "1" | "58");
    let range = |(from, to)| PortRange::builder().from(from).to(to).build();
    let icmp = |(kind, code)| IcmpTypeCode::builder().r#type(kind).code(code).build();
    let (v4, v6) = if entry.cidr.contains(':') { (None, Some(&entry.cidr)) } else { (Some(&entry.cidr), None) };
    let call = client
        .create_network_acl_entry()
        .network_acl_id(acl)
        .rule_number(entry.number)
        .egress(entry.egress)
        .protocol(&entry.protocol)
        .rule_action(if entry.allow { RuleAction::Allow } else { RuleAction::Deny })
        .set_cidr_block(v4.cloned())
        .set_ipv6_cidr_block(v6.cloned())
        .set_port_range(entry.ports.filter(|_| !is_icmp).map(range))
        .set_icmp_type_code(entry.ports.filter(|_| is_icmp).map(icmp));
    call.send().await.map(drop).map_err(failure)
}
