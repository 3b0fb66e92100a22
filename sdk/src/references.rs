//! Names in options that the host checks: whoever misspells one is told where the file is read, not when a stream comes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;

/// The name of a guard in options, `when` or `with`. Where the file has no guard of that name, it is refused with the
/// place and the nearest name.
///
/// `name` is one of the binding's own namespace, `other:name` of another; [`crate::host::authorize`] takes either.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct GuardName(String);

/// What options say by the name of a guard, as `{staff: {…}}`: a mapping whose keys are checked as a [`GuardName`] is.
///
/// ```
/// use zilla_sdk::prelude::*;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Options {
///     /// How often each guard is asked.
///     authorization: ByGuard<u32>,
/// }
///
/// let schema = schemars::schema_for!(Options);
/// let names = schema.pointer("/properties/authorization/propertyNames").unwrap();
/// assert_eq!(names, &serde_json::json!({"format": "guard"}));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ByGuard<V>(BTreeMap<String, V>);

/// The format of a text that is the name of a guard; see `binding.wit`.
const FORMAT: &str = "guard";

impl JsonSchema for GuardName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "GuardName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": FORMAT})
    }
}

impl<V: JsonSchema> JsonSchema for ByGuard<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ByGuard_of_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": {"format": FORMAT},
            "additionalProperties": generator.subschema_for::<V>(),
        })
    }
}

impl GuardName {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<V> Deref for ByGuard<V> {
    type Target = BTreeMap<String, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<V> Default for ByGuard<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}
