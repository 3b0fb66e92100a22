//! Reading `zilla.yaml` and the plugins, the first time and again.

use crate::plan::{Plan, vaults};
use crate::plugin::{Concept, Digest, Library};
use crate::watch::Watched;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zilla_config::{Outcome, Source, parse, render};

/// Symbolic links followed from one file; a longer chain is taken as it is.
const LINKS_MAX: usize = 16;

/// Age at which a plugin file that is still partial has no writer any more: no copy takes so long.
const PARTIAL_AGE: Duration = Duration::from_secs(60 * 60);

/// Where a generation comes from.
pub struct Loader {
    config: PathBuf,
    library: Library,
    /// Of the file as it was read at the start.
    first: Digest,
}

/// Why there is no plan: every problem, as text for people.
#[derive(Debug)]
pub struct LoadFailure(pub String);

/// A file as it was read.
pub struct ConfigFile {
    /// Where it is: what relative paths in it begin at.
    folder: PathBuf,
    digest: Digest,
    source: Source,
    outcome: Outcome,
}

impl ConfigFile {
    /// Reads a file. Its problems are kept for [`ConfigFile::plan`], so that all are shown together.
    pub fn read(file: &Path) -> Result<Self, LoadFailure> {
        let text =
            std::fs::read(file).map_err(|error| LoadFailure(format!("{}: {error}", file.display())))?;
        let digest = Digest::of(&text);
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            LoadFailure(format!("{}: expected UTF-8, found other octets at {at}", file.display()))
        })?;
        let source = Source::new(file.display().to_string(), text);
        let outcome = parse(&source, &mut |name| std::env::var(name).ok());
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { folder, digest, source, outcome })
    }

    /// The digest of its text.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many bindings it has, as far as could be read.
    pub fn bindings(&self) -> usize {
        let config = self.outcome.config.as_ref().or(self.outcome.partial.as_ref());
        config.map_or(0, |config| config.bindings.len())
    }

    /// The files that it names.
    fn files(&self) -> Vec<PathBuf> {
        let config = self.outcome.config.as_ref().or(self.outcome.partial.as_ref());
        config.map(|config| vaults::files(config, &self.folder)).unwrap_or_default()
    }

    /// Checks it against plugins. The text has every problem; warnings may come with a plan.
    pub fn plan(self, library: &Library) -> (Option<Plan>, String) {
        let Self { folder, source, digest: _, outcome: Outcome { config, partial, mut problems } } = self;
        let plan = config.and_then(|config| {
            let (plan, more) = Plan::make(&config, library, &folder);
            problems.extend(more);
            plan
        });
        if let Some(partial) = partial {
            problems.extend(Plan::check_partial(&partial, library, &folder));
        }
        (plan, render(&source, &problems))
    }
}

impl Loader {
    /// Reads this file, with the plugins of this library. `first` is what [`ConfigFile::digest`] was at the start.
    pub fn new(config: PathBuf, library: Library, first: Digest) -> Self {
        Self { config, library, first }
    }

    /// The file, as it was given.
    pub(crate) fn config(&self) -> String {
        self.config.display().to_string()
    }

    /// What a change of matters: the file, what it names, the plugins, and each link on the way to one of them.
    pub(crate) fn watched(&self) -> Watched {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let config = absolute(&self.config);
        let plugins: BTreeSet<PathBuf> =
            self.library.directories().iter().map(|directory| absolute(directory)).collect();
        let mut files = BTreeSet::from([config.clone()]);
        // A link on the way may be of a directory.
        files.extend(self.config.canonicalize());
        let library = self.library.rescan();
        let entries = library.entries().map(|entry| absolute(&entry.path));
        let named = ConfigFile::read(&self.config).map(|file| file.files()).unwrap_or_default();
        let named: Vec<PathBuf> = named.iter().map(|path| absolute(path)).collect();
        files.extend(named.iter().cloned());
        for path in [config].into_iter().chain(plugins.iter().cloned()).chain(entries).chain(named) {
            follow(path, &mut files);
        }
        Watched { files, plugins }
    }

    /// Whether the files are those that were read at the start, when these were the digests of the plugins by what they
    /// serve. That is sooner known than what they amount to.
    pub(crate) fn is_as_at_the_start(&self, plugins: &BTreeMap<(Concept, String), String>) -> bool {
        let library = self.library.rescan();
        std::fs::read(&self.config).is_ok_and(|text| Digest::of(&text) == self.first)
            && plugins.iter().all(|((concept, type_name), digest)| {
                library.digest_of(*concept, type_name).is_some_and(|found| found.to_string() == *digest)
            })
    }

