//! Options of sockets that both kinds have: `nodelay` and `keepalive`.

use super::super::options::{OptionsError, Reader, ms, ms_schema};
use serde_json::{Value, json};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;
use zilla_config::Quantity;

/// What the kernel takes for the times of keep-alive: whole seconds, at most these.
const KEEPALIVE_TIME: Quantity = ms(1_000, 32_767_000);

const KEEPALIVE_IDLE_MS_DEFAULT: u64 = 60_000;
const KEEPALIVE_INTERVAL_MS_DEFAULT: u64 = 10_000;
const KEEPALIVE_PROBES_DEFAULT: u32 = 6;

/// What is set on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SocketOptions {
    nodelay: bool,
    keepalive: Option<Keepalive>,
}

/// Probes of a connection on which nothing comes (RFC 9293, 3.8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keepalive {
    idle_ms: u64,
    interval_ms: u64,
    probes: u32,
}

impl SocketOptions {
    /// Reads those of a binding's options, which fit the schema.
    pub(super) fn read(options: &Value) -> Result<Self, Vec<OptionsError>> {
        let value = &options["keepalive"];
        let mut reader = Reader::new(value, "/options/keepalive");
        let keepalive = Keepalive {
            idle_ms: reader.ms("idle", &KEEPALIVE_TIME).unwrap_or(KEEPALIVE_IDLE_MS_DEFAULT),
            interval_ms: reader.ms("interval", &KEEPALIVE_TIME).unwrap_or(KEEPALIVE_INTERVAL_MS_DEFAULT),
            probes: value["probes"].as_u64().map_or(KEEPALIVE_PROBES_DEFAULT, |probes| probes as u32),
        };
        let is_on = value.is_object() || *value == Value::Bool(true);
        let nodelay = options["nodelay"].as_bool().unwrap_or(true);
        reader.finish(Some(Self { nodelay, keepalive: is_on.then_some(keepalive) }))
    }

    /// Sets them; those of a listener are inherited by what it accepts.
    pub(super) fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        match &self.keepalive {
            None => socket.set_keepalive(false),
            Some(Keepalive { idle_ms, interval_ms, probes }) => {
                let whole_seconds = |ms: u64| Duration::from_secs(ms.div_ceil(1_000));
                let keepalive = TcpKeepalive::new()
                    .with_time(whole_seconds(*idle_ms))
                    .with_interval(whole_seconds(*interval_ms))
                    .with_retries(*probes);
                socket.set_tcp_keepalive(&keepalive)
            }
        }
    }
}

/// Adds the keys that [`SocketOptions::read`] reads to those of a schema.
pub(super) fn add_to(properties: &mut Value) {
    properties["nodelay"] = json!({
        "description": "send small pieces at once instead of gathering them (TCP_NODELAY); default true",
        "type": "boolean"
    });
    properties["keepalive"] = json!({
        "description": "ask a peer from which nothing comes whether it is still there; default false",
        "anyOf": [
            {"type": "boolean"},
            {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "idle": ms_schema("silence before the first probe, in whole seconds; default 60s"),
                    "interval": ms_schema("time between two probes, in whole seconds; default 10s"),
                    "probes": {
                        "description": "probes without an answer after which the connection is broken; default 6",
                        "type": "integer", "minimum": 1, "maximum": 127
                    }
                }
            }
        ]
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};

    fn applied(options: &Value) -> Socket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        SocketOptions::read(options).unwrap().apply(&SockRef::from(&socket)).unwrap();
        socket
    }

    #[test]
    fn what_is_not_said_is_as_the_schema_says() {
        let socket = applied(&json!({}));
        assert!(socket.tcp_nodelay().unwrap());
        assert!(!socket.keepalive().unwrap());
        assert!(!applied(&json!({"nodelay": false})).tcp_nodelay().unwrap());
        assert!(!applied(&json!({"keepalive": false})).keepalive().unwrap());
    }

    #[test]
    fn keepalive_is_set_as_it_is_written() {
        let seconds = Duration::from_secs;
        let times = |socket: &Socket| {
            assert!(socket.keepalive().unwrap());
            let time = socket.tcp_keepalive_time().unwrap();
            (time, socket.tcp_keepalive_interval().unwrap(), socket.tcp_keepalive_retries().unwrap())
        };
        assert_eq!(times(&applied(&json!({"keepalive": true}))), (seconds(60), seconds(10), 6));
        assert_eq!(times(&applied(&json!({"keepalive": {}}))), (seconds(60), seconds(10), 6));
        let written = json!({"keepalive": {"idle": "2m", "interval": 1500, "probes": 3}});
        assert_eq!(times(&applied(&written)), (seconds(120), seconds(2), 3));
    }

    #[test]
    fn a_socket_that_was_set_otherwise_is_set_back() {
        let socket = applied(&json!({"nodelay": false, "keepalive": true}));
        SocketOptions::read(&json!({})).unwrap().apply(&SockRef::from(&socket)).unwrap();
        assert!(socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
    }

    #[test]
    fn times_that_the_kernel_does_not_take_are_refused_at_their_place() {
        let wrong = json!({"keepalive": {"idle": 10, "interval": "10 years"}});
        let errors = SocketOptions::read(&wrong).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/options/keepalive/idle", "/options/keepalive/interval"]);
        assert!(errors[0].expected.starts_with("ms from 1000 to 32767000"), "{errors:?}");
    }
}
