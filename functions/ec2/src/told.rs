//! What an event tells: its parameters in whatever form, and the security group rules that it added or changed.
//!
//! The same rule comes in four forms: flat parameters, `ipPermissions.items[]`, the newer wrapped request with capital
//! letters, and, since 2021, the response with the rules' ids.

use std::collections::BTreeMap;

use serde_json::Value;
use snapback::change::{Direction, Rule, Source};
use snapback::event::Event;
use snapback::json;
use snapback::network::{self, Traffic};
use snapback::subject::Subject;

/// The parameters of a call; those of newer ones are wrapped.
pub(crate) fn parameters(event: &Event) -> &Value {
    event.request.get(format!("{}Request", event.name)).unwrap_or(&event.request)
}

/// A field of an answer; those of newer calls are wrapped.
pub(crate) fn answer(event: &Event) -> &Value {
    event.response.get(format!("{}Response", event.name)).unwrap_or(&event.response)
}

/// A field whose name begins with a small letter, or with a capital where the parameters are wrapped.
pub(crate) fn field<'a>(parameters: &'a Value, name: &str) -> &'a Value {
    let capital = || name[..1].to_uppercase() + &name[1..];
    parameters.get(name).or_else(|| parameters.get(capital())).unwrap_or(&Value::Null)
}

pub(crate) fn text<'a>(parameters: &'a Value, name: &str) -> Option<&'a str> {
    field(parameters, name).as_str().filter(|text| !text.is_empty())
}

/// The id of what it is about; nothing if that is the account, as the event does not say.
pub(crate) fn id_of(subject: &Subject) -> Option<&str> {
    (subject.kind != "account").then_some(subject.name.as_str())
}

