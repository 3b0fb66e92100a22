//! Measures rows: each server of a row in turn, alone on its core, for as many rounds as asked for.
//!
//! Noise comes in waves. A round has every server of a row within seconds, begins with another one each time,
//! and gives one ratio against each peer; what is reported is the median of the rounds. Time on the processor
//! is measured besides: it is that of the server alone, whatever else runs on the machine.

use crate::load::{Load, beside, bulk, connect, idle, paced, ping, wrk};
use crate::machine::{self, Machine, Memory};
use crate::peers::{self, Peer, Programs};
use crate::rows::{Row, Work};
use crate::scratch::Scratch;
use crate::server::{Question, Server, free_port};
use crate::{Failure, args, swap};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a server is loaded before it is measured.
const WARM_UP_SECONDS: u32 = 1;

/// Until what a server still does after the last answer is done.
const SETTLE: Duration = Duration::from_millis(200);

/// Files that a load needs besides its connections.
const FILES_SPARE: u64 = 256;

/// One measurement of one server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// In the unit of the row's work.
    pub(crate) value: f64,
    pub(crate) latency_us: Option<(f64, f64)>,
    /// Processor time of the server in µs for each request, message or MiB.
    pub(crate) cpu_us: Option<f64>,
    /// The share of the time in which the server was on its core.
    pub(crate) busy: Option<f64>,
    /// Memory before and with the connections.
    pub(crate) memory: Option<(Memory, Memory)>,
}

/// All measurements of one row: by peer, one for each round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) samples: Vec<Vec<Sample>>,
}

/// Everything that a run needs.
#[derive(Debug)]
pub(crate) struct Bench {
    machine: Machine,
    programs: Programs,
    scratch: Scratch,
    script: PathBuf,
    rows: Vec<&'static Row>,
    rounds: u32,
    seconds: u32,
}

