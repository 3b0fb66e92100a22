#![doc = include_str!("../README.md")]

mod backlog;
mod floor;
mod group;
mod member;
mod options;
mod piece;

pub use backlog::PIECES_BEHIND_MAX;
pub use floor::{HELD_OCTETS_MAX, MESSAGE_PIECES_MAX, WAITING_PIECES_MAX};
pub use group::{END_MS, FRAMES_MAX, Group, LEAVE_MS};
pub use options::{FanOptions, Slow};

use zilla_sdk::prelude::*;

/// `type: fan`, `kind: server`.
pub struct Fan {
    options: FanOptions,
}

impl Binding for Fan {
    const TYPE: &'static str = "fan";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = FanOptions;
    type Stream = Group;

    fn attach(config: BindingConfig<FanOptions>) -> Result<Self, ConfigError> {
        Ok(Self { options: config.options })
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Accepted).on_one_worker()
    }

    fn group(&self, begin: &Begin<'_>, name: &mut Vec<u8>) {
        name.extend(begin.route.to_le_bytes());
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Group, Reset> {
        let exit = cx.open(|attributes| attributes.append(begin.attributes));
        let exit = exit.map_err(|_| Reset(CloseCode::Limit))?;
        let mut group = Group::new(exit, self.options);
        group.enter(begin.stream);
        Ok(group)
    }
}

zilla_sdk::export!(Fan);
