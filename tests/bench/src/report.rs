//! The results, as a table for people and as JSON for programs.

use crate::machine::{Machine, Memory};
use crate::measure::{Measured, Sample};
use crate::peers::Peer;
use crate::rows::Work;
use crate::stats::Spread;
use serde_json::{Value, json};

const HEADINGS: [&str; 10] =
    ["row", "server", "median", "min–max", "p50", "p99", "cpu each", "busy", "zilla is", "target"];

/// Columns that are aligned to the left.
const LEFT: [bool; 10] = [true, true, false, false, false, false, false, false, true, true];

/// The gateway against one peer: ratios of rounds, 1 or more where it is as good or better.
struct Comparison {
    value: Spread,
    cpu: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
}

/// What is left of the samples of one server.
struct Summary {
    value: Spread,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    cpu_us: Option<f64>,
    busy: Option<f64>,
}

impl Summary {
    fn of(samples: &[Sample]) -> Option<Self> {
        let median = |value: fn(&Sample) -> Option<f64>| {
            Spread::of(samples.iter().filter_map(value)).map(|spread| spread.median)
        };
        Some(Self {
            value: Spread::of(samples.iter().map(|sample| sample.value))?,
            p50_us: median(|sample| Some(sample.latency_us?.0)),
            p99_us: median(|sample| Some(sample.latency_us?.1)),
            cpu_us: median(|sample| sample.cpu_us),
            busy: median(|sample| sample.busy),
        })
    }
}

impl Measured {
    /// The gateway's samples, and those of a peer.
    fn compare(&self, peer: usize) -> Option<Comparison> {
        let (ours, theirs) = (self.samples.first()?, self.samples.get(peer)?);
        let ratio = |value: &dyn Fn(&Sample) -> Option<f64>, is_cost: bool| {
            let rounds = ours.iter().zip(theirs).filter_map(|(ours, theirs)| {
                let (ours, theirs) = (value(ours)?, value(theirs)?);
                Some(if is_cost { theirs / ours } else { ours / theirs })
            });
            Spread::of(rounds.filter(|ratio| ratio.is_finite()))
        };
        Some(Comparison {
            value: ratio(&|sample| Some(sample.value), self.row.work.is_cost())?,
            cpu: ratio(&|sample| sample.cpu_us, true).map(|spread| spread.median),
            p50: ratio(&|sample| Some(sample.latency_us?.0), true).map(|spread| spread.median),
            p99: ratio(&|sample| Some(sample.latency_us?.1), true).map(|spread| spread.median),
        })
    }
}

