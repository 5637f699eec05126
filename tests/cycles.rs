//! No module depends on itself by way of others: the modules of a folder can be read one after the other.
//!
//! Each folder is judged by itself. What a module's own parts take from each other and from it is theirs: `journal` is
//! one module to its neighbours, however many files it has. What stands in the root of a crate uses everything below, so
//! nothing below takes anything from it. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use workspace_tests::workspace;

/// `["journal", "seal"]`; the root of a crate is empty.
type Module = Vec<String>;

/// For each module, those that it takes something from, and by what path.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn no_module_depends_on_itself() -> Result<()> {
    for (name, sources) in crates()? {
        let uses = uses(&modules(&sources)?);
        if let Some(circle) = circle(&uses) {
            let steps = circle.iter().zip(circle.iter().cycle().skip(1));
            let steps = steps.map(|(from, to)| format!("`{from}` takes `{}`", uses[from][to]));
            panic!("{name}: {}", steps.collect::<Vec<_>>().join(", "));
        }
    }
    Ok(())
}

#[test]
fn a_circle_is_found_and_named_and_what_is_none_is_not() {
    let of = |files: &[(&str, &str)]| {
        let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        circle(&uses(&files.iter().map(|(name, text)| (module(name), (*text).to_owned())).collect()))
    };
    let circle = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let two = [("", "mod a; mod b;"), ("a", "use crate::b::B;"), ("b", "fn f() { crate::a::g() }")];
    assert_eq!(of(&two), circle(&["a", "b"]));
    let three = [
        ("", ""),
        ("a", "use crate::{b::{self, B}, b::C as D};"),
        ("b", "use super::c;"),
        ("c", "use crate::a::b::A;"),
    ];
    assert_eq!(of(&three), circle(&["a", "b", "c"]));
    let within =
        [("", ""), ("a", "use crate::b::one;"), ("b", ""), ("b::one", ""), ("b::two", "use super::super::a::A;")];
    assert_eq!(of(&within), circle(&["a", "b"]));
    let parts = [("", ""), ("b", ""), ("b::one", "use super::two::Two;"), ("b::two", "use crate::b::one::One;")];
    assert_eq!(of(&parts), circle(&["b::one", "b::two"]));
    let root = [("", "use a::A; pub const ALL: u8 = 1;"), ("a", "fn f() -> u8 { crate::ALL }")];
    assert_eq!(of(&root), circle(&["(root)", "a"]));

    let of_its_own = [("", ""), ("b", "use one::One;"), ("b::one", "use super::B; use crate::b::C;")];
    assert_eq!(of(&of_its_own), None);
    let only_said = "// use crate::a::A;\n/* crate::a */ const S: &str = \"crate::a::A\"; const C: char = '\"';";
    assert_eq!(of(&[("", ""), ("a", "use crate::b::B;"), ("b", only_said)]), None);
    let tested = "#[cfg(test)]\nmod tests { fn f() { if true { crate::a::g() } } use crate::a::A; }";
    assert_eq!(of(&[("", ""), ("a", "use crate::b::B;"), ("b", tested)]), None);
    let after_it = format!("{tested} use crate::a::A;");
    assert_eq!(of(&[("", ""), ("a", "use crate::b::B;"), ("b", &after_it)]), circle(&["a", "b"]));
}

/// Every crate of ours that is no test, by its folder, and where its sources are.
fn crates() -> Result<Vec<(String, PathBuf)>> {
    let mut folders = vec!["shared".to_owned(), "cli".to_owned()];
    for function in fs::read_dir(workspace("functions"))? {
        folders.push(format!("functions/{}", function?.file_name().to_string_lossy()));
    }
    let crates: Vec<_> = folders.into_iter().map(|name| (name.clone(), workspace(&name).join("src"))).collect();
    ensure!(crates.len() > 4, "only {} crates were found", crates.len());
    Ok(crates)
}

/// The text of each module of a crate, without modules that are there for tests.
fn modules(sources: &Path) -> Result<BTreeMap<Module, String>> {
    let (mut modules, mut folders) = (BTreeMap::new(), vec![sources.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let within = path.strip_prefix(sources)?.with_extension("");
            let mut module: Module = within.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
            if path.extension().is_some_and(|ending| ending == "rs") && module.last().is_none_or(|last| last != "tests")
            {
                // Of a crate with both roots, the one that only starts it says nothing.
                let text = fs::read_to_string(&path)?;
                modules.entry(module).and_modify(|known: &mut String| known.push_str(&text)).or_insert(text);
            }
        }
    }
    Ok(modules)
}

