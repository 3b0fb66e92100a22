//! The `http` binding.

mod body;
mod buffer;
mod connection;
mod date;
mod fields;
mod head;
mod options;
mod response;
mod routes;
mod status;
mod target;

use connection::Shared;
use date::DateLine;
use options::Limits;
use std::cell::RefCell;
use std::rc::Rc;
use target::Scheme;
use zilla_sdk::prelude::*;

pub use connection::Connection;
pub use options::{HttpLimits, HttpOptions, HttpTimeouts, HttpVersion};
pub use routes::{HttpCondition, HttpWith, HttpWithHeaders};

/// `type: http`, `kind: server`.
pub struct Http {
    options: HttpOptions,
    shared: Rc<Shared>,
}

/// Attributes of a stream that came through TLS; any of them is enough.
const SECURE_ATTRIBUTES: [&[u8]; 3] = [b"secure", b"alpn", b"version"];

impl Binding for Http {
    const TYPE: &'static str = "http";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = HttpOptions;
    type Stream = Connection;

    fn attach(config: BindingConfig<HttpOptions>) -> Result<Self, ConfigError> {
        let options = config.options;
        options.check()?;
        for (name, value) in &options.overrides {
            let pointer = format!("/options/overrides/{}", routes::escape(name));
            routes::check_assignment(name, value, &[])
                .map_err(|(expected, found)| config_error(&pointer, expected, found))?;
        }
        let shared = Shared {
            limits: Limits::new(&options, config.limits.attributes_octets),
            timeouts: options.timeouts,
            date: options.date.then(|| RefCell::new(DateLine::new())),
        };
        Ok(Self { options, shared: Rc::new(shared) })
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Connection, Reset> {
        let secure = begin.attributes.iter().any(|(name, _)| SECURE_ATTRIBUTES.contains(&name));
        let scheme = if secure { Scheme::Https } else { Scheme::Http };
        cx.reply().begin();
        Ok(Connection::new(Rc::clone(&self.shared), scheme, cx))
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Opened).when::<HttpCondition>().with::<HttpWith>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        routes::compile(route, &self.options.overrides)
    }
}

zilla_sdk::export!(Http);
