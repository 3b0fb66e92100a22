//! Groups of accepted streams that share one `Stream`, and what of it outlives whom.

use crate::prelude::*;
use crate::testing::*;

/// Sends what comes to a group on one stream, and answers its members in turn. It refuses to be joined by a
/// stream with the attribute `no`, and to begin with one that has `never`.
struct Pool;

#[derive(Default)]
struct Shared {
    exit: StreamId,
    waiting: Vec<StreamId>,
    events: Vec<String>,
}

impl Binding for Pool {
    const TYPE: &'static str = "pool";
    const KINDS: &'static [Kind] = &[Kind::Client];
    type Options = NoOptions;
    type Stream = Shared;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn routes(_kind: Kind) -> RouteSchema {
        RouteSchema::exits(Routing::Accepted)
    }

    fn group(&self, begin: &Begin<'_>, name: &mut Vec<u8>) {
        if let Some(group) = begin.attributes.get("group") {
            name.extend(begin.route.to_le_bytes());
            name.extend(group);
        }
    }

    fn accept(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Shared, Reset> {
        let exit = cx.open(|attributes| attributes.append(begin.attributes));
        let exit = exit.map_err(|_| Reset(CloseCode::Limit))?;
        match begin.attributes.get("never") {
            Some(_) => Err(Reset(CloseCode::Forbidden)),
            None => Ok(Shared { exit, waiting: vec![begin.stream], ..Shared::default() }),
        }
    }
}

impl Stream for Shared {
    fn on_join(&mut self, begin: Begin<'_>, cx: &mut Context<'_>) -> Result<(), Reset> {
        assert_eq!((cx.accepted(), cx.stream()), (begin.stream, begin.stream));
        self.waiting.push(begin.stream);
        if begin.attributes.get("no").is_some() { Err(Reset(CloseCode::Forbidden)) } else { Ok(()) }
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let text = data.payload.as_slice();
        match text {
            _ if cx.stream() == self.exit => {
                assert_eq!(cx.accepted(), 0);
                assert_eq!(cx.reply().data_slice(b"nobody"), 0);
                let member = self.waiting.remove(0);
                cx.to(member).begin();
                cx.to(member).pass(&data);
                cx.to(member).end();
            }
            b"open" => {
                let lent_by = cx.members()[0];
                self.exit = cx.open_for(lent_by, |attributes| attributes.push("second", "")).unwrap();
                assert_eq!(cx.open_for(self.exit, |_| {}), Err(OpenError::AcceptedIsOver));
            }
            b"time" => {
                cx.timer(1, cx.now().monotonic_ms + 10);
                cx.timer_on(self.exit, 1, cx.now().monotonic_ms + 20);
                cx.timer_on(self.exit, 2, cx.now().monotonic_ms + 15);
                cx.cancel_timer_on(self.exit, 2);
            }
            b"close" => cx.close(CloseCode::Timeout),
            b"later" => {
                cx.later();
                cx.later();
                self.events.push("data".to_owned());
            }
            _ => {
                cx.to(self.exit).pass(&data);
            }
        }
    }

    fn on_end(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        self.events.push(format!("end {}", cx.stream()));
        if cx.stream() == self.exit {
            cx.to(self.exit).end();
        }
    }

    fn on_signal(&mut self, token: u32, cx: &mut Context<'_>) {
        let line = format!("{token} on {}, ", cx.stream());
        cx.to(self.exit).data_slice(line.as_bytes());
    }

    fn on_later(&mut self, cx: &mut Context<'_>) {
        assert_eq!((cx.accepted(), cx.stream()), (0, 0));
        let line = format!("{} of {:?}", self.events.join(", "), cx.members());
        cx.to(self.exit).data_slice(line.as_bytes());
    }

