//! A change of one thing, and the one compare-and-swap that applies all of them.
//!
//! Services only read and write. Whether there is anything to write, and whether it may be written, is decided here: a
//! change is applied only where what is there now is what the change was made for.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Applied;
use crate::aws::lost_race;
use crate::json;

/// What is changed, what is there before, and what is there after. Its inverse is the same the other way round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swap<Of, V> {
    pub of: Of,
    pub from: V,
    pub to: V,
}

/// What a change sets as a whole.
pub trait Setting: Clone + PartialEq {
    /// As people read it, before and after.
    fn shown(&self) -> String;

    /// What a change from one to the other does to `of`, in the imperative.
    fn said(of: &str, from: &Self, to: &Self) -> String;

    /// Whether a change that finds one finds the other: by meaning, whatever AWS names anew.
    fn same(&self, other: &Self) -> bool {
        self == other
    }

    /// Whether a call that asked for this, from which the change took what was risky, set something that stays.
    fn leaves_some(_from: &Self, _to: &Self, _request: &Value) -> bool {
        false
    }

    /// Whether all of this is in the other, so that to find the one does not tell the other from it.
    fn is_within(&self, _other: &Self) -> bool {
        false
    }

    /// As AWS takes it: what AWS shows and refuses to take back goes first.
    #[must_use]
    fn writable(&self) -> Self {
        self.clone()
    }
}

/// One of many that stand beside each other, of which a change names some. All others stay.
pub trait Member: Clone + PartialEq {
    /// What is shown where a change leaves none of those that it names.
    const NONE: &'static str;

    fn shown(&self) -> String;

    /// See [`Setting::said`].
    fn said(of: &str, from: &[Self], to: &[Self]) -> String;

    /// Whether both stand in the same place, so that one takes the other's.
    fn is_at(&self, other: &Self) -> bool;

    /// See [`Setting::same`].
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl<M: Member> Setting for Vec<M> {
    fn shown(&self) -> String {
        match self.as_slice() {
            [] => M::NONE.to_owned(),
            some => some.iter().map(M::shown).collect::<Vec<_>>().join("\n"),
        }
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        M::said(of, from, to)
    }

    fn leaves_some(from: &Self, to: &Self, request: &Value) -> bool {
        json::is_left_out(request) || json::listed(request) > from.len().max(to.len())
    }

    fn is_within(&self, other: &Self) -> bool {
        self.iter().all(|one| other.iter().any(|other| other.same(one)))
    }
}

/// What is there now of a thing.
#[derive(Debug, Clone, PartialEq)]
pub enum Live<V> {
    Is(V),
    /// Nothing that a change could be made for, and why: it is gone, or has a form that could not be written back.
    Cannot(String),
}

impl<V> Live<V> {
    /// It, or why it is not there.
    pub fn or(found: Option<V>, gone: impl FnOnce() -> String) -> Self {
        found.map_or_else(|| Self::Cannot(gone()), Self::Is)
    }
}

impl<Of: Clone + fmt::Display, V: Setting> Swap<Of, V> {
    #[must_use]
    pub fn undo(&self) -> Self {
        Self { of: self.of.clone(), from: self.to.clone(), to: self.from.clone() }
    }

    /// The change that leaves what this one was made for as it is. Applied, it writes nothing, and tells whether that is
    /// what is there now.
    #[must_use]
    pub fn idle(&self) -> Self {
        Self { of: self.of.clone(), from: self.from.clone(), to: self.from.clone() }
    }

    /// Of a change that only adds, what [`Swap::idle`] finds stays the same: the change that writes nothing, and tells
    /// whether what is added is there already.
    #[must_use]
    pub fn added(&self) -> Option<Self> {
        self.from.is_within(&self.to).then(|| self.undo().idle())
    }

    /// See [`Setting::leaves_some`].
    #[must_use]
    pub fn leaves_some(&self, request: &Value) -> bool {
        V::leaves_some(&self.from, &self.to, request)
    }

    /// What is there before and after, as people read it.
    #[must_use]
    pub fn sides(&self) -> (String, String) {
        (self.from.shown(), self.to.shown())
    }

