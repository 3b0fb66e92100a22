//! A group: its members, and the stream that they share.

use crate::backlog::{Backlog, PIECES_BEHIND_MAX};
use crate::floor::Floor;
use crate::member::Member;
use crate::options::{FanOptions, Slow};
use std::collections::BTreeMap;
use zilla_sdk::host::{self, Level};
use zilla_sdk::prelude::*;

/// How long a member that has ended its direction gets what comes, in ms: its own last words need a moment to come back.
pub const LEAVE_MS: u64 = 250;

/// How long a stream that ends has to take what is left, in ms.
pub const END_MS: u64 = 10_000;

/// Frames to members in one call, so that no answer is larger than those who get it can hold.
pub const FRAMES_MAX: usize = 16 << 10;

/// Nobody is waited for beyond so many times [`PIECES_BEHIND_MAX`]: pieces without payload need no credit, so that
/// an exit that waits could go on sending them.
const LOST_FACTOR: u64 = 8;

/// Timers of a member: it is to be ended, what is left of it is to be closed, or it was waited for long enough.
const LEAVE: u32 = 0;
const CLOSE: u32 = 1;
const SLOW: u32 = 2;

/// Timers of the exit: members are to be sent more, or what is left is to be closed.
const GO_ON: u32 = 0;
const GIVE_UP: u32 = 1;

/// The members of one route, and the stream that they share.
pub struct Group {
    exit: StreamId,
    options: FanOptions,
    members: BTreeMap<StreamId, Member>,
    floor: Floor,
    backlog: Backlog,
    /// The attributes with which the exit has begun.
    begun: Option<Vec<u8>>,
    /// Those with which it has ended.
    ended: Option<Vec<u8>>,
    /// Octets of the exit that are not given back as credit yet.
    owed: u64,
    /// Whether there is something new for all.
    is_news: bool,
    /// Members that may have something to get besides.
    due: Vec<StreamId>,
}

impl Group {
    pub(crate) fn new(exit: StreamId, options: FanOptions) -> Self {
        Self {
            exit,
            options,
            members: BTreeMap::new(),
            floor: Floor::new(exit, options.message as usize),
            backlog: Backlog::default(),
            begun: None,
            ended: None,
            owed: 0,
            is_news: false,
            due: Vec::new(),
        }
    }

    pub(crate) fn enter(&mut self, id: StreamId) {
        let place = self.backlog.entrance();
        self.members.insert(id, Member::new(place));
    }

    /// Says to the exit what waits.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        for from in self.floor.go_on(cx) {
            if let Some(member) = self.members.get_mut(&from) {
                member.waiting -= 1;
            }
        }
        self.end_if_over(cx);
    }

    /// A member is no more.
    fn remove(&mut self, id: StreamId, cx: &mut Context<'_>) {
        if let Some(mut member) = self.members.remove(&id) {
            self.floor.forget(id, &mut member);
            self.is_news = true;
            cx.later();
            self.end_if_over(cx);
        }
    }

    fn close_member(&mut self, id: StreamId, code: CloseCode, cx: &mut Context<'_>) {
        cx.close_stream(id, code);
        self.remove(id, cx);
    }

    /// The group ends with its last member, once what that has said is with the exit.
    fn end_if_over(&mut self, cx: &mut Context<'_>) {
        if !self.members.is_empty() {
            return;
        }
        if self.floor.is_empty() {
            cx.to(self.exit).end();
            cx.from(self.exit).reset(CloseCode::Cancelled);
        } else {
            cx.timer_on(self.exit, GIVE_UP, cx.now().monotonic_ms + END_MS);
        }
    }

    /// Sends members what there is for them.
    fn serve(&mut self, cx: &mut Context<'_>) {
        let due = std::mem::take(&mut self.due);
        let ids =
            if std::mem::take(&mut self.is_news) { self.members.keys().copied().collect() } else { due };
        let mut frames = FRAMES_MAX;
        let mut over = Vec::new();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else { continue };
            let last = member.last.unwrap_or(u64::MAX).min(self.backlog.end());
            self.backlog.send(id, &mut member.place, last, &mut frames, cx);
            if frames == 0 {
                self.is_news = true;
                cx.timer_on(self.exit, GO_ON, cx.now().monotonic_ms);
                break;
            }
            if member.last.is_some_and(|last| member.place.number >= last) {
                over.push(id);
            }
        }
        for id in over {
            let attributes = self.ended.clone().unwrap_or_default();
            cx.to(id).end_with(|end| end.append(Attributes::new(&attributes)));
            cx.from(id).reset(CloseCode::Cancelled);
            self.remove(id, cx);
        }
        // Who was not asked yet is not slow, and the exit waits for it.
        if frames > 0 {
            self.settle(cx);
        }
    }

    /// Forgets what nobody needs, and lets the exit go on unless somebody is waited for.
    fn settle(&mut self, cx: &mut Context<'_>) {
        let (now_ms, mut lost, mut first) = (cx.now().monotonic_ms, Vec::new(), self.backlog.end());
        let mut is_waiting = false;
        for (id, member) in &mut self.members {
            let octets = self.backlog.octets_behind(member.place);
            let pieces = self.backlog.pieces_behind(member.place);
            let is_over = |part: u64| {
                octets > u64::from(self.options.behind) / part || pieces > PIECES_BEHIND_MAX / part
            };
            if pieces > LOST_FACTOR * PIECES_BEHIND_MAX {
                member.is_slow = true;
                lost.push(*id);
                continue;
            }
            if !member.is_slow && is_over(1) {
                member.is_slow = true;
                if self.options.slow == Slow::DropMember {
                    cx.timer_on(*id, SLOW, now_ms + u64::from(self.options.patience));
                }
            } else if member.is_slow && !is_over(2) {
                member.is_slow = false;
            }
            is_waiting |= member.is_slow;
            first = first.min(member.place.number);
        }
        self.backlog.forget_before(first);
        for id in lost {
            self.drop_slow(id, cx);
        }
        if !is_waiting {
            cx.from(self.exit).consume(std::mem::take(&mut self.owed));
        }
    }

    /// A member has not caught up in time.
    fn drop_slow(&mut self, id: StreamId, cx: &mut Context<'_>) {
        let Some(member) = self.members.get(&id).filter(|member| member.is_slow) else { return };
        let (octets, patience) = (self.backlog.octets_behind(member.place), self.options.patience);
        host::count("slow-members", 1);
        host::log(
            Level::Info,
            &format!("a slow member is reset: it is {octets} octets behind after {patience} ms of patience"),
        );
        self.close_member(id, CloseCode::Limit, cx);
    }
}

