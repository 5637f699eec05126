//! What AWS publishes about its own accounts, and about identity providers that everyone shares.
//!
//! To take an account of AWS for a stranger kills the logs that it delivers, and to take a stranger for AWS lets them
//! stay. So each table has its source beside it, and an account counts as AWS's only by the principal that AWS names.
//! The tables were compared with those of the Terraform provider for AWS (`aws_elb_service_account` and so on).

/// Elastic Load Balancing writes access logs from these, in Regions that are older than August 2022.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html>
const LOAD_BALANCING: [&str; 26] = [
    "009996457667", // eu-west-3
    "027434742980", // us-west-1
    "033677994240", // us-east-2
    "037604701340", // cn-northwest-1
    "048591011584", // us-gov-west-1
    "054676820928", // eu-central-1
    "076674570225", // me-south-1
    "098369216593", // af-south-1
    "114774131450", // ap-southeast-1
    "127311923021", // us-east-1
    "156460612806", // eu-west-1
    "190560391635", // us-gov-east-1
    "383597477331", // ap-northeast-3
    "507241528517", // sa-east-1
    "582318560864", // ap-northeast-1
    "589379963580", // ap-southeast-3
    "600734575887", // ap-northeast-2
    "635631232127", // eu-south-1
    "638102146993", // cn-north-1
    "652711504416", // eu-west-2
    "718504428378", // ap-south-1
    "754344448648", // ap-east-1
    "783225319266", // ap-southeast-2
    "797873946194", // us-west-2
    "897822967062", // eu-north-1
    "985666609251", // ca-central-1
];

/// Amazon Redshift wrote audit logs from the user `logs` of these before it used its service principal; bucket policies
/// still have them. Stratus Red Team plays its attacker with one of the accounts, by its root.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html>
const REDSHIFT: [&str; 24] = [
    "013126148197", // me-south-1
    "053454850223", // eu-central-1
    "075028567923", // sa-east-1
    "090321488786", // ap-northeast-3
    "111890595117", // cn-north-1
    "193672423079", // us-east-1
    "210876761215", // eu-west-1
    "262260360010", // us-west-1
    "307160386991", // eu-west-2
    "313564881002", // ap-east-1
    "361669875840", // ap-southeast-1
    "365689465814", // af-south-1
    "391106570357", // us-east-2
    "404641285394", // ap-northeast-1
    "660998842044", // cn-northwest-1
    "665727464434", // us-gov-east-1, us-gov-west-1
    "729911121831", // eu-north-1
    "760740231472", // ap-northeast-2
    "762762565011", // ap-southeast-2
    "865932855811", // ap-south-1
    "902366379725", // us-west-2
    "907379612154", // ca-central-1
    "915173422425", // eu-west-3
    "945612479654", // eu-south-1
];

/// AWS CloudTrail delivered from these before it used its service principal.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-supported-regions.html>
const CLOUDTRAIL: [&str; 32] = [
    "034638983726", // me-south-1
    "035351147821", // eu-central-1
    "069019280451", // ap-southeast-3
    "086441151436", // us-east-1
    "113285607260", // us-west-2
    "119688915426", // ap-east-1
    "187074758985", // ap-southeast-4
    "193415116832", // cn-north-1
    "216624486486", // ap-northeast-1
    "262312530599", // eu-west-3
    "282025262664", // eu-west-2
    "284668455005", // ap-southeast-2
    "388731089494", // us-west-1
    "453052556044", // eu-central-2
    "475085895292", // us-east-2
    "492519147666", // ap-northeast-2
    "525921808201", // af-south-1
    "582488909970", // ap-south-2
    "585772288577", // me-central-1
    "608710470296", // us-gov-east-1, us-gov-west-1
    "669305197877", // eu-south-1
    "681348832753", // cn-northwest-1
    "683224464357", // il-central-1
    "757211635381", // eu-south-2
    "765225791966", // ap-northeast-3
    "814480443879", // sa-east-1
    "819402241893", // ca-central-1
    "829690693026", // eu-north-1
    "859597730677", // eu-west-1
    "886388586500", // us-gov-east-1
    "903692715234", // ap-southeast-1
    "977081816279", // ap-south-1
];

