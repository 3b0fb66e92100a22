//! Bindings with one instance for all workers: they are replaced under load like any other. The guest is `everyone`.

use crate::support::site::Site;
use crate::support::yaml::{binding, echo, file, tcp};
use std::collections::BTreeSet;
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, file_name, version};
use zilla_tests::{Client, Folder, Ports, until};

const WORKERS: usize = 4;

/// How often the plugin is replaced under load.
const SWAPS: usize = 12;

/// Connections of which, with certainty enough, some come to each worker.
const MANY: usize = 48;

/// Connections that come to several workers, if not to each.
const FEW: usize = 12;

fn everyone(name: &str, port: u16) -> String {
    tcp(name, port, &format!("{name}_everyone")) + &binding(&format!("{name}_everyone"), "everyone")
}

#[track_caller]
fn start(yaml: &str) -> Site {
    let opening = Site::with(&["--no-watch", "--log-level=debug", "--drain-ms=600000"]).workers(WORKERS);
    opening.start_in(Folder::new(), yaml, |folder| {
        for plugin in ["everyone", "fan"] {
            folder.write(&format!("plugins/{}", file_name(plugin)), built(plugin));
        }
    })
}

/// Which instance a new stream comes to, and as the how manieth.
#[track_caller]
fn who(port: u16) -> (String, u64) {
    let mut client = Client::connect(port);
    client.send("who?");
    let line = String::from_utf8(client.recv(24)).expect("text");
    client.reset();
    let (origin, number) = line.trim_end().split_once(' ').expect("two words");
    (origin.to_owned(), number.parse().expect("a number"))
}

#[test]
fn swaps_under_load_lose_no_stream_and_no_count_and_stay_on_their_worker() {
    let ports = Ports::range(2);
    let (near, far) = (ports.at(0), ports.at(1));
    let site = start(&file(&[everyone("near", near), echo("far", far)]));
    let home = |site: &Site| {
        let pipeline = site.status().pipeline("near").clone();
        let bindings = pipeline["bindings"].as_array().cloned().expect("bindings");
        bindings.iter().find(|row| row["type"] == "everyone").map(|row| row["worker"].clone())
    };
    let first_home = home(&site);
    assert!(first_home.as_ref().is_some_and(|home| home.as_u64().is_some()), "{first_home:?}");
    let load = Load::of_connections(near, 4);
    let neighbour = Load::of_words(far, 1);
    let (mut numbers, mut origins) = (Vec::new(), BTreeSet::new());
    for number in 1..=SWAPS {
        load.wait_for_answers(20);
        let (origin, count) = who(near);
        numbers.push(count);
        origins.insert(origin);
        swap(&site, number);
        assert_eq!(home(&site), first_home);
    }
    // What is open goes on where it began, while new streams come to the next instance.
    let mut kept: Vec<Client> = (0..MANY).map(|_| Client::connect(near)).collect();
    kept.iter_mut().for_each(|client| client.echo("here"));
    swap(&site, SWAPS + 1);
    load.wait_for_answers(20);
    kept.iter_mut().for_each(|client| client.echo("still here"));
    assert!(site.status().draining().iter().any(|(_, streams)| *streams >= MANY as u64));
    drop(kept);
    site.wait_until_drained();

    let handed = site.host.log().matching(|line| line.is("DEBUG", "state is handed over"));
    assert_eq!(handed.len(), SWAPS + 1, "one instance has left its state each time:\n{}", site.host.log());
    assert_eq!(origins.len(), SWAPS, "each generation has an instance of its own");
    assert!(numbers.is_sorted(), "the count goes on: {numbers:?}");
    load.expect_unnoticed();
    neighbour.expect_unnoticed();
}

/// Puts another version of the guest in the place of the one that runs.
#[track_caller]
fn swap(site: &Site, number: usize) {
    site.install("everyone", &version(&built("everyone"), number));
    assert_eq!(site.reload(), format!("generation {}: 1 pipelines started, 1 drain\n", number + 1));
}

#[test]
fn an_old_group_goes_on_beside_the_new_one_until_its_members_leave() {
    let port = Ports::one();
    let fan = |options: &str| {
        let chain = "  near_fan:\n    type: fan\n    kind: server\n    exit: near_echo\n";
        let options = format!("    options: {options}\n");
        file(&[tcp("near", port.first(), "near_fan") + chain + &options + &binding("near_echo", "echo")])
    };
    let site = start(&fan("{}"));
    let mut old: Vec<Client> = (0..MANY).map(|_| Client::connect(port.first())).collect();
    hear(&mut old, "old");
    site.configure(&fan("{behind: 100000}"));
    site.reload();
    let mut new: Vec<Client> = (0..MANY).map(|_| Client::connect(port.first())).collect();
    hear(&mut new, "new");
    hear(&mut old, "old again");
    // Each member, whatever worker it is on, and the stream of the group.
    assert_eq!(site.status().draining(), [(1, MANY as u64 + 1)]);
    // Nothing keeps what drains once its members have left.
    old.into_iter().for_each(Client::reset);
    site.wait_until_drained();
    hear(&mut new, "new again");
    site.install("fan", &version(&built("fan"), 1));
    site.reload();
    hear(&mut new, "once more");
}

#[test]
fn a_host_that_takes_over_has_a_group_of_its_own() {
    let port = Ports::one();
    let yaml = file(&[tcp("near", port.first(), "near_fan")
        + "  near_fan:\n    type: fan\n    kind: server\n    exit: near_echo\n"
        + &binding("near_echo", "echo")]);
    let mut running = start(&yaml);
    let mut old: Vec<Client> = (0..FEW).map(|_| Client::connect(port.first())).collect();
    hear(&mut old, "old");
    for number in 0..2 {
        let mut ending = std::mem::replace(&mut running, start(&yaml));
        ending.host.signal("TERM");
        ending.host.log().wait_for_event("INFO", "draining");
        until("it listens no more", || !ending.host.is_listening());
        let mut new: Vec<Client> = (0..FEW).map(|_| Client::connect(port.first())).collect();
        hear(&mut new, &format!("new {number}"));
        hear(&mut old, &format!("old {number}"));
        hear(&mut new, &format!("new again {number}"));
        // Once its members have left, nothing keeps it.
        std::mem::replace(&mut old, new).into_iter().for_each(Client::reset);
        assert_eq!(ending.host.wait().code(), Some(0));
    }
    hear(&mut old, "last");
}

/// Has the first client say a line until all have heard it, and nothing else.
#[track_caller]
fn hear(clients: &mut [Client], line: &str) {
    let line = format!("{line}\n");
    clients[0].send(&line);
    let mut again = 0;
    for index in 0..clients.len() {
        let mut heard = String::new();
        while heard.is_empty() {
            clients[index].set_read_patience(std::time::Duration::from_millis(100));
            let mut octets = [0; 4096];
            match clients[index].recv_some(&mut octets) {
                Ok(some) => heard.push_str(std::str::from_utf8(&octets[..some]).expect("text")),
                // It may not have joined when that was said.
                Err(_) if again < 100 => {
                    again += 1;
                    clients[0].send(&line);
                }
                Err(error) => panic!("{index} has not heard {line}: {error}"),
            }
        }
        assert!(heard.lines().all(|other| other == line.trim_end()), "{index} has heard {heard}");
    }
    // What was said more than once is heard by all before the next.
    for client in clients.iter_mut() {
        client.set_read_patience(std::time::Duration::from_millis(50));
        while client.recv_some(&mut [0; 4096]).is_ok_and(|octets| octets > 0) {}
    }
}
