//! The principals and the values of one statement as one matrix.
//!
//! Each cell is what one principal may do with one value of each key. Where strangers get in by some cells and friends by
//! others, what goes is of each stranger's cell something that no friend needs. Elements that are judged the same are one.

use std::collections::BTreeSet;

use super::condition::Judged;
use super::narrowed::{Named, Narrowed};
use super::reach::Reach;
use super::trust::Exposure;

/// No statement that people write has as many cells; more are not worth the time.
const MOST_CELLS: usize = 4096;

#[derive(Debug)]
pub(super) struct Matrix {
    /// The first is that of the principals.
    axes: Vec<Axis>,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Axis {
    /// The key in the condition whose values these are; nothing for the principals.
    entry: Option<usize>,
    /// The class of each element.
    classes: Vec<usize>,
}

#[derive(Debug)]
struct Cell {
    /// The class on each axis.
    place: Vec<usize>,
    reach: Reach,
    /// Whether its principal is a stranger by name.
    is_strangers: bool,
}

/// An axis, and a class on it.
type Element = (usize, usize);

/// What goes of a statement, and whom each part lets in.
#[derive(Debug)]
pub(super) struct Apart {
    /// Of each principal.
    pub principals: Vec<Reach>,
    /// The key, the value, and whom it lets in; only of those that go.
    pub values: Vec<(usize, usize, Reach)>,
}

impl Matrix {
    /// Nothing if there are too many cells, or only one.
    pub(super) fn of(named: &[Named<'_>], entries: &[Judged], narrowed: Narrowed) -> Option<Self> {
        let (classes, grantees) = told_apart(named.iter().map(|named| (named.grantee, named.left)));
        let mut axes = vec![Axis { entry: None, classes }];
        let mut reaches: Vec<Vec<Reach>> = vec![];
        let is_several = |judged: &Judged| judged.values.len() > 1;
        for (entry, judged) in entries.iter().enumerate().filter(|(_, judged)| is_several(judged)) {
            let (classes, distinct) = told_apart(judged.values.iter().copied());
            axes.push(Axis { entry: Some(entry), classes });
            reaches.push(distinct);
        }
        let size = reaches.iter().fold(grantees.len(), |size, classes| size.saturating_mul(classes.len()));
        if !(2..=MOST_CELLS).contains(&size) {
            return None;
        }
        let fixed = entries.iter().filter(|judged| !is_several(judged));
        let fixed = fixed.fold(narrowed, |narrowed, judged| narrowed.and(judged.about, judged.reach));
        let several: Vec<&Judged> = entries.iter().filter(|judged| is_several(judged)).collect();
        let cells = (0..size).map(|number| {
            let mut rest = number;
            let mut digit = |size: usize| {
                let digit = rest % size;
                rest /= size;
                digit
            };
            let mut place = vec![digit(grantees.len())];
            let mut narrowed = fixed;
            for (judged, classes) in several.iter().zip(&reaches) {
                let class = digit(classes.len());
                place.push(class);
                narrowed = narrowed.and(judged.about, classes[class]);
            }
            let (grantee, left) = grantees[place[0]];
            Cell { place, reach: narrowed.of(grantee, left), is_strangers: grantee.is_a_stranger() }
        });
        Some(Self { axes, cells: cells.collect() })
    }

    /// What to take apart if these principals, or these values of a key, are no good choice: if strangers are left, or if
    /// friends would go who need not.
    pub(super) fn better_than(&self, entry: Option<usize>, reaches: &[Reach]) -> Option<Apart> {
        let axis = self.axes.iter().position(|axis| axis.entry == entry)?;
        let classes = self.axes[axis].classes.iter().zip(reaches);
        let chosen = classes.filter(|(_, reach)| reach.exposure.is_untrusted()).map(|(class, _)| (axis, *class));
        let chosen: BTreeSet<Element> = chosen.collect();
        let is_good =
            self.cells.iter().all(|cell| if cell.has_any(&chosen) { !cell.is_friendly() } else { !cell.is_hostile() });
        if is_good {
            return None;
        }
        // Where not all can stay, strangers who do no harm under the condition go before a service that acts for anyone, and
        // that before a friend.
        let going =
            self.going(Cell::is_friendly).or_else(|| self.going(|cell| cell.is_friendly() && !cell.is_strangers));
        let going = going.or_else(|| self.going(|cell| cell.is_friendly() && !cell.is_services()));
        going.map(|going| self.apart(&going))
    }

    /// Something of each stranger's cell that nobody needs who may stay; nothing if there is not always such a thing.
    fn going(&self, may_stay: impl Fn(&Cell) -> bool) -> Option<BTreeSet<Element>> {
        let needed: BTreeSet<Element> =
            self.cells.iter().filter(|cell| may_stay(cell)).flat_map(Cell::elements).collect();
        let mut going = BTreeSet::new();
        let mut left: Vec<&Cell> = self.cells.iter().filter(|cell| cell.is_hostile()).collect();
        while let Some(first) = left.first() {
            let choices = first.elements().filter(|element| !needed.contains(element));
            let most = |element: &Element| left.iter().filter(|cell| cell.has(*element)).count();
            let best = choices.max_by_key(most)?;
            left.retain(|cell| !cell.has(best));
            going.insert(best);
        }
        Some(going)
    }

    fn apart(&self, going: &BTreeSet<Element>) -> Apart {
        let reach = |element: Element| {
            let goes = going.contains(&element);
            let here = self.cells.iter().filter(|cell| cell.has(element) && (goes || !cell.has_any(going)));
            here.map(|cell| cell.reach).fold(Reach::NOBODY, Reach::or)
        };
        let values = self.axes.iter().enumerate().filter_map(|(axis, of)| Some((axis, of.entry?, &of.classes)));
        let values = values.flat_map(|(axis, entry, classes)| {
            let going = classes.iter().enumerate().filter(move |(_, class)| going.contains(&(axis, **class)));
            going.map(move |(value, class)| (entry, value, (axis, *class)))
        });
        Apart {
            principals: self.axes[0].classes.iter().map(|class| reach((0, *class))).collect(),
            values: values.map(|(entry, value, element)| (entry, value, reach(element))).collect(),
        }
    }
}

impl Cell {
    fn elements(&self) -> impl Iterator<Item = Element> {
        self.place.iter().copied().enumerate()
    }

    fn has(&self, (axis, class): Element) -> bool {
        self.place[axis] == class
    }

    fn has_any(&self, elements: &BTreeSet<Element>) -> bool {
        self.elements().any(|element| elements.contains(&element))
    }

    fn is_hostile(&self) -> bool {
        self.reach.exposure.is_untrusted()
    }

    fn is_friendly(&self) -> bool {
        !self.is_hostile() && self.reach.exposure != Exposure::None
    }

    fn is_services(&self) -> bool {
        self.reach.exposure == Exposure::Service
    }
}

/// The class of each, and one of each class.
fn told_apart<T: PartialEq>(all: impl Iterator<Item = T>) -> (Vec<usize>, Vec<T>) {
    let mut distinct: Vec<T> = vec![];
    let classes = all.map(|one| {
        distinct.iter().position(|other| *other == one).unwrap_or_else(|| {
            distinct.push(one);
            distinct.len() - 1
        })
    });
    (classes.collect(), distinct)
}
