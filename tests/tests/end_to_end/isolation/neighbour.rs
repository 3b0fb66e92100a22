//! A guest and its neighbour on one worker.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use zilla_tests::{Client, Host, Ports, config};

/// The longest that a neighbour may wait for its answer: the budget of a call is 50 ms, the rest is for machines
/// that are busy with other things.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A host with a guest on one port and an echo on another.
pub(super) struct Street {
    pub(super) host: Host,
    ports: Ports,
}

impl Street {
    /// A guest of that type, without options.
    #[track_caller]
    pub(super) fn new(guest: &str) -> Self {
        Self::with(|ports| config::guest_and_neighbour(guest, ports.first(), ports.last()))
    }

    /// A guest with an exit, to an echo of its own, and time for long calls: what is looked at is another limit.
    #[track_caller]
    pub(super) fn with_exit(guest: &str) -> Self {
        Self::with(|ports| {
            let yaml = config::guest_and_neighbour(guest, ports.first(), ports.last());
            let kind = format!("type: {guest}\n    kind: server");
            let exit = format!("{kind}\n    exit: yard");
            let patient = format!("plugins: {{{guest}: {{call-budget: 10s}}}}\nbindings:");
            let yaml = yaml.replace(&kind, &exit).replacen("bindings:", &patient, 1);
            yaml + "  yard:\n    type: echo\n    kind: server\n"
        })
    }

    #[track_caller]
    fn with(yaml: impl FnOnce(&Ports) -> String) -> Self {
        let ports = Ports::range(2);
        Self { host: Host::start(&yaml(&ports)), ports }
    }

    /// A connection to the guest that has been answered once.
    #[track_caller]
    pub(super) fn guest(&self) -> Client {
        let mut client = Client::connect(self.ports.first());
        client.echo("well");
        client
    }

    /// A connection to the guest, which may be reset before it is known here that there is one.
    pub(super) fn try_guest(&self) -> io::Result<Client> {
        Client::try_connect(self.ports.first())
    }

    /// A connection to the neighbour that has been answered once.
    #[track_caller]
    pub(super) fn neighbour(&self) -> Client {
        let mut client = Client::connect(self.ports.last());
        client.echo("good morning");
        client
    }

    /// Does something to the guest, while the neighbour answers without a pause on a connection that was there
    /// before and is there afterwards. Then both have new visitors.
    #[track_caller]
    pub(super) fn disturb(&self, disturb: impl FnOnce()) {
        let mut neighbour = self.neighbour();
        let is_over = AtomicBool::new(false);
        let longest = std::thread::scope(|scope| {
            let answering = scope.spawn(|| {
                let mut longest = Duration::ZERO;
                while !is_over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    neighbour.echo("all quiet?");
                    longest = longest.max(asked.elapsed());
                }
                longest
            });
            let over = Over(&is_over);
            disturb();
            drop(over);
            answering.join().expect("the neighbour answers")
        });
        assert!(longest < ANSWER_MAX, "the neighbour waited for {longest:?}");
        neighbour.echo("and afterwards?");
        self.neighbour();
        self.guest();
    }
}

/// Ends the neighbour's questions, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