/// What each module of a folder takes from its neighbours, and from the root.
fn uses(modules: &BTreeMap<Module, String>) -> Uses {
    let mut uses = Uses::new();
    for (module, text) in modules {
        for path in paths(&without_tests(&words(text))) {
            let Some(target) = absolute(module, &path) else { continue };
            let known = (0..=target.len()).rev().find(|end| modules.contains_key(&target[..*end])).unwrap_or(0);
            let (from, to) = if known == 0 && !module.is_empty() {
                // The root has declared the module, so it comes before whatever the module is made of.
                uses.entry("(root)".to_owned()).or_default().insert(module[0].clone(), module[0].clone());
                (module[0].clone(), "(root)".to_owned())
            } else {
                let shared = module.iter().zip(&target[..known]).take_while(|(one, other)| one == other).count();
                if shared == module.len() || shared == known {
                    continue;
                }
                (module[..=shared].join("::"), target[..=shared].join("::"))
            };
            uses.entry(from).or_default().entry(to).or_insert(path.join("::"));
        }
    }
    uses
}

/// A path from the root of the crate, if it is one of this crate.
fn absolute(module: &[String], path: &[String]) -> Option<Module> {
    let ups = path.iter().take_while(|word| *word == "super").count();
    let base = match path.first()?.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "super" => &module[..module.len().checked_sub(ups)?],
        _ => return None,
    };
    Some(base.iter().chain(&path[ups..]).cloned().collect())
}

/// The shortest way from a module back to itself, beginning with the name that is first.
fn circle(uses: &Uses) -> Option<Vec<String>> {
    let around = |start: &String| {
        let (mut ways, mut seen) = (vec![vec![start.clone()]], BTreeSet::new());
        while !ways.is_empty() {
            let mut further = vec![];
            for way in ways {
                for next in way.last().and_then(|last| uses.get(last)).into_iter().flat_map(BTreeMap::keys) {
                    if next == start {
                        return Some(way);
                    }
                    if seen.insert(next.clone()) {
                        further.push([&way[..], std::slice::from_ref(next)].concat());
                    }
                }
            }
            ways = further;
        }
        None
    };
    uses.keys().filter_map(around).min_by_key(Vec::len)
}

/// All paths that begin with `crate` or `super`, those of a `use` with braces one by one.
fn paths(words: &[String]) -> Vec<Vec<String>> {
    let (mut paths, mut at) = (vec![], 0);
    while at < words.len() {
        if ["crate", "super"].contains(&words[at].as_str()) && words.get(at + 1).is_some_and(|next| next == "::") {
            at = path(words, at, &[], &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one path and what its braces hold; where it ends.
fn path(words: &[String], mut at: usize, before: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match words.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while words.get(at).is_some_and(|word| word != "}") {
                    at = if words[at] == "," { at + 1 } else { self::path(words, at, &path, paths) };
                }
                return at + 1;
            }
            Some(word) => {
                if word != "self" && word != "*" {
                    path.push(word.to_owned());
                }
                at += 1;
            }
            None => return at,
        }
        if words.get(at).is_none_or(|next| next != "::") {
            break;
        }
        at += 1;
    }
    paths.push(path);
    while words.get(at).is_some_and(|word| word == "as" || words[at - 1] == "as") {
        at += 1;
    }
    at
}

/// The same without the modules that are compiled for tests only.
fn without_tests(words: &[String]) -> Vec<String> {
    let (mut left, mut at) = (vec![], 0);
    while at < words.len() {
        let is_for_tests = words[at..].iter().take(7).map(String::as_str).eq(["#", "[", "cfg", "(", "test", ")", "]"]);
        let opens = || words[at..].iter().position(|word| word == "{" || word == ";");
        if let Some(opens) = is_for_tests.then(opens).flatten() {
            at = end(words, at + opens);
        } else {
            left.push(words[at].clone());
            at += 1;
        }
    }
    left
}

/// Where the block ends that opens here.
fn end(words: &[String], opens: usize) -> usize {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate().skip(opens) {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    words.len()
}

/// The words and signs of a source, without comments and texts.
fn words(source: &str) -> Vec<String> {
    let ours = r##"(?s)//[^\n]*|/\*.*?\*/|r#+".*?"#+|r".*?"|"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'|\w+|::|\S"##;
    let one = regex_lite::Regex::new(ours).expect("a pattern");
    let is_said = |word: &&str| !["//", "/*", "\"", "r\"", "r#"].iter().any(|start| word.starts_with(start));
    one.find_iter(source).map(|found| found.as_str()).filter(is_said).map(str::to_owned).collect()
}
