//! How long it takes to judge what people write, what the largest policies are like, and what an attacker may send.
//!
//! `cargo bench --manifest-path benches/Cargo.toml`. A typical policy is to take microseconds, one of 20 KB less than a
//! millisecond, one that is ten times as long about ten times as long, and no text of a megabyte more than a second.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use snapback::network::{self, Opening, PublicPorts, Traffic};
use snapback::policy::{Kind, Policy, Trust, identity};

criterion_group!(benches, typical, by_size, hostile, identities, networks);
criterion_main!(benches);

/// What happens to every policy: read, judge, take out who is not trusted.
fn judge(text: &str) -> usize {
    let trust = Trust { account: Some("111122223333".to_owned()), ..Trust::default() };
    Policy::parse(text).map_or(0, |policy| {
        let untrusted: Vec<_> = policy.judge(Kind::Resource, &trust).grants;
        let untrusted: Vec<_> = untrusted.into_iter().filter(snapback::policy::Grant::is_untrusted).collect();
        untrusted.len() + policy.without(&untrusted).map_or(0, |without| without.len())
    })
}

fn text(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// The policy of a website's bucket that its owner and one foreign account write to, over TLS only.
fn bucket() -> String {
    let bucket = json!(["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"]);
    text(&json!([
        {"Sid": "Own", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:role/app", "444455556666"]},
            "Action": ["s3:GetObject", "s3:PutObject"], "Resource": bucket},
        {"Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"},
        {"Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": bucket,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]))
}

fn statement(index: usize) -> Value {
    json!({
        "Sid": format!("Statement{index}"), "Effect": if index % 7 == 3 { "Deny" } else { "Allow" },
        "Principal": {"AWS": [format!("arn:aws:iam::111122223333:role/app-{index}"), format!("{:012}", 444_455_550_000 + index)]},
        "Action": ["s3:GetObject", format!("s3:Put{index}*")], "Resource": format!("arn:aws:s3:::logs/{index}/*"),
        "Condition": {"StringLike": {"aws:PrincipalArn": format!("arn:aws:iam::*:role/app-{index}*")}},
    })
}

/// About as many bytes as asked for.
fn of_size(bytes: usize) -> String {
    let one = statement(0).to_string().len();
    text(&json!((0..bytes.div_ceil(one)).map(statement).collect::<Vec<_>>()))
}

fn typical(criterion: &mut Criterion) {
    let bucket = bucket();
    let trust = Trust { account: Some("111122223333".to_owned()), ..Trust::default() };
    let mut group = criterion.benchmark_group("typical policy");
    group.bench_function("read", |bencher| bencher.iter(|| Policy::parse(black_box(&bucket)).map(drop)));
    let policy = Policy::parse(&bucket);
    group.bench_function("judged", |bencher| {
        bencher.iter(|| policy.as_ref().map(|policy| black_box(policy).judge(Kind::Resource, &trust)).map(drop));
    });
    group.bench_function("read, judged, cut", |bencher| bencher.iter(|| judge(black_box(&bucket))));
    group.finish();
}

fn by_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy of");
    for kilobytes in [2, 20, 200] {
        let policy = of_size(kilobytes * 1000);
        group.throughput(Throughput::Bytes(policy.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(format!("{kilobytes} KB")), &policy, |bencher, policy| {
            bencher.iter(|| judge(black_box(policy)));
        });
    }
    group.finish();
}

/// What costs most for its size: each of these is nearly as long as a document may be.
fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hostile");
    group.sample_size(10);
    let with = |field: &str, value: Value| {
        let mut statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"});
        statement[field] = value;
        text(&json!([statement]))
    };
    let many = |count: usize, one: &dyn Fn(usize) -> Value| json!((0..count).map(one).collect::<Vec<_>>());
    let keys: serde_json::Map<_, _> =
        (0..20_000).map(|index| (format!("aws:PrincipalTag/{index}"), json!("*"))).collect();
    let denies = |index: usize| {
        json!({"Effect": if index.is_multiple_of(2) { "Deny" } else { "Allow" }, "Principal": "*", "Action": format!("s3:*{index}*"),
            "Resource": format!("arn:*:*{index}*"), "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": format!("o-{index}")}}})
    };
    for (name, policy) in [
        ("thousands of statements", of_size(900_000)),
        (
            "thousands of principals",
            with("Principal", json!({"AWS": many(50_000, &|index| json!(format!("{index:012}")))})),
        ),
        ("thousands of conditions", with("Condition", json!({"StringLike": keys}))),
        ("thousands of denies", text(&many(5_000, &denies))),
        ("a pattern of stars", with("Action", json!(["s3:*a".repeat(100_000), "*?".repeat(100_000)]))),
        ("lists in lists", format!("{}{}", "[".repeat(500_000), "]".repeat(500_000))),
        ("more than a megabyte", of_size(2_000_000)),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| judge(black_box(&policy))));
    }
    group.finish();
}

fn identities(criterion: &mut Criterion) {
    let allow = |index: usize| {
        json!({"Sid": format!("Statement{index}"), "Effect": "Allow", "Resource": format!("arn:aws:s3:::logs/{index}/*"),
            "Action": ["iam:PassRole", "lambda:*", format!("s3:Get{index}*"), format!("dynamodb:Query{index}")]})
    };
    let typical =
        text(&json!([{"Effect": "Allow", "Resource": "*", "Action": ["s3:*", "iam:PassRole", "ec2:RunInstances"]}]));
    let large = text(&json!((0..120).map(allow).collect::<Vec<_>>()));
    let denies = |index: usize| json!({"Effect": if index.is_multiple_of(2) { "Deny" } else { "Allow" }, "Action": "*", "Resource": format!("arn:*:iam::*:*{index}*")});
    let hostile = text(&json!((0..10_000).map(denies).collect::<Vec<_>>()));
    let mut group = criterion.benchmark_group("identity policy");
    group.sample_size(20);
    for (name, policy) in [("typical", typical), ("of 20 KB", large), ("hostile", hostile)] {
        group.bench_function(name, |bencher| bencher.iter(|| identity::judge(black_box(&policy), &identity::Holder::default())));
    }
    group.finish();
}

fn networks(criterion: &mut Criterion) {
    let public = PublicPorts::default();
    let opening = |index: u16, cidr: &str| Opening {
        traffic: Traffic::of_api("tcp", Some(i64::from(index)), Some(i64::from(index) + 10)),
        ranges: network::range(cidr).into_iter().collect(),
    };
    let typical = [opening(22, "0.0.0.0/0"), opening(443, "0.0.0.0/0"), opening(8080, "10.0.0.0/8")];
    // As many rules as a security group can hold, each with a part of the world.
    let most: Vec<Opening> =
        (0..1000_u16).map(|index| opening(index, &format!("{}.0.0.0/8", index % 200 + 1))).collect();
    let mut group = criterion.benchmark_group("ingress");
    group.sample_size(10);
    for (name, openings) in [("typical", typical.to_vec()), ("of 1000 rules", most)] {
        group.bench_function(name, |bencher| bencher.iter(|| network::open(black_box(&openings), &public)));
    }
    group.finish();
}
