//! One host, in which every plugin that goes wrong has neighbours.

use super::cases::{Deed, File, Guest, Loaded, Running};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use zilla_tests::client::is_reset;
use zilla_tests::command::{Output, zilla_in};
use zilla_tests::load::Load;
use zilla_tests::plugin::{in_mood, with_much_memory};
use zilla_tests::{Client, Host, Line, Ports, until};

/// See the module.
pub(super) struct Town {
    host: Host,
    ports: Ports,
    /// Asks the `http` server, from beginning to end.
    passers_by: Load,
    /// The file as it is.
    yaml: RefCell<String>,
    /// How often something was cried, to be heard in the log.
    cries: Cell<usize>,
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered, before and afterwards.
    GoesOn,
    /// It ended in order, with FIN.
    Ended,
    /// It was aborted, with RST.
    Aborted,
    /// Its own client broke it off.
    BrokenOff,
    /// It stays open until its client leaves.
    Waits,
}

/// What came of a deed.
pub(super) struct Outcome {
    pub(super) own: Fate,
    /// A stream of the same instance.
    pub(super) sibling: Fate,
    /// A stream that begins afterwards.
    pub(super) next: Fate,
    /// Limits and rules by their names, and other lines, in the order of the log.
    pub(super) log: Vec<String>,
    /// Answers that the two neighbours did not get.
    pub(super) beside_failed: u64,
    pub(super) elsewhere_failed: u64,
}

/// What came of a plugin that should have been refused.
pub(super) struct Refusal {
    pub(super) is_kept: bool,
    pub(super) elsewhere_failed: u64,
}

/// Answers that a neighbour gets after a deed before it is asked how it was.
const ANSWERS_AFTERWARDS: u64 = 20;

/// Guests whose one call makes very much get the time for it on a busy machine, too.
const HEAD: &str = "name: test\nplugins: {flood: {call-budget: 1s}, forge: {call-budget: 1s}}\n";

/// Options of the guest `trap` that change nothing.
const NOTHING_EVERY: &str = "every: 1000003";
const OR_NOTHING_EVERY: &str = "every: 1000033";

impl Town {
    /// A host for these cases: first an `http` server, an echo, and a plugin that writes to the log what it is told.
    #[track_caller]
    pub(super) fn build(cases: &[Running]) -> Self {
        let ports = Ports::range(3 + 2 * cases.len() as u16);
        let tcp = |name: &str, port: u16, exit: &str| {
            format!(
                "  {name}: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: {exit}}}\n"
            )
        };
        let mut yaml = format!("{HEAD}bindings:\n");
        yaml += &tcp("web-north", ports.at(0), "web");
        yaml += "  web: {type: http, kind: server, exit: web-echo}\n  web-echo: {type: echo, kind: server}\n";
        yaml += &tcp("echo-north", ports.at(1), "echo");
        yaml += "  echo: {type: echo, kind: server}\n";
        yaml += &tcp("crier-north", ports.at(2), "crier");
        yaml += "  crier: {type: shout, kind: server}\n";
        for (index, case) in cases.iter().enumerate() {
            let (guest, beside) = (guest_port(&ports, index), guest_port(&ports, index) + 1);
            writeln!(
                yaml,
                "  north-{index}: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: [{guest}, {beside}]}}, \
                 routes: [{{when: [{{port: {guest}}}], exit: guest-{index}}}, \
                 {{when: [{{port: {beside}}}], exit: beside-{index}}}]}}\n  \
                 beside-{index}: {{type: echo, kind: server}}"
            )
            .unwrap();
            yaml += &binding(index, case.guest);
        }
        let host = Host::with(&["--workers=1", "--plugins=odd"]).start(&yaml);
        std::fs::create_dir(host.folder().join("odd")).unwrap();
        let passers_by = Load::of_requests(ports.at(0), 2);
        Self { host, ports, passers_by, yaml: RefCell::new(yaml), cries: Cell::new(0) }
    }

