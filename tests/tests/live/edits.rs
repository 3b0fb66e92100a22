//! A random walk through `zilla.yaml`: each edit is seen, and nobody else sees it.

use crate::support::from_environment;
use crate::support::site::Site;
use crate::support::yaml::{binding, echo, file, tcp, web};
use std::collections::{BTreeMap, BTreeSet};
use zilla_tests::http::HttpClient;
use zilla_tests::load::Load;
use zilla_tests::random::Random;
use zilla_tests::{Client, Ports};

/// Ports that listeners come and go on.
const PORTS: usize = 8;

/// What `zilla.yaml` says.
struct Walk {
    random: Random,
    /// Listeners by the index of their name, each with the index of its port and what it leads to.
    listeners: BTreeMap<usize, (usize, Exit)>,
    /// Whether the listener that keeps its address leads to another echo this time.
    is_turned: bool,
    comments: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Echo,
    Web,
}

/// What an edit is to lead to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Generation,
    NothingToReplace,
    Refused,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), listeners: BTreeMap::new(), is_turned: false, comments: 0 }
    }

    /// Makes an edit, and says what it is and what is to come of it.
    fn step(&mut self) -> (String, Outcome) {
        let used: BTreeSet<usize> = self.listeners.values().map(|(port, _)| *port).collect();
        let free: Vec<usize> = (0..PORTS).filter(|port| !used.contains(port)).collect();
        let names: Vec<usize> = self.listeners.keys().copied().collect();
        let mut pick = |list: &[usize]| list[self.random.below(list.len())];
        match pick(&[0, 0, 1, 2, 3, 4, 5, 6]) {
            0 if !free.is_empty() => {
                let port = pick(&free);
                let name = (0..=PORTS).find(|name| !names.contains(name)).expect("fewer names than ports");
                let exit = if pick(&[0, 1]) == 0 { Exit::Echo } else { Exit::Web };
                self.listeners.insert(name, (port, exit));
                (format!("adds listener {name}, {exit:?} on port {port}"), Outcome::Generation)
            }
            1 if !names.is_empty() => {
                let name = pick(&names);
                self.listeners.remove(&name);
                (format!("removes listener {name}"), Outcome::Generation)
            }
            2 if !names.is_empty() && !free.is_empty() => {
                let (name, port) = (pick(&names), pick(&free));
                self.listeners.entry(name).and_modify(|(old, _)| *old = port);
                (format!("moves listener {name} to port {port}"), Outcome::Generation)
            }
            3 if !names.is_empty() => {
                let name = pick(&names);
                self.listeners.entry(name).and_modify(|(_, exit)| {
                    *exit = if *exit == Exit::Echo { Exit::Web } else { Exit::Echo };
                });
                (format!("leads listener {name} elsewhere"), Outcome::Generation)
            }
            4 => {
                self.is_turned = !self.is_turned;
                ("turns the route of the steady listener".to_owned(), Outcome::Generation)
            }
            5 => ("breaks the syntax".to_owned(), Outcome::Refused),
            _ => {
                self.comments += 1;
                (format!("writes comment {}", self.comments), Outcome::NothingToReplace)
            }
        }
    }

    /// `untouched` on the first port of those given, `steady` on the second, listeners on the others.
    fn yaml(&self, ports: &Ports) -> String {
        let turned = format!("steady_echo_{}", usize::from(self.is_turned));
        let mut chains = vec![web("untouched", ports.at(0)), tcp("steady", ports.at(1), &turned)];
        chains.push(binding(&turned, "echo"));
        for (name, (port, exit)) in &self.listeners {
            let (name, port) = (format!("listener_{name}"), ports.at(2 + port));
            chains.push(match exit {
                Exit::Echo => echo(&name, port),
                Exit::Web => web(&name, port),
            });
        }
        format!("# comment {}\n{}", self.comments, file(&chains))
    }

    /// Expects that each port is answered or refused as the file says.
    #[track_caller]
    fn expect_visible(&self, ports: &Ports) {
        let mut exits = BTreeMap::new();
        exits.extend(self.listeners.values().copied());
        for index in 0..PORTS {
            let port = ports.at(2 + index);
            match exits.get(&index) {
                Some(Exit::Echo) => Client::connect(port).echo("POST / HTTP/1.1\r\n\r\n"),
                Some(Exit::Web) => {
                    let answer = HttpClient::connect(port).ask(
                        "POST / HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 4\r\n\r\nword",
                    );
                    assert_eq!((answer.head.status, answer.text().as_str()), (200, "word"));
                }
                None => {
                    let refused = Client::try_connect(port).map(drop).map_err(|error| error.kind());
                    assert_eq!(refused, Err(std::io::ErrorKind::ConnectionRefused), "port {index}");
                }
            }
        }
    }
}

#[test]
fn each_edit_is_seen_where_it_is_meant_and_nowhere_else() {
    let edits = from_environment("ZILLA_EDITS", 100);
    let seed = from_environment("ZILLA_SEED", 1);
    let ports = Ports::range(2 + PORTS as u16);
    let mut walk = Walk::new(seed as u64);
    let site = Site::with(&["--no-watch"]).start(&walk.yaml(&ports));
    let untouched = Load::of_requests(ports.at(0), 2);
    let steady = Load::of_connections(ports.at(1), 2);
    let (first, mut generation) = (site.status().generation(), site.status().generation());
    for number in 1..=edits {
        let (edit, outcome) = walk.step();
        let yaml = walk.yaml(&ports);
        let told = match outcome {
            Outcome::Refused => {
                site.configure(&yaml.replacen("bindings:", "bindings: [", 1));
                let told = site.expect_refusal();
                site.configure(&yaml);
                told
            }
            Outcome::Generation | Outcome::NothingToReplace => {
                site.configure(&yaml);
                site.reload()
            }
        };
        generation += u64::from(outcome == Outcome::Generation);
        let status = site.status();
        let context = format!("seed {seed}, edit {number} {edit}: {told}\n{:#}", status.0);
        assert_eq!(status.generation(), generation, "{context}");
        assert_eq!(!status.last_error().is_empty(), outcome == Outcome::Refused, "{context}");
        assert_eq!(told.contains("nothing to replace"), outcome == Outcome::NothingToReplace, "{context}");
        assert_eq!(status.pipeline("untouched")["generation"], first, "{context}");
        walk.expect_visible(&ports);
    }
    let steady = steady.expect_unnoticed();
    let untouched = untouched.expect_unnoticed();
    assert_eq!(untouched.connections, 2, "an untouched pipeline lost connections: {untouched:?}");
    eprintln!(
        "{edits} edits, {} generations: {} connections to the listener that stayed, none refused, longest gap {:.1?}",
        generation - first,
        steady.connections,
        steady.longest_gap
    );
}

#[test]
fn a_changed_backlog_is_that_of_a_listener_that_is_kept() {
    let port = Ports::one();
    let yaml = |backlog: usize| {
        let options = format!("port: {port}, backlog: {backlog}}}");
        file(&[echo("near", &port).replace(&format!("port: {port}}}"), &options)])
    };
    let site = Site::with(&["--no-watch"]).start(&yaml(1));
    site.host.expect_echo(port.first());
    site.configure(&yaml(64));
    assert_eq!(site.reload(), "generation 2: 1 pipelines started, 1 drain\n");
    // A host that does not run accepts nothing: connections are made as far as the backlog goes.
    site.host.signal("STOP");
    let mut waiting: Vec<Client> = (0..40).map(|_| Client::connect(port.first())).collect();
    site.host.signal("CONT");
    waiting.iter_mut().for_each(|client| client.echo("it was worth the wait"));
}
