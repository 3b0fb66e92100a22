//! Changes of the files that a generation is made of.
//!
//! Directories are watched, not files: editors rename, and a Kubernetes ConfigMap swaps a symbolic link beside
//! the file. Of a directory that is missing, the next one above it that is there is watched, so that one that is
//! removed and made again is noticed. What happens to other files does not matter. Many changes at once are one: it
//! is told when nothing more has happened for a moment.

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long nothing more may happen before a change is told.
const QUIET: Duration = Duration::from_millis(100);

/// How long changes may go on before they are told all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is to be watched. All paths are absolute.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// Files that matter, and symbolic links on the way to them.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Directories of which every plugin matters.
    pub(crate) plugins: BTreeSet<PathBuf>,
}

impl Watched {
    /// The plugins' directories, and those that hold a file that matters or a link on the way to it. For one that
    /// is missing, the next one above.
    fn directories(&self) -> BTreeSet<&Path> {
        let holders = self.files.iter().filter_map(|file| file.parent());
        let directories = self.plugins.iter().map(PathBuf::as_path).chain(holders);
        directories.filter_map(|directory| directory.ancestors().find(|above| above.is_dir())).collect()
    }

    /// Whether a change of this path may matter: of a file, of a directory or link that it is reached through, or
    /// of a plugin.
    fn concerns(&self, path: &Path) -> bool {
        let is_plugin = || path.extension().is_some_and(|extension| extension == "wasm");
        self.files.iter().chain(&self.plugins).any(|wanted| wanted.starts_with(path))
            || is_plugin() && path.parent().is_some_and(|directory| self.plugins.contains(directory))
    }
}

/// Directories that are watched.
pub(crate) struct Watch {
    /// None if nothing can be watched; then nothing is ever told.
    _watcher: Option<RecommendedWatcher>,
    events: mpsc::Receiver<()>,
    /// What has begun and is not yet told.
    change: Option<Change>,
}

/// Events that follow one another.
#[derive(Clone, Copy, Debug)]
struct Change {
    first: Instant,
    last: Instant,
}

impl Change {
    fn begins() -> Self {
        let now = Instant::now();
        Self { first: now, last: now }
    }

    fn goes_on(self) -> Self {
        Self { last: Instant::now(), ..self }
    }

    /// When it is told if nothing more happens.
    fn is_over(self) -> Instant {
        (self.last + QUIET).min(self.first + PATIENCE)
    }
}

impl Watch {
    /// Watches. A directory that cannot be watched is left out, with a line in the log.
    pub(crate) fn start(watched: Watched) -> Self {
        let (sender, events) = mpsc::channel(1);
        let concerned = watched.clone();
        let on_event = move |event: notify::Result<notify::Event>| {
            // After an error, such as a queue that was full, anything may have changed.
            if event.map_or(true, |event| {
                is_change(event.kind) && event.paths.iter().any(|path| concerned.concerns(path))
            }) {
                // One that waits already stands for this one, too.
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(on_event).map(|mut watcher| {
            let mut tried = BTreeSet::new();
            // One that is made or removed meanwhile is another one to watch.
            while let Some(directory) = watched.directories().into_iter().find(|one| !tried.contains(one)) {
                tried.insert(directory);
                let tried = watcher.watch(directory, RecursiveMode::NonRecursive);
                if let Err(error) = tried
                    && directory.is_dir()
                {
                    tracing::warn!(directory = %directory.display(), %error, "changes here are not noticed");
                }
            }
            watcher
        });
        let watcher =
            watcher.inspect_err(|error| tracing::warn!(%error, "changed files are not noticed")).ok();
        Self { _watcher: watcher, events, change: None }
    }

    /// Waits for a change, and until it is over. Whoever waits may be called away and come back: nothing that has
    /// happened is forgotten meanwhile.
    pub(crate) async fn changed(&mut self) {
        loop {
            let Some(change) = self.change else {
                match self.events.recv().await {
                    Some(()) => self.change = Some(Change::begins()),
                    // Nothing is watched.
                    None => return std::future::pending().await,
                }
                continue;
            };
            match tokio::time::timeout_at(change.is_over(), self.events.recv()).await {
                Ok(Some(())) => self.change = Some(change.goes_on()),
                Ok(None) | Err(_) => {
                    // What comes later is told again.
                    self.change = None;
                    return;
                }
            }
        }
    }
}

fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_links_on_the_way_and_plugins_matter_and_nothing_else() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect();
        let watched = Watched {
            files: paths(&["/etc/zilla/zilla.yaml", "/etc/zilla/..data/zilla.yaml"]),
            plugins: paths(&["/opt/plugins"]),
        };
        for path in [
            "/etc/zilla/zilla.yaml",
            "/etc/zilla/..data",
            "/etc/zilla",
            "/opt/plugins/binding_http.wasm",
            "/opt/plugins",
            "/opt",
        ] {
            assert!(watched.concerns(Path::new(path)), "{path}");
        }
        for path in [
            "/etc/zilla/zilla.log",
            "/etc/zilla/other.wasm",
            "/etc/zilla.yaml",
            "/opt/plugins.old",
            "/opt/plugins/x.partial",
            "/opt/plugins/a/b.wasm",
        ] {
            assert!(!watched.concerns(Path::new(path)), "{path}");
        }
    }
}
