//! Plugins and test guests, built to components.
//!
//! One `cargo rustc` for each plugin and one `cargo build` for all guests, in a target directory of their own, then a
//! copy of each `.wasm` to where the host and the tests look: `target/plugins/bin/binding_http.wasm`, `target/plugins/guests/guest_trap.wasm`.
//!
//! Several processes may build at once (test binaries do): one at a time compiles and copies, and a copy appears
//! whole or not at all.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::OnceLock;

use crate::cargo::{self, Failed, PLUGIN_PROFILE};
use crate::lock;
use crate::manifest;
use crate::nearest::nearest;
use crate::paths::{Workspace, folders, shown};
use crate::progress::Progress;
use crate::toolchain::{self, TARGET};

/// Which crates to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The plugins of `plugins/*` and `examples/*`, and the guests of `tests/guests/*`.
    All,
    /// The plugins without the guests.
    Plugins,
    /// These, by the name of the package, of its file or of its folder.
    Named(Vec<String>),
}

/// Where the components are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The plugins: what the host searches as the build output.
    pub dir: PathBuf,
    /// The guests of the tests.
    pub guests_dir: PathBuf,
    /// The components of the selection, in the order of [`find`].
    pub components: Vec<PathBuf>,
}

/// A crate that is built to a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginCrate {
    /// The package's name: `binding-http`.
    pub package: String,
    /// The file's name without `.wasm`: `binding_http`.
    pub library: String,
    /// Where its `Cargo.toml` is.
    pub folder: PathBuf,
    /// Plugin or guest.
    pub role: Role,
}

/// What a component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// For the host, and anyone who runs it.
    Plugin,
    /// For a test.
    Guest,
}

/// Builds all plugins and guests, at most once in this process: for tests.
///
/// # Panics
///
/// With the readable [`Error`] if they cannot be built; cargo's own messages are on stderr.
#[track_caller]
pub fn built() -> &'static Built {
    // A failure is kept as well: a hundred tests do not each wait for the same compile error.
    static BUILT: OnceLock<Result<Built, Error>> = OnceLock::new();
    match BUILT.get_or_init(|| build(&Selection::All)) {
        Ok(built) => built,
        Err(error) => panic!("{error}"),
    }
}

/// Builds `selection` in this workspace. Nothing is written when nothing changed.
///
/// # Errors
///
/// See [`Error`]; the compiler's messages are on stderr.
pub fn build(selection: &Selection) -> Result<Built, Error> {
    let workspace = Workspace::current();
    build_crates(&workspace, &find(&workspace, selection)?)
}

/// The crates of `selection`, sorted by folder: plugins, examples, guests.
///
/// # Errors
///
/// [`Error::Unknown`] for a name that is none of them, [`Error::File`] for a folder that cannot be read.
pub fn find(workspace: &Workspace, selection: &Selection) -> Result<Vec<PluginCrate>, Error> {
    let mut crates = Vec::new();
    for (parent, role) in
        [("plugins", Role::Plugin), ("examples", Role::Plugin), ("tests/guests", Role::Guest)]
    {
        crates.extend(crates_in(&workspace.root().join(parent), role)?);
    }
    match selection {
        Selection::All => {}
        Selection::Plugins => crates.retain(|found| found.role == Role::Plugin),
        Selection::Named(names) => {
            if let Some(name) = names.iter().find(|name| !crates.iter().any(|found| found.is_called(name))) {
                return Err(Error::unknown(name, &crates));
            }
            crates.retain(|found| names.iter().any(|name| found.is_called(name)));
        }
    }
    Ok(crates)
}

/// Builds these crates; see [`build`].
///
/// # Errors
///
/// See [`Error`].
pub fn build_crates(workspace: &Workspace, crates: &[PluginCrate]) -> Result<Built, Error> {
    let target_dir = workspace.plugins_target_dir();
    let mut built =
        Built { dir: target_dir.join("bin"), guests_dir: target_dir.join("guests"), components: Vec::new() };
    for dir in [&built.dir, &built.guests_dir] {
        fs::create_dir_all(dir).map_err(|error| Error::file("create", dir, error))?;
    }
    if crates.is_empty() {
        return Ok(built);
    }
    // Cargo's own lock ends with cargo: the next one's linker would write what is being copied here.
    let lock_file = target_dir.join("xtask.lock");
    let _lock = lock::hold(&lock_file).map_err(|error| Error::file("lock", &lock_file, error))?;
    compile(workspace, crates)?;
    for made in crates {
        let file = format!("{}.wasm", made.library);
        let from = target_dir.join(TARGET).join(PLUGIN_PROFILE).join(&file);
        let to = match made.role {
            Role::Plugin => built.dir.join(&file),
            Role::Guest => built.guests_dir.join(&file),
        };
        copy_if_changed(&from, &to)?;
        built.components.push(to);
    }
    Ok(built)
}