/// Every text in a list, whatever form the list has.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) group: Option<Group>,
    /// Nothing if the event does not say, or tells in a form that is not known.
    pub(crate) rules: Option<Vec<ToldRule>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Group {
    Id(String),
    /// Only groups of the default VPC can be called by their names.
    Name(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToldRule {
    pub(crate) id: Option<String>,
    pub(crate) traffic: Traffic,
    pub(crate) source: Source,
}

impl ToldRule {
    /// Whether a rule lets through the same.
    pub(crate) fn lets_through(&self, rule: &Rule) -> bool {
        rule.traffic() == self.traffic && rule.source == self.source
    }

    /// The rule that it makes, as AWS lists it.
    pub(crate) fn as_rule(&self, direction: Direction) -> Rule {
        let Traffic { protocol, from, to } = self.traffic;
        Rule {
            id: self.id.clone().unwrap_or_default(),
            protocol: protocol.to_string(),
            from_port: Some(from.into()),
            to_port: Some(to.into()),
            source: self.source.clone(),
            description: None,
            tags: BTreeMap::new(),
            direction,
        }
    }
}

impl Told {
    pub(crate) fn of(event: &Event) -> Self {
        let request = parameters(event);
        let made = json::list(&event.response["securityGroupRuleSet"]);
        let rules: Option<Vec<ToldRule>> = if !made.is_empty() {
            made.into_iter().map(rule).collect()
        } else if json::is_left_out(request) {
            None
        } else {
            asked(request)
        };
        let group_of_rule = || json::list(&event.response["securityGroupRuleSet"]).into_iter().find_map(group_id);
        let name = || json::text(request, "groupName").or_else(|| json::text(request, "GroupName"));
        let group = group_id(request).or_else(group_of_rule).map(Group::Id);
        Self {
            group: group.or_else(|| name().map(|name| Group::Name(name.to_owned()))),
            rules: rules.filter(|rules| !rules.is_empty()),
        }
    }
}

/// The rules in a request; nothing if a part of it is of an unknown form.
fn asked(request: &Value) -> Option<Vec<ToldRule>> {
    let changed = json::list(&request["SecurityGroupRule"]).into_iter().map(|change| {
        let id = json::text(change, "SecurityGroupRuleId")?.to_owned();
        let of = &change["SecurityGroupRule"];
        // A change of nothing but the description tells no source: what it was stays as it was.
        Some(ToldRule { id: Some(id), ..rule(of)? })
    });
    let permissions = ["ipPermissions", "IpPermissions"];
    let listed = permissions.iter().flat_map(|field| json::list(&request[*field])).map(permission);
    let flat = is_flat(request).then(|| rule(request));
    let mut rules = vec![];
    for found in changed.chain(flat) {
        rules.push(found?);
    }
    for found in listed {
        rules.extend(found?);
    }
    Some(rules)
}

/// One `IpPermission`: a rule for each of its sources.
fn permission(permission: &Value) -> Option<Vec<ToldRule>> {
    let mut sources: Vec<Source> = vec![];
    for (lists, fields) in [
        (["ipRanges", "IpRanges"], ["cidrIp", "CidrIp"]),
        (["ipv6Ranges", "Ipv6Ranges"], ["cidrIpv6", "CidrIpv6"]),
        (["prefixListIds", "PrefixListIds"], ["prefixListId", "PrefixListId"]),
        (["groups", "Groups"], ["groupId", "GroupId"]),
    ] {
        for element in lists.iter().flat_map(|list| json::list(&permission[*list])) {
            let value = fields.iter().find_map(|field| json::text(element, field));
            sources.push(match (value, fields[0]) {
                (Some(cidr), "cidrIp" | "cidrIpv6") => cidr_source(cidr),
                (Some(id), "prefixListId") => Source::PrefixList(id.to_owned()),
                (Some(id), _) => Source::SecurityGroup(id.to_owned()),
                // A group may be called by its name.
                (None, "groupId") => Source::SecurityGroup(json::text(element, "groupName").unwrap_or("?").to_owned()),
                (None, _) => return None,
            });
        }
    }
    let traffic = traffic(permission)?;
    (!sources.is_empty()).then(|| sources.into_iter().map(|source| ToldRule { id: None, traffic, source }).collect())
}

/// A rule that has its source beside its ports: flat parameters, a change, or a rule of the response.
fn rule(rule: &Value) -> Option<ToldRule> {
    let cidr = ["cidrIp", "cidrIpv4", "cidrIpv6", "CidrIp", "CidrIpv4", "CidrIpv6"];
    let list = ["prefixListId", "PrefixListId"];
    let group = ["sourceSecurityGroupName", "SourceSecurityGroupName", "ReferencedGroupId"];
    let text = |fields: &[&str]| fields.iter().find_map(|field| json::text(rule, field)).map(str::to_owned);
    let source = (text(&cidr).map(|cidr| cidr_source(&cidr)))
        .or_else(|| text(&list).map(Source::PrefixList))
        .or_else(|| text(&group).or_else(|| referenced(rule)).map(Source::SecurityGroup))?;
    Some(ToldRule { id: json::text(rule, "securityGroupRuleId").map(str::to_owned), traffic: traffic(rule)?, source })
}

fn is_flat(request: &Value) -> bool {
    ["cidrIp", "CidrIp", "sourceSecurityGroupName", "SourceSecurityGroupName"]
        .iter()
        .any(|field| json::text(request, field).is_some())
}

fn referenced(rule: &Value) -> Option<String> {
    json::text(&rule["referencedGroupInfo"], "groupId").map(str::to_owned)
}

fn group_id(value: &Value) -> Option<String> {
    json::text(value, "groupId").or_else(|| json::text(value, "GroupId")).map(str::to_owned)
}

fn traffic(rule: &Value) -> Option<Traffic> {
    let number = |lower, upper| json::number(rule, lower).or_else(|| json::number(rule, upper));
    let protocol = ["ipProtocol", "IpProtocol"].iter().find_map(|field| match rule.get(*field)? {
        Value::String(protocol) => Some(protocol.clone()),
        Value::Number(protocol) => Some(protocol.to_string()),
        _ => None,
    })?;
    Some(Traffic::of_api(&protocol, number("fromPort", "FromPort"), number("toPort", "ToPort")))
}

/// A range as EC2 keeps it: without host bits. One that cannot be read stays as it is and is judged as unknown.
fn cidr_source(cidr: &str) -> Source {
    let text = network::range(cidr).map_or_else(|| cidr.to_owned(), |range| range.to_string());
    if text.contains(':') { Source::Ipv6(text) } else { Source::Ipv4(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn event(name: &str, request: Value, response: Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
            "responseElements": response,
        });
        Event::from_record(record).expect("an event")
    }

    fn told(name: &str, request: Value, response: Value) -> String {
        let told = Told::of(&event(name, request, response));
        let Some(rules) = told.rules else { return format!("{:?}: not told", told.group) };
        let rules = rules
            .iter()
            .map(|rule| format!("{} {} from {}", rule.id.as_deref().unwrap_or("?"), rule.traffic, rule.source));
        format!("{:?}: {}", told.group, rules.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn every_form_of_an_authorisation_is_read() {
        let authorize = "AuthorizeSecurityGroupIngress";
        let flat = json!({"groupId": "sg-1", "cidrIp": "203.0.113.9/0", "fromPort": 22, "toPort": 22, "ipProtocol": "tcp", "ipPermissions": {}});
        insta::assert_snapshot!(told(authorize, flat, json!({"_return": true})), @r#"Some(Id("sg-1")): ? tcp/22 from 0.0.0.0/0"#);
        let listed = json!({"groupName": "web", "ipPermissions": {"items": [
            {"ipProtocol": "tcp", "fromPort": 22, "toPort": 23, "groups": {}, "ipRanges": {"items": [{"cidrIp": "192.0.2.0/24"}]},
             "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}, "prefixListIds": {"items": [{"prefixListId": "pl-1"}]}},
            {"ipProtocol": "-1", "groups": {"items": [{"groupId": "sg-2"}]}, "ipRanges": {}, "ipv6Ranges": {}, "prefixListIds": {}},
        ]}});
        insta::assert_snapshot!(told(authorize, listed, json!(null)), @r#"Some(Name("web")): ? tcp/22-23 from 192.0.2.0/24, ? tcp/22-23 from ::/0, ? tcp/22-23 from pl-1, ? all traffic from sg-2"#);
        let made = json!({"securityGroupRuleSet": {"items": [{"securityGroupRuleId": "sgr-1", "groupId": "sg-1", "isEgress": false,
            "ipProtocol": "icmp", "fromPort": 8, "toPort": -1, "cidrIpv4": "0.0.0.0/0"}]}});
        insta::assert_snapshot!(told(authorize, json!({"omitted": true}), made), @r#"Some(Id("sg-1")): sgr-1 icmp type 8 from 0.0.0.0/0"#);
    }

    #[test]
    fn a_changed_rule_is_read_alone_or_in_a_list() {
        let change = json!({"SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}, "tag": 1});
        for changes in [change.clone(), json!([change])] {
            let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": changes}});
            insta::allow_duplicates! {
                insta::assert_snapshot!(told("ModifySecurityGroupRules", request, json!(null)), @r#"Some(Id("sg-1")): sgr-1 tcp/22 from 0.0.0.0/0"#);
            }
        }
    }

    #[test]
    fn what_is_left_out_or_of_an_unknown_form_is_not_told() {
        let authorize = "AuthorizeSecurityGroupIngress";
        for request in [
            json!(null),
            json!({"omitted": true}),
            json!({"groupId": "sg-1"}),
            json!({"groupId": "sg-1", "ipPermissions": {"items": [{"ipProtocol": "tcp", "ipRanges": {"items": [{"cidr": "0.0.0.0/0"}]}}]}}),
            json!({"groupId": "sg-1", "ipPermissions": {"items": [{"protocol": "tcp", "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}),
        ] {
            assert_eq!(Told::of(&event(authorize, request.clone(), json!(null))).rules, None, "{request}");
        }
    }
}
