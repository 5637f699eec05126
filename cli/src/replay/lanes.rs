//! Work on many things side by side, whose results come in the order of the things.
//!
//! The things are dealt out to lanes like cards, and the results are taken from the lanes in turn. A lane that is ahead
//! waits, so that however many things there are, only so many results are in memory.

use std::fmt;
use std::iter::{Skip, StepBy};
use std::num::NonZeroUsize;
use std::slice::Iter;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Result;

/// How many results a lane may be ahead of who takes them.
const AHEAD: usize = 32;

/// Nobody takes results any more: a lane has nothing left to do.
#[derive(Debug)]
pub(super) struct Over;

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody takes the results")
    }
}

impl std::error::Error for Over {}

/// The things that one thread works on, and where its results go.
#[derive(Debug)]
pub(super) struct Lane<'a, T, R> {
    things: StepBy<Skip<Iter<'a, T>>>,
    results: SyncSender<Option<R>>,
}

impl<'a, T, R> Lane<'a, T, R> {
    pub(super) fn next(&mut self) -> Option<&'a T> {
        self.things.next()
    }

    /// One of any number of results of the last thing.
    pub(super) fn tell(&self, result: R) -> Result<(), Over> {
        self.results.send(Some(result)).map_err(|_| Over)
    }

    /// There is no further result of the last thing.
    pub(super) fn end(&self) -> Result<(), Over> {
        self.results.send(None).map_err(|_| Over)
    }
}

/// Has `work` done in as many lanes as there are threads, and hands all results to `take` in the order of the things.
pub(super) fn in_order<T: Sync, R: Send>(
    things: &[T],
    threads: NonZeroUsize,
    work: impl Fn(&mut Lane<'_, T, R>) -> Result<(), Over> + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let begin = |number| {
        let (results, taken) = sync_channel(AHEAD);
        (Lane { things: things.iter().skip(number).step_by(threads.get()), results }, taken)
    };
    thread::scope(|scope| {
        let (lanes, taken): (Vec<_>, Vec<Receiver<_>>) = (0..threads.get().min(things.len())).map(begin).unzip();
        for mut lane in lanes {
            let work = &work;
            scope.spawn(move || work(&mut lane));
        }
        for (from, _) in taken.iter().cycle().zip(things) {
            // A lane that is over before its time has panicked, and so does the scope at its end.
            while let Ok(Some(result)) = from.recv() {
                take(result)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use anyhow::{bail, ensure};

    use super::*;

    fn threads(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).expect("more than none")
    }

    /// Each thing's number of results, told as thing and number.
    fn count_up(lane: &mut Lane<'_, usize, (usize, usize)>) -> Result<(), Over> {
        while let Some(thing) = lane.next() {
            // The first is the slowest.
            thread::sleep(Duration::from_millis(if *thing == 0 { 50 } else { 0 }));
            for number in 0..thing % 5 {
                lane.tell((*thing, number))?;
            }
            lane.end()?;
        }
        Ok(())
    }

    #[test]
    fn results_come_in_the_order_of_the_things_whoever_is_slow() {
        let things: Vec<usize> = (0..500).collect();
        let expected: Vec<_> =
            things.iter().flat_map(|thing| (0..thing % 5).map(move |number| (*thing, number))).collect();
        for number in [1, 2, 3, 16, 1000] {
            let mut told = vec![];
            in_order(&things, threads(number), count_up, |result| {
                told.push(result);
                Ok(())
            })
            .expect("all is taken");
            assert_eq!(told, expected, "{number} threads");
        }
        in_order(&[], threads(2), count_up, |_| bail!("nothing to take")).expect("nothing to do");
    }

    #[test]
    fn nobody_runs_far_ahead_of_who_takes_the_results() {
        let (things, told) = (vec![(); 2000], AtomicUsize::new(0));
        let work = |lane: &mut Lane<'_, (), ()>| {
            while lane.next().is_some() {
                lane.tell(())?;
                told.fetch_add(1, Ordering::SeqCst);
                lane.end()?;
            }
            Ok(())
        };
        let (mut taken, mut furthest) = (0, 0);
        in_order(&things, threads(2), work, |()| {
            thread::sleep(Duration::from_micros(50));
            furthest = furthest.max(told.load(Ordering::SeqCst).saturating_sub(taken));
            taken += 1;
            Ok(())
        })
        .expect("all is taken");
        assert_eq!(taken, 2000);
        assert!((1..=2 * (AHEAD + 1)).contains(&furthest), "{furthest} results were waiting");
    }

    #[test]
    fn when_nobody_takes_results_the_lanes_end() {
        let things: Vec<usize> = (0..100_000).collect();
        let mut taken = 0;
        let error = in_order(&things, threads(2), count_up, |_| {
            taken += 1;
            ensure!(taken < 10, "enough");
            Ok(())
        });
        assert_eq!(error.expect_err("it was refused").to_string(), "enough");
    }
}