    /// Reads everything again. Plugins whose file is the same are not compiled again.
    pub(crate) fn load(&self) -> Result<Plan, LoadFailure> {
        self.plan(&self.library.rescan())
    }

    fn plan(&self, library: &Library) -> Result<Plan, LoadFailure> {
        let (plan, text) = ConfigFile::read(&self.config)?.plan(library);
        match plan {
            Some(plan) => {
                if !text.is_empty() {
                    tracing::warn!("warnings:\n{text}");
                }
                Ok(plan)
            }
            None => Err(LoadFailure(text)),
        }
    }

    /// Sees whether everything can run with a plugin file in the place of the one of its type.
    pub(crate) fn prepare_swap(&self, file: &Path) -> Result<Swap, LoadFailure> {
        let refused = |error: &dyn std::fmt::Display| LoadFailure(format!("{}: {error}", file.display()));
        let (_, plugin) = self.library.any_at(file).map_err(|error| refused(&error))?;
        let (concept, type_name) = plugin.serves();
        let library = self.library.rescan();
        let place = library
            .place_of(concept, type_name)
            .ok_or_else(|| refused(&"there is no directory of plugins to put it into"))?;
        let is_other = |directory: &&PathBuf| place.parent() != Some(directory.as_path());
        let earlier = library.directories().iter().take_while(is_other).cloned().collect();
        self.plan(&library.with(concept, type_name, file.to_owned()))?;
        Ok(Swap { file: file.to_owned(), place, earlier })
    }
}

/// Adds each link that a path leads through, and the path that it leads to.
fn follow(mut path: PathBuf, files: &mut BTreeSet<PathBuf>) {
    for _ in 0..LINKS_MAX {
        let Ok(target) = std::fs::read_link(&path) else { return };
        let next = path.parent().map_or_else(|| target.clone(), |parent| parent.join(&target));
        files.extend([path, next.clone()]);
        path = next;
    }
}

/// A plugin file that can take the place of another.
pub(crate) struct Swap {
    file: PathBuf,
    place: PathBuf,
    /// Directories in which a file would be found before the one that is replaced.
    earlier: Vec<PathBuf>,
}

impl Swap {
    /// Replaces the file, as a whole: whoever reads it sees the old or the new one.
    pub(crate) fn commit(&self) -> Result<(), LoadFailure> {
        if let Some(directory) = self.place.parent() {
            remove_abandoned(directory);
        }
        let partial = self.place.with_extension(format!("{}.partial", std::process::id()));
        let replaced =
            std::fs::copy(&self.file, &partial).and_then(|_| std::fs::rename(&partial, &self.place));
        replaced.map_err(|error| {
            // Nothing more can be done about a partial file than to try to remove it.
            let _ = std::fs::remove_file(&partial);
            match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => self.not_writable(&error),
                _ => LoadFailure(format!("{}: {error}", self.place.display())),
            }
        })
    }

    /// Which directory the host cannot write to, and what can be done.
    fn not_writable(&self, error: &std::io::Error) -> LoadFailure {
        let directory = self.place.parent().unwrap_or(&self.place).display();
        let way_out = match self.earlier.iter().find(|directory| is_writable(directory)) {
            Some(earlier) => format!(
                "put the file into {}, which is searched earlier and which it can write to",
                earlier.display()
            ),
            None => "start it with `--plugins` of a directory that it can write to".to_owned(),
        };
        LoadFailure(format!(
            "{}: expected a directory that the host can write to, found: {error}\n  help: let the host write to \
             {directory}, or {way_out}",
            self.place.display()
        ))
    }
}

/// Removes what swaps have left behind that were killed: `STEM.PID.partial` of some age.
fn remove_abandoned(directory: &Path) {
    for file in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = file.file_name();
        let pid = name.to_str().and_then(|name| name.strip_suffix(".partial")?.rsplit_once('.'));
        let is_ours = pid.is_some_and(|(stem, pid)| !stem.is_empty() && pid.parse::<u32>().is_ok());
        let written = file.metadata().ok().filter(Metadata::is_file).and_then(|it| it.modified().ok());
        // One that was written in the future has a writer, or a wrong clock: it stays.
        let age = written.and_then(|written| written.elapsed().ok());
        if is_ours && age.is_some_and(|age| age >= PARTIAL_AGE) {
            // Another process may have been faster; what cannot be removed is in nobody's way.
            let _ = std::fs::remove_file(file.path());
        }
    }
}

/// Whether a file can be made in a directory; only trying tells.
fn is_writable(directory: &Path) -> bool {
    let probe = directory.join(format!("probe.{}.partial", std::process::id()));
    let is_made = std::fs::File::create_new(&probe).is_ok();
    // What cannot be removed was not made, and what was made can be.
    is_made && std::fs::remove_file(&probe).is_ok()
}
