//! What is asked for in `with`: parameters that a condition keeps, and guards of the file.
//!
//! A plugin says which attributes a route sets, the host puts in what expressions stand for. So it is the host that
//! knows whether there is any such thing; it is told of where the expression is written.

use super::planner::Planner;
use serde_json::Value;
use zilla_config::{Binding, NodePath, Route};
use zilla_engine::{Condition, Template, Test};

impl Planner<'_> {
    /// Whether all expressions of a compiled route stand for something; else it is told of.
    pub(super) fn check_expressions(
        &mut self,
        binding: &Binding,
        route: &Route,
        compiled: &zilla_engine::Route,
    ) -> bool {
        let told = self.problems.len();
        let at = route.at.key("with");
        // What a matcher gives is known when it answers.
        let has_matcher = route.when.iter().any(|when| !when.matched.is_empty());
        let known = captures(&compiled.conditions);
        let templates = || compiled.set.iter().map(|set| &set.template);
        for param in templates().flat_map(Template::params) {
            if !has_matcher && !known.contains(&param) {
                let asks = |text: &Template| text.params().any(|asked| asked == param);
                let place = place(&route.with, &at, &binding.namespace, &asks);
                self.report(
                    &place,
                    "a parameter that a condition of the route keeps",
                    param,
                    &known,
                    "parameter",
                );
            }
        }
        let guards: Vec<String> = self.guards_within(&binding.namespace);
        let guards: Vec<&str> = guards.iter().map(String::as_str).collect();
        for guard in
            templates().flat_map(Template::guards).filter(|guard| !self.has_guard(guard)).collect::<Vec<_>>()
        {
            let asks = |text: &Template| text.guards().any(|asked| asked == guard);
            let place = place(&route.with, &at, &binding.namespace, &asks);
            let own = guard.split_once(':').filter(|(namespace, _)| *namespace == binding.namespace);
            let written = own.map_or(guard, |(_, name)| name);
            self.report(&place, "the name of a guard", written, &guards, "guard");
        }
        self.problems.len() == told
    }

    fn report(&mut self, at: &NodePath, expected: &str, found: &str, known: &[&str], one: &str) {
        let problem = self.config.problem(at, expected, format!("`{found}`"));
        self.problems.push(match zilla_config::suggest(found, known, one) {
            Some(help) => problem.with_help(help),
            None => problem,
        });
    }
}

/// Names of what the conditions of a route keep, each once.
fn captures(conditions: &[Condition]) -> Vec<&str> {
    let predicates = conditions.iter().flat_map(|condition| &condition.any).flatten();
    let patterns = predicates.filter_map(|predicate| match &predicate.test {
        Test::Pattern(pattern) => Some(pattern),
        Test::Equals(_) | Test::Cidr(_) | Test::PortRange(_) => None,
    });
    let mut names: Vec<&str> = Vec::new();
    for name in patterns.flat_map(|pattern| pattern.captures()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The first text within `value` that asks so; where `value` is, if there is none.
fn place(value: &Value, at: &NodePath, namespace: &str, asks: &dyn Fn(&Template) -> bool) -> NodePath {
    find(value, at, namespace, asks).unwrap_or_else(|| at.clone())
}

fn find(value: &Value, at: &NodePath, namespace: &str, asks: &dyn Fn(&Template) -> bool) -> Option<NodePath> {
    match value {
        Value::String(text) => asks(&Template::parse(text, namespace)).then(|| at.clone()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| find(item, &at.index(index), namespace, asks))
        }
        Value::Object(fields) => {
            fields.iter().find_map(|(key, field)| find(field, &at.key(key), namespace, asks))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}
