//! What a binding says it is, and what it makes of its configuration.

use crate::prelude::*;
use crate::testing::*;
use serde_json::Value;

/// Options of a binding.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PortOptions {
    /// Where to listen.
    port: u16,
    /// How long to wait.
    #[serde(default)]
    #[expect(dead_code, reason = "only its schema is read")]
    timeout_ms: Option<u64>,
}

/// An item of `when`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PathCondition {
    /// Pattern of the path.
    path: String,
}

#[derive(Debug)]
struct Ports;

struct Closed;

impl Stream for Closed {}

impl Binding for Ports {
    const TYPE: &'static str = "ports";
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Proxy];
    type Options = PortOptions;
    type Stream = Closed;

    fn attach(config: BindingConfig<PortOptions>) -> Result<Self, ConfigError> {
        match config.options.port {
            0 => Err(config_error("/options/port", "a port from 1", "0")),
            _ => Ok(Self),
        }
    }

    fn accept(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<Closed, Reset> {
        Err(Reset(CloseCode::Refused))
    }

    fn routes(kind: Kind) -> RouteSchema {
        match kind {
            Kind::Server => RouteSchema::exits(Routing::Opened).when::<PathCondition>(),
            _ => RouteSchema::none(),
        }
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        let when: Vec<PathCondition> = route.when()?;
        if when.iter().any(|condition| condition.path.is_empty()) {
            return Err(route.error("/when/0/path", "a path", "nothing"));
        }
        let test = |condition: PathCondition| vec![vec![Predicate::pattern(":path", &condition.path)]];
        Ok(when.into_iter().map(test).fold(Route::default(), Route::condition))
    }
}

#[test]
fn a_description_has_schemas_that_refuse_unknown_keys() {
    let description = crate::describe::<Ports>();
    assert_eq!(description.type_name, "ports");
    let [server, proxy] = &description.kinds[..] else { panic!("two kinds") };
    assert_eq!((&server.kind[..], &proxy.kind[..]), ("server", "proxy"));
    assert_eq!((server.routes, proxy.routes), (Routing::Opened, Routing::None));
    assert!(server.when_schema.is_some() && server.with_schema.is_none() && proxy.when_schema.is_none());

    let schema: Value = serde_json::from_str(&server.options_schema).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["description"], "Options of a binding.");
    assert_eq!(schema["properties"]["port"]["description"], "Where to listen.");
    assert_eq!(schema["required"], serde_json::json!(["port"]));
    let is_valid = |options: Value| jsonschema::is_valid(&schema, &options);
    assert!(is_valid(serde_json::json!({"port": 1})));
    assert!(!is_valid(serde_json::json!({"port": 1, "host": "a"})));
    assert!(!is_valid(serde_json::json!({"port": 65_536})));
}

#[test]
fn a_binding_without_options_describes_none() {
    let schema: Value = serde_json::from_str(&crate::config::schema::<NoOptions>()).unwrap();
    assert!(jsonschema::is_valid(&schema, &serde_json::json!({})));
    assert!(!jsonschema::is_valid(&schema, &serde_json::json!({"a": 1})));
}

fn refused(yaml: &str) -> Vec<(String, String)> {
    let errors = Harness::<Ports>::attach(yaml).unwrap_err();
    errors.into_iter().map(|error| (error.path, error.found)).collect()
}

#[test]
fn errors_say_where_and_what_was_found() {
    let one = |path: &str, found: &str| vec![(path.to_owned(), found.to_owned())];
    assert_eq!(refused("kind: client"), one("/kind", "client"));
    assert_eq!(refused("kind: server"), one("/options", "missing field `port`"));
    assert_eq!(refused("kind: server\noptions: {port: 0}"), one("/options/port", "0"));
    assert_eq!(refused("kind: server\ntype: http\noptions: {port: 1}"), one("/type", "http"));
    let unknown = refused("kind: server\noptions: {port: 1, host: a}");
    assert!(unknown[0].1.starts_with("unknown field `host`"), "{unknown:?}");
}

#[test]
fn all_routes_are_checked_before_any_is_refused() {
    let yaml = "
kind: server
options: {port: 1}
routes:
  - when: [{path: ''}]
  - when: [{path: /a}]
  - when: [{path: /b}, {color: red}]
";
    let paths: Vec<_> = refused(yaml).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/routes/0/when/0/path", "/routes/2/when/1"]);
}

#[test]
fn routes_are_compiled_in_order_and_exit_is_the_last() {
    let yaml = "
kind: server
options: {port: 1}
exit: south
routes:
  - when: [{path: /a}, {path: '/b/*'}]
    exit: north
  - when: [{path: '/c/{id}'}]
    guarded: {jwt: [admin]}
    exit: north
";
    let harness = Harness::<Ports>::attach(yaml).unwrap();
    let tests = |route: &Route| -> Vec<String> {
        route.when.iter().map(|condition| format!("{:?}", condition.any[0][0].test)).collect()
    };
    let routes: Vec<_> = harness.routes().iter().map(tests).collect();
    assert_eq!(routes[0], [r#"Test::Equals("/a")"#, r#"Test::Wildcard("/b/*")"#]);
    assert_eq!(routes[1], [r#"Test::Template("/c/{id}")"#]);
    assert!(routes[2].is_empty());
}

#[test]
fn a_kind_that_exits_nowhere_has_neither_routes_nor_exit() {
    assert!(Harness::<Ports>::attach("kind: proxy\noptions: {port: 1}").is_ok());
    assert_eq!(refused("kind: proxy\noptions: {port: 1}\nexit: south")[0].0, "");
    assert_eq!(refused("kind: server\noptions: {port: 1}\nroutes: [{with: {a: b}}]")[0].0, "/routes/0/with");
}

/// A binding whose kinds have different options.
struct Both;

impl Binding for Both {
    const TYPE: &'static str = "both";
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Client];
    type Options = KindOptions;
    type Stream = Closed;

    fn attach(config: BindingConfig<KindOptions>) -> Result<Self, ConfigError> {
        match config.kind {
            Kind::Client => config.options.read::<NoOptions>().map(|_| Self),
            _ => config.options.read::<PortOptions>().map(|_| Self),
        }
    }

    fn accept(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<Closed, Reset> {
        Err(Reset(CloseCode::Refused))
    }

    fn routes(kind: Kind) -> RouteSchema {
        match kind {
            Kind::Client => RouteSchema::none().options::<NoOptions>(),
            _ => RouteSchema::none().options::<PortOptions>(),
        }
    }
}

#[test]
fn kinds_may_have_options_of_their_own() {
    let kinds = crate::describe::<Both>().kinds;
    let has_port = |kind: usize| kinds[kind].options_schema.contains("port");
    assert!(has_port(0) && !has_port(1));
    let attach =
        |yaml: &str| Harness::<Both>::attach(yaml).map(|_| ()).map_err(|errors| errors[0].path.clone());
    assert_eq!(attach("{kind: server, options: {port: 7}}"), Ok(()));
    assert_eq!(attach("kind: client"), Ok(()));
    assert_eq!(attach("{kind: client, options: {port: 7}}"), Err("/options".to_owned()));
    assert_eq!(attach("kind: server"), Err("/options".to_owned()));
}
