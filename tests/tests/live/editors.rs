//! How files change in the world: editors rename, truncate and delete, a ConfigMap swaps a link.

use crate::support::site::Site;
use crate::support::yaml::{binding, echo, file, moody, web};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use zilla_tests::load::Load;
use zilla_tests::plugin::{built, file_name, version};
use zilla_tests::{Client, Folder, Host, Line, Ports, until};

/// A host with a listener that stays, and others that edits add one after the other.
struct Edited {
    site: Site,
    ports: Ports,
    load: Load,
}

impl Edited {
    #[track_caller]
    fn start(arguments: &[&str]) -> Self {
        let ports = Ports::range(5);
        let site = Site::with(arguments).start(&yaml(&ports, 0));
        Self { load: Load::of_requests(ports.at(0), 2), site, ports }
    }

    /// The file with so many listeners besides the one that stays.
    fn yaml(&self, listeners: usize) -> String {
        yaml(&self.ports, listeners)
    }

    /// Waits until an edit is applied: the last of so many listeners is there, and the next one is not.
    #[track_caller]
    fn wait_for(&self, listeners: usize) {
        until("the new listener", || Client::try_connect(self.ports.at(listeners)).is_ok());
        self.site.host.expect_echo(self.ports.at(listeners));
        if listeners < 4 {
            let next = Client::try_connect(self.ports.at(listeners + 1)).map_err(|error| error.kind());
            assert_eq!(next.map(drop), Err(std::io::ErrorKind::ConnectionRefused));
        }
    }

    #[track_caller]
    fn expect_well(self, generations: std::ops::RangeInclusive<u64>) {
        let status = self.site.wait_for_status("no error", |status| status.last_error().is_empty());
        let made = status.generation() - 1;
        assert!(generations.contains(&made), "{made} generations\n{}", self.site.host.log());
        self.load.expect_unnoticed();
    }
}

fn yaml(ports: &Ports, listeners: usize) -> String {
    let added = (1..=listeners).map(|number| echo(&format!("added_{number}"), ports.at(number)));
    file(&[web("steady", ports.at(0))].into_iter().chain(added).collect::<Vec<_>>())
}

fn is_refused(line: &Line) -> bool {
    line.field("level") == "ERROR" && line.message().starts_with("not applied, what runs is kept:")
}

#[test]
fn a_file_that_is_renamed_over_is_applied() {
    let edited = Edited::start(&[]);
    for listeners in 1..=3 {
        edited.site.configure(&edited.yaml(listeners));
        edited.wait_for(listeners);
    }
    edited.expect_well(3..=3);
}

#[test]
fn a_file_that_is_written_in_pieces_is_applied_when_it_is_whole() {
    let edited = Edited::start(&[]);
    let text = edited.yaml(1);
    let mut file = fs::File::create(edited.site.path("zilla.yaml")).expect("it is there");
    for piece in text.as_bytes().chunks(text.len().div_ceil(7)) {
        file.write_all(piece).expect("there is room");
        file.sync_all().expect("it is a file");
    }
    drop(file);
    edited.wait_for(1);
    edited.expect_well(1..=1);
}

#[test]
fn half_a_file_is_refused_and_the_whole_one_applied() {
    let edited = Edited::start(&[]);
    let text = edited.yaml(1);
    let (half, rest) = text.split_at(text.find("options").expect("it has options"));
    let mut file = fs::File::create(edited.site.path("zilla.yaml")).expect("it is there");
    file.write_all(half.as_bytes()).expect("there is room");
    file.sync_all().expect("it is a file");
    edited.site.host.log().wait_for_count("half a file", 1, is_refused);
    assert!(!edited.site.status().last_error().is_empty());
    edited.load.wait_for_answers(2);
    file.write_all(rest.as_bytes()).expect("there is room");
    drop(file);
    edited.wait_for(1);
    edited.expect_well(1..=1);
}

#[test]
fn a_file_that_is_deleted_and_made_again_is_applied() {
    let edited = Edited::start(&[]);
    let path = edited.site.path("zilla.yaml");
    // At once, and once more after it was missed.
    fs::remove_file(&path).expect("it is there");
    fs::write(&path, edited.yaml(1)).expect("there is room");
    edited.wait_for(1);
    fs::remove_file(&path).expect("it is there");
    edited.site.host.log().wait_for("the missing file", |line| {
        is_refused(line) && line.message().contains("zilla.yaml: No such file")
    });
    edited.load.wait_for_answers(2);
    fs::write(&path, edited.yaml(2)).expect("there is room");
    edited.wait_for(2);
    edited.expect_well(2..=2);
}

