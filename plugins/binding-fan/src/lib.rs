//! The `fan` binding: many members share one stream to its exit, and what that sends, all of them get.
//!
//! ```text
//!   member ──▶┐                      ┌──▶ member
//!   member ──▶┼──▶ group stream ──▶ exit ──┼──▶ member      with `exit: echo`: what one says, all hear,
//!   member ──▶┘    one at a time     └──▶ member      and so does who said it
//! ```
//!
//! There is one instance for the streams of all workers. Members of one route are one group: the first opens the group's
//! stream to the exit, with its own attributes and authorization, and all get the `begin` with which that answers. Who may
//! be a member, `guarded` on the binding's routes says. The stream of a group is its opener's as far as guards are asked
//! behind it, and where the session of that one expires, the group ends with it.
//!
//! **From members to the exit** (`src/floor.rs`). A message, from its `init` to its `fin`, goes out in one piece: what
//! others send meanwhile waits. A message that comes in several pieces is gathered first, so that who stalls or leaves in
//! the middle of one keeps nobody waiting; one that is never finished is never sent. What comes without flags, as from
//! `tcp`, is passed as it comes: each piece as it was read, in the order of arrival.
//!
//! **From the exit to members** (`src/backlog.rs`). Each piece is kept once, for those who cannot take it yet. Who comes gets
//! what is sent from then on, from the beginning of a message. Who is further behind than `behind` is slow, and the exit is
//! given no credit until it has caught up to half of that: a member need not be faster than it can be at full speed. If it
//! has not after `patience`, it is reset with `limit`, so that it cannot hold back the others (`slow: drop-member`), or
//! they go on waiting (`slow: wait`).
//!
//! **Ends.** A member that ends its direction gets what comes for [`LEAVE_MS`] more, then its other direction is ended,
//! too: its own last words come back to it. The others go on. With the last member the group's stream ends; when that
//! ends, so do all members, and when it is aborted or reset, they are, with the same code.
//!
//! | what | at most | at the limit |
//! |---|---|---|
//! | octets that a member is behind | `behind`, 256 KiB, and what the exit has as credit | all wait, then see `slow` |
//! | time that all wait for a member | `patience`, 1 s | see `slow` |
//! | pieces that a member is behind | [`PIECES_BEHIND_MAX`] | as octets; eight times as many are its end |
//! | octets of a message in several pieces | `message`, 256 KiB | the member is reset with `limit` |
//! | pieces with attributes of a message | [`MESSAGE_PIECES_MAX`] | the same |
//! | pieces of a member that wait for the exit | [`WAITING_PIECES_MAX`] | the same |
//! | octets of a group that are gathered or wait for the exit | [`HELD_OCTETS_MAX`] | whose next octets do not fit is reset with `limit` |
//! | frames to members in a call | [`FRAMES_MAX`] | the rest is sent in the next one, and until then the exit waits |
//! | time to take what is left, at an end | [`END_MS`] | what is left of the stream is aborted and reset with `timeout` |

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
