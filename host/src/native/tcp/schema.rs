//! What the binding says of itself: kinds, options, conditions.

use super::super::options::{ms_schema, ports_schema};
use super::socket;
use crate::plugin::{Description, KindDescription, Placement, Routing};
use serde_json::{Value, json};

/// As a plugin would.
pub(in super::super) fn describe() -> Description {
    let kind = |kind: &str, options: Value, when: Value, routes: Routing| KindDescription {
        kind: kind.into(),
        options_schema: options.to_string(),
        when_schema: Some(when.to_string()),
        with_schema: None,
        routes,
        placement: Placement::EveryWorker,
    };
    Description {
        type_name: "tcp".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        kinds: vec![
            kind("server", server_options(), when("that was connected to"), Routing::Opened),
            kind("client", client_options(), when("that may be connected to"), Routing::None),
        ],
    }
}

fn server_options() -> Value {
    let mut properties = json!({
        "host": {
            "description": "address or name to listen on; default 0.0.0.0",
            "anyOf": [
                {"type": "string", "minLength": 1, "title": "an address or a name"},
                {"type": "array", "minItems": 1, "title": "a list of those", "items": {"type": "string", "minLength": 1}}
            ]
        },
        "port": ports_schema("port, range of ports, or list of those, to listen on"),
        "backlog": {
            "description": "connections that wait to be accepted, for each port and worker; default 4096",
            "type": "integer", "minimum": 1, "maximum": 65535
        },
        "accept-rate": {
            "description": "connections accepted in a second, over all workers; no limit by default",
            "type": "integer", "minimum": 1, "maximum": 1_000_000
        },
        "excess": {
            "description": "what becomes of connections over `connections` or `accept-rate`: they `wait` in the \
                            backlog, which is the default, or are accepted and `reset`",
            "enum": ["wait", "reset"]
        },
        "idle-timeout": idle_timeout_schema(),
        "connections": connections_schema()
    });
    socket::add_to(&mut properties);
    json!({"type": "object", "additionalProperties": false, "required": ["port"], "properties": properties})
}

fn client_options() -> Value {
    let mut properties = json!({
        "host": {
            "description": "address or name to connect to; that of the stream's `destination` or `authority` by default",
            "type": "string", "minLength": 1
        },
        "port": ports_schema("port to connect to: the first; without `host`, ports that a stream may ask for"),
        "connect-timeout": ms_schema("time to find and reach the destination, over all of its addresses; default 10s"),
        "idle-timeout": idle_timeout_schema(),
        "connections": connections_schema()
    });
    socket::add_to(&mut properties);
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn idle_timeout_schema() -> Value {
    ms_schema(
        "time without an octet in either direction after which a connection is reset; no limit by default",
    )
}

fn connections_schema() -> Value {
    json!({
        "description": "connections at a time, over all workers; no limit by default",
        "type": "integer", "minimum": 1, "maximum": 1 << 24
    })
}

fn when(what: &str) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "authority": {"description": format!("name {what}; `*` stands for anything"), "type": "string"},
            "cidr": {
                "description": format!("block of addresses, such as 127.0.0.0/8, {what}"),
                "type": "string"
            },
            "port": ports_schema(&format!("port {what}"))
        }
    })
}
