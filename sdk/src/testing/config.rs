//! `zilla.yaml` of one binding, as a test writes it.

use crate::bindings::exports::zilla::plugin::binding_exports as wit;
use crate::bindings::zilla::plugin::types::{ConfigError, Limits};
use crate::config::{Kind, Routing, config_error};
use crate::{Binding, RouteSchema};
use serde::Deserialize;
use serde_yaml::{Mapping, Value};

/// One entry of `bindings:`, without its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BindingYaml {
    #[serde(rename = "type")]
    binding_type: Option<String>,
    kind: String,
    #[serde(default)]
    options: Mapping,
    #[serde(default)]
    routes: Vec<RouteYaml>,
    exit: Option<String>,
}

/// One entry of `routes:`. Guards are the host's and are read past.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteYaml {
    #[serde(default)]
    when: Vec<Value>,
    #[serde(default)]
    with: Mapping,
    #[serde(rename = "exit")]
    _exit: Option<String>,
    #[serde(default, rename = "guarded")]
    _guarded: Mapping,
}

/// What the host would hand to `attach`.
pub(super) fn read<B: Binding>(yaml: &str, limits: Limits) -> Result<wit::BindingConfig, Vec<ConfigError>> {
    let refuse = |expected: &str, found: String| vec![config_error("", expected, found)];
    let read: BindingYaml =
        serde_yaml::from_str(yaml).map_err(|error| refuse("one binding of zilla.yaml", error.to_string()))?;
    if let Some(other) = read.binding_type.filter(|name| name != B::TYPE) {
        return Err(vec![config_error("/type", B::TYPE, other)]);
    }
    let routing = Kind::parse(&read.kind).map(B::routes);
    let exits_nowhere = routing.as_ref().is_some_and(|schema| schema.routing() == Routing::None);
    if exits_nowhere && (read.exit.is_some() || !read.routes.is_empty()) {
        return Err(refuse("neither routes nor exit for this kind", "some".to_owned()));
    }
    let mut routes = Vec::with_capacity(read.routes.len() + 1);
    for (index, route) in read.routes.into_iter().enumerate() {
        routes.push(compile(route, index, routing.as_ref())?);
    }
    if read.exit.is_some() {
        routes.push(wit::RouteConfig { when: Vec::new(), with: "{}".to_owned() });
    }
    Ok(wit::BindingConfig {
        namespace: "test".to_owned(),
        name: B::TYPE.to_owned(),
        kind: read.kind,
        options: json(&Value::Mapping(read.options)),
        routes,
        limits,
    })
}

fn compile(
    route: RouteYaml,
    index: usize,
    schema: Option<&RouteSchema>,
) -> Result<wit::RouteConfig, Vec<ConfigError>> {
    let refuse = |key: &str| Err(vec![config_error(&format!("/routes/{index}/{key}"), "nothing", key)]);
    if !route.when.is_empty() && schema.is_some_and(|schema| !schema.has_when()) {
        return refuse("when");
    }
    if !route.with.is_empty() && schema.is_some_and(|schema| !schema.has_with()) {
        return refuse("with");
    }
    let when = route.when.iter().map(json).collect();
    Ok(wit::RouteConfig { when, with: json(&Value::Mapping(route.with)) })
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).expect("keys of a binding in zilla.yaml are text")
}