/// AWS Billing delivers cost and usage reports from this one.
/// <https://docs.aws.amazon.com/cur/latest/userguide/cur-s3.html>
const BILLING: [&str; 1] = ["386209384616"];

/// The `awslogsdelivery` account, which writes the standard logs of Amazon's CDN; in China it is another.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html>
///
/// `ElastiCache` exports backups as the others: of most Regions, of the western one for the US government, of China.
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups-exporting.html>
///
/// Amazon EC2 reads bundles of machine images: whom the canned ACL `aws-exec-read` names, as S3 then gives it back.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>
const CANONICAL_USERS: [&str; 6] = [
    "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0",
    "a52cb28745c0c06e84ec548334e44bfa7fc2a85c54af20cd59e4969344b7af56",
    "540804c33a284a299d2547575ce1010f2312ef3da9b3a053c8bc45bf233e4353",
    "40fa568277ad703bd160f66ae4f83fc9dfdfd06c2f1b5060ca22442ac3ef8be6",
    "b14d6a125bdf69854ed8ef2e71d8a20b7c490f252229b806e514966e490b8d83",
    "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c",
];

/// Whether this is a principal by which AWS delivers: the account for most, a user of it for Redshift.
pub(super) fn is_of_aws(account: &str, resource: Option<&str>) -> bool {
    let tables: &[&[&str]] = match resource {
        None | Some("root") => &[&LOAD_BALANCING, &CLOUDTRAIL, &BILLING],
        Some("user/logs") => &[&REDSHIFT],
        Some(_) => &[],
    };
    tables.iter().any(|table| table.binary_search(&account).is_ok())
}

/// Whether a canonical user is one as which AWS delivers.
pub(super) fn is_canonical_of_aws(canonical_user: &str) -> bool {
    CANONICAL_USERS.contains(&canonical_user)
}

/// An identity provider that everyone shares: its address says nothing about who signed in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Issuer {
    pub host: &'static str,
    /// The claims that say who signed in, or through whose tenancy.
    pub claims: &'static [&'static str],
    /// How a subject must begin to say whose it is; empty: in any way. Who may choose the form of his own subjects
    /// can make them equal to any text that does not begin with his name.
    pub subjects: &'static [&'static str],
}

