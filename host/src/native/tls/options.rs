//! Options and conditions of `tls`: their schemas, and what they say.

use super::super::options::{OptionsError, Reader, ms, ms_schema, ports, ports_schema};
use serde_json::{Value, json};
use zilla_config::Quantity;
use zilla_engine::{Condition, Pattern, Predicate, Test};

/// Time for a handshake where nothing else is said.
pub(super) const HANDSHAKE_TIMEOUT_MS: u64 = 10_000;

/// What `handshake-timeout` may be. Less than a few round trips to peers far away would end what goes well.
const HANDSHAKE_TIMEOUT: Quantity = ms(100, 10 * 60_000);

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutual {
    Required,
    Requested,
    None,
}

/// `options` of a server or client, as they are in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) version: Option<String>,
    pub(super) keys: Vec<String>,
    pub(super) signers: Vec<String>,
    pub(super) trust: Vec<String>,
    pub(super) trustcacerts: Option<bool>,
    pub(super) sni: Vec<String>,
    pub(super) alpn: Vec<String>,
    pub(super) mutual: Option<Mutual>,
    /// The guard that is asked who a client is, as it is written.
    pub(super) guard: Option<String>,
    pub(super) handshake_timeout_ms: u64,
}

impl Options {
    /// Reads options that fit their schema.
    pub(super) fn read(options: &Value) -> Result<Self, Vec<OptionsError>> {
        let mut reader = Reader::new(options, "/options");
        let timeout_ms = reader.ms("handshake-timeout", &HANDSHAKE_TIMEOUT);
        let list = |name: &str| {
            let texts = options[name].as_array().into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        reader.finish(Some(Self {
            version: options["version"].as_str().map(str::to_owned),
            keys: list("keys"),
            signers: list("signers"),
            trust: list("trust"),
            trustcacerts: options["trustcacerts"].as_bool(),
            sni: list("sni").iter().map(|name| name.to_lowercase()).collect(),
            alpn: list("alpn"),
            mutual: options["mutual"].as_str().and_then(|word| match word {
                "required" => Some(Mutual::Required),
                "requested" => Some(Mutual::Requested),
                "none" => Some(Mutual::None),
                _ => None,
            }),
            guard: options["authorization"].as_object().and_then(|guards| guards.keys().next()).cloned(),
            handshake_timeout_ms: timeout_ms.unwrap_or(HANDSHAKE_TIMEOUT_MS),
        }))
    }
}

fn names(what: &str) -> Value {
    json!({"description": what, "type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}})
}

fn version() -> Value {
    json!({
        "description": "the one version of TLS that is spoken; default both",
        "enum": ["TLSv1.2", "TLSv1.3"]
    })
}

fn handshake_timeout() -> Value {
    ms_schema("time for a handshake; default 10s")
}

fn protocols(what: &str) -> Value {
    // RFC 7301, 3.1: one octet has the length of a protocol.
    let item = json!({"type": "string", "minLength": 1, "maxLength": 255});
    json!({"description": what, "type": "array", "minItems": 1, "items": item})
}

/// One guard, which gets the certificates of a client.
fn authorization() -> Value {
    let pem = json!({
        "description": "`pem`: the chain of the client, its own certificate first",
        "const": "pem"
    });
    let credentials = json!({
        "type": "object", "additionalProperties": false, "required": ["certificates"],
        "properties": {"certificates": pem}
    });
    let guard = json!({
        "type": "object", "additionalProperties": false, "required": ["credentials"],
        "properties": {"credentials": credentials}
    });
    json!({
        "description": "the guard that says who a client is, by the certificates that it has proved to have",
        "type": "object", "minProperties": 1, "maxProperties": 1,
        "propertyNames": {"format": "guard"}, "additionalProperties": guard
    })
}

/// The schema of `options` of a server.
pub(super) fn server_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "version": version(),
            "keys": names("aliases of the vault's keys, the preferred first"),
            "signers": names("aliases of the vault's signers: the keys that they issued are used"),
            "trust": names("aliases of the vault's certificates that clients are trusted by"),
            "trustcacerts": {"description": "whether clients are trusted by the CAs of the system", "type": "boolean"},
            "sni": names("names for which `alpn` is offered; default all"),
            "alpn": protocols("application protocols that are spoken"),
            "mutual": {
                "description": "whether clients prove who they are; default required if anyone is trusted, else none",
                "enum": ["required", "requested", "none"]
            },
            "authorization": authorization(),
            "handshake-timeout": handshake_timeout()
        }
    })
}

