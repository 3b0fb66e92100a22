//! Compiled routes: tests and assignments that the host evaluates for every stream.

use crate::bindings::exports::zilla::plugin::binding_exports as wit;

pub use wit::{Assignment, Condition, Predicate, Route, Test};

impl Default for Route {
    /// A route without `when` and `with`.
    fn default() -> Self {
        Self { when: Vec::new(), set: Vec::new() }
    }
}

impl Route {
    /// Adds what one item of `when` stands for: alternatives, each a list of tests that must all hold.
    pub fn condition(mut self, any: Vec<Vec<Predicate>>) -> Self {
        self.when.push(Condition { any });
        self
    }

    /// Sets an attribute on a stream that takes this route.
    pub fn set(mut self, attribute: impl Into<String>, template: impl Into<String>) -> Self {
        self.set.push(Assignment { attribute: attribute.into(), template: template.into() });
        self
    }
}

impl Predicate {
    /// A test on the attributes of that name.
    pub fn new(attribute: impl Into<String>, test: Test) -> Self {
        Self { attribute: attribute.into(), test }
    }

    /// The pattern as the cheapest test that means it: [`Test::Template`] with a `{name}` in it,
    /// [`Test::Wildcard`] with a `*`, else [`Test::Equals`].
    pub fn pattern(attribute: impl Into<String>, pattern: &str) -> Self {
        let test = match pattern {
            _ if pattern.contains('{') => Test::Template(pattern.to_owned()),
            _ if pattern.contains('*') => Test::Wildcard(pattern.to_owned()),
            _ => Test::Equals(pattern.to_owned()),
        };
        Self::new(attribute, test)
    }
}
