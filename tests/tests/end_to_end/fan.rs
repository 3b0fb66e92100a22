//! A group across workers: `tcp`, `fan` and `echo`, which are `binding_fan.wasm` and others.

use std::collections::{BTreeMap, VecDeque};
use zilla_tests::client::is_reset;
use zilla_tests::streams::make_room;
use zilla_tests::{Client, Host, Ports};

const WORKERS: &str = "--workers=4";

fn reflect(port: u16, exit: &str, options: &str) -> String {
    format!(
        "name: test
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: fan}}
  fan: {{type: fan, kind: server, options: {options}, exit: {exit}}}
  {exit}: {{type: {exit}, kind: server}}
"
    )
}

/// Members that have joined, and have nothing left to hear. Each says a word: who hears its own has joined.
#[track_caller]
fn members(port: u16, count: usize) -> Vec<Client> {
    const WORD: usize = 8;
    let join = |number: usize| {
        let mut member = Client::connect(port);
        member.echo(format!("{number:0WORD$}"));
        member
    };
    let mut members: Vec<Client> = (0..count).map(join).collect();
    for (number, member) in members.iter_mut().enumerate() {
        // The words of those who came later.
        member.recv((count - number - 1) * WORD);
    }
    members
}

/// Receives until a line is complete that is this one, and says what came before.
#[track_caller]
fn lines_until(member: &mut Client, last: &str) -> Vec<String> {
    let mut text = String::new();
    let mut octets = [0; 64 << 10];
    while !text.ends_with(last) {
        let some = member.recv_some(&mut octets).unwrap_or_else(|error| panic!("{error} after {text}"));
        assert!(some > 0, "the end after {text}");
        text.push_str(std::str::from_utf8(&octets[..some]).unwrap());
    }
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_thousand_members_on_four_workers_hear_each_line_once() {
    const MEMBERS: usize = 1_000;
    const SPEAKERS: usize = 20;
    make_room(2 * MEMBERS);
    let port = Ports::one();
    let host = Host::with(&[WORKERS]).start(&reflect(port.first(), "echo", "{}"));
    let mut members = members(port.first(), MEMBERS);
    for (number, member) in members.iter_mut().enumerate().step_by(MEMBERS / SPEAKERS) {
        member.send(format!("line of {number:04}\n"));
    }
    let mut first = None;
    for (number, member) in members.iter_mut().enumerate() {
        let text = String::from_utf8(member.recv(SPEAKERS * 13)).unwrap();
        let mut counts = BTreeMap::<&str, usize>::new();
        text.lines().for_each(|line| *counts.entry(line).or_default() += 1);
        assert!(counts.len() == SPEAKERS && counts.values().all(|count| *count == 1), "{number}: {counts:?}");
        assert_eq!(&text, first.get_or_insert_with(|| text.clone()), "all hear the same order");
    }
    assert_eq!(host.connections(), MEMBERS);
}

#[test]
fn members_come_and_go_under_traffic_and_nobody_misses_a_line() {
    const LINES: usize = 2_000;
    let port = Ports::one();
    let _host = Host::with(&[WORKERS]).start(&reflect(port.first(), "echo", "{}"));
    let mut constant = members(port.first(), 8);
    let mut speaker = constant.pop().unwrap();
    let mut reader = speaker.share();
    std::thread::scope(|scope| {
        let listeners: Vec<_> =
            constant.iter_mut().map(|member| scope.spawn(|| lines_until(member, "last\n"))).collect();
        scope.spawn(move || lines_until(&mut reader, "last\n"));
        let mut passing = VecDeque::new();
        for number in 0..LINES {
            speaker.send(format!("line {number:05}\n"));
            if number % 10 == 0 {
                passing.push_back(Client::connect(port.first()));
            }
            // Some break off, some end, some are closed with what they have not read.
            if passing.len() > 7 {
                match passing.pop_front() {
                    Some(member) if number % 30 == 0 => member.reset(),
                    Some(mut member) => member.end(),
                    None => {}
                }
            }
        }
        speaker.send("last\n");
        for listener in listeners {
            let lines = listener.join().unwrap();
            let expected: Vec<_> = (0..LINES).map(|number| format!("line {number:05}")).collect();
            assert_eq!(&lines[..LINES], expected);
        }
    });
}

#[test]
fn a_member_that_does_not_read_is_dropped_and_holds_back_nobody() {
    const OCTETS: usize = 64 << 20;
    let port = Ports::one();
    let host = Host::with(&[WORKERS]).start(&reflect(port.first(), "echo", "{patience: 3000}"));
    let mut clients = members(port.first(), 6);
    let mut speaker = clients.pop().unwrap();
    let (slow, others) = clients.split_first_mut().unwrap();
    let before = host.rss_kib();
    std::thread::scope(|scope| {
        let mut heard = speaker.share();
        scope.spawn(move || receive(&mut heard, OCTETS));
        for other in others {
            scope.spawn(|| receive(other, OCTETS));
        }
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..OCTETS / piece.len() {
            speaker.send(&piece);
        }
    });
    let grown = host.rss_kib().saturating_sub(before);
    assert!(grown < 64 << 10, "64 MiB for five members cost {grown} KiB");
    host.log().wait_for("the slow member", |line| line.message().contains("a slow member is reset"));
    expect_reset_at_last(slow);
}

fn receive(client: &mut Client, mut octets: usize) {
    let mut buffer = vec![0; 64 << 10];
    while octets > 0 {
        let some = client.recv_some(&mut buffer).unwrap();
        assert!(some > 0, "{octets} octets are missing");
        octets -= some;
    }
}

#[test]
fn a_trap_behind_the_fan_resets_members_on_all_workers_and_a_new_group_begins() {
    let port = Ports::one();
    let host = Host::with(&[WORKERS]).start(&reflect(port.first(), "trap", "{}"));
    for _ in 0..2 {
        let mut clients = members(port.first(), 64);
        clients[3].send("panic");
        clients.iter_mut().for_each(Client::expect_reset);
        host.wait_for_trap("test:trap");
    }
}

#[test]
fn a_fan_that_has_no_memory_left_resets_its_members_and_a_new_group_begins() {
    let port = Ports::one();
    // It would keep 16 MiB for who does not read, and has 4.
    let yaml = reflect(port.first(), "echo", "{behind: 16777216, slow: wait}");
    let host = Host::with(&[WORKERS]).start(&format!("{yaml}plugins: {{fan: {{memory: 4MiB}}}}\n"));
    for _ in 0..2 {
        let mut clients = members(port.first(), 16);
        let mut speaker = clients.pop().unwrap();
        let mut heard = speaker.share();
        std::thread::scope(|scope| {
            // Which of the two threads sees the reset is open. None of the others reads.
            scope.spawn(move || while heard.recv_some(&mut [0; 64 << 10]).is_ok_and(|octets| octets > 0) {});
            let piece = vec![b'x'; 1 << 20];
            while speaker.try_send(&piece) {}
        });
        host.wait_for_trap("test:fan");
        clients.iter_mut().for_each(expect_reset_at_last);
    }
}

/// Expects that a connection is reset, whatever comes before.
#[track_caller]
fn expect_reset_at_last(client: &mut Client) {
    let mut octets = vec![0; 1 << 20];
    let error = loop {
        match client.recv_some(&mut octets) {
            Ok(0) => panic!("it was ended in order"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(is_reset(&error), "{error}");
}

#[test]
fn what_a_group_says_costs_no_frames_that_nobody_takes() {
    const MEMBERS: usize = 200;
    const LINES: usize = 5_000;
    let port = Ports::one();
    let host = Host::with(&[WORKERS]).start(&reflect(port.first(), "echo", "{behind: 16777216}"));
    let mut clients = members(port.first(), MEMBERS);
    let mut speaker = clients.pop().unwrap();
    let octets = LINES * "line 00000\n".len();
    std::thread::scope(|scope| {
        for chunk in clients.chunks_mut(MEMBERS / 4) {
            scope.spawn(move || chunk.iter_mut().for_each(|member| receive(member, octets)));
        }
        let mut heard = speaker.share();
        scope.spawn(move || receive(&mut heard, octets));
        for number in 0..LINES {
            speaker.send(format!("line {number:05}\n"));
        }
    });
    let limits = host.log().matching(|line| line.is("WARN", "a limit was met"));
    assert!(limits.is_empty(), "{limits:?}");
}
