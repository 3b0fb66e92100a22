#![doc = include_str!("../README.md")]

mod accepted;
mod access;
mod authorization;
mod body;
mod buffer;
mod client;
mod connection;
mod date;
mod facts;
mod fields;
mod forwarded;
mod h2;
mod head;
mod options;
mod request;
mod response;
mod routes;
mod source;
mod status;
mod stream;
mod target;

use accepted::Accepted;
use authorization::Authorization;
use client::Client;
use connection::Shared;
use date::DateLine;
use options::Limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use target::Scheme;
use zilla_sdk::prelude::*;

pub use access::{HttpAccessAllow, HttpAccessControl, HttpAccessExpose, HttpAccessPolicy};
pub use authorization::{HttpAuthorization, HttpAuthorizationGuard, HttpCredentials};
pub use client::{HttpClientLimits, HttpClientOptions, HttpClientTimeouts};
pub use forwarded::{HttpForwarded, HttpForwardedHeader};
pub use h2::HttpH2Limits;
pub use options::{HttpExpect, HttpLimits, HttpOptions, HttpTimeouts, HttpVersion};
pub use routes::{HttpCondition, HttpWith, HttpWithHeaders};
pub use stream::HttpStream;

/// `type: http`.
pub struct Http {
    role: Role,
    /// Request headers to set after routing.
    overrides: BTreeMap<String, String>,
}

/// What a `kind` does.
enum Role {
    Server(Rc<Shared>),
    Client(Rc<Client>),
}

/// Attributes of a stream that came through TLS; any of them is enough.
const SECURE_ATTRIBUTES: [&[u8]; 3] = [b"secure", b"alpn", b"version"];

impl Binding for Http {
    const TYPE: &'static str = "http";
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Client];
    type Options = KindOptions;
    type Stream = HttpStream;

    fn attach(config: BindingConfig<KindOptions>) -> Result<Self, ConfigError> {
        let attributes_octets = config.limits.attributes_octets;
        let (role, overrides) = if config.kind == Kind::Client {
            let options: HttpClientOptions = config.options.read()?;
            let overrides = options.overrides.clone();
            (Role::Client(Rc::new(Client::new(options, attributes_octets)?)), overrides)
        } else {
            let options: HttpOptions = config.options.read()?;
            options.check()?;
            let overrides = options.overrides.clone();
            let shared = Shared {
                limits: Limits::new(&options, attributes_octets),
                date: options.date.then(|| RefCell::new(DateLine::new())),
                h2_fields: RefCell::default(),
                authorization: options.authorization.as_ref().map(Authorization::new).transpose()?,
                options,
            };
            (Role::Server(Rc::new(shared)), overrides)
        };
        for (name, value) in &overrides {
            let pointer = format!("/options/overrides/{}", routes::escape(name));
            routes::check_assignment(name, value, false)
                .map_err(|(expected, found)| config_error(&pointer, expected, found))?;
        }
        Ok(Self { role, overrides })
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<HttpStream, Reset> {
        match &self.role {
            Role::Client(client) => client::accept(client, begin, cx).map(HttpStream::Origin),
            Role::Server(shared) => {
                let secure = begin.attributes.iter().any(|(name, _)| SECURE_ATTRIBUTES.contains(&name));
                let scheme = if secure { Scheme::Https } else { Scheme::Http };
                Accepted::new(shared, &begin, scheme, cx).map(HttpStream::Accepted).map_err(Reset)
            }
        }
    }

    fn group(&self, begin: &Begin<'_>, name: &mut Vec<u8>) {
        if matches!(self.role, Role::Client(_)) {
            client::name(begin, name);
        }
    }

    fn routes(kind: Kind) -> RouteSchema {
        let schema = match kind {
            Kind::Client => RouteSchema::exits(Routing::Accepted).options::<HttpClientOptions>(),
            _ => RouteSchema::exits(Routing::Opened).options::<HttpOptions>(),
        };
        schema.when::<HttpCondition>().with::<HttpWith>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        routes::compile(route, &self.overrides)
    }
}

zilla_sdk::export!(Http);
