//! Roles, and who has them.

use crate::certificate::Client;
use crate::field::Field;
use crate::options::escaped;
use crate::pattern::Pattern;
use std::collections::BTreeMap;
use zilla_sdk::{ConfigError, config_error};

/// A role, with conditions of which one gives it.
#[derive(Debug)]
pub(crate) struct Role {
    name: String,
    conditions: Vec<Condition>,
}

/// Patterns that have to fit, all of them.
#[derive(Debug)]
struct Condition(Vec<(Field, Pattern)>);

impl Role {
    /// A role of the file.
    pub(crate) fn configured(
        (name, conditions): (String, Vec<BTreeMap<String, String>>),
    ) -> Result<Self, ConfigError> {
        let place = format!("/options/roles/{}", escaped(&name));
        if conditions.is_empty() {
            return Err(config_error(&place, "at least one condition", "none"));
        }
        let conditions = conditions.iter().enumerate();
        let conditions = conditions
            .map(|(index, condition)| Condition::configured(condition, &format!("{place}/{index}")));
        Ok(Self { conditions: conditions.collect::<Result<_, _>>()?, name })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this client has it.
    pub(crate) fn is_given_to(&self, client: &Client) -> bool {
        self.conditions.iter().any(|condition| condition.holds(client))
    }
}

impl Condition {
    fn configured(patterns: &BTreeMap<String, String>, place: &str) -> Result<Self, ConfigError> {
        // It would hold for everybody.
        if patterns.is_empty() {
            return Err(config_error(place, "at least one field", "none"));
        }
        let pattern = |(name, text): (&String, &String)| {
            let field = Field::configured(name, &format!("{place}/{}", escaped(name)))?;
            let text = match field.is_hex() {
                true => text.replace(':', "").to_ascii_lowercase(),
                false => text.clone(),
            };
            Ok((field, Pattern::new(&text)))
        };
        Ok(Self(patterns.iter().map(pattern).collect::<Result<_, ConfigError>>()?))
    }

    fn holds(&self, client: &Client) -> bool {
        self.0.iter().all(|(field, pattern)| client.values(*field).iter().any(|value| pattern.fits(value)))
    }
}