    /// Writes what a change sets, where what is there is what the change was made for.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn put(
        &self,
        read: impl Future<Output = Result<Live<V>>>,
        write: impl AsyncFnOnce(&V) -> Result<()>,
    ) -> Result<Applied> {
        let found = match read.await? {
            Live::Is(found) => found,
            Live::Cannot(found) => return Ok(Applied::Changed { found }),
        };
        let to = self.to.writable();
        if found.same(&self.to) || found.same(&to) {
            return Ok(Applied::Already);
        }
        if !found.same(&self.from) {
            return Ok(Applied::Changed { found: found.shown() });
        }
        let written = write(&to).await.map(|()| Applied::done());
        match too_late(&written) {
            Some(late) => Ok(late),
            None => written,
        }
    }
}

/// Whoever was faster between the read and the write has changed what the change was made for.
fn too_late(written: &Result<Applied>) -> Option<Applied> {
    let code = written.as_ref().err().and_then(lost_race)?;
    Some(Applied::Changed { found: format!("somebody else was faster: AWS answered {code}") })
}

/// What a change of members has to do where some of it is so already.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit<M> {
    /// As they are now.
    pub remove: Vec<M>,
    pub add: Vec<M>,
    /// As each is now, and as it is to be.
    pub replace: Vec<(M, M)>,
}

impl<Of: Clone + fmt::Display, M: Member> Swap<Of, Vec<M>> {
    /// Writes what of a change is not so already, where each member is as the change was made for.
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub async fn edit<Read>(
        &self,
        read: impl Fn() -> Read,
        write: impl AsyncFnOnce(Edit<M>) -> Result<Applied>,
    ) -> Result<Applied>
    where
        Read: Future<Output = Result<Live<Vec<M>>>>,
    {
        let edit = match self.to_do(read().await?) {
            Ok(edit) => edit,
            Err(without) => return Ok(without),
        };
        let written = write(edit).await;
        let Some(late) = too_late(&written) else { return written };
        // Whoever was faster may have done just this: so may an earlier try of ours whose answer was lost.
        Ok(match self.to_do(read().await?) {
            Err(Applied::Already) => Applied::Already,
            _ => late,
        })
    }

    /// What is to be done; or what comes of it where nothing is, or may be.
    fn to_do(&self, live: Live<Vec<M>>) -> Result<Edit<M>, Applied> {
        match live {
            Live::Cannot(found) => Err(Applied::Changed { found }),
            Live::Is(live) => self.missing(&live).map_err(|found| Applied::Changed { found })?.ok_or(Applied::Already),
        }
    }

    /// What these become by it, as far as they are what the change was made for.
    #[must_use]
    pub fn after(&self, live: &[M]) -> Vec<M> {
        let becomes = |one: &M| match self.from.iter().find(|from| from.is_at(one)) {
            Some(from) => self.to.iter().find(|to| to.is_at(from)).cloned(),
            None => Some(one.clone()),
        };
        let is_new = |to: &&M| !live.iter().any(|live| live.is_at(to));
        live.iter().filter_map(becomes).chain(self.to.iter().filter(is_new).cloned()).collect()
    }

    /// What is to be done beside these that are there; what was found instead if one is not as it was.
    fn missing(&self, live: &[M]) -> Result<Option<Edit<M>>, String> {
        let now = |found: &M| format!("now {}", found.shown());
        let mut edit = Edit { remove: vec![], add: vec![], replace: vec![] };
        for from in &self.from {
            let to = self.to.iter().find(|to| to.is_at(from));
            match (live.iter().find(|live| live.is_at(from)), to) {
                (None, None) => {}
                (None, Some(_)) => return Err(format!("gone: {}", from.shown())),
                (Some(live), Some(to)) if live.same(to) => {}
                (Some(live), _) if !live.same(from) => return Err(now(live)),
                (Some(live), None) => edit.remove.push(live.clone()),
                (Some(live), Some(to)) => edit.replace.push((live.clone(), to.clone())),
            }
        }
        let is_new = |to: &&M| !self.from.iter().any(|from| from.is_at(to));
        for to in self.to.iter().filter(is_new) {
            if live.iter().any(|live| live.same(to)) {
                continue;
            }
            match live.iter().find(|live| live.is_at(to)) {
                Some(other) => return Err(now(other)),
                None => edit.add.push(to.clone()),
            }
        }
        let is_done = edit.remove.is_empty() && edit.add.is_empty() && edit.replace.is_empty();
        Ok((!is_done).then_some(edit))
    }
}

