//! Whom a statement names, and what its condition leaves of them.

use super::Kind;
use super::condition::{About, Judged};
use super::known::Issuer;
use super::principal::Grantee;
use super::reach::Reach;
use super::trust::Exposure;

/// A principal as it is written.
pub(super) struct Named<'s> {
    pub kind: &'s str,
    pub text: &'s str,
    pub grantee: Grantee,
    /// Whom the `Deny` statements leave over of these.
    pub left: Reach,
    /// The keys and values of the condition that none of these has.
    pub never: Vec<(usize, usize)>,
}

/// What the condition leaves of everyone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Narrowed {
    /// By keys that tell of the caller.
    caller: Reach,
    source: Option<Reach>,
    claim: Option<Reach>,
    /// What the claims leave of those who did not sign in for this call, but for the session that makes it.
    session: Reach,
    /// By the name of the session.
    session_name: Reach,
    /// To whose identity pool, and whether its guests are let in as well.
    pool: Option<Reach>,
    guests: Option<Reach>,
    /// With whose key.
    key: Option<Reach>,
    is_service: bool,
    kind: Kind,
}

impl Narrowed {
    pub(super) fn by<'j>(entries: impl Iterator<Item = &'j Judged>, kind: Kind) -> Self {
        let everyone = Self {
            caller: Reach::ANYONE,
            source: None,
            claim: None,
            session: Reach::ANYONE,
            session_name: Reach::ANYONE,
            pool: None,
            guests: None,
            key: None,
            is_service: false,
            kind,
        };
        entries.fold(everyone, |narrowed, judged| narrowed.and(judged.about, judged.reach))
    }

    pub(super) fn and(mut self, about: About, reach: Reach) -> Self {
        let narrower = |earlier: Option<Reach>| Some(earlier.map_or(reach, |earlier| earlier.and(reach)));
        match about {
            About::Source => self.source = narrower(self.source),
            About::Claim { stays } => {
                self.claim = narrower(self.claim);
                self.session = self.session.and(of_session(reach, stays));
            }
            About::SessionName => self.session_name = self.session_name.and(reach),
            About::Pool => {
                self.pool = narrower(self.pool);
                self.session = self.session.and(of_session(reach, true));
            }
            About::Guests => self.guests = narrower(self.guests),
            About::Key => self.key = narrower(self.key),
            About::Service if reach == Reach::certain(Exposure::Service) => self.is_service = true,
            About::Caller | About::Way | About::Service => self.caller = self.caller.and(reach),
        }
        self
    }

    /// With a key of the owner's a stranger who is named is still one, but the policy of the key may keep them out.
    pub(super) fn of(self, grantee: Grantee, left: Reach) -> Reach {
        let reach = self.of_caller(grantee, left);
        match self.key {
            Some(key) if reach.exposure == Exposure::Foreign && !key.exposure.is_untrusted() => {
                Reach::unsure(Exposure::Foreign)
            }
            Some(key) => reach.and(key),
            None => reach,
        }
    }

    fn of_caller(self, grantee: Grantee, left: Reach) -> Reach {
        let source = self.source.unwrap_or(Reach::ANYONE);
        let conditioned = self.caller.and(source).and(left);
        match grantee {
            Grantee::Service => self.services(left),
            _ if self.is_service && [Grantee::Everyone, Grantee::WITH_ANY_TOKEN].contains(&grantee) => {
                self.services(left)
            }
            _ if self.is_service => Reach::NOBODY,
            Grantee::Known(reach) => reach.and(conditioned).and(self.session),
            Grantee::Member(owner) => owner.and(conditioned),
            Grantee::SignedIn(issuer, owner) => {
                let claim = self.of_token(issuer);
                if claim.is_narrower_than_public() { owner.and(conditioned) } else { conditioned.and(claim) }
            }
            Grantee::Everyone if self.kind == Kind::Trust => conditioned.and(self.claimed().or(self.session)),
            Grantee::Everyone => conditioned.and(self.session),
        }
    }

    /// Whether nobody but services is let in.
    pub(super) fn is_for_services(self) -> bool {
        self.is_service
    }

    /// Whether somebody signs in with a provider that anybody can sign in with, and whatever their token says.
    pub(super) fn is_for_any_token(self, grantee: Grantee) -> bool {
        matches!(grantee, Grantee::SignedIn(issuer, _) if !self.of_token(issuer).is_narrower_than_public())
    }

    /// Whom the condition lets in of those who have a token of this issuer.
    fn of_token(self, issuer: &Issuer) -> Reach {
        let claimed = self.claimed();
        if issuer.is_told_by_session_name() { claimed.and(self.session_name) } else { claimed }
    }

    fn claimed(self) -> Reach {
        // Guests of a pool are anyone, and whether it has some the policy does not tell.
        let pool = self.pool.map(|pool| pool.or(self.guests.unwrap_or(Reach::UNKNOWN)));
        self.claim.unwrap_or(Reach::ANYONE).and(pool.unwrap_or(Reach::ANYONE))
    }

    /// A service acts for whom its condition says, or for anyone; that a role is trusted to one is normal.
    fn services(self, left: Reach) -> Reach {
        let anyone = if self.kind == Kind::Trust { Exposure::Account } else { Exposure::Service };
        let acting = match self.source {
            Some(source) if source.is_narrower_than_public() => source,
            Some(source) => Reach { exposure: anyone, ..source },
            None => Reach::certain(anyone),
        };
        acting.and(self.caller).and(left)
    }
}

/// Whom a claim leaves of those whose role somebody signed in to: whoever made the role has chosen whom it trusts, and so is
/// a stranger whoever is named. Whether sessions say what other providers claim is nowhere said.
fn of_session(claimed: Reach, stays: bool) -> Reach {
    match claimed.exposure {
        Exposure::None => Reach::NOBODY,
        Exposure::Public if claimed.certain => Reach::ANYONE,
        _ if stays => Reach::certain(Exposure::Foreign),
        _ => Reach::UNKNOWN,
    }
}