/// `cargo xtask plugins`.
///
/// # Errors
///
/// See [`Error`].
pub fn command(workspace: &Workspace, selection: &Selection) -> Result<(), Error> {
    let crates = find(workspace, selection)?;
    let built = Progress::of(1).step(&step_title(&crates), || build_crates(workspace, &crates))?;
    for component in &built.components {
        let bytes = fs::metadata(component).map_err(|error| Error::file("read", component, error))?.len();
        eprintln!("      {:>7} bytes  {}", bytes, shown(component));
    }
    Ok(())
}

/// `plugins: binding-echo, binding-http; guests: guest-trap`
pub(crate) fn step_title(crates: &[PluginCrate]) -> String {
    let names = |role| {
        let of_role = crates.iter().filter(move |found| found.role == role);
        of_role.map(|found| found.package.as_str()).collect::<Vec<_>>().join(", ")
    };
    match (names(Role::Plugin), names(Role::Guest)) {
        (plugins, guests) if plugins.is_empty() && guests.is_empty() => "plugins: none found".into(),
        (plugins, guests) if guests.is_empty() => format!("plugins: {plugins}"),
        (plugins, guests) if plugins.is_empty() => format!("guests: {guests}"),
        (plugins, guests) => format!("plugins: {plugins}; guests: {guests}"),
    }
}

