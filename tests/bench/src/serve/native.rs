//! The gateway with its plugins linked natively.

use crate::Failure;
use crate::native::NativeTypes;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use zilla_config::{Source, parse, render};
use zilla_host::plan::Plan;
use zilla_host::plugin::{Digest, Library, Runtime, RuntimeOptions};
use zilla_host::process;
use zilla_host::reload::Loader;
use zilla_host::supervisor::SupervisorOptions;

pub(super) fn serve(path: &Path) -> Result<ExitCode, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let digest = Digest::of(text.as_bytes());
    let source = Source::new(path.display().to_string(), text);
    let outcome = parse(&source, &mut |name| std::env::var(name).ok());
    let mut problems = outcome.problems;
    let plan = outcome.config.and_then(|config| {
        let (plan, more) = Plan::make(&config, &NativeTypes, path.parent().unwrap_or(path));
        problems.extend(more);
        plan
    });
    let plan = plan.ok_or_else(|| render(&source, &problems))?;
    // A loader is for a reload, of which there is none here: it finds no plugin.
    let library = Library::scan(&Runtime::new(RuntimeOptions::default())?, None, Vec::new());
    let options = SupervisorOptions {
        loader: Arc::new(Loader::new(path.to_owned(), library, digest)),
        drain_limit: Duration::ZERO,
        watch: false,
        control: None,
    };
    Ok(process::run(plan, 1, options)?)
}
