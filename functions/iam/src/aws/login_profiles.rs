//! Console passwords, which IAM calls login profiles.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use snapback::aws::{code, failure, unless_gone};
use snapback::change::{Applied, ConsolePassword, IamUser, Live, Swap};
use snapback::place::Place;

use super::{GONE, identities};

/// How long to wait before each further try: a password that was just set cannot be deleted yet.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteLoginProfile.html>
const BEFORE_DELETING_AGAIN: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Whether a user has a console password, and since when. One who is gone has none.
pub(crate) async fn console_password(place: &Place, user: &str) -> Result<(ConsolePassword, Option<Timestamp>)> {
    let answer = snapback::client!(aws_sdk_iam, &place.config).get_login_profile().user_name(user).send().await;
    let found = unless_gone(answer, GONE, || format!("looking for a console password of user `{user}`"))?;
    let Some(found) = found else { return Ok((ConsolePassword::None, None)) };
    let set = found.login_profile.and_then(|profile| identities::time(&profile.create_date));
    Ok((ConsolePassword::Set, set))
}

pub(super) async fn change(place: &Place, change: &Swap<IamUser, ConsolePassword>) -> Result<Applied> {
    let of = &change.of;
    let read = async { Ok(Live::Is(console_password(place, &of.0).await?.0)) };
    let write = async |to: &ConsolePassword| match to {
        ConsolePassword::None => delete(place, of).await,
        ConsolePassword::Set => create(place, of).await,
    };
    change.put(read, write).await
}

async fn delete(place: &Place, of: &IamUser) -> Result<()> {
    let client = snapback::client!(aws_sdk_iam, &place.config);
    let mut waits = BEFORE_DELETING_AGAIN.iter();
    loop {
        let error = match client.delete_login_profile().user_name(&of.0).send().await {
            Ok(_) => return Ok(()),
            Err(error) if code(&error).is_some_and(|code| GONE.contains(&code)) => return Ok(()),
            Err(error) => error,
        };
        match waits.next().filter(|_| code(&error) == Some("EntityTemporarilyUnmodifiable")) {
            Some(wait) => tokio::time::sleep(*wait).await,
            None => return Err(failure(error).context(format!("deleting the console password of {of}"))),
        }
    }
}

/// The password that was deleted is lost. This one nobody knows, and whoever signs in with it has to change it.
async fn create(place: &Place, of: &IamUser) -> Result<()> {
    let call = snapback::client!(aws_sdk_iam, &place.config).create_login_profile().user_name(&of.0);
    let done = call.password(password()?).password_reset_required(true).send().await;
    done.map(drop).map_err(|error| failure(error).context(format!("giving {of} a console password")))
}

/// Random, with all kinds of characters that a password policy may demand.
fn password() -> Result<String> {
    let mut random = [0_u8; 32];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).context("reading random numbers")?;
    Ok(format!("Aa1!{}", random.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_passwords_are_the_same() {
        let (one, other) = (password().expect("random"), password().expect("random"));
        assert!(one != other && one.len() == 68, "{one} {other}");
    }
}
