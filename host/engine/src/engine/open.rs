//! Opening streams: ids, routes, limits.

use super::Engine;
use crate::frame::{CloseCode, Frame, FrameKind, StreamId};
use crate::route::{self, BindingIndex, Routing};
use crate::stream::{Direction, End, Phase, Side, Stream, StreamKey};
use crate::violation::Rule;

/// Where an opening goes: the acceptor, its route if it routes what it accepts, and the attributes if they
/// differ from those it came with.
struct Destination {
    acceptor: BindingIndex,
    route: Option<usize>,
    attributes: Option<Vec<u8>>,
}

impl Destination {
    /// Whether what its routes set made the attributes longer than a frame may carry.
    fn is_longer_than(&self, octets_max: u32) -> bool {
        self.attributes.as_ref().is_some_and(|attributes| attributes.len() > octets_max as usize)
    }
}

impl Engine {
    /// Opens a stream. What cannot be opened is answered with `reset` and `abort`, so that the opener sees
    /// every opening end; only an illegal id leaves nothing to answer on.
    pub(super) fn open(
        &mut self,
        from: BindingIndex,
        frame: &Frame,
        attributes: Result<&[u8], Rule>,
    ) -> Result<(), Rule> {
        let id = frame.stream;
        if !self.bindings[from.0 as usize].ids.may_open(id, self.bindings[from.0 as usize].quota.streams) {
            return Err(if id & 1 == 0 { Rule::IllegalId } else { Rule::UnknownStream });
        }
        let attributes = match attributes {
            Ok(attributes) => attributes,
            Err(rule) => {
                self.refuse(from, id, CloseCode::Violation);
                return Err(rule);
            }
        };
        let Some((lent, linked_route)) = self.lent(from, frame.link) else {
            self.refuse(from, id, CloseCode::Cancelled);
            return Ok(());
        };
        let authorization = match self.authorization(from, frame.value, lent) {
            Ok(authorization) => authorization,
            Err((code, broken)) => {
                self.refuse(from, id, code);
                return broken.map_or(Ok(()), Err);
            }
        };
        match self.destination(from, linked_route, authorization, attributes) {
            Ok(to) if to.is_longer_than(self.limits.attributes_octets) => {
                self.refuse(from, id, CloseCode::Limit);
            }
            Ok(to) => self.connect(from, frame, authorization, &to, attributes),
            Err(code) => self.refuse(from, id, code),
        }
        Ok(())
    }

    /// What a stream lends to one that is opened on its behalf: its authorization and, to the binding that
    /// accepted it, its route. Nothing is opened on behalf of a stream that is not, or no longer, open: it
    /// could take an exit that was never meant for it.
    fn lent(&mut self, from: BindingIndex, link: StreamId) -> Option<(u64, Option<usize>)> {
        if link == 0 {
            return Some((0, None));
        }
        let (key, side) = self.bindings[from.0 as usize].ids.get(link)?;
        let stream = self.streams.get(key)?;
        let route = if side == Side::Acceptor { stream.route } else { None };
        Some((stream.authorization, route))
    }

    fn destination(
        &self,
        from: BindingIndex,
        linked_route: Option<usize>,
        authorization: u64,
        attributes: &[u8],
    ) -> Result<Destination, CloseCode> {
        let sessions = self.authorizations.sessions(authorization);
        let opener = &self.bindings[from.0 as usize].binding;
        let (route, set) = match opener.routing {
            Routing::None => return Err(CloseCode::NoRoute),
            Routing::Opened => {
                let resolved = route::resolve(&opener.routes, attributes, sessions)?;
                (resolved.route, resolved.attributes)
            }
            Routing::Accepted => {
                let unconditional = || opener.routes.iter().position(route::Route::is_unconditional);
                (linked_route.or_else(unconditional).ok_or(CloseCode::NoRoute)?, None)
            }
        };
        let exit = opener.routes.get(route).and_then(|route| route.exit).ok_or(CloseCode::NoRoute)?;
        let acceptor = &self.bindings[exit.0 as usize].binding;
        if acceptor.routing != Routing::Accepted {
            return Ok(Destination { acceptor: exit, route: None, attributes: set });
        }
        let arriving = set.as_deref().unwrap_or(attributes);
        let resolved = route::resolve(&acceptor.routes, arriving, sessions)?;
        Ok(Destination {
            acceptor: exit,
            route: Some(resolved.route),
            attributes: resolved.attributes.or(set),
        })
    }

    fn connect(
        &mut self,
        from: BindingIndex,
        frame: &Frame,
        authorization: u64,
        to: &Destination,
        attributes: &[u8],
    ) {
        let (limits, id) = (self.limits, frame.stream);
        let target = &mut self.bindings[to.acceptor.0 as usize];
        if !target.inbox.admits(from) {
            self.note_limit(to.acceptor, super::QUEUED_FRAMES);
            return self.refuse(from, id, CloseCode::Limit);
        }
        if !target.accepted.admits(from) {
            self.note_limit(to.acceptor, super::STREAMS);
            return self.refuse(from, id, CloseCode::Limit);
        }
        let accepted = target.ids.accept();
        target.accepted.add(from);
        let key = self.streams.insert(Stream {
            opener: End { binding: from, id, timers: Vec::new(), released: false },
            acceptor: End { binding: to.acceptor, id: accepted, timers: Vec::new(), released: false },
            initial: Direction::new(Phase::Open, limits.initial_credit),
            reply: Direction::new(Phase::Idle, limits.initial_credit),
            authorization,
            route: to.route,
        });
        self.authorizations.carry(authorization, key, frame.value != 0);
        self.bindings[from.0 as usize].ids.open(id, key);
        self.bindings[to.acceptor.0 as usize].ids.bind(accepted, key);
        let attributes = to.attributes.as_deref().unwrap_or(attributes);
        let route = to.route.unwrap_or_default() as u32;
        let begin = Frame { link: route, ..Self::frame(FrameKind::Begin, authorization) };
        self.send(key, Side::Acceptor, begin, attributes, &[]);
    }

    /// Enters an opening that nobody accepts, so that what the opener sends on it meanwhile is dropped
    /// without blame, and tells the opener.
    fn refuse(&mut self, from: BindingIndex, id: StreamId, code: CloseCode) {
        let mut initial = Direction::new(Phase::Over, 0);
        initial.receiver_done = true;
        let mut reply = Direction::new(Phase::Over, 0);
        reply.sender_done = true;
        let key = self.streams.insert(Stream {
            opener: End { binding: from, id, timers: Vec::new(), released: false },
            acceptor: End { binding: from, id: 0, timers: Vec::new(), released: true },
            initial,
            reply,
            authorization: 0,
            route: None,
        });
        self.bindings[from.0 as usize].ids.open(id, key);
        self.send(key, Side::Opener, Self::frame(FrameKind::Reset, code.value()), &[], &[]);
        self.send(key, Side::Opener, Self::frame(FrameKind::Abort, code.value()), &[], &[]);
    }

    /// The acceptor answers an opening.
    pub(super) fn answer(&mut self, key: StreamKey, side: Side, attributes: &[u8]) -> Result<(), Rule> {
        let Some(stream) = self.streams.get(key) else { return Ok(()) };
        let direction = stream.sent_by(side);
        if direction.sender_done {
            return Err(Rule::AfterEnd);
        }
        match direction.phase {
            Phase::Idle => direction.phase = Phase::Open,
            Phase::Open => return Err(Rule::BegunTwice),
            Phase::Over => return Ok(()),
        }
        self.send(key, side.peer(), Self::frame(FrameKind::Begin, 0), attributes, &[]);
        Ok(())
    }
}
