#![doc = include_str!("../README.md")]

mod client;
mod close;
mod deflate;
mod frame;
mod handshake;
mod incoming;
mod mask;
mod options;
mod routes;
mod server;
mod socket;
mod stream;
mod utf8;

use client::Client;
use deflate::Coders;
use server::Server;
use socket::Shared;
use std::cell::RefCell;
use std::rc::Rc;
use zilla_sdk::prelude::*;

pub use client::{WsClientOptions, WsDefaults};
pub use deflate::WsDeflate;
pub use options::{WsLimits, WsOptions, WsPing, WsTimeouts};
pub use routes::WsCondition;
pub use stream::WsStream;

/// `type: ws`.
pub struct Ws {
    shared: Rc<Shared>,
    role: Role,
}

/// What a `kind` does.
enum Role {
    Server(Server),
    Client(Client),
}

impl Binding for Ws {
    const TYPE: &'static str = "ws";
    const KINDS: &'static [Kind] = &[Kind::Server, Kind::Client];
    type Options = KindOptions;
    type Stream = WsStream;

    fn attach(config: BindingConfig<KindOptions>) -> Result<Self, ConfigError> {
        let (role, options) = if config.kind == Kind::Client {
            let options: WsClientOptions = config.options.read()?;
            options.check()?;
            let WsClientOptions { defaults, headers, limits, timeouts, ping, permessage_deflate } = options;
            (
                Role::Client(Client { defaults, headers }),
                WsOptions { limits, timeouts, ping, permessage_deflate },
            )
        } else {
            (Role::Server(Server::default()), config.options.read()?)
        };
        options.check()?;
        let shared = Shared {
            limits: options.limits,
            timeouts: options.timeouts,
            ping: options.ping,
            coders: options.permessage_deflate.map(|options| Rc::new(Coders::new(options))),
            initial_credit: config.limits.initial_credit,
            keys: RefCell::default(),
        };
        Ok(Self { shared: Rc::new(shared), role })
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<WsStream, Reset> {
        match &self.role {
            Role::Server(server) => server::accept(server, &self.shared, begin, cx).map(WsStream::from),
            Role::Client(client) => client::accept(client, &self.shared, &begin, cx).map(WsStream::from),
        }
    }

    fn routes(kind: Kind) -> RouteSchema {
        let schema = match kind {
            Kind::Client => RouteSchema::exits(Routing::Accepted).options::<WsClientOptions>(),
            _ => RouteSchema::exits(Routing::Opened).options::<WsOptions>(),
        };
        schema.when::<WsCondition>()
    }

    fn route(&self, route: &RouteConfig<'_>) -> Result<Route, ConfigError> {
        if let Role::Server(server) = &self.role {
            server.routes.borrow_mut().0.push(route.when::<WsCondition>()?);
        }
        routes::compile(route)
    }
}

zilla_sdk::export!(Ws);
