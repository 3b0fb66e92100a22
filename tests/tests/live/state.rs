//! What a plugin knows goes on in its next version.

use crate::support::site::Site;
use crate::support::yaml::{counter, echo, file, moody};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, file_name, version, without_state};
use zilla_tests::{Client, Folder, Line, Ports, until};

/// How often the plugin is replaced under load.
const SWAPS: usize = 20;

const LOST: &str = "state is not handed over, a plugin begins empty";

/// What the guest `counter` tells a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    /// Who began to count.
    origin: String,
    number: u64,
}

impl Told {
    /// What the next stream is told, if nothing is lost.
    fn next(&self) -> Self {
        Self { origin: self.origin.clone(), number: self.number + 1 }
    }
}

/// A new stream to a counter, and what it is told.
#[track_caller]
fn ask(port: u16) -> (Client, Told) {
    let mut client = Client::connect(port);
    let line = String::from_utf8(client.recv(24)).expect("text");
    let (origin, number) = line.trim_end().split_once(' ').expect("two words");
    (client, Told { origin: origin.to_owned(), number: number.parse().expect("a number") })
}

/// What a new stream is told, which then goes.
#[track_caller]
fn told(port: u16) -> Told {
    let (client, told) = ask(port);
    client.reset();
    told
}

/// A host with the guest `counter` among its plugins. No stream ends because its time to drain is over.
#[track_caller]
fn start(workers: usize, yaml: &str) -> Site {
    let opening = Site::with(&["--no-watch", "--log-level=debug", "--drain-ms=600000"]).workers(workers);
    opening.start_in(Folder::new(), yaml, |folder| {
        folder.write(&format!("plugins/{}", file_name("counter")), built("counter"));
    })
}

/// Has the files applied, which are to have changed, and waits until all that is to be said of it was.
#[track_caller]
fn apply(site: &Site) {
    let generation = (site.status().generation() + 1).to_string();
    let told = site.reload();
    assert!(told.starts_with(&format!("generation {generation}: ")) && !told.contains("nothing"), "{told}");
    site.host.log().wait_for("what was applied", |line| {
        line.is("INFO", "applied") && line.field("generation") == generation
    });
}

/// Puts another version of the counter in the place of the one that runs.
#[track_caller]
fn swap(site: &Site, number: usize) {
    site.install("counter", &version(&built("counter"), number));
    apply(site);
}

/// Lines about state that was not handed over.
fn lost(site: &Site) -> Vec<Line> {
    site.host.log().matching(|line| line.message() == LOST)
}

/// Asks without a pause with several clients while something is done, which is told how many were answered.
#[track_caller]
fn count_while(port: u16, doing: impl FnOnce(&AtomicUsize)) -> Vec<Told> {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let client = || {
            let mut all = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                all.push(told(port));
                answers.fetch_add(1, Ordering::Relaxed);
            }
            all
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        let over = Over(&is_over);
        doing(&answers);
        drop(over);
        clients.into_iter().flat_map(|client| client.join().expect("each stream is told")).collect()
    })
}

/// Swaps under load, and expects that each worker has counted its streams without a gap.
#[track_caller]
fn expect_counted(workers: usize) {
    let ports = Ports::range(2);
    let yaml = file(&[counter("near", ports.at(0), "{}"), echo("far", ports.at(1))]);
    let site = start(workers, &yaml);
    let far = Load::of_words(ports.at(1), 1);
    let all = count_while(ports.at(0), |answers| {
        for number in 1..=SWAPS {
            let enough = answers.load(Ordering::Relaxed) + 8 * workers;
            until("more streams", || answers.load(Ordering::Relaxed) >= enough);
            swap(&site, number % 2);
        }
    });
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for Told { origin, number } in all {
        numbers.entry(origin).or_default().push(number);
    }
    assert_eq!(numbers.len(), workers, "each worker counts for itself");
    for (origin, mut numbers) in numbers {
        numbers.sort_unstable();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert!(numbers == expected, "{origin}: {numbers:?}");
    }
    let handed = site.host.log().matching(|line| line.is("DEBUG", "state is handed over"));
    assert_eq!((handed.len(), lost(&site).len()), (SWAPS * workers, 0), "{}", site.host.log());
    assert_eq!(site.status().generation(), 1 + SWAPS as u64);
    far.expect_unnoticed();
}

#[test]
fn a_count_goes_on_through_swaps_under_load() {
    expect_counted(1);
}

#[test]
fn each_worker_keeps_its_own_count() {
    expect_counted(3);
}

