//! `zilla status`, `zilla reload`, `zilla stop` and `zilla plugin swap`: commands to a running host.

use super::{fail, print, table};
use crate::control::{Control, Request, ask};
use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which host is meant.
#[derive(Args, Clone, Debug)]
pub(super) struct ControlArgs {
    /// Socket of the host [default: zilla.sock in $XDG_RUNTIME_DIR or /tmp/zilla-UID].
    #[arg(long, value_name = "PATH", env = "ZILLA_CONTROL")]
    pub(super) control: Option<PathBuf>,
}

impl ControlArgs {
    pub(super) fn path(&self) -> PathBuf {
        self.control.clone().unwrap_or_else(|| Control::default_path(|name| std::env::var(name).ok()))
    }
}

#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    control: ControlArgs,
}

#[derive(Args, Debug)]
pub(super) struct SwapArgs {
    /// The plugin, a `.wasm` file.
    file: PathBuf,
    #[command(flatten)]
    control: ControlArgs,
}

pub(super) fn status(args: &StatusArgs) -> ExitCode {
    match ask_host(&args.control, &Request::Status {}) {
        Ok(status) if args.json => print(&format!("{status:#}\n")),
        Ok(status) => print(&to_text(&status)),
        Err(error) => fail(&error),
    }
}

pub(super) fn reload(args: &ControlArgs) -> ExitCode {
    command(args, &Request::Reload {})
}

pub(super) fn stop(args: &ControlArgs) -> ExitCode {
    command(args, &Request::Stop {})
}

pub(super) fn swap(args: &SwapArgs) -> ExitCode {
    match args.file.canonicalize() {
        Ok(file) => command(&args.control, &Request::Swap { file: file.display().to_string() }),
        Err(error) => fail(&format!("{}: {error}", args.file.display())),
    }
}

fn command(args: &ControlArgs, request: &Request) -> ExitCode {
    let answer = ask_host(args, request);
    match answer.as_ref().map(|answer| (answer["ok"].as_str(), answer["error"].as_str())) {
        Ok((Some(text), _)) => print(&format!("{text}\n")),
        Ok((None, Some(error))) => fail(error),
        Ok((None, None)) => fail("expected an answer, found none"),
        Err(error) => fail(error),
    }
}

fn ask_host(args: &ControlArgs, request: &Request) -> Result<Value, String> {
    let path = args.path();
    ask(&path, request).map_err(|error| no_host(&path, &error))
}

fn no_host(path: &Path, error: &std::io::Error) -> String {
    format!("no host answers at {}: {error}", path.display())
}

/// Of the table that `zilla status` prints. The last one says what a plugin hands to its successor.
const COLUMNS: [&str; 10] = [
    "PIPELINE",
    "STATE",
    "GENERATION",
    "STREAMS",
    "CONNECTIONS",
    "LISTENS",
    "BINDING",
    "PLUGIN",
    "INSTANCES",
    "KEEPS",
];

fn to_text(status: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = format!(
        "zilla {}, pid {}, {} workers, generation {}, {}\n\n",
        text(&status["version"]),
        status["pid"],
        status["workers"],
        status["generation"],
        text(&status["config"]),
    );
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for pipeline in status["pipelines"].as_array().into_iter().flatten() {
        let listens: Vec<_> = pipeline["listens"].as_array().into_iter().flatten().map(text).collect();
        let mut first = [
            text(&pipeline["name"]),
            text(&pipeline["state"]),
            text(&pipeline["generation"]),
            text(&pipeline["streams"]),
            text(&pipeline["connections"]),
            listens.join(" "),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ];
        let bindings: Vec<_> = pipeline["bindings"].as_array().into_iter().flatten().collect();
        if bindings.is_empty() {
            rows.push(first.clone());
        }
        let of = |key: &str, word: &'static str| {
            let parts = pipeline[key].as_array().into_iter().flatten();
            parts.map(move |part| (word, part)).collect::<Vec<_>>()
        };
        let bindings = bindings.into_iter().map(|binding| ("", binding));
        for (word, binding) in bindings.chain(of("guards", "guard ")).chain(of("matchers", "matcher ")) {
            first[6] = format!("{word}{}", text(&binding["name"]));
            first[7] = match binding["digest"].as_str() {
                Some(digest) => {
                    let digest: String = digest.chars().take(12).collect();
                    format!("{} {} {digest}", text(&binding["type"]), text(&binding["version"]))
                }
                None => format!("{} (native)", text(&binding["type"])),
            };
            first[8] = binding["instances"].as_u64().map(|count| count.to_string()).unwrap_or_default();
            first[9] = if binding["state"] == true { "state".to_owned() } else { String::new() };
            rows.push(std::mem::take(&mut first));
        }
    }
    out.push_str(&table(&rows));
    if let Some(reason) = status["loading"].as_str() {
        out.push_str(&format!("\nloading: {reason}\n"));
    }
    if let Some(pending) = status["pending"].as_object() {
        let (generation, reason) = (&pending["generation"], text(&pending["reason"]));
        out.push_str(&format!(
            "\npending: generation {generation} ({reason}), when an earlier one has drained\n"
        ));
    }
    if let Some(error) = status["last_error"].as_str() {
        out.push_str(&format!("\nlast error, not applied:\n{error}"));
    }
    out
}
