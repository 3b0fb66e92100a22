//! A plugin is replaced again and again under load.

use crate::Failure;
use crate::peers::{self, Peer, Programs};
use crate::rows::Swap;
use crate::scratch::Scratch;
use crate::stats::Spread;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use zilla_host::control::{Request, ask};
use zilla_tests::load::Load;
use zilla_tests::plugin::version;

/// Clients that ask without a pause.
const CLIENTS: usize = 16;

/// The plugin that is replaced.
const PLUGIN: &str = "binding_http.wasm";

/// How long a change may take.
const APPLY_LIMIT: Duration = Duration::from_secs(30);

/// How often the gateway is asked whether a change is applied.
const GLANCE: Duration = Duration::from_micros(500);

/// A directory of its own with the plugin that is replaced.
pub(crate) fn plugins(port: u16, programs: &Programs, scratch: &Scratch) -> Result<PathBuf, Failure> {
    let directory = directory(port, scratch);
    fs::create_dir_all(&directory)?;
    fs::copy(programs.plugins.join(PLUGIN), directory.join(PLUGIN))?;
    Ok(directory)
}

fn directory(port: u16, scratch: &Scratch) -> PathBuf {
    scratch.path().join(format!("plugins-{port}"))
}

/// Replaces the plugin for some time, each time by one that was never compiled. The answer is in ms.
pub(crate) fn measure(
    peer: Peer,
    asks: Swap,
    port: u16,
    programs: &Programs,
    scratch: &Scratch,
    time: Duration,
) -> Result<f64, Failure> {
    let component = fs::read(programs.plugins.join(PLUGIN))?;
    let (plugin, control) = (directory(port, scratch).join(PLUGIN), peers::control(scratch));
    let generation = || -> Result<u64, Failure> {
        let status = ask(&control, &Request::Status {})?;
        status["generation"].as_u64().ok_or_else(|| format!("expected a generation, found {status}").into())
    };
    let load = Load::of_requests(port, CLIENTS);
    let (begin, mut applied_ms, mut number) = (Instant::now(), Vec::new(), 0);
    while peer == Peer::Still && begin.elapsed() < time {
        std::thread::sleep(GLANCE);
    }
    while peer != Peer::Still && (begin.elapsed() < time || number == 0) {
        number += 1;
        let (before, new) = (generation()?, plugin.with_extension("new"));
        fs::write(&new, version(&component, number))?;
        let changed = Instant::now();
        fs::rename(&new, &plugin)?;
        if peer == Peer::Reload {
            let answer = ask(&control, &Request::Reload {})?;
            answer["ok"].as_str().ok_or_else(|| format!("expected a generation, found {answer}"))?;
        }
        while generation()? == before {
            if changed.elapsed() > APPLY_LIMIT {
                return Err("a changed plugin is not applied".into());
            }
            std::thread::sleep(GLANCE);
        }
        applied_ms.push(changed.elapsed().as_secs_f64() * 1e3);
    }
    let tally = load.end();
    if tally.failed > 0 {
        return Err(format!("{} requests failed: {:?}", tally.failed, tally.reasons.first()).into());
    }
    Ok(match asks {
        Swap::Gap => tally.longest_gap.as_secs_f64() * 1e3,
        Swap::Apply => Spread::of(applied_ms).map_or(f64::NAN, |spread| spread.median),
    })
}
