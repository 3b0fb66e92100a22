//! What each binding may know of its streams, beside an engine.

use crate::{Act, Step};
use std::collections::{BTreeMap, HashMap};
use zilla_engine::{
    Batch, Binding, BindingIndex, CloseCode, Condition, Engine, Frame, FrameKind, Limits, Route, Routing,
    Rule, Use, attributes,
};

const CREDIT: u32 = 24;
const BINDINGS: u32 = 5;

/// One end of a stream, as its binding knows it.
#[derive(Default)]
struct View {
    /// Number of the stream, and whether this end opened it.
    stream: (u64, bool),
    in_begun: bool,
    in_done: bool,
    out_done: bool,
    /// Octets that may still be delivered.
    allowance: u64,
    received: u64,
}

pub(crate) struct Walk {
    engine: Engine,
    batch: Batch,
    forwards: bool,
    views: BTreeMap<(u32, u32), View>,
    /// Octets sent, by stream and whether its opener sent them.
    sent: HashMap<(u64, bool), u64>,
    opened: u64,
    now_ms: u64,
    log: Vec<String>,
}

impl Walk {
    /// 0 → 1 → 2 → 3 and 4 → 1, where 1 routes what it accepts. Where it asks, each route but those of 4 has a matcher.
    pub(crate) fn new(forwards: bool, asks: bool) -> Self {
        let to = |to| Route { exit: Some(BindingIndex(to)), ..Route::default() };
        let exit = |exit| match asks {
            true => {
                let of = Use { matcher: 0, index: exit };
                let condition = Condition { any: vec![vec![]], matched: vec![of] };
                vec![Route { conditions: vec![condition], ..to(exit) }]
            }
            false => vec![to(exit)],
        };
        let bindings = vec![
            Binding { routing: Routing::Opened, routes: exit(1), quota: None },
            Binding { routing: Routing::Accepted, routes: exit(2), quota: None },
            Binding { routing: Routing::Opened, routes: exit(3), quota: None },
            Binding { routing: Routing::None, routes: vec![], quota: None },
            Binding { routing: Routing::Opened, routes: vec![to(1)], quota: None },
        ];
        let limits = Limits {
            initial_credit: CREDIT,
            streams: 5,
            timers: 2,
            attributes_octets: 40,
            queued_frames: 48,
        };
        Self {
            engine: Engine::new(limits, bindings),
            batch: Batch::default(),
            forwards,
            views: BTreeMap::new(),
            sent: HashMap::new(),
            opened: 0,
            now_ms: 1,
            log: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, step: &Step) {
        match step {
            Step::Send { binding, acts } => acts.iter().for_each(|act| self.act(u32::from(*binding), act)),
            Step::Take { turn } => {
                (0..turn % 3).for_each(|_| {
                    let next = self.engine.next_ready();
                    next.into_iter().for_each(|binding| self.take(binding));
                });
            }
            Step::Advance { ms } => {
                self.now_ms += u64::from(*ms);
                self.engine.advance(self.now_ms);
                assert!(self.engine.next_deadline().is_none_or(|deadline| deadline > self.now_ms));
            }
            Step::Verdicts { bits } => self.answer(*bits),
            Step::Fail { binding } if u32::from(*binding) < BINDINGS => {
                let binding = u32::from(*binding);
                self.engine.fail(BindingIndex(binding), CloseCode::Crashed);
                self.views.retain(|(of, _), _| *of != binding);
                assert_eq!(self.engine.streams_of(BindingIndex(binding)), 0);
            }
            Step::Fail { .. } => {}
        }
        self.check_bounds();
    }

    /// What matchers say: of eight questions, those of which the bit is set fit, and so on.
    fn answer(&mut self, bits: u8) {
        let count = self.engine.questions().count();
        let verdicts = (0..count).map(|index| (bits >> (index % 8) & 1 == 1).then(Vec::new));
        self.engine.answer_questions(verdicts);
    }

    fn check_bounds(&self) {
        let limits = self.engine.limits();
        let streams = 2 * limits.streams as usize;
        for binding in (0..BINDINGS).map(BindingIndex) {
            assert!(self.engine.streams_of(binding) <= streams);
            assert!(self.engine.queued_for(binding) <= 2 * (limits.queued_frames as usize + 4 * streams));
        }
        assert!(self.engine.timers() <= BINDINGS as usize * (streams + 1) * limits.timers as usize);
    }

    fn act(&mut self, binding: u32, act: &Act) {
        let ids: Vec<u32> =
            self.views.range((binding, 0)..(binding + 1, 0)).map(|((_, id), _)| *id).collect();
        let pick = |choice: u8| ids.get(usize::from(choice) % ids.len().max(1)).copied().unwrap_or(0);
        let mut stream = if act.mischief == 0 { u32::from(act.stream) % 14 } else { pick(act.stream) };
        if stream % 2 == 1 && !ids.contains(&stream) {
            // It may be that of a stream whose begin still waits.
            stream += 100;
        }
        let octets = u64::from(act.octets);
        let mut frame = match act.kind {
            0..5 => Frame::new(2 * (1 + u32::from(act.stream) % 5), FrameKind::Begin),
            5..7 => Frame::new(stream, FrameKind::Begin),
            7..13 => Frame::new(stream, FrameKind::Data),
            13 => Frame::new(stream, FrameKind::Flush),
            14 | 15 => Frame::new(stream, FrameKind::End),
            16 => Frame::new(stream, FrameKind::Abort),
            17 => Frame::new(stream, FrameKind::Reset),
            18 => Frame::new(stream, FrameKind::Challenge),
            19 => Frame { link: act.link.into(), value: octets, ..Frame::new(stream, FrameKind::Timer) },
            20 | 21 if self.forwards => {
                Frame { link: pick(act.link), value: 3 * octets, ..Frame::new(stream, FrameKind::Forward) }
            }
            _ => Frame { value: octets, ..Frame::new(stream, FrameKind::Window) },
        };
        if frame.kind == FrameKind::Begin && act.link.is_multiple_of(2) {
            frame.link = pick(act.link / 2);
        }
        self.send(binding, frame, act);
    }

    /// Sends one frame and keeps the view in step with it.
    fn send(&mut self, binding: u32, mut frame: Frame, act: &Act) {
        let (from, key) = (BindingIndex(binding), (binding, frame.stream));
        let direction = self.views.get(&key).map(|view| view.stream);
        let mut octets = Vec::new();
        if frame.kind == FrameKind::Begin {
            attributes::push(&mut octets, b"n", &self.opened.to_le_bytes());
            frame.attributes = octets.len() as u32;
        }
        if frame.kind == FrameKind::Data {
            let at = direction.and_then(|direction| self.sent.get(&direction)).copied().unwrap_or(0);
            octets.extend((at..at + u64::from(act.octets)).map(|at| (at % 251) as u8));
            frame.payload = act.octets.into();
            frame.flags.init = act.link.is_multiple_of(4);
        }
        match act.mischief {
            1 => frame.offset = 1 << 30,
            2 if frame.kind == FrameKind::Begin => frame.attributes -= 1,
            _ => {}
        }
        let before = self.engine.credit(from, frame.stream);
        self.engine.handle(from, &[frame], &[], &octets);
        let rule = self.engine.take_violations().first.first().map(|violation| violation.rule);
        if !matches!(rule, None | Some(Rule::Attributes | Rule::OutOfBounds)) {
            return;
        }
        let Some(view) = self.views.get_mut(&key) else {
            if frame.kind == FrameKind::Begin {
                self.open(key);
            }
            return;
        };
        if rule.is_some() {
            return;
        }
        match frame.kind {
            FrameKind::End | FrameKind::Abort => view.out_done = true,
            FrameKind::Reset => view.in_done = true,
            FrameKind::Window => view.allowance += frame.value,
            FrameKind::Data if !view.out_done => {
                let spent = before.saturating_sub(self.engine.credit(from, frame.stream));
                assert!(spent == 0 || spent == act.octets.into() || self.forwards);
                *self.sent.entry(view.stream).or_default() += spent;
            }
            _ => {}
        }
        self.forget(key);
    }

    fn open(&mut self, key: (u32, u32)) {
        assert!(key.1.is_multiple_of(2), "only even ids are opened");
        let stream = (self.opened, true);
        self.opened += 1;
        self.views.insert(key, View { stream, allowance: CREDIT.into(), ..View::default() });
    }

    fn forget(&mut self, key: (u32, u32)) {
        if self.views.get(&key).is_some_and(|view| view.in_done && view.out_done) {
            self.views.remove(&key);
        }
    }

    fn take(&mut self, binding: BindingIndex) {
        let mut batch = std::mem::take(&mut self.batch);
        self.engine.take(binding, &mut batch);
        for frame in &batch.frames {
            let (block, payload) = frame.cut(batch.octets()).expect("a frame lies within its batch");
            assert!(attributes::is_well_formed(block));
            self.log.push(format!("{binding:?} {frame:?} {block:?} {payload:?}"));
            if frame.stream != 0 {
                self.delivered((binding.0, frame.stream), frame, block, payload);
            }
        }
        self.batch = batch;
    }

    fn delivered(&mut self, key: (u32, u32), frame: &Frame, block: &[u8], payload: &[u8]) {
        if frame.kind == FrameKind::Begin && key.1 % 2 == 1 {
            let (_, number) = attributes::entries(block).next().expect("every opening is numbered");
            let stream = (u64::from_le_bytes(number.try_into().expect("8 octets")), false);
            let view = View { stream, in_begun: true, allowance: CREDIT.into(), ..View::default() };
            assert!(self.views.insert(key, view).is_none(), "an accepted id is free");
            return;
        }
        let view = self.views.get_mut(&key).expect("frames come on open streams only");
        let from_peer = (view.stream.0, !view.stream.1);
        match frame.kind {
            FrameKind::Begin => assert!(!std::mem::replace(&mut view.in_begun, true) && !view.in_done),
            FrameKind::Data => {
                assert!(view.in_begun && !view.in_done);
                let octets = payload.len() as u64;
                view.allowance = view.allowance.checked_sub(octets).expect("no more than the credit");
                for octet in payload.iter().filter(|_| !self.forwards) {
                    assert_eq!(u64::from(*octet), view.received % 251, "octets arrive in order");
                    view.received += 1;
                }
            }
            FrameKind::Flush => assert!(view.in_begun && !view.in_done),
            FrameKind::End | FrameKind::Abort => {
                assert!(!std::mem::replace(&mut view.in_done, true), "a direction ends once");
                let is_complete = || view.received == self.sent.get(&from_peer).copied().unwrap_or(0);
                assert!(frame.kind == FrameKind::Abort || self.forwards || is_complete());
            }
            FrameKind::Window | FrameKind::Challenge => assert!(!view.out_done),
            FrameKind::Reset => assert!(!std::mem::replace(&mut view.out_done, true), "a reset comes once"),
            FrameKind::Signal | FrameKind::Forward => {}
            FrameKind::Timer | FrameKind::Drain => panic!("{frame:?} is not for a stream"),
        }
        self.forget(key);
    }

    /// Ends every stream at both of its ends: nothing is left then.
    pub(crate) fn close(mut self) -> Vec<String> {
        let act = Act { kind: 0, stream: 0, link: 0, octets: 0, mischief: u8::MAX };
        loop {
            while self.engine.has_questions() {
                self.answer(u8::MAX);
            }
            while let Some(binding) = self.engine.next_ready() {
                self.take(binding);
            }
            let Some(((binding, id), view)) = self.views.first_key_value() else { break };
            let kind = if view.out_done { FrameKind::Reset } else { FrameKind::Abort };
            let (binding, id) = (*binding, *id);
            self.send(binding, Frame::new(id, kind), &act);
        }
        self.engine.advance(u64::MAX);
        while let Some(binding) = self.engine.next_ready() {
            self.take(binding);
        }
        assert_eq!((self.engine.streams(), self.engine.timers()), (0, 0));
        for binding in (0..BINDINGS).map(BindingIndex) {
            assert_eq!((self.engine.streams_of(binding), self.engine.queued_for(binding)), (0, 0));
        }
        self.log
    }
}
