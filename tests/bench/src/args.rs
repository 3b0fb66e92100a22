//! The command line, parsed into a [`Command`] that cannot be wrong.

use crate::rows::{self, Carrier, Row, Version};
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
zilla-bench [--rounds N] [--seconds S] [--json FILE] [ROW…]

Measures the gateway beside its peers, in one run and on the same core, and prints medians and ratios.

  ROW            a row, or how the names of several begin; all if there is none
  --rounds N     how often each server of a row has its turn [default: 5]
  --seconds S    how long it is loaded each time [default: 2]
  --json FILE    write every single measurement there, too
  --list         print the rows

`cargo xtask bench` builds what is measured, and runs this.
";

const ROUNDS_DEFAULT: u32 = 5;
const SECONDS_DEFAULT: u32 = 2;

/// What was asked for.
pub(crate) enum Command {
    Help,
    List,
    Measure(Measure),
    Serve(Serve),
}

pub(crate) struct Measure {
    pub(crate) rounds: u32,
    pub(crate) seconds: u32,
    pub(crate) json: Option<PathBuf>,
    pub(crate) rows: Vec<&'static Row>,
}

/// A peer that is this program itself, as `measure` starts it.
pub(crate) enum Serve {
    /// The gateway with its plugins linked natively.
    Native { config: PathBuf },
    /// An HTTP echo on hyper.
    Hyper { port: u16, version: Version },
    /// A TCP echo on tokio.
    Tokio { port: u16 },
    /// An echo of WebSockets on tokio-tungstenite.
    Tungstenite { port: u16 },
    /// What one member says, all get, on tokio.
    Broadcast { carrier: Carrier, port: u16 },
    /// A TCP proxy on tokio, with TLS if it has a key.
    Proxy { port: u16, upstream: u16, identity: Option<PathBuf> },
}

pub(crate) fn parse(words: Vec<String>) -> Result<Command, String> {
    let mut words = words.into_iter().peekable();
    if let Some(server) = words.next_if(|word| word.starts_with("serve-")) {
        return serve(&server, words).map(Command::Serve);
    }
    let mut wanted =
        Measure { rounds: ROUNDS_DEFAULT, seconds: SECONDS_DEFAULT, json: None, rows: Vec::new() };
    let mut prefixes = Vec::new();
    while let Some(word) = words.next() {
        let mut value = |what| words.next().ok_or_else(|| format!("{word}: expected {what}, found nothing"));
        match word.as_str() {
            "-h" | "--help" => return Ok(Command::Help),
            "--list" => return Ok(Command::List),
            "--rounds" => wanted.rounds = positive(&word, &value("a number")?)?,
            "--seconds" => wanted.seconds = positive(&word, &value("a number")?)?,
            "--json" => wanted.json = Some(value("a file")?.into()),
            option if option.starts_with('-') => return Err(format!("no such option: {option}\n\n{HELP}")),
            _ => prefixes.push(word),
        }
    }
    wanted.rows = rows::select(&prefixes)?;
    Ok(Command::Measure(wanted))
}

fn serve(server: &str, mut words: impl Iterator<Item = String>) -> Result<Serve, String> {
    let value = words.next().ok_or_else(|| format!("{server}: expected an argument, found none"))?;
    let port = |value: String| value.parse().map_err(|_| format!("{server}: expected a port, found {value}"));
    match server {
        "serve-proxy" => {
            let upstream = words.next().ok_or_else(|| format!("{server}: expected two ports, found one"))?;
            let (port, upstream) = (port(value)?, port(upstream)?);
            Ok(Serve::Proxy { port, upstream, identity: words.next().map(PathBuf::from) })
        }
        "serve-native" => Ok(Serve::Native { config: value.into() }),
        "serve-hyper" => port(value).map(|port| Serve::Hyper { port, version: Version::Http1 }),
        "serve-hyper-h2" => port(value).map(|port| Serve::Hyper { port, version: Version::Http2 }),
        "serve-tungstenite" => port(value).map(|port| Serve::Tungstenite { port }),
        "serve-broadcast" => port(value).map(|port| Serve::Broadcast { carrier: Carrier::Tcp, port }),
        "serve-broadcast-ws" => {
            port(value).map(|port| Serve::Broadcast { carrier: Carrier::WebSocket, port })
        }
        "serve-tokio" => port(value).map(|port| Serve::Tokio { port }),
        _ => Err(format!("no such server: {server}")),
    }
}

fn positive(option: &str, text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{option}: expected a number from 1, found {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(String::from).collect())
    }

    #[test]
    fn without_arguments_every_row_is_measured() {
        let Ok(Command::Measure(wanted)) = parsed("") else { panic!("expected a measurement") };
        assert_eq!((wanted.rounds, wanted.seconds), (ROUNDS_DEFAULT, SECONDS_DEFAULT));
        assert_eq!(wanted.rows.len(), rows::ROWS.len());
    }

    #[test]
    fn a_row_is_named_by_how_it_begins() {
        let Ok(Command::Measure(wanted)) = parsed("--rounds 1 http.get") else {
            panic!("expected a measurement")
        };
        assert_eq!(wanted.rounds, 1);
        assert!(wanted.rows.iter().all(|row| row.name.starts_with("http.get")));
        assert!(!wanted.rows.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--rounds",
            "--rounds 0",
            "--seconds x",
            "--fast",
            "no-such-row",
            "serve-native",
            "serve-x 1",
            "serve-proxy 1",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