    /// Puts a plugin into the file that is to be refused.
    #[track_caller]
    pub(super) fn load(&self, case: &Loaded) -> Refusal {
        let elsewhere = Load::of_words(self.ports.at(1), 1);
        let content = match case.file {
            File::Guest => None,
            File::Mood(mood) => Some(in_mood(mood)),
            File::MuchMemory => Some(with_much_memory()),
            File::NoComponent => Some(b"#!/bin/sh\n".to_vec()),
        };
        if let Some(content) = content {
            std::fs::write(self.host.folder().join("odd/binding_odd.wasm"), content).unwrap();
        }
        let yaml = self.yaml.borrow();
        let output = self.reload(&format!("{yaml}  odd: {}\n", case.binding));
        assert!(output.code == Some(1) && output.stderr.contains(case.told), "{}: {output:?}", case.name);
        // Put right, the file is as it was, and so is what runs.
        let output = self.reload(&yaml);
        let is_kept = output.stdout == "generation 1: nothing to replace\n";
        elsewhere.wait_for_answers(ANSWERS_AFTERWARDS);
        Refusal { is_kept, elsewhere_failed: elsewhere.end().failed }
    }

    /// Has a plugin go wrong.
    #[track_caller]
    pub(super) fn run(&self, index: usize, case: &Running) -> Outcome {
        let port = guest_port(&self.ports, index);
        let beside = Load::of_words(port + 1, 1);
        let elsewhere = Load::of_words(self.ports.at(1), 1);
        let mut sibling = Client::connect(port);
        sibling.echo("well");
        let own = self.act(index, case.deed, port);
        let sibling = match case.deed {
            // Its generation drains; it may go on to its end.
            Deed::Replace => leave(sibling),
            _ => ask(&mut sibling, "still?"),
        };
        let next = ask(&mut Client::connect(port), "next!");
        [&beside, &elsewhere].into_iter().for_each(|load| load.wait_for_answers(ANSWERS_AFTERWARDS));
        let (beside_failed, elsewhere_failed) = (beside.end().failed, elsewhere.end().failed);
        if case.deed == Deed::Replace {
            until("nothing drains", || !self.zilla(&["status", "--json"]).stdout.contains("\"draining\""));
        }
        let log = self.heard(index);
        Outcome { own, sibling, next, log, beside_failed, elsewhere_failed }
    }

    fn act(&self, index: usize, deed: Deed, port: u16) -> Fate {
        let mut client = Client::connect(port);
        if deed != Deed::Arrive {
            client.echo("well");
        }
        match deed {
            Deed::Say(word) => {
                if !client.try_send(word) {
                    return Fate::Aborted;
                }
                match hear(&mut client, word) {
                    Fate::GoesOn => ask(&mut client, "well?"),
                    other => other,
                }
            }
            Deed::SayInVain(word) => {
                client.send(word);
                let streams = || self.streams_of(&format!("test:north-{index}"));
                // The two of this plugin, and the neighbour's.
                assert_eq!(streams(), 3);
                drop(client);
                until("its stream is gone with its client", || streams() == 2);
                Fate::Waits
            }
            Deed::Arrive => ask(&mut client, "well"),
            Deed::End => {
                client.end();
                hear(&mut client, "")
            }
            Deed::Break => {
                client.reset();
                Fate::BrokenOff
            }
            Deed::Replace => {
                // Another fingerprint, and nothing else.
                let mark = format!("# guest-{index}\n");
                let change = |line: &str| match line.ends_with(&mark) {
                    true => line.replace(NOTHING_EVERY, OR_NOTHING_EVERY),
                    false => line.to_owned(),
                };
                let changed: String = self.yaml.borrow().split_inclusive('\n').map(change).collect();
                self.yaml.replace(changed);
                let output = self.reload(&self.yaml.borrow());
                assert_eq!(output.code, Some(0), "{output:?}");
                leave(client)
            }
        }
    }

    /// What was logged of a plugin until now, and of the bindings on both its sides.
    #[track_caller]
    fn heard(&self, index: usize) -> Vec<String> {
        let cry = self.cries.get() + 1;
        self.cries.set(cry);
        let word = format!("hear {cry}");
        // The worker writes one line after the other: what it had to say before this one is there by then.
        Client::connect(self.ports.at(2)).echo(&word);
        self.host.log().wait_for_event("WARN", &word);
        let mut heard = Vec::new();
        for (binding, whose) in [("guest", ""), ("north", " of its peer"), ("yard", " of its exit")] {
            let binding = format!("test:{binding}-{index}");
            for line in self.host.log().matching(|line| line.field("binding") == binding) {
                let name = name_of(&line).map(|name| name + whose);
                heard.extend(name.filter(|name| !heard.contains(name)));
            }
        }
        heard
    }