/// Providers for which AWS demands that a role's trust looks at the tenancy, and the claims that tell it: the one that
/// AWS demands for each, and the ids of tenants that AWS has keys for. Google, Facebook and Login with Amazon besides,
/// which tell of an app that anyone may sign in to, and others of that sort with which the public signs in.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html>
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
const SHARED: [Issuer; 48] = [
    issuer("access.line.me", &["sub"]),
    issuer(GOOGLE, &["aud", "azp", "oaud", "sub"]),
    issuer("agent.buildkite.com", &["sub", "organization_id", "organization_slug", "pipeline_id"]),
    // Gitpod: the subject is the address of a repository, which anyone may open in a workspace.
    // https://github.com/gitpod-io/website
    issuer("api.gitpod.io/idp", &[]),
    issuer("api.login.yahoo.com", &["sub"]),
    issuer("api.pulumi.com/oidc", &["aud"]),
    issuer("app.eu.terraform.io", &["sub"]),
    // Ona, which was Gitpod. https://ona.com/docs/ona/identity/aws-oidc
    Issuer { host: "app.gitpod.io", claims: &["sub"], subjects: &["organization_id:"] },
    issuer("app.terraform.io", &["sub"]),
    issuer("appleid.apple.com", &["sub"]),
    issuer("cognito-identity-us-gov.amazonaws.com", &["aud", "sub"]),
    issuer("cognito-identity.amazonaws.com", &["aud", "sub"]),
    issuer("cognito-identity.cn-north-1.amazonaws.com.cn", &["aud", "sub"]),
    issuer("discord.com", &["sub"]),
    issuer("gitlab.com", &["sub", "namespace_id", "project_id", "user_id"]),
    issuer("graph.facebook.com", &["app_id", "id"]),
    issuer("huggingface.co", &["sub"]),
    issuer("id.twitch.tv/oauth2", &["sub"]),
    // https://depot.dev/docs/ci/oidc
    issuer("identity.depot.dev", &["sub"]),
    issuer("kauth.kakao.com", &["sub"]),
    // env0. https://docs.envzero.com/guides/integrations/oidc-integrations/oidc-with-aws
    issuer("login.app.env0.com", &["sub"]),
    // Personal accounts of Microsoft, which are one tenant.
    issuer("login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", &["sub"]),
    issuer("login.salesforce.com", &["sub"]),
    issuer("oauth2.sigstore.dev/auth", &["sub"]),
    issuer("oidc-configuration.audit-log.githubusercontent.com", &["sub"]),
    // https://cirrus-ci.org/guide/supported-computing-services/
    Issuer { host: "oidc.cirrus-ci.com", claims: &["sub"], subjects: &["repo:github:"] },
    issuer("oidc.codefresh.io", &["sub"]),
    Issuer { host: "oidc.modal.com", claims: &["sub"], subjects: &["modal:workspace_id:"] },
    // IBM Turbonomic.
    issuer("oidc.op1.openshiftapps.com/2c51blsaqa9gkjt0o9rt11mle8mmropu", &["sub"]),
    issuer("oidc.op1.openshiftapps.com/2f785sojlpb85i7402pk3qogugim5nfb", &["sub"]),
    issuer("oidc.vercel.com", &["aud", "sub"]),
    issuer("proidc.upbound.io", &["sub"]),
    // IBM Turbonomic.
    issuer("rh-oidc.s3.us-east-1.amazonaws.com/22ejnvnnturfmt6km08idd0nt4hekbn7", &["sub"]),
    issuer("rh-oidc.s3.us-east-1.amazonaws.com/23e3sd27sju1hoou6ohfs68vbno607tr", &["sub"]),
    issuer("rh-oidc.s3.us-east-1.amazonaws.com/23ne21h005qjl3n33d8dui5dlrmv2tmg", &["sub"]),
    issuer("rh-oidc.s3.us-east-1.amazonaws.com/24jrf12m5dj7ljlfb4ta2frhrcoadm26", &["sub"]),
    issuer("sandboxes.cloud", &["aud"]),
    issuer("scalr.io", &["sub"]),
    issuer("slack.com", &["sub"]),
    // Microsoft Sentinel.
    issuer("sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d", &[SESSION_NAME]),
    // Microsoft Sentinel.
    issuer("sts.windows.net/cab8a31a-1906-4287-a0d8-4eef66b95f6e", &[SESSION_NAME]),
    issuer("studio.datachain.ai/api", &["sub"]),
    Issuer {
        host: GITHUB,
        claims: &["sub", "repository", "repository_id", "repository_owner_id", "enterprise_id", WORKFLOW],
        subjects: &["repo:", "repository:", "repository_id:", "repository_owner:", "repository_owner_id:"],
    },
    issuer("token.builds.bitrise.io", &["sub"]),
    issuer("tokens.cloud.shisho.dev", &["sub"]),
    issuer("vstoken.actions.githubusercontent.com", &["sub"]),
    issuer("www.amazon.com", &["app_id", "user_id"]),
    issuer("www.linkedin.com/oauth", &["sub"]),
];

/// Claims that tell through which application somebody signed in, or how: anyone's.
pub(super) const CLAIMS_OF_ANYONE: [&str; 5] = ["aud", "amr", "app_id", "azp", "oaud"];

