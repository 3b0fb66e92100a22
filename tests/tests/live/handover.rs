//! One host takes over from another: both listen on the same ports, then the first is told to end.

use crate::support::site::Site;
use crate::support::yaml::{echo, file, web};
use zilla_tests::load::Load;
use zilla_tests::{Client, Ports};

/// How often one host takes over from another.
const TAKEOVERS: usize = 6;

#[test]
fn a_host_that_takes_over_from_another_costs_no_request() {
    let ports = Ports::range(2);
    let yaml = file(&[web("near", ports.at(0)), echo("far", ports.at(1))]);
    let start = || Site::with(&["--no-watch"]).start(&yaml);
    let mut running = start();
    let loads = [
        Load::of_requests(ports.at(0), 4),
        Load::of_first_requests(ports.at(0), 2),
        Load::of_connections(ports.at(1), 2),
    ];
    for _ in 0..TAKEOVERS {
        let mut ending = std::mem::replace(&mut running, start());
        // A stream of the one that ends goes on to its own end.
        let mut streams: Vec<Client> = (0..16).map(|_| Client::connect(ports.at(1))).collect();
        streams.iter_mut().for_each(|stream| stream.echo("one of them"));
        ending.host.signal("TERM");
        ending.host.log().wait_for_event("INFO", "draining");
        streams.iter_mut().for_each(|stream| stream.echo("and still is"));
        streams.clear();
        assert_eq!(ending.host.wait().code(), Some(0));
        loads.iter().for_each(|load| load.wait_for_answers(20));
    }
    for (load, what) in loads.into_iter().zip(["kept connections", "first requests", "connections"]) {
        let tally = load.end();
        eprintln!("{TAKEOVERS} takeovers, {what}: {tally:?}");
        assert_eq!((tally.failed, &tally.reasons), (0, &Vec::new()), "{what}");
    }
}
