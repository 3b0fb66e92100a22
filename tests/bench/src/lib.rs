//! Side-by-side measurements: the gateway and its peers, in one run, on the same core.
//!
//! What this crate is *not*: a test. It asserts nothing but that each server answers what it is asked, and its
//! numbers mean something only as ratios within one run.
//!
//! ```text
//!   rows ──▶ measure ──▶ peers ──▶ server      one process at a time, alone on the first core
//!              │           │       serve       the peers that are this program itself
//!              │           └─────▶ keys        and certificates, made for this run
//!              ├───────▶ load                  wrk and our own generators, on the other cores
//!              └───────▶ report                medians and ratios, as a table and as JSON
//! ```
//!
//! [`native`] is public for the micro-benchmarks in `benches/`.

mod args;
mod keys;
mod load;
mod machine;
mod measure;
pub mod native;
mod peers;
mod report;
mod rows;
mod scratch;
mod serve;
mod server;
mod stats;
mod swap;

use args::Command;
use measure::Bench;
use std::io::Write as _;
use std::process::ExitCode;

/// Why a measurement or a server ends early, in words for whoever started it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command line of this process.
pub fn main(words: Vec<String>) -> ExitCode {
    let done = args::parse(words).map_err(Failure::from).and_then(|command| match command {
        Command::Help => print(args::HELP),
        Command::List => print(&rows::list()),
        Command::Serve(server) => serve::run(&server),
        Command::Measure(wanted) => measure(&wanted),
    });
    done.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        ExitCode::FAILURE
    })
}

fn measure(wanted: &args::Measure) -> Result<ExitCode, Failure> {
    server::stop_all_on_signals()?;
    let bench = Bench::prepare(wanted)?;
    let results = bench.run()?;
    if let Some(path) = &wanted.json {
        std::fs::write(path, report::json(&results, bench.machine()))?;
    }
    print(&report::table(&results, bench.machine()))
}

/// Prints to standard output. Whoever reads it may have gone, which is no failure.
fn print(text: &str) -> Result<ExitCode, Failure> {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}
