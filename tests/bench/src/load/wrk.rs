//! HTTP requests from wrk.

use super::Load;
use crate::Failure;
use crate::machine::Machine;
use std::path::Path;
use std::process::Command;

/// What wrk is to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requests<'a> {
    pub(crate) connections: u32,
    /// A script that makes them; plain GET without one.
    pub(crate) script: Option<&'a Path>,
    pub(crate) path: &'a str,
}

/// A script that sends a body.
pub(crate) fn post_script(octets: usize) -> String {
    format!("wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", {octets})\n")
}

/// A script that shows credentials.
pub(crate) fn credentials_script(token: &str) -> String {
    format!("wrk.headers[\"Authorization\"] = \"Bearer {token}\"\n")
}

/// Loads a server for some seconds.
pub(crate) fn run(
    wrk: &Path,
    machine: &Machine,
    requests: Requests<'_>,
    port: u16,
    seconds: u32,
) -> Result<Load, Failure> {
    let threads = machine.load_threads().min(requests.connections as usize);
    let mut command = Command::new(wrk);
    command.args(["--latency", "--threads", &threads.to_string()]);
    command.args(["--connections", &requests.connections.to_string(), "--duration", &format!("{seconds}s")]);
    if let Some(script) = requests.script {
        command.arg("--script").arg(script);
    }
    let output = command.arg(format!("http://127.0.0.1:{port}{}", requests.path)).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || format!("wrk says:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(said().into());
    }
    parse(&text).ok_or_else(|| said().into())
}

/// Reads wrk's report.
fn parse(text: &str) -> Option<Load> {
    let after = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let (count, seconds) = text.lines().find_map(|line| line.trim().split_once(" requests in "))?;
    let seconds = seconds.split_once(',').map_or(seconds, |(seconds, _)| seconds);
    let latency = (microseconds(after("50%")?)?, microseconds(after("99%")?)?);
    Some(Load {
        count: count.parse().ok()?,
        seconds: microseconds(seconds)? / 1e6,
        latency_us: Some(latency),
    })
}

/// `12.34ms` and its like.
fn microseconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 4] = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 6e7)];
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    unit.and_then(|(number, factor)| Some(number.trim().parse::<f64>().ok()? * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_read() {
        let text = "\
Running 2s test @ http://127.0.0.1:7114/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   316.12us  211.31us   9.77ms   96.52%
    Req/Sec    99.87k     7.32k  113.44k    63.41%
  Latency Distribution
     50%  295.00us
     75%  340.00us
     90%  420.00us
     99%    1.01ms
  407316 requests in 2.05s, 45.06MB read
Requests/sec: 198692.31
Transfer/sec:     21.98MB
";
        let load = parse(text).unwrap();
        assert_eq!(load.count, 407_316.0);
        assert!((load.seconds - 2.05).abs() < 1e-9);
        assert_eq!(load.latency_us, Some((295.0, 1_010.0)));
    }

    #[test]
    fn times_have_units() {
        assert_eq!(microseconds("2.00s"), Some(2e6));
        assert_eq!(microseconds("1.50m"), Some(9e7));
        assert_eq!(microseconds("12"), None);
    }
}