impl Stream for Group {
    fn on_join(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<(), Reset> {
        if self.ended.is_some() {
            return Err(Reset(CloseCode::Refused));
        }
        self.enter(begin.stream);
        if let Some(begun) = &self.begun {
            cx.reply().begin_with(|attributes| attributes.append(Attributes::new(begun)));
        }
        Ok(())
    }

    fn on_begin(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) {
        for id in self.members.keys() {
            cx.to(*id).begin_with(|attributes| attributes.append(begin.attributes));
        }
        self.begun = Some(begin.attributes.block().to_vec());
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let from = cx.stream();
        if from == self.exit {
            self.owed += data.payload.len() as u64;
            self.backlog.push(&data);
            self.is_news = true;
            return cx.later();
        }
        let Some(member) = self.members.get_mut(&from) else { return };
        match self.floor.take(from, member, &data, cx) {
            Ok(()) => self.go_on(cx),
            Err(code) => self.close_member(from, code, cx),
        }
    }

    fn on_flush(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let from = cx.stream();
        if from == self.exit {
            self.backlog.push_flush(attributes);
            self.is_news = true;
            return cx.later();
        }
        let Some(member) = self.members.get_mut(&from) else { return };
        if let Err(code) = self.floor.take_flush(from, member, attributes, cx) {
            self.close_member(from, code, cx);
        }
    }

    fn on_end(&mut self, attributes: Attributes<'_>, cx: &mut Context<'_>) {
        let (id, now_ms) = (cx.stream(), cx.now().monotonic_ms);
        if id != self.exit {
            return cx.timer_on(id, LEAVE, now_ms + LEAVE_MS);
        }
        self.ended = Some(attributes.block().to_vec());
        let last = self.backlog.end();
        for (id, member) in &mut self.members {
            member.last = Some(last);
            cx.timer_on(*id, CLOSE, now_ms + END_MS);
        }
        self.is_news = true;
        cx.later();
    }

    fn on_abort(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        self.fail(code, cx);
    }

    fn on_reset(&mut self, code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        self.fail(code, cx);
    }

    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        let id = cx.stream();
        if id == self.exit {
            return self.go_on(cx);
        }
        if let Some(member) = self.members.get(&id)
            && self.backlog.pieces_behind(member.place) > 0
        {
            self.due.push(id);
            cx.later();
        }
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        let id = cx.stream();
        match token {
            GO_ON if id == self.exit => cx.later(),
            GIVE_UP if id == self.exit && self.members.is_empty() => cx.close_stream(id, CloseCode::Timeout),
            LEAVE if id != self.exit => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.last = Some(self.backlog.end());
                    cx.timer_on(id, CLOSE, cx.now().monotonic_ms + END_MS);
                    self.due.push(id);
                    cx.later();
                }
            }
            SLOW if id != self.exit => self.drop_slow(id, cx),
            CLOSE if id != self.exit => self.close_member(id, CloseCode::Timeout, cx),
            _ => {}
        }
    }

    fn on_later(&mut self, cx: &mut Context<'_>) {
        self.serve(cx);
    }
}

impl Group {
    /// One end of a stream was broken off: it is over, and with the exit, all are.
    fn fail(&mut self, code: CloseCode, cx: &mut Context<'_>) {
        let id = cx.stream();
        if id == self.exit {
            return cx.close(code);
        }
        self.close_member(id, CloseCode::Cancelled, cx);
    }
}