impl Bench {
    /// Finds the programs, and makes the machine ready.
    pub(crate) fn prepare(wanted: &args::Measure) -> Result<Self, Failure> {
        let programs = Programs::find()?;
        let machine = Machine::prepare()?;
        let scratch = Scratch::make()?;
        let body = wanted.rows.iter().map(|row| match row.work {
            Work::Http { body_octets, .. } => body_octets,
            _ => 0,
        });
        let script = scratch.write("post.lua", &wrk::post_script(body.max().unwrap_or(0)))?;
        let (rounds, seconds) = (wanted.rounds, wanted.seconds);
        Ok(Self { machine, programs, scratch, script, rows: wanted.rows.clone(), rounds, seconds })
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Measures every row.
    pub(crate) fn run(&self) -> Result<Vec<Measured>, Failure> {
        self.rows.iter().map(|row| self.measure(row)).collect()
    }

    fn measure(&self, row: &'static Row) -> Result<Measured, Failure> {
        let mut samples = vec![Vec::new(); row.peers.len()];
        for round in 0..self.rounds as usize {
            for turn in 0..row.peers.len() {
                let index = (round + turn) % row.peers.len();
                let (Some((peer, _)), Some(of_peer)) = (row.peers.get(index), samples.get_mut(index)) else {
                    continue;
                };
                let sample = self.sample(*peer, row.work);
                let sample = sample.map_err(|failure| format!("{}, {peer}: {failure}", row.name))?;
                let (unit, rounds) = (row.work.unit(), self.rounds);
                eprintln!("{:<14} {}/{rounds} {peer:<7} {:>10.1} {unit}", row.name, round + 1, sample.value);
                of_peer.push(sample);
            }
        }
        Ok(Measured { row, samples })
    }

    fn sample(&self, peer: Peer, work: Work) -> Result<Sample, Failure> {
        let port = free_port()?;
        let command = peers::command(peer, work, port, &self.programs, &self.scratch)?;
        let (cores, question) = match work {
            Work::Start { .. } | Work::Swap { .. } => (self.machine.all_cores(), Question::Http),
            Work::Http { .. } | Work::Idle { .. } => (self.machine.server_core(), Question::Http),
            Work::Ping { .. }
            | Work::Bulk { .. }
            | Work::Connect { .. }
            | Work::Kept { .. }
            | Work::Paced { .. } => (self.machine.server_core(), Question::Echo),
        };
        let log = self.scratch.path().join("server.log");
        let server = Server::start(&command, &cores, port, question, &log)?;
        match work {
            Work::Start { .. } => {
                Ok(Sample { value: server.started_in.as_secs_f64() * 1e3, ..Sample::default() })
            }
            Work::Idle { connections } => self.keep(&server, connections, idle::open),
            Work::Kept { connections } => self.keep(&server, connections, idle::open_echo),
            Work::Swap { asks } => {
                let time = Duration::from_secs(u64::from(self.seconds));
                let value = swap::measure(peer, asks, port, &self.programs, &self.scratch, time)?;
                Ok(Sample { value, ..Sample::default() })
            }
            Work::Paced { connections } => {
                let time = Duration::from_secs(u64::from(self.seconds));
                let looping = (peer == Peer::Looped).then(|| beside::Looping::start(port));
                let (longest_ms, latency_us) = paced::run(port, connections, time)?;
                drop(looping);
                Ok(Sample { value: longest_ms, latency_us: Some(latency_us), ..Sample::default() })
            }
            Work::Http { .. } | Work::Ping { .. } | Work::Bulk { .. } | Work::Connect { .. } => {
                self.load(&server, work, WARM_UP_SECONDS)?;
                let processes = server.processes();
                let (begin, cpu_before) = (Instant::now(), machine::cpu_seconds(&processes));
                let load = self.load(&server, work, self.seconds)?;
                let cpu =
                    machine::cpu_seconds(&processes).zip(cpu_before).map(|(after, before)| after - before);
                let passed = begin.elapsed().as_secs_f64();
                Ok(Sample {
                    value: load.count / load.seconds,
                    latency_us: load.latency_us,
                    cpu_us: cpu.map(|cpu| cpu * 1e6 / load.count.max(1.0)),
                    busy: cpu.map(|cpu| cpu / passed),
                    memory: None,
                })
            }
        }
    }

    fn load(&self, server: &Server, work: Work, seconds: u32) -> Result<Load, Failure> {
        let time = Duration::from_secs(u64::from(seconds));
        match work {
            Work::Http { connections, body_octets } => {
                let script = (body_octets > 0).then_some(self.script.as_path());
                let requests = wrk::Requests { connections, script };
                wrk::run(&self.programs.wrk, &self.machine, requests, server.port, seconds)
            }
            Work::Ping { connections } => {
                ping::run(server.port, connections, self.machine.load_threads(), time)
            }
            Work::Bulk { connections } => bulk::run(server.port, connections, time),
            Work::Connect { connections } => connect::run(server.port, connections, time),
            Work::Idle { .. }
            | Work::Start { .. }
            | Work::Swap { .. }
            | Work::Kept { .. }
            | Work::Paced { .. } => Ok(Load::default()),
        }
    }

    fn keep(&self, server: &Server, connections: usize, open: Open) -> Result<Sample, Failure> {
        let needed = connections as u64 + FILES_SPARE;
        if self.machine.files_max < needed {
            let found = self.machine.files_max;
            return Err(format!("expected {needed} open files allowed (`ulimit -Hn`), found {found}").into());
        }
        // What the first connections cost once is not theirs.
        drop(open(server.port, WARM_UP_CONNECTIONS)?);
        std::thread::sleep(SETTLE);
        let processes = server.processes();
        let before = machine::memory(&processes);
        let kept = open(server.port, connections)?;
        std::thread::sleep(SETTLE);
        let with = machine::memory(&processes);
        drop(kept);
        let octets = with.resident.saturating_sub(before.resident) as f64;
        let value = octets / connections as f64;
        Ok(Sample { value, memory: Some((before, with)), ..Sample::default() })
    }
}

/// Opens connections and has each answered once.
type Open = fn(u16, usize) -> Result<Vec<TcpStream>, Failure>;

/// Connections that come and go before memory is looked at.
const WARM_UP_CONNECTIONS: usize = 64;
