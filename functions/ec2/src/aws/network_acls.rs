//! The rules of network ACLs.

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{IcmpTypeCode, NetworkAclEntry, PortRange, RuleAction};
use snapback::aws::{failure, unless_gone};
use snapback::change::{AclEntry, Applied, Edit, Live, NetworkAcl, Swap};
use snapback::place::Place;

/// Nothing if the ACL is gone.
pub(crate) async fn read(place: &Place, acl: &str) -> Result<Option<Vec<AclEntry>>> {
    let answer =
        snapback::client!(aws_sdk_ec2, &place.config).describe_network_acls().network_acl_ids(acl).send().await;
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

pub(super) async fn change(place: &Place, change: &Swap<NetworkAcl, Vec<AclEntry>>) -> Result<Applied> {
    let of = &change.of;
    let read = move || async move { Ok(Live::or(read(place, &of.0).await?, || format!("{of} is gone"))) };
    let write = async |edit| write(place, &of.0, edit).await.with_context(|| format!("changing the rules of {of}"));
    change.edit(read, write).await
}

async fn write(place: &Place, acl: &str, edit: Edit<AclEntry>) -> Result<Applied> {
    ensure!(edit.replace.is_empty(), "rules are created and deleted, and none is replaced");
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    for entry in &edit.remove {
        let call = client.delete_network_acl_entry().network_acl_id(acl).rule_number(entry.number);
        call.egress(entry.egress).send().await.map_err(failure)?;
    }
    for entry in &edit.add {
        create(&client, acl, entry).await?;
    }
    Ok(Applied::done())
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