#[test]
fn many_changes_at_once_are_few_generations() {
    let edited = Edited::start(&[]);
    for _ in 0..50 {
        for listeners in [1, 2, 3] {
            edited.site.configure(&edited.yaml(listeners));
        }
    }
    edited.wait_for(3);
    // One as a rule; two more where the machine takes more than a second for them.
    edited.expect_well(1..=3);
}

#[test]
fn a_status_that_is_asked_for_all_the_time_hides_no_change() {
    let edited = Edited::start(&[]);
    for listeners in 1..=3 {
        edited.site.configure(&edited.yaml(listeners));
        let generation = 1 + listeners as u64;
        edited.site.wait_for_status("the change", |status| status.generation() == generation);
        edited.wait_for(listeners);
    }
    edited.expect_well(3..=3);
}

#[test]
fn a_hangup_applies_files_that_are_not_watched() {
    let edited = Edited::start(&["--no-watch"]);
    for listeners in 1..=2 {
        edited.site.configure(&edited.yaml(listeners));
        edited.site.host.signal("HUP");
        edited.wait_for(listeners);
    }
    edited.site.host.log().wait_for_count("applied changes", 2, |line| {
        line.is("INFO", "applied") && line.field("reason") == "SIGHUP"
    });
    edited.expect_well(2..=2);
}

/// A volume as a Kubernetes ConfigMap is: files are links into `..data`, which is a link to what is in force.
struct ConfigMap<'a> {
    folder: &'a std::path::Path,
}

impl ConfigMap<'_> {
    /// Makes a version of its files, and puts it in force at once.
    fn publish(&self, version: usize, files: &[(&str, &[u8])]) {
        let name = format!("..2024_{version}");
        let make = || {
            fs::create_dir(self.folder.join(&name))?;
            for (file, content) in files {
                fs::write(self.folder.join(&name).join(file), content)?;
            }
            symlink(&name, self.folder.join("..data_tmp"))?;
            fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data"))?;
            for (file, _) in files.iter().filter(|(file, _)| !self.folder.join(file).exists()) {
                symlink(format!("..data/{file}"), self.folder.join(file))?;
            }
            match version {
                0 => Ok(()),
                _ => fs::remove_dir_all(self.folder.join(format!("..2024_{}", version - 1))),
            }
        };
        make().unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()));
    }
}

#[test]
fn a_config_map_with_the_file_is_followed() {
    let ports = Ports::range(5);
    let folder = Folder::new();
    let path = folder.path().to_owned();
    let map = ConfigMap { folder: &path };
    let site = Site::with(&[]).start_in(folder, "", |folder| {
        fs::remove_file(folder.join("zilla.yaml")).expect("it is there");
        map.publish(0, &[("zilla.yaml", yaml(&ports, 0).as_bytes())]);
    });
    let edited = Edited { load: Load::of_requests(ports.at(0), 2), site, ports };
    for listeners in 1..=4 {
        map.publish(listeners, &[("zilla.yaml", edited.yaml(listeners).as_bytes())]);
        edited.wait_for(listeners);
    }
    edited.expect_well(4..=4);
}

#[test]
fn a_config_map_with_a_plugin_is_followed() {
    let ports = Ports::range(5);
    let folder = Folder::new();
    let path = folder.join("plugins");
    let map = ConfigMap { folder: &path };
    let (name, echo) = (file_name("echo"), built("echo"));
    let site = Site::with(&[]).start_in(folder, &yaml(&ports, 1), |_| {
        fs::remove_file(path.join(&name)).expect("it is there");
        map.publish(0, &[(&name, &echo)]);
    });
    let edited = Edited { load: Load::of_requests(ports.at(0), 2), site, ports };
    for number in 1..=2 {
        map.publish(number, &[(&name, &version(&echo, number))]);
        let generation = 1 + number as u64;
        edited.site.wait_for_status("the new plugin", |status| status.generation() == generation);
        edited.site.host.expect_echo(edited.ports.at(1));
    }
    edited.expect_well(2..=2);
}