impl<Of: fmt::Display, V: Setting> fmt::Display for Swap<Of, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&V::said(&self.of.to_string(), &self.from, &self.to))
    }
}

impl Applied {
    /// Done, and nothing was newly made.
    #[must_use]
    pub fn done() -> Self {
        Self::Done { made: BTreeMap::new() }
    }
}

/// The changes of one service: each variant says of what, and what it sets. All else follows from that.
macro_rules! changes {
    ($(#[$service_doc:meta])* $service:ident { $($(#[$doc:meta])* $variant:ident($of:ty => $setting:ty)),+ $(,)? }) => {
        $(#[$service_doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $service {
            $($(#[$doc])* $variant($crate::change::Swap<$of, $setting>)),+
        }

        impl $service {
            /// The change that takes this one back.
            #[must_use]
            pub fn undo(&self) -> Self {
                match self { $(Self::$variant(swap) => Self::$variant(swap.undo())),+ }
            }

            /// See [`Swap::idle`]($crate::change::Swap::idle).
            #[must_use]
            pub fn idle(&self) -> Self {
                match self { $(Self::$variant(swap) => Self::$variant(swap.idle())),+ }
            }

            /// See [`Swap::added`]($crate::change::Swap::added).
            #[must_use]
            pub fn added(&self) -> Option<Self> {
                match self { $(Self::$variant(swap) => swap.added().map(Self::$variant)),+ }
            }

            /// See [`Setting::leaves_some`]($crate::change::Setting::leaves_some).
            #[must_use]
            pub fn leaves_some(&self, request: &serde_json::Value) -> bool {
                match self { $(Self::$variant(swap) => swap.leaves_some(request)),+ }
            }

            /// What is there before and after, as people read it.
            #[must_use]
            pub fn sides(&self) -> (String, String) {
                match self { $(Self::$variant(swap) => swap.sides()),+ }
            }
        }

        impl std::fmt::Display for $service {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self { $(Self::$variant(swap) => swap.fmt(f)),+ }
            }
        }

        impl From<$service> for $crate::change::Change {
            fn from(change: $service) -> Self {
                Self::$service(change)
            }
        }

        impl TryFrom<$crate::change::Change> for $service {
            type Error = $crate::change::Change;
            fn try_from(change: $crate::change::Change) -> Result<Self, $crate::change::Change> {
                match change {
                    $crate::change::Change::$service(change) => Ok(change),
                    other => Err(other),
                }
            }
        }
    };
}
pub(super) use changes;

#[cfg(test)]
pub(super) mod tests {
    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::aws::tests::refusal;

    /// A member with an id and a content: what AWS makes anew has another id.
    #[derive(Debug, Clone, PartialEq)]
    struct Numbered(u8, u8);

    impl Member for Numbered {
        const NONE: &'static str = "(none of these)";

        fn shown(&self) -> String {
            format!("{} is {}", self.0, self.1)
        }

        fn said(of: &str, from: &[Self], to: &[Self]) -> String {
            format!("change {of} from {} to {}", from.len(), to.len())
        }

        fn is_at(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    /// Applies a change to members that are kept as AWS keeps them.
    pub(in crate::change) fn apply<M: Member>(swap: &Swap<&'static str, Vec<M>>, live: &mut Vec<M>) -> Applied {
        let was = live.clone();
        let read = || std::future::ready(Ok(Live::Is(was.clone())));
        let write = async |edit: Edit<M>| {
            live.retain(|one| !edit.remove.contains(one));
            for one in live.iter_mut() {
                if let Some((_, to)) = edit.replace.iter().find(|(from, _)| from == one) {
                    *one = to.clone();
                }
            }
            live.extend(edit.add);
            Ok(Applied::done())
        };
        swap.edit(read, write).now_or_never().expect("nothing waits").expect("nothing fails")
    }

    /// EC2 says that what is to be removed is gone; then it is read again, and these are there.
    fn lost_to_somebody(there: Vec<Numbered>) -> Applied {
        let swap = Swap { of: "a list", from: vec![Numbered(1, 0), Numbered(2, 0)], to: vec![] };
        let reads = std::cell::RefCell::new(vec![there, swap.from.clone()]);
        let read = || std::future::ready(Ok(Live::Is(reads.borrow_mut().pop().unwrap_or_default())));
        let write = async |_| Err(refusal("InvalidSecurityGroupRuleId.NotFound"));
        swap.edit(read, write).now_or_never().expect("nothing waits").expect("a race is no failure")
    }

    #[test]
    fn what_is_only_added_is_known_to_be_there_from_what_is_there() {
        let swap = |from: &[Numbered], to: &[Numbered]| Swap { of: "a list", from: from.to_vec(), to: to.to_vec() };
        let (one, two) = (Numbered(1, 0), Numbered(2, 0));
        for (from, to) in [(vec![], vec![one.clone()]), (vec![two.clone()], vec![two, one.clone()])] {
            let change = swap(&from, &to);
            let (mut before, mut after) = (from, to);
            assert_eq!(apply(&change.idle(), &mut before), Applied::Already);
            assert_eq!(apply(&change.idle(), &mut after), Applied::Already, "that does not tell");
            let added = change.added().expect("it only adds");
            assert!(matches!(apply(&added, &mut before), Applied::Changed { .. }));
            assert_eq!(apply(&added, &mut after), Applied::Already);
        }
        assert_eq!(swap(std::slice::from_ref(&one), &[]).added(), None);
        assert_eq!(swap(&[one], &[Numbered(1, 1)]).added(), None);
    }

    #[test]
    fn a_lost_race_is_done_already_where_nothing_is_left_and_judged_afresh_where_something_is() {
        assert_eq!(lost_to_somebody(vec![Numbered(3, 0)]), Applied::Already);
        for left in [vec![Numbered(2, 0)], vec![Numbered(1, 1)]] {
            let applied = lost_to_somebody(left);
            assert!(matches!(applied, Applied::Changed { .. }), "{applied:?}");
        }
    }

    fn members(most: u8) -> impl Strategy<Value = Vec<Numbered>> {
        prop::collection::btree_map(0..most, 0..3_u8, 0..5)
            .prop_map(|members| members.into_iter().map(|(id, content)| Numbered(id, content)).collect())
    }

    fn sorted(mut members: Vec<Numbered>) -> Vec<Numbered> {
        members.sort_by_key(|one| one.0);
        members
    }

    proptest! {
        /// What a change names becomes what it says, all else stays, a second time changes nothing, and undo restores.
        #[test]
        fn a_change_of_members_does_just_what_it_says((from, to, others) in (members(6), members(6), members(6))) {
            let others: Vec<_> = others.into_iter().map(|Numbered(id, content)| Numbered(id + 10, content)).collect();
            let swap = Swap { of: "a list", from: from.clone(), to: to.clone() };
            let before = [from.clone(), others.clone()].concat();
            let mut live = before.clone();
            let expected = if from == to { Applied::Already } else { Applied::done() };
            prop_assert_eq!(apply(&swap, &mut live), expected);
            prop_assert_eq!(sorted(swap.after(&before)), sorted(live.clone()));
            prop_assert_eq!(sorted(live.clone()), sorted([to, others].concat()));
            prop_assert_eq!(apply(&swap, &mut live), Applied::Already);
            apply(&swap.undo(), &mut live);
            prop_assert_eq!(sorted(live), sorted(before));
        }

        /// Whoever has changed a member since it was read keeps what they have made of it.
        #[test]
        fn what_has_changed_since_is_never_touched((from, to, live) in (members(4), members(4), members(4))) {
            let is_as_expected = |one: &Numbered| from.contains(one) || to.contains(one);
            let named = |one: &&Numbered| from.iter().chain(&to).any(|of| of.is_at(one));
            let was = live.clone();
            let mut live = live;
            let applied = apply(&Swap { of: "a list", from: from.clone(), to: to.clone() }, &mut live);
            if was.iter().filter(named).any(|one| !is_as_expected(one)) {
                let is_refused = matches!(applied, Applied::Changed { .. });
                prop_assert!(is_refused, "{:?}", applied);
                prop_assert_eq!(live, was);
            }
        }
    }
}