/// An aligned table, with what there is to know to read it.
pub(crate) fn table(results: &[Measured], machine: &Machine) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    let mut notes = String::new();
    for measured in results {
        for (index, (peer, target)) in measured.row.peers.iter().enumerate() {
            if let Some(line) = line(measured, index, *peer, *target) {
                lines.push(line);
            }
        }
        notes.push_str(&memory_notes(measured));
        for (peer, install) in &measured.missing {
            notes += &format!("\n{}: {peer} is not installed; type\n  {install}\n", measured.row.name);
        }
    }
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = format!("\n{} ({} cores)\n\n", machine.model, machine.cores());
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(LEFT).map(|((cell, width), is_left)| match is_left {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text + &notes + LEGEND
}

const LEGEND: &str = "
A ratio of 1 or more: the gateway is as good or better. Ratios are medians of those of the rounds; `cpu` is by
processor time each, which says more than the rest where the machine is busy or a server is not (`busy`).
";

fn line(measured: &Measured, index: usize, peer: Peer, target: Option<f64>) -> Option<[String; 10]> {
    let summary = Summary::of(measured.samples.get(index)?)?;
    let row = if index == 0 {
        format!("{}, {}", measured.row.name, measured.row.work.unit())
    } else {
        String::new()
    };
    let Spread { min, median, max } = summary.value;
    let (mut ratio, mut verdict) = (String::new(), String::new());
    if let Some(comparison) = measured.compare(index).filter(|_| index > 0) {
        let Spread { min, median, max } = comparison.value;
        ratio = format!("{median:.2} × ({min:.2}–{max:.2})");
        if let Some(cpu) = comparison.cpu {
            ratio += &format!(", cpu {cpu:.2} ×");
        }
        // Of a row whose values are p99, the other one is of interest.
        match (measured.row.work, comparison.p50, comparison.p99) {
            (Work::HalfLoad { .. }, Some(p50), _) => ratio += &format!(", p50 {p50:.2} ×"),
            (_, _, Some(p99)) => ratio += &format!(", p99 {p99:.2} ×"),
            (_, _, None) => {}
        }
        if let Some(target) = target {
            let met = if median >= target { "met" } else { "not met" };
            verdict = format!("≥ {target} × {met}");
        }
    }
    Some([
        row,
        peer.to_string(),
        number(median),
        format!("{}–{}", number(min), number(max)),
        summary.p50_us.map(time).unwrap_or_default(),
        summary.p99_us.map(time).unwrap_or_default(),
        summary.cpu_us.map(time).unwrap_or_default(),
        summary.busy.map(|busy| format!("{:.0} %", busy * 100.0)).unwrap_or_default(),
        ratio,
        verdict,
    ])
}

/// Where the memory is, a line for each server.
fn memory_notes(measured: &Measured) -> String {
    let mut notes = String::new();
    for ((peer, _), samples) in measured.row.peers.iter().zip(&measured.samples) {
        let Some((before, with)) = samples.last().and_then(|sample| sample.memory) else { continue };
        let mib = |octets: u64| octets as f64 / f64::from(1 << 20);
        let host = |memory: Memory| memory.resident.saturating_sub(memory.guests);
        notes += &format!(
            "\n{}, {peer:<6}  in all {:.1} → {:.1} MiB, of it in plugins {:.1} → {:.1}, in the host {:.1} → {:.1}",
            measured.row.name,
            mib(before.resident),
            mib(with.resident),
            mib(before.guests),
            mib(with.guests),
            mib(host(before)),
            mib(host(with)),
        );
    }
    if notes.is_empty() { notes } else { notes + "\n" }
}

/// Every sample, and the ratios.
pub(crate) fn json(results: &[Measured], machine: &Machine) -> String {
    let rows: Vec<Value> = results.iter().map(row_json).collect();
    let all = json!({"machine": {"model": machine.model, "cores": machine.cores()}, "rows": rows});
    format!("{all:#}\n")
}

fn row_json(measured: &Measured) -> Value {
    let servers = measured.row.peers.iter().zip(&measured.samples).enumerate();
    let servers: Vec<Value> = servers
        .map(|(index, ((peer, target), samples))| {
            let comparison = measured.compare(index).filter(|_| index > 0);
            json!({
                "server": peer.to_string(),
                "target": target,
                "ratio": comparison.as_ref().map(|comparison| comparison.value.median),
                "cpu_ratio": comparison.as_ref().and_then(|comparison| comparison.cpu),
                "p99_ratio": comparison.as_ref().and_then(|comparison| comparison.p99),
                "rounds": samples.iter().map(sample_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({"row": measured.row.name, "unit": measured.row.work.unit(), "servers": servers})
}

fn sample_json(sample: &Sample) -> Value {
    let memory = |memory: Memory| json!({"resident": memory.resident, "guests": memory.guests});
    json!({
        "value": sample.value,
        "p50_us": sample.latency_us.map(|(p50, _)| p50),
        "p99_us": sample.latency_us.map(|(_, p99)| p99),
        "cpu_us": sample.cpu_us,
        "busy": sample.busy,
        "memory_before": sample.memory.map(|(before, _)| memory(before)),
        "memory_with": sample.memory.map(|(_, with)| memory(with)),
    })
}

/// A number with as many digits as say something.
fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn time(microseconds: f64) -> String {
    match microseconds {
        short if short < 1_000.0 => format!("{short:.1} µs"),
        long => format!("{:.2} ms", long / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ROWS;

    fn sample(value: f64) -> Sample {
        Sample { value, ..Sample::default() }
    }

    fn measured(name: &str, ours: &[f64], theirs: &[f64]) -> Measured {
        let row = ROWS.iter().find(|row| row.name == name).unwrap();
        let samples = |values: &[f64]| values.iter().map(|value| sample(*value)).collect();
        Measured { row, samples: vec![samples(ours), samples(theirs)], missing: Vec::new() }
    }

    #[test]
    fn a_ratio_is_the_median_of_those_of_the_rounds() {
        let measured = measured("http.get.64", &[100.0, 50.0, 90.0], &[100.0, 100.0, 100.0]);
        let Spread { min, median, max } = measured.compare(1).unwrap().value;
        assert_eq!((min, median, max), (0.5, 0.9, 1.0));
    }

    #[test]
    fn of_a_cost_less_is_better() {
        let measured = measured("start.warm", &[20.0], &[10.0]);
        assert_eq!(measured.compare(1).unwrap().value.median, 0.5);
        let line = line(&measured, 1, Peer::Nginx, Some(0.1)).unwrap();
        assert_eq!(line.last().map(String::as_str), Some("≥ 0.1 × met"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(100.4), "100");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(time(1_234.0), "1.23 ms");
    }
}
