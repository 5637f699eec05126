//! The principals and the values of one statement as one matrix.
//!
//! Each cell is what one principal may do with one value of each key. Where strangers get in by some cells and friends by
//! others, what goes is of each stranger's cell something that no friend needs, and, as far as that can be, nothing that
//! also takes away what is in doubt. Elements that are judged the same are one.

use std::collections::BTreeSet;

use super::condition::{About, Judged};
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
    /// Whether its principal is a stranger by name, or whoever signs in somewhere.
    is_strangers: bool,
    /// Whether it is a service's that acts for anyone.
    is_services: bool,
    /// Whether a value names a stranger as the source, or as the caller beside a principal by his canonical id.
    names_a_stranger: bool,
}

/// What goes: by itself, as strangers certainly get in by it, and what only perhaps lets strangers in.
#[derive(Debug, Default)]
struct Going {
    certain: BTreeSet<Element>,
    doubted: BTreeSet<Element>,
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
        let (classes, grantees) = told_apart(
            named.iter().map(|named| (named.grantee, named.left, &named.never, named.kind == "CanonicalUser")),
        );
        let mut axes = vec![Axis { entry: None, classes }];
        // Whom each value lets in, and which of the principals never have it.
        let mut reaches: Vec<Vec<(Reach, Vec<bool>)>> = vec![];
        let is_several = |judged: &Judged| judged.values.len() > 1;
        for (entry, judged) in entries.iter().enumerate().filter(|(_, judged)| is_several(judged)) {
            let values = judged.values.iter().enumerate().map(|(value, reach)| {
                let never = grantees.iter().map(|(_, _, never, _)| never.contains(&(entry, value)));
                (*reach, never.collect::<Vec<bool>>())
            });
            let (classes, distinct) = told_apart(values);
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
            let (grantee, left, _, is_by_id) = grantees[place[0]];
            let (mut narrowed, mut is_empty, mut names_a_stranger) = (fixed, false, false);
            for (judged, classes) in several.iter().zip(&reaches) {
                let class = digit(classes.len());
                let (reach, never) = &classes[class];
                narrowed = narrowed.and(judged.about_value(*reach), *reach);
                let is_contradictory = judged.about == About::Source || judged.about == About::Caller && is_by_id;
                names_a_stranger |= is_contradictory && *reach == Reach::certain(Exposure::Foreign);
                is_empty |= never[place[0]];
                place.push(class);
            }
            let reach = if is_empty { Reach::NOBODY } else { narrowed.of(grantee, left) };
            Cell {
                place,
                reach,
                names_a_stranger,
                is_services: reach.exposure == Exposure::Service || narrowed.is_for_services(),
                is_strangers: grantee.is_a_stranger() || narrowed.is_for_any_token(grantee),
            }
        });
        Some(Self { axes, cells: cells.collect() })
    }

    /// What to take apart if these principals, or these values of a key, are no good choice: if strangers are left, or if
    /// friends would go who need not.
    pub(super) fn better_than(&self, entry: Option<usize>, reaches: &[Reach]) -> Option<Apart> {
        let axis = self.axes.iter().position(|axis| axis.entry == entry)?;
        let classes = self.axes[axis].classes.iter().zip(reaches);
        let mut chosen = Going::default();
        for (class, reach) in classes.filter(|(_, reach)| reach.exposure.is_untrusted()) {
            let elements = if reach.certain { &mut chosen.certain } else { &mut chosen.doubted };
            elements.insert((axis, *class));
        }
        if self.cells.iter().all(|cell| chosen.is_good_for(cell)) {
            return None;
        }
        let sparing_doubt = self.sparing_doubt(Cell::is_friendly);
        if sparing_doubt.is_some() || self.cells.iter().all(|cell| chosen.is_enough_for(cell)) {
            return sparing_doubt.map(|going| self.apart(&going));
        }
        // Where not all can stay, a friend who would have to be a stranger as well goes first, then strangers who do no harm
        // under the condition, then a service that acts for anyone.
        let may_stay: [fn(&Cell) -> bool; 4] = [
            Cell::is_friendly,
            |cell| cell.is_friendly() && !cell.names_a_stranger,
            |cell| cell.is_friendly() && !cell.is_strangers,
            |cell| cell.is_friendly() && !cell.is_services,
        ];
        let going = may_stay.into_iter().find_map(|may_stay| {
            self.sparing_doubt(may_stay)
                .or_else(|| self.going(may_stay, |cell| may_stay(cell) || cell.is_guests()))
                .or_else(|| self.going(may_stay, may_stay))
        });
        going.map(|going| self.apart(&going))
    }

    /// What goes without anything that is in doubt, or else, without anything that is so of others than strangers by name.
    fn sparing_doubt(&self, may_stay: fn(&Cell) -> bool) -> Option<Going> {
        self.going(may_stay, |cell| may_stay(cell) || cell.is_doubted())
            .or_else(|| self.going(may_stay, |cell| may_stay(cell) || cell.is_doubted() && !cell.is_strangers))
    }

    /// Something of each stranger's cell that nobody needs who may stay; nothing if there is not always such a thing. What
    /// certainly goes is nothing that those need who are spared.
    fn going(&self, may_stay: impl Fn(&Cell) -> bool, is_spared: impl Fn(&Cell) -> bool) -> Option<Going> {
        let mut left: Vec<&Cell> = self.cells.iter().filter(|cell| cell.is_hostile()).collect();
        left.sort_by_key(|cell| cell.is_doubted());
        let certain = self.cover(left.iter().copied().filter(|cell| !cell.is_doubted()), is_spared)?;
        left.retain(|cell| !cell.has_any(&certain));
        let doubted = self.cover(left.into_iter(), may_stay)?;
        Some(Going { certain, doubted })
    }

    /// Something of each of these cells that those do not need who are spared.
    fn cover<'c>(
        &'c self,
        cells: impl Iterator<Item = &'c Cell>,
        is_spared: impl Fn(&Cell) -> bool,
    ) -> Option<BTreeSet<Element>> {
        let needed: BTreeSet<Element> =
            self.cells.iter().filter(|cell| is_spared(cell)).flat_map(Cell::elements).collect();
        let mut covering = BTreeSet::new();
        let mut left: Vec<&Cell> = cells.collect();
        while let Some(first) = left.first() {
            let choices = first.elements().filter(|element| !needed.contains(element));
            let most = |element: &Element| left.iter().filter(|cell| cell.has(*element)).count();
            let best = choices.max_by_key(most)?;
            left.retain(|cell| !cell.has(best));
            covering.insert(best);
        }
        Some(covering)
    }

    fn apart(&self, going: &Going) -> Apart {
        let reach = |element: Element| {
            let is_here = |cell: &&Cell| match going {
                _ if !cell.has(element) => false,
                _ if going.certain.contains(&element) => true,
                _ if going.doubted.contains(&element) => !cell.has_any(&going.certain),
                _ => !cell.has_any(&going.certain) && !cell.has_any(&going.doubted),
            };
            self.cells.iter().filter(is_here).map(|cell| cell.reach).fold(Reach::NOBODY, Reach::or)
        };
        let values = self.axes.iter().enumerate().filter_map(|(axis, of)| Some((axis, of.entry?, &of.classes)));
        let values = values.flat_map(|(axis, entry, classes)| {
            let goes = move |class: usize| going.has((axis, class));
            let going = classes.iter().enumerate().filter(move |(_, class)| goes(**class));
            going.map(move |(value, class)| (entry, value, (axis, *class)))
        });
        Apart {
            principals: self.axes[0].classes.iter().map(|class| reach((0, *class))).collect(),
            values: values.map(|(entry, value, element)| (entry, value, reach(element))).collect(),
        }
    }
}

impl Going {
    fn has(&self, element: Element) -> bool {
        self.certain.contains(&element) || self.doubted.contains(&element)
    }

    /// Whether whom this cell lets in goes if that is a stranger, and stays if that is a friend.
    fn is_enough_for(&self, cell: &Cell) -> bool {
        let goes = cell.has_any(&self.certain) || cell.has_any(&self.doubted);
        if goes { !cell.is_friendly() } else { !cell.is_hostile() }
    }

    /// Whether that is so, and a stranger goes as certainly as that is one.
    fn is_good_for(&self, cell: &Cell) -> bool {
        self.is_enough_for(cell) && (!cell.is_hostile() || cell.has_any(&self.certain) != cell.is_doubted())
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

    /// Whether it lets strangers in perhaps.
    fn is_doubted(&self) -> bool {
        self.is_hostile() && !self.reach.certain
    }

    /// Whether it lets in perhaps somebody in particular, and nobody else.
    fn is_guests(&self) -> bool {
        self.reach == Reach::unsure(Exposure::Foreign)
    }

    fn is_friendly(&self) -> bool {
        !self.is_hostile() && self.reach.exposure != Exposure::None
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
