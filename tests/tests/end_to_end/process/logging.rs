//! The log: its formats and levels.

use zilla_tests::host::Start;
use zilla_tests::{Client, Host, Ports, config, until};

/// Starts a host that may say nothing, and has a plugin say something at debug level.
#[track_caller]
fn talk(start: Start) -> Host {
    let port = Ports::one();
    let mut host = start.start_unseen(&config::tcp_echo(&port).replace("type: echo", "type: shout"));
    until("it listens", || Client::try_connect(port.first()).is_ok());
    Client::connect(port.first()).echo("debug");
    host.signal("TERM");
    assert_eq!(host.wait().code(), Some(0), "{}", host.log());
    host
}

#[test]
fn every_line_is_an_object_with_time_level_and_message() {
    let port = Ports::one();
    let start = Host::with(&["-w2", "--log-level=trace"]);
    let mut host = start.start(&config::tcp_echo(&port).replace("type: echo", "type: trap"));
    for word in ["well", "panic", "bounds"] {
        let mut client = Client::connect(port.first());
        client.send(word);
        client.end();
        client.recv_to_end();
    }
    host.signal("TERM");
    host.wait();
    let lines = host.log().lines();
    assert!(lines.len() > 5, "{}", host.log());
    for line in lines {
        let has = |name: &str| !line.field(name).is_empty();
        assert!(has("timestamp") && has("level") && has("message") && has("target"), "{line}");
    }
}

#[test]
fn a_flag_sets_the_level() {
    let levels = |host: &Host| {
        let mut levels: Vec<_> = host.log().lines().iter().map(|line| line.field("level")).collect();
        levels.sort();
        levels.dedup();
        levels
    };
    let json = |argument| Host::with(&["-w1", "--log-format=json", argument]);
    assert_eq!(levels(&talk(json("--log-level=info"))), ["INFO"]);
    assert_eq!(levels(&talk(json("--log-level=warn"))), [""; 0]);
    assert_eq!(levels(&talk(json("--log-level=off"))), [""; 0]);
    assert!(levels(&talk(json("--log-level=debug"))).contains(&"DEBUG".to_owned()));
    assert!(levels(&talk(json("--verbose"))).contains(&"DEBUG".to_owned()));
}

#[test]
fn the_variable_sets_the_level_and_a_flag_wins() {
    let with = |arguments: &[&str], level| {
        let start = Host::with(&["-w1", "--log-format=json"]).arguments(arguments);
        talk(start.variable("ZILLA_LOG", level)).log().lines()
    };
    assert_eq!(with(&[], "warn"), []);
    assert!(with(&[], "debug").iter().any(|line| line.field("level") == "DEBUG"));
    assert!(with(&["--log-level=info"], "off").iter().any(|line| line.is("INFO", "started")));
}

#[test]
fn text_is_for_people_and_has_no_colours_in_a_file() {
    let host = talk(Host::with(&["-w1"]));
    let started = host.log().wait_for("the start", |line| line.text.contains("started"));
    assert!(started.text.contains(" INFO started workers=1 plugins=1"), "{started}");
    assert!(!host.log().to_string().contains('\x1b'));
}
