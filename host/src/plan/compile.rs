//! Routes as a plugin compiled them, into routes that the engine evaluates.

use crate::plugin::Route;
use crate::plugin::contract::exports::zilla::plugin::binding_exports::{Condition, Predicate, Test};
use zilla_engine::{Assignment, Cidr, Pattern, Template};

/// Predicates of one route, alternatives included; a plugin that compiles more is refused.
const PREDICATES_MAX: usize = 4096;

/// Turns one route of a namespace into the engine's, but for its guards and its exit. The error is what is wrong with
/// it, in words.
pub(crate) fn compile_route(route: &Route, namespace: &str) -> Result<zilla_engine::Route, String> {
    let predicates: usize =
        route.when.iter().flat_map(|condition| &condition.any).map(|all| all.len().max(1)).sum();
    if predicates > PREDICATES_MAX {
        return Err(format!("{predicates} predicates, at most {PREDICATES_MAX} are evaluated"));
    }
    let conditions = route.when.iter().map(condition).collect::<Result<_, _>>()?;
    let assignment = |set: &crate::plugin::contract::exports::zilla::plugin::binding_exports::Assignment| {
        Assignment { attribute: set.attribute.clone(), template: Template::parse(&set.template, namespace) }
    };
    let set = route.set.iter().map(assignment).collect();
    Ok(zilla_engine::Route { conditions, set, ..zilla_engine::Route::default() })
}

fn condition(condition: &Condition) -> Result<zilla_engine::Condition, String> {
    let any =
        condition.any.iter().map(|all| all.iter().map(predicate).collect()).collect::<Result<_, _>>()?;
    Ok(zilla_engine::Condition { any, matched: Vec::new() })
}

fn predicate(predicate: &Predicate) -> Result<zilla_engine::Predicate, String> {
    let wrong = |text: &str, error: &dyn std::fmt::Display| {
        format!("`{text}` for `{}`: {error}", predicate.attribute)
    };
    let test = match &predicate.test {
        Test::Equals(text) => zilla_engine::Test::Equals(text.clone().into_bytes()),
        Test::Wildcard(text) => {
            zilla_engine::Test::Pattern(Pattern::wildcard(text).map_err(|error| wrong(text, &error))?)
        }
        Test::Template(text) => {
            zilla_engine::Test::Pattern(Pattern::template(text).map_err(|error| wrong(text, &error))?)
        }
        Test::Cidr(text) => {
            zilla_engine::Test::Cidr(Cidr::parse(text).ok_or_else(|| wrong(text, &"no block of addresses"))?)
        }
        Test::PortRange((first, last)) => zilla_engine::Test::PortRange(*first..=*last),
    };
    Ok(zilla_engine::Predicate { attribute: predicate.attribute.clone(), test })
}