#[test]
fn bindings_of_one_type_keep_their_own_counts() {
    let ports = Ports::range(2);
    let (near, far) = (ports.at(0), ports.at(1));
    let yaml = |near, far| file(&[counter("near", near, "{}"), counter("far", far, "{}")]);
    let site = start(1, &yaml(near, far));
    told(near);
    let (mut near_told, mut far_told) = (told(near), told(far));
    for number in 1..=3 {
        swap(&site, number);
        assert_eq!(told(near), near_told.next());
        assert_eq!(told(far), far_told.next());
        (near_told, far_told) = (near_told.next(), far_told.next());
    }
    // Each has the other's address now: the count belongs to the name.
    site.configure(&yaml(far, near));
    apply(&site);
    assert_eq!(told(near), far_told.next());
    assert_eq!(told(far), near_told.next());
}

#[test]
fn a_count_goes_on_when_the_configuration_is_edited() {
    let port = Ports::one();
    let yaml = |options| file(&[counter("near", &port, options)]);
    let site = start(1, &yaml("{}"));
    let (mut old, before) = ask(port.first());
    site.configure(&yaml("{mishap: save-too-much}"));
    apply(&site);
    assert_eq!(told(port.first()), before.next());
    old.echo("on the old one");
    drop(old);
    site.wait_until_drained();
    // Another name is another binding, which no line of the log is about.
    site.configure(&yaml("{}").replace("near_counter", "other_counter"));
    apply(&site);
    let other = told(port.first());
    assert!(other.number == 1 && other.origin != before.origin, "{other:?}");
    assert_eq!(lost(&site), []);
}

#[test]
fn a_binding_of_another_type_takes_nothing_over() {
    let port = Ports::one();
    let site = start(1, &file(&[counter("near", &port, "{}")]));
    told(port.first());
    site.configure(&file(&[moody("near", &port)]).replace("near_moody", "near_counter"));
    apply(&site);
    site.host.expect_echo(port.first());
    assert_eq!(lost(&site), []);
}

#[test]
fn a_plugin_without_state_is_replaced_all_the_same() {
    let port = Ports::one();
    let site = start(1, &file(&[counter("near", &port, "{}")]));
    assert_eq!(site.status().pipeline("near")["bindings"][1]["state"], true);
    let table = site.zilla(&["status"]).stdout;
    assert!(table.lines().any(|line| line.trim_end().ends_with(" 1          state")), "{table}");
    let before = told(port.first());
    let stateless = without_state(&built("counter"));
    let mut origins = BTreeSet::from([before.origin]);
    for number in 1..=2 {
        site.install("counter", &version(&stateless, number));
        apply(&site);
        assert_eq!(site.status().pipeline("near")["bindings"][1]["state"], false);
        let now = told(port.first());
        assert!(now.number == 1 && origins.insert(now.origin), "it began anew");
    }
    // Only the first of them has lost something.
    let lost_lines = lost(&site);
    assert_eq!(lost_lines.len(), 1, "{}", site.host.log());
    assert_eq!(lost_lines[0].field("reason"), "the new version keeps none");
    // And one that keeps state begins with none to keep.
    swap(&site, 3);
    let now = told(port.first());
    assert!(now.number == 1 && origins.insert(now.origin.clone()), "{now:?}");
    swap(&site, 4);
    assert_eq!(told(port.first()), now.next());
    assert_eq!(lost(&site).len(), 1);
}

/// What becomes of the streams of the old instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    GoesOn,
    IsReset,
}

/// Swaps a counter that has a mishap, twice, beside a neighbour that must not notice. Each time, the reason is
/// told and the new instance serves.
#[track_caller]
fn expect_mishap(mishap: &str, old: Old, reason: &str) {
    let ports = Ports::range(2);
    let chain = counter("near", ports.at(0), &format!("{{mishap: {mishap}}}"));
    let site = start(1, &file(&[chain, echo("far", ports.at(1))]));
    let far = Load::of_words(ports.at(1), 1);
    let mut origins = BTreeSet::new();
    for number in 1..=2 {
        let (mut stream, told) = ask(ports.at(0));
        assert!(told.number == 1 && origins.insert(told.origin), "it began anew");
        swap(&site, number);
        let lines = lost(&site);
        assert_eq!(lines.len(), number, "{}", site.host.log());
        let line = &lines[number - 1];
        let field = |name| line.field(name);
        assert_eq!((field("level"), field("binding")), ("WARN".to_owned(), "test:near_counter".to_owned()));
        assert_eq!((field("from"), field("to")), ("0.1.0".to_owned(), "0.1.0".to_owned()));
        assert!(field("reason").starts_with(reason), "expected {reason:?}: {line}");
        let traps = site.host.log().matching(|line| line.message().starts_with("a plugin trapped"));
        match old {
            Old::GoesOn => {
                stream.echo("still here");
                assert_eq!(traps, []);
            }
            Old::IsReset => {
                stream.expect_reset();
                assert_eq!(traps.len(), number, "{}", site.host.log());
                let trap = &traps[number - 1];
                assert_eq!(
                    (trap.field("level"), trap.field("streams")),
                    ("ERROR".to_owned(), "1".to_owned())
                );
                assert_eq!(trap.field("reason"), field("reason"));
            }
        }
        drop(stream);
        site.wait_until_drained();
    }
    assert_eq!(told(ports.at(0)).number, 1);
    assert_eq!(told(ports.at(0)).number, 2, "the new instance goes on counting");
    far.expect_unnoticed();
}

