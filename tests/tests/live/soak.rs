//! Everything at once for a while: load, swaps, edits, files that are wrong, and plugins that trap. At the end the host is
//! as it was.

use crate::support::from_environment;
use crate::support::site::Site;
use crate::support::usage::Usage;
use crate::support::yaml::{binding, echo, file, tcp, web};
use std::time::{Duration, Instant};
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, version};
use zilla_tests::random::Random;
use zilla_tests::{Client, Ports, until};

/// Versions that plugins go through.
const VERSIONS: usize = 8;

/// Steps until what is made once is made, before the host is measured.
const STEPS_BEFORE: usize = 25;

/// What changes by chance.
struct Walk<'a> {
    site: &'a Site,
    ports: &'a Ports,
    random: Random,
    /// A chain that is there or not, and an option that differs.
    has_extra: bool,
    every: usize,
    http: Vec<u8>,
    echo: Vec<u8>,
}

impl Walk<'_> {
    fn yaml(ports: &Ports, has_extra: bool, every: usize) -> String {
        let guest = binding("guest", "trap") + &format!("    options: {{every: {every}}}\n");
        let mut chains =
            vec![web("near", ports.at(0)), echo("far", ports.at(1)), tcp("odd", ports.at(2), "guest"), guest];
        if has_extra {
            chains.push(echo("extra", ports.at(3)));
        }
        file(&chains)
    }

    fn configure(&self) {
        self.site.configure(&Self::yaml(self.ports, self.has_extra, self.every));
        self.site.reload();
    }

    fn step(&mut self) {
        let number = self.random.below(VERSIONS);
        match self.random.below(8) {
            0 => {
                self.site.install("http", &version(&self.http, number));
                self.site.reload();
            }
            1 => {
                self.site.install("echo", &version(&self.echo, number));
                self.site.reload();
            }
            2 => {
                self.has_extra = !self.has_extra;
                self.configure();
            }
            3 => {
                self.every = 1_000_000 + number;
                self.configure();
            }
            4 => {
                self.site.configure("name: test\nbindings: {near: {type: nonsense, kind: server}}\n");
                self.site.expect_refusal();
                self.configure();
            }
            5 => {
                self.site.install("http", b"no component");
                self.site.expect_refusal();
                self.site.install("http", &self.http);
                self.site.reload();
            }
            6 => {
                let file = self.site.path("new.wasm");
                std::fs::write(&file, version(&self.http, number)).expect("a folder of its own");
                let output = self.site.zilla(&["plugin", "swap", &file.display().to_string()]);
                assert_eq!(output.code, Some(0), "{output:?}");
            }
            _ => self.trap(),
        }
    }

    /// Once its breaker is open, the guest serves nobody for a while.
    fn trap(&mut self) {
        const WAYS: [&str; 4] = ["panic", "bounds", "recurse", "spin"];
        let Ok(mut client) = Client::try_connect(self.ports.at(2)) else { return };
        if client.try_send(WAYS[self.random.below(WAYS.len())]) {
            let (received, _) = client.recv_to_end();
            assert_eq!(received, b"");
        }
    }
}

#[test]
fn everything_at_once_leaves_the_host_as_it_was() {
    let time = Duration::from_secs(from_environment("ZILLA_SOAK_SECONDS", 12) as u64);
    let ports = Ports::range(4);
    let seed = from_environment("ZILLA_SEED", 1);
    let yaml = Walk::yaml(&ports, false, 1_000_000);
    let site = Site::with(&["--no-watch"]).start_in(zilla_tests::Folder::new(), &yaml, |folder| {
        folder.write("plugins/binding_trap.wasm", built("trap"));
    });
    let mut walk = Walk {
        site: &site,
        ports: &ports,
        random: Random::new(seed as u64),
        has_extra: false,
        every: 1_000_000,
        http: built("http"),
        echo: built("echo"),
    };
    let (mut before, mut steps, mut last) = (None, 0, (0, 0));
    let start = Instant::now();
    while before.is_none() || start.elapsed() < time {
        let loads = [
            Load::of_requests(ports.at(0), 4),
            Load::of_first_requests(ports.at(0), 2),
            Load::of_connections(ports.at(1), 2),
        ];
        for _ in 0..STEPS_BEFORE {
            walk.step();
            steps += 1;
        }
        for load in loads {
            let tally = load.expect_unnoticed();
            last = (last.0 + tally.answers, last.1 + tally.connections);
        }
        let usage = at_rest(&site);
        before.get_or_insert(usage);
    }
    let after = at_rest(&site);
    let before = before.expect("it was measured in the first round");
    before.expect_flat(after, &format!("{steps} steps with {last:?} answers and connections"));
    assert!(steps > STEPS_BEFORE, "ZILLA_SOAK_SECONDS is too short for more than a beginning");
    site.host.expect_echo(ports.at(1));
}

/// What it uses once every stream has ended, and every earlier generation with its own.
#[track_caller]
fn at_rest(site: &Site) -> Usage {
    site.wait_until_drained();
    until("no stream is left", || {
        let status = site.status();
        let mut rows = status.0["pipelines"].as_array().into_iter().flatten();
        rows.all(|row| row["streams"] == 0)
    });
    Usage::of(&site.host)
}