/// The schema of `options` of a client.
pub(super) fn client_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "version": version(),
            "keys": names("aliases of the vault's keys to prove with who this is, the preferred first"),
            "trust": names("aliases of the vault's certificates that servers are trusted by"),
            "trustcacerts": {
                "description": "whether servers are trusted by the CAs of the system; default only without `trust`",
                "type": "boolean"
            },
            "sni": {
                "description": "the name that the server has to prove; default that of the stream",
                "type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "string", "minLength": 1}
            },
            "alpn": protocols("application protocols that are offered, the preferred first; default that of the stream"),
            "handshake-timeout": handshake_timeout()
        }
    })
}

/// The schema of `options` of a proxy.
pub(super) fn proxy_schema() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {}})
}

/// The schema of `when` of a server.
pub(super) fn server_when_schema() -> Value {
    let mut schema = when_schema();
    schema["properties"]["trust"] =
        names("aliases of the vault's certificates, one of which the client is trusted by");
    schema["properties"]["mutual"] = json!({
        "description": "whether the client has proved who it is: required, or none",
        "enum": ["required", "none"]
    });
    schema
}

/// The schema of `when` of a client and of a proxy.
pub(super) fn when_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "authority": {
                "description": "name that the client asks for; `*` stands for anything",
                "type": "string", "minLength": 1
            },
            "alpn": {"description": "application protocol", "type": "string", "minLength": 1, "maxLength": 255},
            "port": ports_schema("port that was connected to")
        }
    })
}

/// The pattern of an authority; names are compared in lower case.
pub(super) fn authority(when: &Value, pointer: &str) -> Result<Option<Pattern>, OptionsError> {
    let Some(text) = when["authority"].as_str() else { return Ok(None) };
    Pattern::wildcard(&text.to_lowercase()).map(Some).map_err(|error| OptionsError {
        pointer: format!("{pointer}/authority"),
        expected: "a name in which `*` stands for anything".into(),
        found: error.to_string(),
    })
}

/// Compiles one item of a route's `when` that fits the schema.
pub(super) fn condition(when: &Value, pointer: &str) -> Result<Condition, Vec<OptionsError>> {
    let predicate = |attribute: &str, test| Predicate { attribute: attribute.into(), test };
    let equals = |attribute: &str, text: &str| predicate(attribute, Test::Equals(text.into()));
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    match authority(when, pointer) {
        Ok(pattern) => all.extend(pattern.map(|pattern| predicate("authority", Test::Pattern(pattern)))),
        Err(error) => errors.push(error),
    }
    all.extend(when["alpn"].as_str().map(|protocol| equals("alpn", protocol)));
    all.extend(when["mutual"].as_str().map(|word| equals("mutual", word)));
    let mut any = vec![all];
    let mut alternatives = |tests: Vec<Predicate>| {
        let each = |all: &Vec<Predicate>| {
            let with = |test: &Predicate| all.iter().chain([test]).cloned().collect();
            tests.iter().map(with).collect::<Vec<_>>()
        };
        any = any.iter().flat_map(each).collect();
    };
    if let Some(aliases) = when["trust"].as_array() {
        let aliases = aliases.iter().filter_map(Value::as_str);
        alternatives(aliases.map(|alias| equals("trust", &alias.to_lowercase())).collect());
    }
    if !when["port"].is_null() {
        match ports(&when["port"], &format!("{pointer}/port")) {
            Ok(ranges) => alternatives(
                ranges.into_iter().map(|range| predicate("destination", Test::PortRange(range))).collect(),
            ),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(Condition { any, matched: Vec::new() }) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_trust_of_a_condition_are_alternatives() {
        let when =
            json!({"authority": "*.Example.com", "alpn": "x", "trust": ["A", "b"], "port": [1, "2-3"]});
        let compiled = condition(&when, "/when/0").unwrap();
        assert_eq!(compiled.any.iter().map(Vec::len).collect::<Vec<_>>(), [4; 4]);
        let Test::Pattern(authority) = &compiled.any[0][0].test else { panic!("{compiled:?}") };
        assert!(authority.matches(b"www.example.com", |_, _| {}));
        assert_eq!(compiled.any[0][2].test, Test::Equals(b"a".to_vec()));
    }

    #[test]
    fn errors_of_a_condition_are_at_their_place() {
        let errors =
            condition(&json!({"authority": "*a".repeat(40), "port": [1, 0]}), "/when/0").unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/when/0/authority", "/when/0/port/1"]);
    }
}
