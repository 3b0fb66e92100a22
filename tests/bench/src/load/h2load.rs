//! HTTP/2 requests from h2load.

use super::Load;
use crate::Failure;
use crate::machine::Machine;
use std::path::Path;
use std::process::Command;

/// What h2load is to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requests<'a> {
    pub(crate) connections: u32,
    /// Requests of a connection at a time.
    pub(crate) streams: u32,
    /// A file that is sent as a body; GET without one.
    pub(crate) body: Option<&'a Path>,
    pub(crate) path: &'a str,
}

/// Loads a server for some seconds. h2load tells no percentiles, so there are none.
pub(crate) fn run(
    h2load: &Path,
    machine: &Machine,
    requests: Requests<'_>,
    port: u16,
    seconds: u32,
) -> Result<Load, Failure> {
    let threads = machine.load_threads().min(requests.connections as usize);
    let mut command = Command::new(h2load);
    command.args(["--threads", &threads.to_string(), "--clients", &requests.connections.to_string()]);
    command.args(["--max-concurrent-streams", &requests.streams.to_string()]);
    command.args(["--duration", &seconds.to_string()]);
    if let Some(body) = requests.body {
        command.arg("--data").arg(body);
    }
    let output = command.arg(format!("http://127.0.0.1:{port}{}", requests.path)).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || format!("h2load says:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    let count = parse(&text).filter(|_| output.status.success()).ok_or_else(said)?;
    Ok(Load { count, seconds: f64::from(seconds), latency_us: None })
}

/// Answers of 2xx in h2load's report. Nothing if there are others, if requests failed, or if there are none: what is in
/// flight when the time is over is neither counted nor a failure.
fn parse(text: &str) -> Option<f64> {
    let codes = text.lines().find_map(|line| line.strip_prefix("status codes: "))?;
    let codes: Vec<_> = codes.split(", ").filter_map(|code| code.split_once(' ')).collect();
    let of = |class: &str| codes.iter().find(|(_, name)| *name == class)?.0.parse::<f64>().ok();
    let requests = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let has_failed = !requests.contains(" 0 failed,") || !requests.contains(" 0 errored,");
    let others = of("3xx")? + of("4xx")? + of("5xx")?;
    of("2xx").filter(|count| *count > 0.0 && others == 0.0 && !has_failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
finished in 2.00s, 123456.50 req/s, 1.80MB/s
requests: 246913 total, 247169 started, 246913 done, 246913 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 246920 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 3.59MB (3765432) total, 1.18MB (1234567) headers (space savings 95.00%), 0B (0) data
";

    #[test]
    fn answers_are_counted_by_their_status() {
        assert_eq!(parse(REPORT), Some(246_920.0));
    }

    #[test]
    fn what_went_wrong_is_no_answer() {
        for (from, to) in [("0 5xx", "1 5xx"), ("0 failed", "7 failed"), ("246920 2xx", "0 2xx")] {
            assert_eq!(parse(&REPORT.replace(from, to)), None, "{to}");
        }
        assert_eq!(parse("finished in 0us"), None);
    }
}
