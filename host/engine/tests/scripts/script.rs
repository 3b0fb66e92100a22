//! A script: frames go in as values, and come out as lines of text.

use std::sync::Arc;
use zilla_engine::{
    Assignment, Batch, Binding, BindingIndex, Condition, Engine, Flags, Frame, FrameKind, Guarded, Limits,
    Predicate, Question, Route, Routing, Rule, Session, Template, Test, Use, attributes,
};

pub(crate) const A: BindingIndex = BindingIndex(0);
pub(crate) const B: BindingIndex = BindingIndex(1);
pub(crate) const C: BindingIndex = BindingIndex(2);
pub(crate) const D: BindingIndex = BindingIndex(3);

/// An engine and what is needed to talk to it.
pub(crate) struct Script {
    pub(crate) engine: Engine,
}

/// A frame to send.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) frame: Frame,
    attributes: Vec<u8>,
    payload: Vec<u8>,
}

pub(crate) fn limits() -> Limits {
    Limits { initial_credit: 10, streams: 8, timers: 2, attributes_octets: 64, queued_frames: 64 }
}

pub(crate) fn exit(to: BindingIndex) -> Route {
    Route { exit: Some(to), ..Route::default() }
}

pub(crate) fn when(name: &str, value: &str, to: BindingIndex) -> Route {
    let predicate = Predicate { attribute: name.into(), test: Test::Equals(value.into()) };
    Route { conditions: vec![Condition { any: vec![vec![predicate]], matched: Vec::new() }], ..exit(to) }
}

pub(crate) fn set(mut route: Route, name: &str, value: &str) -> Route {
    route.set.push(Assignment { attribute: name.into(), template: Template::parse(value, "n") });
    route
}

/// A route that asks a use of a matcher, besides what its conditions say; with none, of every stream.
pub(crate) fn matched(mut route: Route, matcher: u32, index: u32) -> Route {
    if route.conditions.is_empty() {
        route.conditions.push(Condition { any: vec![vec![]], matched: Vec::new() });
    }
    for condition in &mut route.conditions {
        condition.matched.push(Use { matcher, index });
    }
    route
}

pub(crate) fn guarded(mut route: Route, guard: &str, roles: &[&str]) -> Route {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    route.guarded.push(Guarded { guard: guard.into(), roles });
    route
}

/// What guard `n:g` knows of somebody.
pub(crate) fn session(number: u64, identity: &str, roles: &[&str]) -> Session {
    Session {
        number,
        guard: "n:g".into(),
        identity: identity.into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        attributes: Vec::new(),
        expires_unix_ms: None,
        challenge_unix_ms: None,
        credentials: None,
    }
}

pub(crate) fn binding(routing: Routing, routes: Vec<Route>) -> Binding {
    Binding { routing, routes, quota: None }
}

impl Script {
    pub(crate) fn new(limits: Limits, bindings: Vec<Binding>) -> Self {
        Self { engine: Engine::new(limits, bindings) }
    }

    /// A → B → C → D, with limits that are easily met.
    pub(crate) fn chain() -> Self {
        Self::chain_with(limits())
    }

    pub(crate) fn chain_with(limits: Limits) -> Self {
        let opener = |to| binding(Routing::Opened, vec![exit(to)]);
        Self::new(limits, vec![opener(B), opener(C), opener(D), binding(Routing::None, vec![])])
    }

    /// The chain, with stream 2 of A open to B as 1, answered.
    pub(crate) fn open() -> Self {
        let mut script = Self::chain();
        script.connect(A, 2, B, 1);
        script
    }

    /// Opens and answers a stream.
    pub(crate) fn connect(&mut self, opener: BindingIndex, id: u32, acceptor: BindingIndex, accepted: u32) {
        self.send(opener, [begin(id)]);
        assert_eq!(self.recv(acceptor), [format!("{accepted} begin")]);
        self.send(acceptor, [begin(accepted)]);
        assert_eq!(self.recv(opener), [format!("{id} begin")]);
    }

    /// Hands over what a binding returns from one call.
    pub(crate) fn send(&mut self, from: BindingIndex, sent: impl IntoIterator<Item = Sent>) {
        let mut octets = b"skip".to_vec();
        let mut frames = Vec::new();
        for Sent { mut frame, attributes, payload } in sent {
            if frame.attributes == 0 && frame.payload == 0 {
                frame.offset = octets.len() as u32;
                frame.attributes = attributes.len() as u32;
                frame.payload = payload.len() as u32;
            }
            octets.extend_from_slice(&attributes);
            octets.extend_from_slice(&payload);
            frames.push(frame);
        }
        self.engine.handle(from, &frames, &[], &octets);
    }

    /// The authorization to put into `begin`.
    pub(crate) fn grant(&mut self, session: Session) -> u64 {
        let random = session.number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.engine.authorizations().grant(&Arc::new(session), || random).expect("there is room")
    }