/// Why there are no components.
#[derive(Debug)]
pub enum Error {
    /// No crate has this name.
    Unknown {
        /// What was asked for.
        name: String,
        /// The known name nearest to it.
        near: Option<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// This machine cannot compile for the plugins' target.
    Toolchain(toolchain::Error),
    /// A plugin does not compile.
    Cargo(Failed),
    /// A file or folder could not be read or written.
    File {
        /// What was tried: "read", "write", …
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl Error {
    fn unknown(name: &str, crates: &[PluginCrate]) -> Self {
        let known: Vec<String> = crates.iter().map(|found| found.package.clone()).collect();
        let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        Self::Unknown { name: name.to_owned(), near, known }
    }

    fn file(verb: &'static str, path: &Path, error: io::Error) -> Self {
        Self::File { verb, path: path.to_path_buf(), error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, near, known } => {
                write!(f, "no plugin is called {name}")?;
                if let Some(near) = near {
                    write!(f, "; did you mean {near}?")?;
                }
                write!(f, "\nthere are: {}", known.join(", "))
            }
            Self::Toolchain(error) => error.fmt(f),
            Self::Cargo(failed) => failed.fmt(f),
            Self::File { verb, path, error } => write!(f, "cannot {verb} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

impl From<toolchain::Error> for Error {
    fn from(error: toolchain::Error) -> Self {
        Self::Toolchain(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        Self::Cargo(failed)
    }
}

impl PluginCrate {
    fn is_called(&self, name: &str) -> bool {
        self.package == name
            || self.library == name
            || self.folder.file_name().is_some_and(|folder| folder == name)
    }
}

fn crates_in(parent: &Path, role: Role) -> Result<Vec<PluginCrate>, Error> {
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let mut crates = Vec::new();
    for folder in folders(parent).map_err(|error| Error::file("read", parent, error))? {
        let path = folder.join("Cargo.toml");
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, error))?;
        if let Some(found) = manifest::cdylib(&text) {
            crates.push(PluginCrate { package: found.package, library: found.library, folder, role });
        }
    }
    Ok(crates)
}

fn compile(workspace: &Workspace, crates: &[PluginCrate]) -> Result<(), Error> {
    let toolchain = toolchain::find(workspace)?;
    let (plugins, guests): (Vec<_>, Vec<_>) = crates.iter().partition(|made| made.role == Role::Plugin);
    for made in plugins {
        // As a cdylib only: cargo leaves out the link-time optimisation of a library that is to be linked natively,
        // too, and a fifth of a call's time with it. It takes one package at a time.
        let mut command = cargo::for_plugins(workspace, &toolchain, "rustc");
        command.args(["-p", &made.package, "--lib", "--crate-type", "cdylib"]);
        cargo::succeed(&mut command)?;
    }
    if !guests.is_empty() {
        let mut command = cargo::for_plugins(workspace, &toolchain, "build");
        for made in guests {
            command.args(["-p", &made.package]);
        }
        cargo::succeed(&mut command)?;
    }
    Ok(())
}

/// Whoever reads `to` meanwhile sees the old file or the new one, never a part; and a host that watches it is
/// not woken for nothing.
fn copy_if_changed(from: &Path, to: &Path) -> Result<(), Error> {
    let bytes = fs::read(from).map_err(|error| Error::file("read", from, error))?;
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let part = to.with_extension(format!("wasm.{}.part", process::id()));
    fs::write(&part, bytes).map_err(|error| Error::file("write", &part, error))?;
    fs::rename(&part, to).map_err(|error| Error::file("replace", to, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder for one test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-{test}-{}", process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn cdylib(&self, folder: &str, package: &str) {
            let text =
                format!("[package]\nname = \"{package}\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n");
            self.write(&format!("{folder}/Cargo.toml"), &text);
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn workspace(folder: &Folder) -> Workspace {
        folder.cdylib("plugins/binding-http", "binding-http");
        folder.cdylib("plugins/binding-echo", "binding-echo");
        folder.cdylib("examples/hello", "binding-hello");
        folder.cdylib("tests/guests/trap", "guest-trap");
        folder.write("examples/http.echo/zilla.yaml", "name: example\n");
        folder.write("plugins/shared/Cargo.toml", "[package]\nname = \"shared\"\n");
        folder.write("plugins/README.md", "not a folder\n");
        Workspace::at(folder.0.clone(), None)
    }

    fn packages(crates: &[PluginCrate]) -> Vec<&str> {
        crates.iter().map(|found| found.package.as_str()).collect()
    }

    #[test]
    fn every_cdylib_is_found_and_nothing_else() {
        let folder = Folder::new("find");
        let workspace = workspace(&folder);
        let all = find(&workspace, &Selection::All).unwrap();
        assert_eq!(packages(&all), ["binding-echo", "binding-http", "binding-hello", "guest-trap"]);
        assert_eq!(
            step_title(&all),
            "plugins: binding-echo, binding-http, binding-hello; guests: guest-trap"
        );
        let plugins = find(&workspace, &Selection::Plugins).unwrap();
        assert_eq!(packages(&plugins), ["binding-echo", "binding-http", "binding-hello"]);
        assert_eq!(workspace.examples(), ["http.echo"]);
    }

    #[test]
    fn a_name_is_the_packages_the_files_or_the_folders() {
        let folder = Folder::new("named");
        let workspace = workspace(&folder);
        for name in ["binding-hello", "binding_hello", "hello"] {
            let found = find(&workspace, &Selection::Named(vec![name.into()])).unwrap();
            assert_eq!(packages(&found), ["binding-hello"], "{name}");
        }
        let guest = find(&workspace, &Selection::Named(vec!["trap".into()])).unwrap();
        assert_eq!(guest.first().map(|found| found.role), Some(Role::Guest));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_all() {
        let folder = Folder::new("unknown");
        let error = find(&workspace(&folder), &Selection::Named(vec!["binding-htpp".into()])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no plugin is called binding-htpp; did you mean binding-http?\n\
             there are: binding-echo, binding-http, binding-hello, guest-trap"
        );
    }

    #[test]
    fn a_workspace_without_plugins_has_none() {
        let folder = Folder::new("empty");
        let workspace = Workspace::at(folder.0.clone(), None);
        assert_eq!(find(&workspace, &Selection::All).unwrap(), []);
        let built = build_crates(&workspace, &[]).unwrap();
        assert!(built.dir.is_dir() && built.guests_dir.is_dir());
    }

    #[test]
    fn an_unchanged_component_is_not_touched() {
        let folder = Folder::new("copy");
        folder.write("from.wasm", "one");
        let (from, to) = (folder.0.join("from.wasm"), folder.0.join("to.wasm"));
        copy_if_changed(&from, &to).unwrap();
        let first = fs::metadata(&to).unwrap().modified().unwrap();

        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), first);

        folder.write("from.wasm", "two");
        copy_if_changed(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "a part is left behind");
    }
}
