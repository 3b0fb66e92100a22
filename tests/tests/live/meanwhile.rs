//! While a change is made, which takes as long as a plugin does to compile and to begin, the host answers.

use crate::support::site::{Asked, Site};
use crate::support::yaml::{file, moody};
use std::sync::mpsc;
use zilla_tests::plugin::{built, in_mood, version};
use zilla_tests::{Client, Ports};

/// Commands that wait for the change that is being made; a further one is refused.
const CHANGES_MAX: usize = 16;

const RELOAD: &str = "{\"command\":\"reload\"}";

/// A host, and a change that is being made: of a plugin that does not come back before its budget of two seconds.
#[track_caller]
fn busy() -> (Site, Ports, Asked) {
    let port = Ports::one();
    let site = Site::with(&["--no-watch", "--log-level=debug"]).start(&file(&[moody("near", &port)]));
    site.install("moody", &in_mood("spins"));
    let asked = site.ask(RELOAD);
    site.wait_for_status("the reload", |status| status.0["loading"] == "reload");
    (site, port, asked)
}

#[test]
fn the_status_is_told_at_once() {
    let (site, port, mut reload) = busy();
    let table = site.zilla(&["status"]).stdout;
    assert!(table.ends_with("\nloading: reload\n"), "{table}");
    site.host.expect_echo(port.first());
    assert!(!reload.is_answered(), "the change was too quick for this test");
    assert!(reload.answer().contains("call-budget: a call took longer than 2000 ms"));
    let status = site.status();
    assert!(status.0["loading"].is_null() && status.last_error().contains("call-budget"), "{:#}", status.0);
}

#[test]
fn commands_are_obeyed_one_after_the_other_in_their_order() {
    let (site, _port, mut first) = busy();
    let new = site.path("new.wasm");
    std::fs::write(&new, version(&built("moody"), 1)).expect("a folder of its own");
    let swap = serde_json::json!({"command": "swap", "file": new.display().to_string()});
    let mut second = site.ask(&swap.to_string());
    // The command before has arrived when a later one is answered.
    assert_eq!(site.status().0["loading"], "reload");
    let mut third = site.ask(RELOAD);
    assert_eq!(site.status().0["loading"], "reload");
    assert!(!first.is_answered() && !second.is_answered() && !third.is_answered());
    assert!(first.answer().contains("call-budget"));
    assert_eq!(second.answer(), "{\"ok\":\"generation 2: 1 pipelines started, 1 drain\"}\n");
    assert_eq!(third.answer(), "{\"ok\":\"generation 2: nothing to replace\"}\n");
}

#[test]
fn hangups_that_nobody_waits_for_are_one_change() {
    let (site, _port, mut reload) = busy();
    site.install("moody", &version(&built("moody"), 1));
    // Few enough to be told in the time of the change on a busy machine.
    for _ in 0..10 {
        site.host.signal("HUP");
        site.status();
    }
    assert!(!reload.is_answered(), "the change was too quick for this test");
    let status = site.wait_for_status("the good one", |status| status.generation() == 2);
    assert_eq!(status.last_error(), "");
    assert_eq!(site.reload(), "generation 2: nothing to replace\n");
    let idle =
        |line: &zilla_tests::Line| line.is("DEBUG", "nothing to replace") && line.field("reason") == "SIGHUP";
    // One may have come while the good one was read already.
    assert!(site.host.log().matching(idle).len() <= 1, "{}", site.host.log());
}

#[test]
fn more_commands_than_may_wait_are_refused() {
    const EXTRA: usize = 3;
    let (site, _port, mut reload) = busy();
    let (sender, answers) = mpsc::channel();
    for _ in 0..CHANGES_MAX + EXTRA {
        let (mut asked, sender) = (site.ask(RELOAD), sender.clone());
        // The test may be over before the last answer.
        std::thread::spawn(move || sender.send(asked.answer()));
    }
    for _ in 0..EXTRA {
        let answer = answers.recv_timeout(zilla_tests::PATIENCE).expect("an answer in time");
        assert_eq!(answer, "{\"error\":\"16 changes wait already: try again later\"}\n");
    }
    assert!(!reload.is_answered(), "the change was too quick for this test");
    // What waits is obeyed all the same.
    site.install("moody", &built("moody"));
    for _ in 0..CHANGES_MAX {
        let answer = answers.recv_timeout(zilla_tests::PATIENCE).expect("an answer in time");
        assert!(answer.contains("call-budget") || answer.contains("nothing to replace"), "{answer}");
    }
}

#[test]
fn a_swap_that_a_stop_cuts_short_is_told_to_have_happened_or_not() {
    let port = Ports::one();
    let site = Site::with(&["--no-watch"]).start(&file(&[moody("near", &port)]));
    let new = site.path("new.wasm");
    std::fs::write(&new, in_mood("spins")).expect("a folder of its own");
    let mut swap = site.ask(&serde_json::json!({"command": "swap", "file": new}).to_string());
    site.wait_for_status("the swap", |status| status.0["loading"] == "swap");
    site.zilla(&["stop"]);
    let told = "{\"error\":\"the host is ending, and may have put the file in its place already\"}\n";
    assert_eq!(swap.answer(), told);
}

#[test]
fn a_stop_is_obeyed_at_once() {
    let (mut site, port, mut reload) = busy();
    let mut stream = Client::connect(port.first());
    stream.echo("to the end");
    let mut waiting = site.ask(RELOAD);
    assert_eq!(site.zilla(&["stop"]).stdout, "draining\n");
    for told in [&mut reload, &mut waiting] {
        assert_eq!(told.answer(), "{\"error\":\"the host is ending\"}\n");
    }
    stream.end();
    stream.expect_end();
    assert_eq!(site.host.wait().code(), Some(0));
    let budget = site.host.log().matching(|line| line.text.contains("call-budget"));
    assert!(budget.is_empty(), "the change was waited for: {budget:?}");
}