    /// What matchers are asked: matcher, use, identity and attributes.
    pub(crate) fn questions(&mut self) -> Vec<String> {
        let text = |question: Question<'_>| {
            let Use { matcher, index } = question.of;
            let attributes = attributes::entries(question.attributes).map(|(name, value)| {
                format!(" {}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            });
            let attributes: String = attributes.collect();
            format!("{matcher}.{index} {}{attributes}", question.identity.unwrap_or("-"))
        };
        self.engine.questions().map(text).collect()
    }

    /// Answers all questions: none for no match, else parameters as `name=value`.
    pub(crate) fn answer(&mut self, verdicts: &[Option<&[(&str, &str)]>]) {
        let own = |params: &[(&str, &str)]| {
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        self.engine.answer_questions(verdicts.iter().map(|verdict| verdict.map(own)));
    }

    /// Takes one batch, a line for each frame.
    pub(crate) fn recv_batch(&mut self, binding: BindingIndex) -> Vec<String> {
        let mut batch = Batch::default();
        self.engine.take(binding, &mut batch);
        batch.frames.iter().map(|frame| line(frame, batch.octets())).collect()
    }

    /// Takes everything that waits for a binding.
    pub(crate) fn recv(&mut self, binding: BindingIndex) -> Vec<String> {
        let mut lines = Vec::new();
        while self.engine.queued_for(binding) > 0 {
            lines.extend(self.recv_batch(binding));
        }
        lines
    }

    pub(crate) fn recv_nothing(&mut self, binding: BindingIndex) {
        assert_eq!(self.recv(binding), [""; 0]);
    }

    /// The rules broken since the last time.
    pub(crate) fn broken(&mut self) -> Vec<Rule> {
        self.engine.take_violations().first.iter().map(|violation| violation.rule).collect()
    }

    /// Nobody is to blame, and nothing is left.
    pub(crate) fn assert_over(mut self) {
        assert_eq!(self.broken(), []);
        assert_eq!((self.engine.streams(), self.engine.timers()), (0, 0));
    }
}

fn line(frame: &Frame, octets: &[u8]) -> String {
    let (block, payload) = frame.cut(octets).expect("a delivered frame lies within its batch");
    assert!(attributes::is_well_formed(block) && !frame.flags.borrowed);
    let mut line = format!("{} {:?}", frame.stream, frame.kind).to_lowercase();
    for (flag, name) in [(frame.flags.init, " init"), (frame.flags.fin, " fin")] {
        line.push_str(if flag { name } else { "" });
    }
    if frame.link != 0 {
        line += &format!(" link={}", frame.link);
    }
    if frame.value != 0 {
        line += &format!(" {}", frame.value);
    }
    for (name, value) in attributes::entries(block) {
        line += &format!(" {}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
    }
    if !payload.is_empty() {
        line += &format!(" {}", String::from_utf8_lossy(payload));
    }
    line
}

impl Sent {
    fn new(stream: u32, kind: FrameKind, value: u64, payload: &[u8]) -> Self {
        let frame = Frame { value, ..Frame::new(stream, kind) };
        Self { frame, attributes: Vec::new(), payload: payload.to_vec() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        attributes::push(&mut self.attributes, name.as_bytes(), value.as_bytes());
        self
    }

    pub(crate) fn link(mut self, link: u32) -> Self {
        self.frame.link = link;
        self
    }

    pub(crate) fn value(mut self, value: u64) -> Self {
        self.frame.value = value;
        self
    }

    pub(crate) fn message(mut self) -> Self {
        self.frame.flags = Flags { init: true, fin: true, borrowed: false };
        self
    }
}

pub(crate) fn begin(stream: u32) -> Sent {
    Sent::new(stream, FrameKind::Begin, 0, b"")
}

pub(crate) fn data(stream: u32, payload: &str) -> Sent {
    Sent::new(stream, FrameKind::Data, 0, payload.as_bytes())
}

pub(crate) fn flush(stream: u32) -> Sent {
    Sent::new(stream, FrameKind::Flush, 0, b"")
}

pub(crate) fn end(stream: u32) -> Sent {
    Sent::new(stream, FrameKind::End, 0, b"")
}

pub(crate) fn abort(stream: u32, code: u64) -> Sent {
    Sent::new(stream, FrameKind::Abort, code, b"")
}

pub(crate) fn reset(stream: u32, code: u64) -> Sent {
    Sent::new(stream, FrameKind::Reset, code, b"")
}

pub(crate) fn window(stream: u32, octets: u64) -> Sent {
    Sent::new(stream, FrameKind::Window, octets, b"")
}

pub(crate) fn challenge(stream: u32) -> Sent {
    Sent::new(stream, FrameKind::Challenge, 0, b"")
}

pub(crate) fn timer(stream: u32, token: u32, deadline: u64) -> Sent {
    Sent::new(stream, FrameKind::Timer, deadline, b"").link(token)
}

pub(crate) fn forward(stream: u32, link: u32, octets: u64) -> Sent {
    Sent::new(stream, FrameKind::Forward, octets, b"").link(link)
}
