//! `zilla plugin list` and `zilla plugin inspect`.

use super::control::{self, SwapArgs};
use super::{PluginArgs, fail, print, table};
use crate::native::NativeType;
use crate::plugin::{
    AnyPlugin, BindingPlugin, BindingType as _, Description, GuardType as _, Library, Loaded,
    MatcherType as _, Placement, Routing, RuntimeOptions,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Show the plugins that are found, and those that cannot be used.
    List(ListArgs),
    /// Show type, kinds, options, imports, size and digest of one file.
    Inspect(InspectArgs),
    /// Put a file in the place of the plugin of its type, under a running host.
    ///
    /// The host checks whether everything runs with the new file, and then replaces the file that it uses, in the
    /// directory that it was found in, also if another directory comes earlier in the search path. A type that has
    /// no file yet is put into the first directory that there is. The host needs to be allowed to write there: if it
    /// is not, nothing is changed, and the error says which directory it is, and whether an earlier one would do.
    Swap(SwapArgs),
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    plugins: PluginArgs,
}

#[derive(Args, Debug)]
pub(super) struct InspectArgs {
    /// The plugin, a `.wasm` file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    plugins: PluginArgs,
}

pub(super) fn plugin(command: &PluginCommand) -> ExitCode {
    crate::log::start(crate::log::LogFormat::Text, Some(tracing_subscriber::filter::LevelFilter::WARN));
    match command {
        PluginCommand::List(args) => list(args),
        PluginCommand::Inspect(args) => inspect(args),
        PluginCommand::Swap(args) => control::swap(args),
    }
}

fn list(args: &ListArgs) -> ExitCode {
    let library = match args.plugins.library(RuntimeOptions::default()) {
        Ok(library) => library,
        Err(error) => return fail(&error),
    };
    let mut rows =
        vec![["TYPE", "CONCEPT", "KINDS", "VERSION", "KEEPS", "SIZE", "DIGEST", "FILE"].map(str::to_owned)];
    rows.extend(NativeType::ALL.map(native_row));
    for entry in library.entries() {
        let file = entry.path.display().to_string();
        let row = match library.any_at(&entry.path) {
            Ok((loaded, plugin)) => {
                let (version, kinds) = match &plugin {
                    AnyPlugin::Binding(plugin) => {
                        let Description { version, kinds, .. } = plugin.describe();
                        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
                        (version, kinds.join(","))
                    }
                    AnyPlugin::Guard(plugin) => (&plugin.describe().version, "-".to_owned()),
                    AnyPlugin::Matcher(plugin) => (&plugin.describe().version, "-".to_owned()),
                };
                let keeps_state = matches!(&plugin, AnyPlugin::Binding(plugin) if plugin.keeps_state());
                let digest = format!("{:.12}", loaded.digest);
                [
                    entry.type_name.clone(),
                    plugin.concept().into(),
                    kinds,
                    version.clone(),
                    if keeps_state { "state" } else { "-" }.into(),
                    size(loaded.octets),
                    digest,
                    file,
                ]
            }
            Err(error) => {
                let dash = || "-".to_owned();
                [
                    entry.type_name.clone(),
                    entry.concept.into(),
                    "unusable".into(),
                    dash(),
                    dash(),
                    dash(),
                    dash(),
                    format!("{file}: {error}"),
                ]
            }
        };
        rows.push(row);
    }
    let mut text = table(&rows);
    text.push_str("\nlooked in:\n");
    for directory in library.directories() {
        let missing = if directory.is_dir() { "" } else { " (missing)" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}{missing}", directory.display());
    }
    print(&text)
}

fn native_row(native: NativeType) -> [String; 8] {
    let Description { type_name, version, kinds } = native.describe();
    let kinds: Vec<String> = kinds.into_iter().map(|kind| kind.kind).collect();
    let dash = || "-".to_owned();
    [type_name, "binding".into(), kinds.join(","), version, dash(), dash(), dash(), "(native)".into()]
}

fn size(octets: usize) -> String {
    format!("{} KiB", octets.div_ceil(1024))
}

fn inspect(args: &InspectArgs) -> ExitCode {
    let library = match args.plugins.library(RuntimeOptions::default()) {
        Ok(library) => library,
        Err(error) => return fail(&error),
    };
    match library.any_at(&args.file) {
        Ok((loaded, plugin)) => match args.json {
            true => print(&format!("{:#}\n", to_json(&loaded, &plugin))),
            false => print(&to_text(&loaded, &plugin)),
        },
        Err(error) => {
            let imports = imports(&library, &args.file);
            fail(&format!("{}: {error}{imports}", args.file.display()))
        }
    }
}

