//! A plugin is replaced again and again under load.

use crate::support::from_environment;
use crate::support::site::{Opening, Site};
use crate::support::yaml::{echo, file, web};
use std::time::{Duration, Instant};
use zilla_tests::Ports;
use zilla_tests::load::{Load, Tally};
use zilla_tests::plugin::{built, version};
use zilla_tests::streams::{Streams, make_room};

/// Streams that have nothing to do with what is replaced.
const STREAMS: usize = 1_000;

/// Clients that ask without a pause.
const CLIENTS: usize = 16;

/// A pause that a client may notice. It is far above what is measured on a quiet machine, since a busy one runs
/// its threads late.
const GAP_MAX: Duration = Duration::from_secs(5);

/// Versions that the longest of these tests goes through. Their compiled code is kept from one run to the next, so
/// that swaps follow one another as fast as they can; the other tests compile each version under load.
const VERSIONS: usize = 16;

#[test]
fn reloaded_plugins_cost_no_request_and_no_stream() {
    let swaps = from_environment("ZILLA_SWAPS", 60);
    let (opening, yaml, ports) = opening(&["--no-watch"]);
    let site = opening.start(&yaml);
    let mut streams = Streams::open(ports.at(1), STREAMS);
    let load = Load::of_requests(ports.at(0), CLIENTS);
    let (http, start, first) = (built("http"), Instant::now(), site.status().generation());
    for number in 1..=swaps {
        site.install("http", &version(&http, number % VERSIONS));
        let told = site.reload();
        let generation = first + number as u64;
        assert_eq!(told, format!("generation {generation}: 1 pipelines started, 1 drain\n"));
        if number % 20 == 0 {
            assert_eq!(streams.dropped(), 0, "after {number} swaps");
        }
    }
    let took = start.elapsed();
    load.wait_for_answers(CLIENTS as u64);
    assert_eq!(streams.dropped(), 0);
    tell(&format!("{swaps} swaps by `zilla reload`"), took, &unnoticed(load, swaps));
    // The untouched pipeline is still that of the start.
    let status = site.status();
    assert_eq!(status.pipeline("far")["generation"], first);
    assert_eq!(status.pipeline("far")["streams"], STREAMS);
    assert_eq!(status.pipeline("near")["generation"], first + swaps as u64);
}

#[test]
fn plugin_files_that_change_cost_no_request_and_no_stream() {
    let swaps = from_environment("ZILLA_SWAPS", 60).div_ceil(12);
    let (opening, yaml, ports) = opening(&[]);
    let site = opening.without_cache().start(&yaml);
    let mut streams = Streams::open(ports.at(1), STREAMS / 10);
    let load = Load::of_requests(ports.at(0), CLIENTS);
    let (http, start, first) = (built("http"), Instant::now(), site.status().generation());
    for number in 1..=swaps {
        site.install("http", &version(&http, number));
        let generation = (first + number as u64).to_string();
        site.host.log().wait_for("the generation of a changed file", |line| {
            line.is("INFO", "applied")
                && line.field("generation") == generation
                && line.field("reason") == "a file changed"
        });
    }
    let took = start.elapsed();
    load.wait_for_answers(CLIENTS as u64);
    assert_eq!(streams.dropped(), 0);
    tell(&format!("{swaps} swaps by a changed file"), took, &unnoticed(load, swaps));
    assert_eq!(site.status().generation(), first + swaps as u64, "a change was applied more than once");
}

#[test]
fn swapped_plugins_cost_no_request_and_no_stream() {
    let swaps = from_environment("ZILLA_SWAPS", 60).div_ceil(12);
    let (opening, yaml, ports) = opening(&[]);
    let site = opening.without_cache().start(&yaml);
    let mut streams = Streams::open(ports.at(1), STREAMS / 10);
    let load = Load::of_requests(ports.at(0), CLIENTS);
    let (http, start, first) = (built("http"), Instant::now(), site.status().generation());
    let new = site.path("http.wasm");
    for number in 1..=swaps {
        let component = version(&http, number);
        std::fs::write(&new, &component).expect("a folder of its own");
        let output = site.zilla(&["plugin", "swap", &new.display().to_string()]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", site.host.log());
        assert_eq!(std::fs::read(site.plugin("http")).expect("it is in its place"), component);
    }
    let took = start.elapsed();
    load.wait_for_answers(CLIENTS as u64);
    assert_eq!(streams.dropped(), 0);
    tell(&format!("{swaps} swaps by `zilla plugin swap`"), took, &unnoticed(load, swaps));
    // The watch has seen each file, too, and found nothing to replace.
    assert_eq!(site.status().generation(), first + swaps as u64);
}

/// `near`, which is replaced, on the first port, and `far`, which is not, on the second.
#[track_caller]
fn opening(arguments: &[&str]) -> (Opening, String, Ports) {
    make_room(STREAMS);
    let ports = Ports::range(2);
    let yaml = file(&[web("near", ports.at(0)), echo("far", ports.at(1))]);
    (Site::with(arguments), yaml, ports)
}

#[track_caller]
fn unnoticed(load: Load, swaps: usize) -> Tally {
    let tally = load.expect_unnoticed();
    assert!(tally.longest_gap < GAP_MAX, "{tally:?}");
    // Each swap has met the load: all clients went from one generation to the next.
    assert!(tally.connections >= swaps as u64, "{tally:?}");
    tally
}

fn tell(what: &str, took: Duration, tally: &Tally) {
    eprintln!(
        "{what} in {took:.1?}: {} requests on {} connections, {} failed, longest gap {:.1?}",
        tally.answers, tally.connections, tally.failed, tally.longest_gap
    );
}