    /// Streams of a pipeline that does not drain.
    #[track_caller]
    fn streams_of(&self, pipeline: &str) -> u64 {
        let status: serde_json::Value =
            serde_json::from_str(&self.zilla(&["status", "--json"]).stdout).unwrap();
        let streams: BTreeMap<&str, u64> = status["pipelines"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| Some((row["name"].as_str()?, row["streams"].as_u64()?)))
            .collect();
        streams[pipeline]
    }

    #[track_caller]
    fn reload(&self, yaml: &str) -> Output {
        std::fs::write(self.host.folder().join("zilla.yaml"), yaml).unwrap();
        self.zilla(&["reload"])
    }

    fn zilla(&self, arguments: &[&str]) -> Output {
        zilla_in(self.host.folder(), &[arguments, &["--control=control.sock"]].concat())
    }

    /// Ends it, and expects that no request has failed all the while.
    #[track_caller]
    pub(super) fn expect_unnoticed(self) {
        let tally = self.passers_by.expect_unnoticed();
        assert_eq!(tally.connections, 2, "a connection did not last: {tally:?}");
    }
}

fn guest_port(ports: &Ports, index: usize) -> u16 {
    ports.at(3 + 2 * index)
}

/// A line of the file that ends with a comment to find it by.
fn binding(index: usize, guest: Guest) -> String {
    match guest {
        Guest::Trap(options) => {
            let options = options.trim_matches(['{', '}']);
            let options = [NOTHING_EVERY, options].into_iter().filter(|option| !option.is_empty());
            let options = format!("{{{}}}", options.collect::<Vec<_>>().join(", "));
            format!("  guest-{index}: {{type: trap, kind: server, options: {options}}} # guest-{index}\n")
        }
        Guest::Other(guest) => format!("  guest-{index}: {{type: {guest}, kind: server}} # guest-{index}\n"),
        Guest::WithExit(guest) => format!(
            "  guest-{index}: {{type: {guest}, kind: server, exit: yard-{index}}} # guest-{index}\n  \
             yard-{index}: {{type: echo, kind: server}}\n"
        ),
    }
}

/// Sends a word and hears what comes of it.
fn ask(client: &mut Client, word: &str) -> Fate {
    if !client.try_send(word) {
        return Fate::Aborted;
    }
    hear(client, word)
}

/// Reads until the word has come back, or the stream is over.
#[track_caller]
fn hear(client: &mut Client, word: &str) -> Fate {
    let mut heard = Vec::new();
    let mut octets = [0; 1024];
    loop {
        if !word.is_empty() && heard == word.as_bytes() {
            return Fate::GoesOn;
        }
        match client.recv_some(&mut octets) {
            Ok(0) => return Fate::Ended,
            Ok(some) => heard.extend_from_slice(&octets[..some]),
            Err(error) if is_reset(&error) => return Fate::Aborted,
            Err(error) => panic!("{error}, after {:?}", heard.escape_ascii().to_string()),
        }
        assert!(word.as_bytes().starts_with(&heard), "{:?}", heard.escape_ascii().to_string());
    }
}

/// Goes on to its end, if it can.
#[track_caller]
fn leave(mut client: Client) -> Fate {
    match ask(&mut client, "still?") {
        Fate::GoesOn => {
            client.end();
            assert_eq!(hear(&mut client, ""), Fate::Ended);
            Fate::GoesOn
        }
        other => other,
    }
}

/// The limit or the rule that a line names. None for what the plugin itself has to say.
fn name_of(line: &Line) -> Option<String> {
    let is_own_word = line.field("target") == "zilla::plugin" && line.json.get("lost").is_none();
    let of_limit = |text: &str| text.split(':').next().map(|limit| format!("`{limit}`"));
    match line.message().as_str() {
        "a plugin trapped, its streams are closed" | "a binding trapped while it was detached" => {
            let reason = line.field("reason") + &line.field("trap");
            match reason.starts_with("call-budget") || reason.starts_with("memory") {
                true => of_limit(&reason),
                false => Some(reason.split(", after it logged").next()?.to_owned()),
            }
        }
        "a plugin broke the rules of frames" => Some(line.field("rule")),
        "a limit was met" => Some(format!("`{}`", line.field("limit"))),
        "memory: growth refused" => of_limit("memory"),
        _ if is_own_word => None,
        message => match line.json.get("lost") {
            Some(_) => of_limit(message),
            None => Some(message.to_owned()),
        },
    }
}