/// What a refused file imports, as far as it can be read.
fn imports(library: &Library, file: &std::path::Path) -> String {
    match library.read(file) {
        Ok(loaded) if !loaded.imports.is_empty() => {
            format!("\n  imports: {}", loaded.imports.join("\n           "))
        }
        Ok(_) | Err(_) => String::new(),
    }
}

fn schema(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// What every plugin is.
fn file_to_json(loaded: &Loaded, plugin: &AnyPlugin, type_name: &str, version: &str) -> Value {
    json!({
        "concept": plugin.concept(),
        "type": type_name,
        "version": version,
        "size": loaded.octets,
        "sha256": loaded.digest.to_string(),
        "imports": loaded.imports,
        "exports": loaded.exports,
    })
}

fn to_json(loaded: &Loaded, plugin: &AnyPlugin) -> Value {
    let (type_name, version) = plugin.names();
    let mut value = file_to_json(loaded, plugin, type_name, version);
    match plugin {
        AnyPlugin::Binding(binding) => {
            value["state"] = binding.keeps_state().into();
            value["kinds"] = kinds_to_json(binding.describe());
        }
        AnyPlugin::Guard(guard) => value["options"] = schema(&guard.describe().options_schema),
        AnyPlugin::Matcher(matcher) => {
            value["options"] = schema(&matcher.describe().options_schema);
            value["arguments"] = schema(&matcher.describe().arguments_schema);
        }
    }
    value
}

fn kinds_to_json(description: &Description) -> Value {
    let kinds = description.kinds.iter().map(|kind| {
        json!({
            "kind": kind.kind,
            "routes": routing(kind.routes),
            "instance": placement(kind.placement),
            "options": schema(&kind.options_schema),
            "when": kind.when_schema.as_deref().map(schema),
            "with": kind.with_schema.as_deref().map(schema),
        })
    });
    kinds.collect()
}

fn to_text(loaded: &Loaded, plugin: &AnyPlugin) -> String {
    let (type_name, version) = plugin.names();
    let text = format!(
        "type:     {type_name}\nconcept:  {}\nversion:  {version}\nsize:     {} octets\nsha256:   {}\nimports:  {}\nexports:  {}\n",
        plugin.concept(),
        loaded.octets,
        loaded.digest,
        loaded.imports.join("\n          "),
        loaded.exports.join("\n          "),
    );
    text + &match plugin {
        AnyPlugin::Binding(binding) => binding_to_text(binding),
        AnyPlugin::Guard(guard) => format!("\noptions:  {}\n", pretty(&guard.describe().options_schema)),
        AnyPlugin::Matcher(matcher) => {
            let description = matcher.describe();
            let arguments = pretty(&description.arguments_schema);
            format!("\noptions:  {}\narguments: {arguments}\n", pretty(&description.options_schema))
        }
    }
}

/// A schema, indented.
fn pretty(text: &str) -> String {
    format!("{:#}", schema(text)).replace('\n', "\n    ")
}

fn binding_to_text(plugin: &BindingPlugin) -> String {
    let description = plugin.describe();
    let state = if plugin.keeps_state() { "is handed over when it is replaced" } else { "none" };
    let mut text = format!("state:    {state}\n");
    for kind in &description.kinds {
        let none = || "none".to_owned();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\nkind:     {}\n  routes:   {}\n  instance: {}\n  options:  {}\n  when:     {}\n  with:     {}\n",
            kind.kind,
            routing(kind.routes),
            placement(kind.placement),
            pretty(&kind.options_schema),
            kind.when_schema.as_deref().map_or_else(none, pretty),
            kind.with_schema.as_deref().map_or_else(none, pretty),
        );
    }
    text
}

fn routing(routing: Routing) -> &'static str {
    match routing {
        Routing::None => "none: it exits nowhere",
        Routing::Opened => "on the streams that it opens",
        Routing::Accepted => "on the streams that it accepts",
    }
}

fn placement(placement: Placement) -> &'static str {
    match placement {
        Placement::EveryWorker => "on every worker",
        Placement::OneWorker => "on one worker, which sees all streams",
    }
}
