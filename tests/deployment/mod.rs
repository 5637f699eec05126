//! What can be derived from the controls' declarations is written from them, here: in `template.yaml` each function with
//! its rules, role, log and alarms, the lists of all functions, the parts that Snapback watches of itself, policies for
//! operators, and tables in the documentation. `UPDATE=1 cargo test -p workspace-tests` writes it; without `UPDATE`, a
//! test fails where it differs. So `git diff` of the template shows just which rights a change grants.
//!
//! It stands between two marks in files that are otherwise written by hand, so that whoever reads the template finds all
//! of it in one file, and whoever changes the hand-written part has nothing to run.

mod alarms;
mod denied;
mod function;
mod member;
mod operators;
mod parts;
mod tables;
mod yaml;

use std::fs;

use anyhow::{Context, Result};
use snapback::control::Function;
use workspace_tests::{FUNCTIONS, workspace};

use crate::recorded::is_recorded;
use crate::template::Template;

/// What the logical ids of a function's parts begin with: `S3`.
fn base(function: &Function) -> &'static str {
    function.name.trim_end_matches("Function")
}

/// What follows the mark of a name in a text, up to the mark of its end, replaced.
pub(crate) fn filled(text: &str, name: &str, content: &str) -> Result<String> {
    let begin = format!("<generated: {name}>");
    let (before, rest) = text.split_once(&begin).with_context(|| format!("there is no mark `{begin}`"))?;
    let (mark, rest) = rest.split_once('\n').context("nothing follows the mark")?;
    let end = rest.find("</generated>").with_context(|| format!("`{begin}` has no end"))?;
    let end = rest[..end].rfind('\n').map_or(0, |line| line + 1);
    Ok(format!("{before}{begin}{mark}\n{content}{}", &rest[end..]))
}

/// The template with everything that is derived as it has to be.
fn template() -> Result<String> {
    let mut text = fs::read_to_string(workspace("template.yaml"))?;
    let arns = |suffix: &str| -> Vec<String> {
        FUNCTIONS.iter().map(|of| function::arn(&format!("{}{suffix}", base(of)), function::deployed_if(of))).collect()
    };
    let functions = FUNCTIONS.iter().enumerate();
    let functions = functions.map(|(number, function)| function::section(function, number == 0));
    for (name, content) in [
        ("functions", functions.collect::<Result<Vec<_>>>()?.concat()),
        // Who signs what it says in the journal, and tells people: the one that looks at coverage as well.
        ("roles", yaml::list(14, "AWS: &FunctionRoles", &[arns("Role"), vec![function::coverage("Role")]].concat())),
        ("coverage", function::reads_of_coverage()),
        // Who may be handed an event again: those without controls as well.
        (
            "function ARNs",
            yaml::list(
                12,
                "- &FunctionArns",
                &[arns("Function"), vec![function::coverage("Function"), function::log_files("Function")]].concat(),
            ),
        ),
        ("outputs", FUNCTIONS.iter().map(|function| function::output(function)).collect()),
    ] {
        text = filled(&text, name, &content)?;
    }
    Ok(text)
}

#[test]
fn the_template_is_what_the_controls_declare() -> Result<()> {
    is_recorded(&workspace("template.yaml"), &template()?)
}

#[test]
fn the_template_of_members_is_what_the_controls_declare() -> Result<()> {
    is_recorded(&workspace("organization/member.yaml"), &member::template()?)
}

#[test]
fn the_template_of_alarms_is_what_the_benchmark_asks_for() -> Result<()> {
    is_recorded(&workspace("alarms/template.yaml"), &alarms::template())
}

/// Snapback's own function is compiled with what it watches of itself, and cannot depend on all other functions.
#[test]
fn the_parts_that_snapback_watches_are_those_of_the_template() -> Result<()> {
    let template = Template(serde_yaml_ng::from_str(&template()?)?);
    is_recorded(&workspace("functions/own/src/parts/ids.rs"), &parts::source(&template)?)
}

#[test]
fn the_policies_of_operators_are_what_the_controls_declare() -> Result<()> {
    let template = Template(serde_yaml_ng::from_str(&template()?)?);
    let policies = operators::policies(&template)?;
    for (name, _, policy) in &policies {
        is_recorded(&workspace("docs").join(name), &format!("{policy:#}\n"))?;
    }
    for path in crate::events::entries(&workspace("docs"))? {
        let name = crate::events::name(&path)?;
        let is_known = policies.iter().any(|(known, ..)| *known == name);
        assert!(is_known || !name.starts_with("operator-policy"), "{name} is nobody's policy any more: delete it");
    }
    Ok(())
}

#[test]
fn the_tables_in_the_documentation_are_what_the_controls_declare() -> Result<()> {
    let template = Template(serde_yaml_ng::from_str(&template()?)?);
    for (page, name, content) in [
        ("README.md", "controls", tables::controls()),
        ("docs/operations.md", "operator policies", tables::policies(&operators::policies(&template)?)),
    ] {
        let text = fs::read_to_string(workspace(page))?;
        is_recorded(&workspace(page), &filled(&text, name, &content).context(page)?)?;
    }
    Ok(())
}

/// Statements go by the name of what they are on: two of one name would be taken for one.
#[test]
fn no_two_kinds_of_things_of_a_function_have_the_same_name() {
    for function in FUNCTIONS {
        let mut seen = std::collections::BTreeMap::new();
        for right in function::reads(function).chain(function::writes(function)).chain(function::undoes(function)) {
            let on = seen.entry(right.on.name).or_insert(right.on);
            assert_eq!(*on, right.on, "{}", function.name);
        }
    }
}

#[test]
fn what_is_between_two_marks_is_replaced_and_all_else_stays() -> Result<()> {
    let text = "a\n  # <generated: x> by hand never\n  old\n  older\n  # </generated>\nb\n";
    let new = "a\n  # <generated: x> by hand never\n  new\n  # </generated>\nb\n";
    assert_eq!(filled(text, "x", "  new\n")?, new);
    assert_eq!(filled(new, "x", "  new\n")?, new);
    assert!(filled(text, "y", "").is_err() && filled("# <generated: x>\n", "x", "").is_err());
    Ok(())
}
