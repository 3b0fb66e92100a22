//! Opening streams: ids, routes, limits.

use super::Engine;
use crate::frame::{CloseCode, Frame, FrameKind, StreamId};
use crate::matched::{Use, Verdicts};
use crate::route::{self, BindingIndex, Routing, Unresolved};
use crate::stream::{Direction, End, Phase, Side, Stream, StreamKey};
use crate::violation::Rule;

/// Where an opening goes: the acceptor, its route if it routes what it accepts, and the attributes if they
/// differ from those it came with.
pub(super) struct Destination {
    pub(super) acceptor: BindingIndex,
    pub(super) route: Option<usize>,
    pub(super) attributes: Option<Vec<u8>>,
}

/// What is known of an opening besides its attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) from: BindingIndex,
    id: StreamId,
    /// What it carries.
    pub(super) authorization: u64,
    /// Whether the opener has brought a part of that.
    brings: bool,
    /// The route of the stream on whose behalf it is.
    linked_route: Option<usize>,
}

/// Why there is no destination.
pub(super) enum Unrouted {
    Refused(CloseCode),
    /// Not before matchers have said this, of the attributes of the opening or of these.
    Asks {
        uses: Vec<Use>,
        arriving: Option<Vec<u8>>,
    },
}

impl Unrouted {
    /// Why routes lead nowhere that look at these attributes, or at those of the opening.
    fn of(unresolved: Unresolved, arriving: Option<Vec<u8>>) -> Self {
        match unresolved {
            Unresolved::Refused(code) => Self::Refused(code),
            Unresolved::Asks(uses) => Self::Asks { uses, arriving },
        }
    }
}

impl Destination {
    /// Whether what its routes set made the attributes longer than a frame may carry.
    pub(super) fn is_longer_than(&self, octets_max: u32) -> bool {
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
        let opening = Opening { from, id, authorization, brings: frame.value != 0, linked_route };
        match self.destination(&opening, attributes, Verdicts::NONE) {
            Ok(to) if to.is_longer_than(self.limits.attributes_octets) => {
                self.refuse(from, id, CloseCode::Limit);
            }
            Ok(to) => {
                if let Some(key) = self.connect(opening, &to) {
                    self.begin(key, authorization, &to, attributes);
                }
            }
            Err(Unrouted::Refused(code)) => self.refuse(from, id, code),
            Err(Unrouted::Asks { uses, arriving }) => {
                self.wait_for_verdicts(opening, attributes, uses, arriving);
            }
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

    pub(super) fn destination(
        &self,
        opening: &Opening,
        attributes: &[u8],
        verdicts: &Verdicts,
    ) -> Result<Destination, Unrouted> {
        let sessions = self.authorizations.sessions(opening.authorization);
        let no_route = || Unrouted::Refused(CloseCode::NoRoute);
        let opener = &self.bindings[opening.from.0 as usize].binding;
        let (route, set) = match opener.routing {
            Routing::None => return Err(no_route()),
            Routing::Opened => {
                let resolved = route::resolve(&opener.routes, attributes, sessions, verdicts);
                let resolved = resolved.map_err(|unresolved| Unrouted::of(unresolved, None))?;
                (resolved.route, resolved.attributes)
            }
            Routing::Accepted => {
                let unconditional = || opener.routes.iter().position(route::Route::is_unconditional);
                (opening.linked_route.or_else(unconditional).ok_or_else(no_route)?, None)
            }
        };
        let exit = opener.routes.get(route).and_then(|route| route.exit).ok_or_else(no_route)?;
        let acceptor = &self.bindings[exit.0 as usize].binding;
        if acceptor.routing != Routing::Accepted {
            return Ok(Destination { acceptor: exit, route: None, attributes: set });
        }
        let arriving = set.as_deref().unwrap_or(attributes);
        match route::resolve(&acceptor.routes, arriving, sessions, verdicts) {
            Ok(resolved) => Ok(Destination {
                acceptor: exit,
                route: Some(resolved.route),
                attributes: resolved.attributes.or(set),
            }),
            Err(unresolved) => Err(Unrouted::of(unresolved, set)),
        }
    }

    /// Enters a stream between its opener and its acceptor. None if that is refused.
    pub(super) fn connect(&mut self, opening: Opening, to: &Destination) -> Option<StreamKey> {
        let Opening { from, id, authorization, brings, .. } = opening;
        let limits = self.limits;
        if let Err(code) = self.admit(from, to.acceptor) {
            self.refuse(from, id, code);
            return None;
        }
        let target = &mut self.bindings[to.acceptor.0 as usize];
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
        self.authorizations.carry(authorization, key, brings);
        self.bindings[from.0 as usize].ids.open(id, key);
        self.bindings[to.acceptor.0 as usize].ids.bind(accepted, key);
        Some(key)
    }

    /// Whether an acceptor has room for one more stream of an opener.
    pub(super) fn admit(&mut self, from: BindingIndex, acceptor: BindingIndex) -> Result<(), CloseCode> {
        let target = &self.bindings[acceptor.0 as usize];
        let limit = match (target.inbox.admits(from), target.accepted.admits(from)) {
            (false, _) => super::QUEUED_FRAMES,
            (true, false) => super::STREAMS,
            (true, true) => return Ok(()),
        };
        // Nobody has no limits to be told of: they are met by who opens.
        self.note_limit(if acceptor == self.nobody() { from } else { acceptor }, limit);
        Err(CloseCode::Limit)
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
