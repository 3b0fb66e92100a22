//! A plugin is replaced by a file that is none: what runs goes on, and the reason is told.

use crate::support::site::Site;
use crate::support::yaml::{file, moody, web};
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, in_mood, version, with_much_memory};
use zilla_tests::{Client, Ports};

/// A host that runs the guest `moody`, and a web beside it that must not notice.
struct Broken {
    site: Site,
    ports: Ports,
    load: Load,
    /// A stream of the first generation.
    stream: Client,
    generation: u64,
}

impl Broken {
    #[track_caller]
    fn start(arguments: &[&str]) -> Self {
        let ports = Ports::range(2);
        let site = Site::with(arguments).start(&file(&[moody("near", ports.at(0)), web("far", ports.at(1))]));
        let load = Load::of_requests(ports.at(1), 2);
        let stream = Client::connect(ports.at(0));
        let generation = site.status().generation();
        Self { site, ports, load, stream, generation }
    }

    /// Expects that a file is refused for that reason, and that what runs is kept.
    #[track_caller]
    fn expect_refused(&mut self, component: &[u8], names: &str, reason: &str) {
        self.site.install("moody", component);
        let told = self.site.expect_refusal();
        self.expect_kept(&told, names, reason);
        let status = self.site.status();
        self.expect_kept(status.last_error(), names, reason);
        assert_eq!(status.generation(), self.generation);
        assert!(status.draining().is_empty(), "{:#}", status.0);
    }

    /// Expects that a plugin is refused for what its code does with a binding: with the binding, and with the file.
    #[track_caller]
    fn expect_code_refused(&mut self, component: &[u8], reason: &str) {
        self.expect_refused(component, BINDING, reason);
        let file = format!("`moody` is served by {}", self.site.plugin("moody").display());
        let status = self.site.status();
        assert!(status.last_error().contains(&file), "expected {file}: {}", status.last_error());
    }

    #[track_caller]
    fn expect_kept(&mut self, told: &str, names: &str, reason: &str) {
        assert!(told.contains(names) && told.contains(reason), "expected {names} and {reason:?}: {told}");
        self.stream.echo("are you still there?");
        self.site.host.expect_echo(self.ports.at(0));
        self.load.wait_for_answers(2);
    }

    /// Expects that a good file is applied after all.
    #[track_caller]
    fn expect_applied(mut self) {
        let digest = self.site.status().digests("moody").concat();
        self.site.install("moody", &version(&built("moody"), 1));
        self.site.reload();
        let status = self.site.status();
        assert_eq!((status.generation(), status.last_error()), (self.generation + 1, ""));
        assert_ne!(status.digests("moody").concat(), digest);
        self.stream.echo("the last words");
        self.site.host.expect_echo(self.ports.at(0));
        self.load.expect_unnoticed();
    }
}

const FILE: &str = "plugins/binding_moody.wasm";
const BINDING: &str = "bindings.near_moody";

#[test]
fn a_file_that_cannot_be_loaded_keeps_what_runs() {
    let mut broken = Broken::start(&["--no-watch"]);
    let good = built("moody");
    let no_component = "expected a WebAssembly component";
    broken.expect_refused(&good[..good.len() / 2], FILE, no_component);
    broken.expect_refused(&good[..good.len() - 1], FILE, no_component);
    broken.expect_refused(b"", FILE, no_component);
    broken.expect_refused(b"#!/bin/sh\necho no plugin\n", FILE, no_component);
    broken.expect_refused(&built("echo"), FILE, "by its own word it is of type `echo`");
    broken.expect_refused(&built("unknown_import"), FILE, "found the import `other:thing/api@1.2.3`");
    broken.expect_refused(&built("wrong_world"), FILE, "expected an export of zilla:plugin@0.1");
    broken.expect_refused(&built("undescribed"), FILE, "expected a description, found: ");
    broken.expect_refused(&with_much_memory(), FILE, "memory");
    broken.expect_applied();
}

#[test]
fn a_plugin_that_cannot_begin_keeps_what_runs() {
    let mut broken = Broken::start(&["--no-watch"]);
    broken.expect_code_refused(&in_mood("refuses"), "expected: a better day");
    broken.expect_code_refused(&in_mood("panics"), "not in this mood");
    broken.expect_code_refused(&in_mood("stumbles"), "it stumbles over the first step");
    broken.expect_code_refused(&in_mood("hoards"), "memory: ");
    broken.expect_applied();
}

#[test]
fn requests_are_answered_while_a_plugin_takes_its_time_to_begin() {
    let mut broken = Broken::start(&["--no-watch"]);
    let before = broken.load.answers();
    broken.expect_code_refused(&in_mood("spins"), "call-budget: a call took longer than 2000 ms");
    // In two seconds, clients that wait for a thing of milliseconds get through thousands of them.
    assert!(broken.load.answers() - before > 200, "{} answers", broken.load.answers() - before);
    broken.expect_applied();
}

#[test]
fn a_plugin_file_that_is_gone_keeps_what_runs() {
    let mut broken = Broken::start(&["--no-watch"]);
    std::fs::remove_file(broken.site.plugin("moody")).expect("it is there");
    let told = broken.site.expect_refusal();
    // The host also looks where guests are not.
    broken.expect_kept(&told, "bindings.near_moody.type", "no plugin of this type");
    broken.expect_applied();
}

#[test]
fn broken_files_that_are_noticed_by_themselves_are_told_once_each() {
    let mut broken = Broken::start(&[]);
    let good = built("moody");
    for (number, (component, reason)) in
        [(&good[..100], "expected a WebAssembly component"), (&in_mood("panics")[..], "not in this mood")]
            .into_iter()
            .enumerate()
    {
        broken.site.install("moody", component);
        let is_told = |line: &zilla_tests::Line| {
            line.field("level") == "ERROR" && line.message().starts_with("not applied, what runs is kept:")
        };
        broken.site.host.log().wait_for_count("refused changes", number + 1, is_told);
        let told = broken.site.host.log().matching(is_told);
        assert_eq!(told.len(), number + 1, "{}", broken.site.host.log());
        let status = broken.site.wait_for_status("the error", |status| status.last_error().contains(reason));
        assert!(told[number].message().contains(reason), "{}", told[number]);
        assert_eq!(status.generation(), broken.generation);
        broken.expect_kept(reason, "", reason);
    }
    broken.site.install("moody", &version(&good, 1));
    let generation = broken.generation + 1;
    let status = broken.site.wait_for_status("the good one", |status| status.generation() == generation);
    assert_eq!(status.last_error(), "");
    broken.load.expect_unnoticed();
}
