//! The vaults of a file: read once, for all bindings that name them.

use super::planner::Planner;
use crate::native::NativeType;
use rustls::pki_types::UnixTime;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use zilla_config::{Binding, Component, Config, VaultIndex, check_schema};
use zilla_vault::{Source, Vault};

/// The one type of vault that there is.
const FILESYSTEM: &str = "filesystem";

/// A vault of the file; none if something is wrong with it, which was said.
pub(super) type Read = Option<Arc<Vault>>;

/// The files that the vaults of a file are made of, whether they can be read or not.
pub(crate) fn files(config: &Config, base: &Path) -> Vec<PathBuf> {
    config.vaults.iter().flat_map(|vault| zilla_vault::files(&vault.options, base)).collect()
}

impl Planner<'_> {
    /// Reads all vaults of the file.
    pub(super) fn read_vaults(&mut self, base: &Path) {
        let config = self.config;
        self.vaults = config.vaults.iter().map(|vault| self.read_vault(vault, base)).collect();
    }

    /// The vault of a binding. `Err` if it has one that could not be read, or may not have one.
    pub(super) fn vault_of(&mut self, binding: &Binding, native: Option<NativeType>) -> Result<Read, ()> {
        let Some(index) = binding.vault else { return Ok(None) };
        if !native.is_some_and(NativeType::takes_vault) {
            let expected = format!("no `vault`: `{}` has none", binding.type_name);
            let found = format!("`{}`", self.config.vault(index).name);
            let problem = self.config.key_problem(&binding.at.key("vault"), expected, found);
            self.problems.push(problem);
            return Err(());
        }
        self.read_of(index).map(Some).ok_or(())
    }

    /// A vault that could be read.
    pub(super) fn read_of(&self, index: VaultIndex) -> Read {
        self.vaults.get(index.position()).cloned().flatten()
    }

    fn read_vault(&mut self, vault: &Component, base: &Path) -> Read {
        if vault.type_name != FILESYSTEM {
            let problem = self.config.problem(
                &vault.at.key("type"),
                format!("a type of vault: `{FILESYSTEM}`"),
                format!("`{}`", vault.type_name),
            );
            self.problems.push(problem);
            return None;
        }
        let at = vault.at.key("options");
        let checked = check_schema(self.config, &at, &vault.options, &zilla_vault::describe());
        let problems = checked.expect("the schema of vaults is well-formed").problems;
        if !problems.is_empty() {
            self.problems.extend(problems);
            return None;
        }
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut source = Source {
            base,
            now: UnixTime::since_unix_epoch(now),
            open: &mut |path| Ok(Box::new(File::open(path)?)),
            public_key: &crate::native::provider::public_key,
        };
        match Vault::read(&vault.options, &mut source) {
            Ok(read) => {
                for warning in read.warnings() {
                    let at = vault.at.pointer(&warning.pointer);
                    let expected = "certificates that are valid now";
                    let problem = self.config.problem(&at, expected, warning.found.as_str());
                    self.problems.push(problem.as_warning());
                }
                Some(Arc::new(read))
            }
            Err(errors) => {
                for error in errors {
                    let at = vault.at.pointer(&error.pointer);
                    self.problems.push(self.config.problem(&at, error.expected, error.found));
                }
                None
            }
        }
    }
}
