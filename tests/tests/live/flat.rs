//! What generations use is given back when they have drained.

use crate::support::from_environment;
use crate::support::site::Site;
use crate::support::usage::Usage;
use crate::support::yaml::{binding, echo, file, moody, web};
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, in_mood, version};
use zilla_tests::{Client, Ports};

/// Instances that the pool of a host has room for at least. A host of two workers with three of its bindings
/// leaking one each would be out of them after ten swaps.
const POOL_INSTANCES: usize = 64;

#[test]
fn swaps_leave_memory_descriptors_and_threads_as_they_were() {
    let swaps = from_environment("ZILLA_SWAPS", 60);
    assert!(swaps * 6 > POOL_INSTANCES * 2, "too few swaps to see a leak of instances");
    let ports = Ports::range(2);
    let site = Site::with(&[]).start(&file(&[web("near", ports.at(0)), moody("far", ports.at(1))]));
    let http = built("http");
    let swap = |number: usize| {
        site.install("http", &version(&http, number % 16));
        site.reload();
        let mut client = Client::connect(ports.at(0));
        client.send("GET / HTTP/1.0\r\nhost: test\r\n\r\n");
        assert!(client.recv_to_end().0.starts_with(b"HTTP/1.1 200 "));
    };
    // What is made once is made by then.
    (1..=20).for_each(&swap);
    site.wait_until_drained();
    let before = Usage::of(&site.host);
    (21..=20 + swaps).for_each(&swap);
    site.wait_until_drained();
    before.expect_flat(Usage::of(&site.host), &format!("{swaps} swaps"));
}

#[test]
fn refused_plugins_leave_memory_descriptors_and_threads_as_they_were() {
    let swaps = from_environment("ZILLA_SWAPS", 60) + POOL_INSTANCES;
    let port = Ports::one();
    let site = Site::with(&["--no-watch"]).start(&file(&[moody("near", &port)]));
    let moods = ["refuses", "panics", "stumbles", "hoards"].map(in_mood);
    let refuse = |number: usize| {
        site.install("moody", &moods[number % moods.len()]);
        site.expect_refusal();
    };
    (0..20).for_each(refuse);
    let before = Usage::of(&site.host);
    (20..20 + swaps).for_each(refuse);
    before.expect_flat(Usage::of(&site.host), &format!("{swaps} refused plugins"));
    site.host.expect_echo(port.first());
}

#[test]
fn connections_of_generations_that_are_gone_are_given_back() {
    const STREAMS: usize = 200;
    let port = Ports::one();
    let site = Site::with(&["--no-watch", "--drain-ms=300"]).start(&file(&[echo("near", &port)]));
    let descriptors = Usage::of(&site.host).descriptors;
    let round = |number: usize| {
        let mut stuck: Vec<Client> = (0..STREAMS).map(|_| Client::connect(port.first())).collect();
        stuck.iter_mut().for_each(|client| client.echo("open"));
        assert!(Usage::of(&site.host).descriptors >= descriptors + STREAMS);
        site.install("echo", &version(&built("echo"), number % 3));
        site.reload();
        stuck.iter_mut().for_each(Client::expect_reset);
        site.wait_until_drained();
    };
    // What is made once is made by then.
    (1..=3).for_each(round);
    let before = Usage::of(&site.host);
    (4..=10).for_each(round);
    before.expect_flat(Usage::of(&site.host), "7 times 200 stuck streams");
}

#[test]
fn a_file_that_grows_beyond_what_the_host_began_with_is_applied() {
    // With two workers, more instances than the pool has room for if it is made for the first file alone.
    let echoes = POOL_INSTANCES * 3;
    let ports = Ports::range(2);
    let site = Site::with(&["--no-watch"]).start(&file(&[echo("near", ports.at(0))]));
    let load = Load::of_words(ports.at(0), 2);
    let more = (0..echoes).map(|number| binding(&format!("echo_{number}"), "echo"));
    let chains = [echo("near", ports.at(0)), echo("far", ports.at(1))].into_iter().chain(more);
    site.configure(&file(&chains.collect::<Vec<_>>()));
    site.reload();
    site.host.expect_echo(ports.at(1));
    site.configure(&file(&[echo("near", ports.at(0))]));
    site.reload();
    load.expect_unnoticed();
}