/// Whether this claim, in small letters, says of which identity pool of Amazon Cognito somebody is.
pub(super) fn tells_a_pool(key: &str) -> bool {
    key.starts_with("cognito-identity") && key.ends_with(":aud")
}

/// Whether this claim, in small letters, says whether somebody signed in to an identity pool or is its guest.
pub(super) fn tells_of_guests(key: &str) -> bool {
    key.starts_with("cognito-identity") && key.ends_with(":amr")
}

/// How Microsoft Sentinel names its sessions, before the id of the workspace.
/// <https://learn.microsoft.com/en-us/azure/sentinel/connect-aws>
pub(super) const SESSION_OF_SENTINEL: &str = "MicrosoftSentinel_";

pub(super) const GOOGLE: &str = "accounts.google.com";
const GITHUB: &str = "token.actions.githubusercontent.com";

/// Which workflow a job of GitHub runs: `owner/repository/path@ref`.
pub(super) const WORKFLOW: &str = "job_workflow_ref";

/// What anybody calls their branches, environments and workflows at GitHub as they like.
const CHOSEN_AT_GITHUB: [&str; 3] = ["environment", "ref", "workflow"];

impl Issuer {
    /// Whether a session tells what the provider claimed of who signed in to it.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
    pub(super) fn is_known_to_sessions(&self) -> bool {
        [GOOGLE, "graph.facebook.com", "www.amazon.com"].contains(&self.host)
            || self.host.starts_with("cognito-identity")
    }

    /// Whether whoever signs in has chosen what this claim, which AWS looks at, tells.
    /// <https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/>
    pub(super) fn lets_choose(&self, claim: &str) -> bool {
        self.host == GITHUB && CHOSEN_AT_GITHUB.contains(&claim)
    }

    /// Whether this claim tells through which app the public has signed in.
    pub(super) fn tells_an_app(&self, claim: &str) -> bool {
        matches!(claim, "app_id" | "azp" | "oaud") || self.host == GOOGLE && claim == "aud"
    }

    /// Whether the tenant is told by the name of the session, and by no claim.
    pub(super) fn is_told_by_session_name(&self) -> bool {
        self.claims == [SESSION_NAME]
    }
}

const SESSION_NAME: &str = "sts:RoleSessionName";

/// Stands for the address of a provider that is none of an account's.
pub(super) static ANY_ISSUER: Issuer = issuer("", &["sub"]);

const fn issuer(host: &'static str, claims: &'static [&'static str]) -> Issuer {
    Issuer { host, claims, subjects: &[] }
}

/// The shared provider at this address, which is in small letters and without `https://`.
pub(super) fn shared_issuer(address: &str) -> Option<&'static Issuer> {
    SHARED.iter().find(|issuer| issuer.host == address.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_hold_account_ids() {
        for table in [&LOAD_BALANCING[..], &REDSHIFT[..], &CLOUDTRAIL[..], &BILLING[..]] {
            assert!(table.is_sorted());
            assert!(table.iter().all(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())));
        }
        assert!(is_of_aws("127311923021", None) && is_of_aws("086441151436", Some("root")));
        assert!(!is_of_aws("111122223333", None) && !is_of_aws("", Some("root")));
    }

    #[test]
    fn an_account_of_aws_is_aws_only_by_the_principal_that_aws_names() {
        assert!(is_of_aws("193672423079", Some("user/logs")));
        assert!(!is_of_aws("193672423079", Some("root")) && !is_of_aws("193672423079", None));
        assert!(!is_of_aws("127311923021", Some("role/app")) && !is_of_aws("127311923021", Some("user/logs")));
    }

    #[test]
    fn a_provider_of_ones_own_is_not_shared() {
        assert!(shared_issuer("gitlab.com").is_some());
        assert!(shared_issuer("gitlab.example.com").is_none());
        assert!(shared_issuer("oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF").is_none());
    }
}