#[test]
fn a_change_between_the_first_reading_and_the_watch_is_applied() {
    let ports = Ports::range(5);
    let (folder, component) = (Folder::new(), built("echo"));
    let (config, pipe) = (folder.join("zilla.yaml"), folder.join("plugins").join(file_name("echo")));
    let changed = yaml(&ports, 2);
    let mut changing = None;
    let site = Site::with(&[]).start_in(folder, &yaml(&ports, 1), |_| {
        fs::remove_file(&pipe).expect("it is there");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()), "there is no pipe at {}", pipe.display());
        changing = Some(std::thread::spawn(move || {
            // It opens when the host reads the plugin, which is after it has read the configuration.
            let mut plugin = fs::File::options().write(true).open(&pipe)?;
            fs::write(pipe.with_extension("new"), &component)?;
            fs::rename(pipe.with_extension("new"), &pipe)?;
            fs::write(&config, changed)?;
            plugin.write_all(&component)
        }));
    });
    changing.expect("it was started").join().expect("it does not panic").expect("files can be written");
    let edited = Edited { load: Load::of_requests(ports.at(0), 2), site, ports };
    edited.wait_for(2);
    edited.expect_well(1..=1);
}

#[test]
fn files_that_are_what_they_were_at_the_start_are_planned_once() {
    let ports = Ports::range(5);
    let site = Site::with(&[]).start(&(yaml(&ports, 0) + &binding("unused", "echo")));
    let warned = |site: &Site| site.host.log().matching(|line| line.message().starts_with("warnings:")).len();
    // A reload tells warnings again, so there is one of this one and none before it.
    assert_eq!(site.reload(), "generation 1: nothing to replace\n");
    assert_eq!(warned(&site), 1, "{}", site.host.log());
}

/// A host whose `zilla.yaml` is in a folder below its own, with one listener.
#[track_caller]
fn with_a_folder(ports: &Ports) -> Host {
    let start = Host::with(&["--config=conf/zilla.yaml"]).watching();
    start.after("mkdir conf && mv zilla.yaml conf").start(&yaml(ports, 0))
}

/// Makes the folder again, with a file of so many more listeners.
fn make_again(folder: &std::path::Path, ports: &Ports, listeners: usize) {
    let made = fs::create_dir(folder);
    let made = made.and_then(|()| fs::write(folder.join("zilla.yaml"), yaml(ports, listeners)));
    made.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}

#[test]
fn a_folder_that_is_removed_and_made_again_is_watched_again() {
    let ports = Ports::range(5);
    let host = with_a_folder(&ports);
    let folder = host.folder().join("conf");
    let serves = |listeners: usize| {
        until("the new listener", || Client::try_connect(ports.at(listeners)).is_ok());
        host.expect_echo(ports.at(listeners));
    };
    // At once, and after it was missed; in both cases what comes later is seen, too.
    fs::remove_dir_all(&folder).expect("it is there");
    make_again(&folder, &ports, 1);
    serves(1);
    fs::remove_dir_all(&folder).expect("it is there");
    host.log().wait_for("the missing file", |line| {
        is_refused(line) && line.message().contains("zilla.yaml: No such file")
    });
    make_again(&folder, &ports, 2);
    serves(2);
    fs::write(folder.join("zilla.yaml"), yaml(&ports, 3)).expect("it is there");
    serves(3);
}

#[test]
fn a_folder_of_plugins_that_is_removed_and_made_again_is_watched_again() {
    let port = Ports::one();
    let site = Site::with(&[]).start(&file(&[moody("near", &port)]));
    let folder = site.path("plugins");
    fs::remove_dir_all(&folder).expect("it is there");
    site.host.log().wait_for("the missing plugin", |line| {
        is_refused(line) && line.message().contains("no plugin of this type")
    });
    site.host.expect_echo(port.first());
    fs::create_dir(&folder).expect("it is gone");
    fs::write(site.plugin("moody"), version(&built("moody"), 1)).expect("there is room");
    site.wait_for_status("the new plugin", |status| status.generation() == 2);
    site.install("moody", &version(&built("moody"), 2));
    site.wait_for_status("the one after it", |status| status.generation() == 3);
    site.host.expect_echo(port.first());
}
