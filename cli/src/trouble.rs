//! What goes wrong with AWS before there is anything to see: no credentials, the wrong Region, a call that is denied. Each
//! gets one error that says what to do.

use std::env;
use std::fmt::Write;

use anyhow::anyhow;
use aws_config::SdkConfig;
use snapback::aws::{self, Cause, Failed};

use crate::caller::Caller;
use crate::terminal::on_one_line;

/// The exit status of every error that ends a command. 1 is an answer: `scan` has found something open.
pub(crate) const ERROR: u8 = 2;

/// Codes with which services refuse credentials that were good.
const EXPIRED: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// Codes with which services refuse credentials that never were any, at least not in this Region.
const UNKNOWN: [&str; 6] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "AuthFailure",
];

/// The error with what to do about it, if it is one of those that operators can do something about.
pub(crate) fn with_advice(error: anyhow::Error, config: &SdkConfig) -> anyhow::Error {
    let region = region(config);
    let Some(Failed { cause, .. }) = error.downcast_ref() else { return error };
    match cause {
        Cause::NoCredentials if format!("{error:#}").to_lowercase().contains("expired") => {
            advice("your AWS credentials have expired", SIGN_IN_AGAIN, &error)
        }
        Cause::NoCredentials => match env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty()) {
            Some(profile) => advice(
                &format!("there are no AWS credentials in profile `{}`", on_one_line(&profile)),
                "AWS_PROFILE names it. `aws configure list-profiles` lists the profiles that there are.",
                &error,
            ),
            None => advice(
                "there are no AWS credentials",
                "Sign in with `aws configure` or `aws sso login`, or choose a profile with AWS_PROFILE.",
                &error,
            ),
        },
        Cause::NoAnswer => {
            let place = config.endpoint_url().map_or_else(|| region.to_owned(), |url| format!("{region} ({url})"));
            advice(
                &format!("AWS does not answer in {place}"),
                "Check that the Region is spelled as AWS spells it, that this machine can reach AWS, and AWS_ENDPOINT_URL if it is set.",
                &error,
            )
        }
        Cause::Refused(code) if EXPIRED.contains(&code.as_str()) => {
            advice("your AWS credentials have expired", SIGN_IN_AGAIN, &error)
        }
        Cause::Refused(code) if UNKNOWN.contains(&code.as_str()) => advice(
            &format!("AWS does not accept your credentials in {region}"),
            "Check AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that the Region is enabled in \
             your account.",
            &error,
        ),
        Cause::Refused(_) if aws::is_denied(&error) => advice(
            &format!("your credentials are not allowed to do this in {region}"),
            "Ask for the permission that AWS names. README.md and `snapback controls` list what each command needs.",
            &error,
        ),
        Cause::Refused(_) | Cause::Other => error,
    }
}

const SIGN_IN_AGAIN: &str = "Sign in again, for example with `aws sso login`.";

/// What the SDK says when it has looked everywhere.
const NOWHERE: &str = "no credentials found in chain";

/// What is wrong and what to do about it, a line each, and then what AWS said.
pub(crate) fn advice(what: &str, to_do: &str, cause: &anyhow::Error) -> anyhow::Error {
    let mut text = format!("{what}\n  hint: {to_do}");
    let said = format!("{cause:#}");
    let is_of_the_sdk = matches!(cause.downcast_ref(), Some(Failed { cause: Cause::NoCredentials, .. }));
    // Where the SDK has looked for credentials and found none is a long list, and of no use to anybody.
    if !(is_of_the_sdk && said.contains(NOWHERE)) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  cause: {}", on_one_line(&said));
    }
    anyhow!(text)
}

/// The code with which AWS refused.
pub(crate) fn code(error: &anyhow::Error) -> Option<&str> {
    match error.downcast_ref() {
        Some(Failed { cause: Cause::Refused(code), .. }) => Some(code),
        _ => None,
    }
}

pub(crate) fn region(config: &SdkConfig) -> &str {
    config.region().map_or("no Region", |region| region.as_ref())
}

/// The account that the credentials are of, for an error. It is asked for only if AWS answers at all.
pub(crate) async fn account(known: Option<&Caller>, error: &anyhow::Error, config: &SdkConfig) -> String {
    if let Some(caller) = known {
        return format!("account {}", caller.account);
    }
    if matches!(error.downcast_ref(), Some(Failed { cause: Cause::NoAnswer | Cause::NoCredentials, .. })) {
        return "account unknown".to_owned();
    }
    Caller::of(config)
        .await
        .map_or_else(|_| "account unknown".to_owned(), |caller| format!("account {}", caller.account))
}