    fn on_drain(&mut self, cx: &mut Context<'_>) {
        cx.to(self.exit).flush_with(|attributes| attributes.push("drain", ""));
    }
}

fn pool() -> Harness<Pool> {
    Harness::attach("{kind: client, exit: net}").unwrap()
}

fn member() -> Frame {
    begin_with([("group", "g")])
}

#[track_caller]
fn begun_exit(harness: &Harness<Pool>) -> Peer {
    let mut exit = harness.expect_open();
    exit.recv_begin();
    exit.send(begun());
    exit
}

#[test]
fn a_stream_opened_for_one_member_serves_the_next_when_that_one_is_gone() {
    let harness = pool();
    let mut first = harness.open(member());
    let mut exit = begun_exit(&harness);
    assert_eq!(exit.link(), Some(first.id()));
    exit.send(data("1"));
    first.send(end());
    assert!(first.is_over());
    assert_eq!(harness.streams(), 1);
    for text in ["2", "3"] {
        let mut next = harness.open(member());
        assert_eq!(next.id(), first.id());
        harness.expect_no_open();
        next.send(data("?"));
        exit.recv(data("?"));
        exit.send(data(text));
        next.recv(begun());
        next.recv(data(text));
        next.recv(end());
        next.send(end());
        assert!(next.is_over());
    }
    exit.send(end());
    assert!(exit.is_over());
    assert_eq!(harness.streams(), 0);
    // Its name is free: the next one begins anew.
    let _next = harness.open(member());
    harness.expect_open();
}

#[test]
fn groups_are_apart_and_so_is_what_has_none() {
    let harness = pool();
    let frames = [member(), begin_with([("group", "h")]), member().on_route(1), begin(), begin(), member()];
    let _peers = frames.map(|begin| harness.open(begin));
    assert_eq!(std::iter::from_fn(|| harness.opened()).count(), 5);
    assert_eq!(harness.streams(), 5);
}

#[test]
fn a_member_that_is_refused_leaves_the_others_alone() {
    let harness = pool();
    let mut first = harness.open(member());
    let mut exit = begun_exit(&harness);
    let mut refused = harness.open(member().with([("no", "")]));
    refused.recv(abort(CloseCode::Forbidden));
    refused.recv(reset(CloseCode::Forbidden));
    assert!(refused.is_over());
    exit.send(data("1"));
    first.recv(begun());
    let mut alone = harness.open(begin_with([("group", "h"), ("never", "")]));
    alone.recv(abort(CloseCode::Forbidden));
    assert!(harness.expect_open().attribute("never").is_some());
    assert_eq!(harness.streams(), 1);
}

#[test]
fn by_default_nothing_joins() {
    struct Alone;
    struct AloneStream;
    impl Stream for AloneStream {}
    impl Binding for Alone {
        const TYPE: &'static str = "alone";
        const KINDS: &'static [Kind] = &[Kind::Server];
        type Options = NoOptions;
        type Stream = AloneStream;
        fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
            Ok(Self)
        }
        fn group(&self, _begin: &Begin<'_>, name: &mut Vec<u8>) {
            name.push(b'g');
        }
        fn accept(&mut self, _begin: Begin<'_>, _cx: &mut Context<'_>) -> Result<AloneStream, Reset> {
            Ok(AloneStream)
        }
    }
    let harness = Harness::<Alone>::attach("kind: server").unwrap();
    let mut peers = [harness.open(begin()), harness.open(begin())];
    peers[0].recv_nothing();
    peers[1].recv(abort(CloseCode::Refused));
}

#[test]
fn a_stream_is_opened_for_any_member() {
    let harness = pool();
    let mut peers = [harness.open(member()), harness.open(member())];
    harness.expect_open();
    peers[1].send(data("open"));
    let exit = harness.expect_open();
    assert_eq!((exit.link(), exit.attribute("second")), (Some(peers[0].id()), Some(String::new())));
}

#[test]
fn timers_belong_to_the_stream_they_are_set_on() {
    let harness = pool();
    let mut first = harness.open(member());
    let mut exit = begun_exit(&harness);
    first.send(data("time"));
    harness.advance(10);
    exit.recv(data("1 on 1, "));
    exit.send(data("done"));
    first.send(end());
    assert!(first.is_over());
    harness.advance(10);
    exit.recv(data("1 on 2, "));
    exit.recv_nothing();
}

#[test]
fn closing_a_group_closes_all_of_it() {
    let harness = pool();
    let mut peers = [harness.open(member()), harness.open(member()), harness.open(member())];
    let mut exit = begun_exit(&harness);
    peers[1].send(data("close"));
    for peer in &mut peers {
        peer.recv(abort(CloseCode::Timeout));
        peer.recv(reset(CloseCode::Timeout));
        assert!(peer.is_over());
    }
    exit.recv(abort(CloseCode::Timeout));
    assert!(exit.is_over());
    assert_eq!(harness.streams(), 0);
}

#[test]
fn later_comes_once_behind_all_frames_of_the_call() {
    let harness = pool();
    let mut peers = [harness.open(member()), harness.open(member())];
    let mut exit = begun_exit(&harness);
    harness.batch(|| {
        peers[0].send_all([data("later"), end()]);
        peers[1].send_all([data("later"), end()]);
    });
    exit.recv(data("data, end 1, data, end 3 of [1, 3]"));
    exit.recv_nothing();
}

#[test]
fn what_is_over_has_no_later_and_neither_has_who_takes_its_place() {
    let harness = pool();
    let mut peer = harness.open(member());
    harness.expect_open();
    harness.batch(|| {
        peer.send_all([data("later"), data("close")]);
        harness.open(member())
    });
    let mut exit = begun_exit(&harness);
    exit.recv_nothing();
}

#[test]
fn drain_reaches_a_group_once() {
    let harness = pool();
    let _peers = [harness.open(member()), harness.open(member())];
    let mut exit = begun_exit(&harness);
    harness.drain();
    exit.recv(flush([("drain", "")]));
    exit.recv_nothing();
}

#[test]
fn a_thousand_members_come_and_go_and_nothing_is_kept() {
    let harness = pool();
    let mut first = harness.open(member());
    let mut exit = begun_exit(&harness);
    for _ in 0..1_000 {
        let mut peer = harness.open(member());
        exit.send(data("x"));
        first.recv_all();
        first.send(end());
        assert!(first.is_over());
        first = std::mem::replace(&mut peer, first);
    }
    exit.send_all([data("x"), end()]);
    first.send(end());
    assert_eq!(harness.streams(), 0);
}