#[test]
fn state_over_the_limit_is_left_where_it_is() {
    let reason = "state: 1048577 octets were saved, at most 1048576 are handed over";
    expect_mishap("save-too-much", Old::GoesOn, reason);
}

#[test]
fn a_trap_in_save_costs_the_streams_of_the_old_instance() {
    expect_mishap("save-panics", Old::IsReset, "save: wasm trap: ");
}

#[test]
fn a_save_that_does_not_return_is_stopped() {
    expect_mishap("save-spins", Old::IsReset, "save: call-budget: a call took longer than 50 ms");
}

#[test]
fn state_that_is_refused_is_told_with_version_and_reason() {
    expect_mishap("restore-refuses", Old::GoesOn, "refused: version 0.1.0 counted otherwise");
}

#[test]
fn a_trap_in_restore_costs_the_instance_that_has_no_stream_yet() {
    expect_mishap("restore-panics", Old::GoesOn, "restore: wasm trap: ");
}

#[test]
fn a_restore_that_does_not_return_is_stopped() {
    expect_mishap("restore-spins", Old::GoesOn, "restore: call-budget: a call took longer than 50 ms");
}

#[test]
fn the_limit_is_what_the_new_configuration_says() {
    let port = Ports::one();
    let yaml = |limit: &str, options| {
        format!("plugins: {{counter: {{{limit}}}}}\n{}", file(&[counter("near", &port, options)]))
    };
    let site = start(1, &yaml("state: 1MiB", "{}"));
    let mut before = told(port.first());
    let mut apply_limit = |limit, options| {
        site.configure(&yaml(limit, options));
        apply(&site);
        let now = told(port.first());
        let is_kept = now == before.next();
        before = now;
        (is_kept, lost(&site).last().map(|line| line.field("reason")).unwrap_or_default())
    };
    // The count is 16 octets.
    assert_eq!(apply_limit("state: 16", "{}"), (true, String::new()));
    let reason = "state: 16 octets were saved, at most 15 are handed over".to_owned();
    assert_eq!(apply_limit("state: 15", "{}"), (false, reason.clone()));
    assert_eq!(apply_limit("state: 1MiB", "{mishap: save-panics}"), (true, reason.clone()));
    // It is not even asked for.
    assert_eq!(apply_limit("state: 0", "{mishap: save-too-much}"), (false, reason));
    // More than the default is handed over, and refused by who gets it.
    assert_eq!(apply_limit("state: 2MiB", "{}"), (false, "refused: a count of 1048569 octets".to_owned()));
    assert_eq!(lost(&site).len(), 2);
    assert!(site.host.log().matching(|line| line.field("level") == "ERROR").is_empty());
}

#[test]
fn an_instance_for_each_stream_has_no_successor() {
    let port = Ports::one();
    let yaml = |isolation| {
        let chain = counter("near", &port, "{mishap: save-panics}");
        format!("plugins: {{counter: {{isolation: {isolation}}}}}\n{}", file(&[chain]))
    };
    let site = start(1, &yaml("stream"));
    let (mut stream, _) = ask(port.first());
    swap(&site, 1);
    assert_eq!(told(port.first()).number, 1);
    stream.echo("still here");
    drop(stream);
    site.configure(&yaml("worker"));
    apply(&site);
    assert_eq!(told(port.first()).number, 1);
    assert_eq!(lost(&site), []);
    site.configure(&yaml("stream"));
    apply(&site);
    let lines = lost(&site);
    assert_eq!(lines.len(), 1, "{}", site.host.log());
    assert_eq!(lines[0].field("reason"), "isolation: an instance for each stream keeps none");
    assert_eq!(told(port.first()).number, 1);
}
