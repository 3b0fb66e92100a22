//! Measures rows: each server of a row in turn, alone on its core, for as many rounds as asked for.
//!
//! Noise comes in waves. A round has every server of a row within seconds, begins with another one each time,
//! and gives one ratio against each peer; what is reported is the median of the rounds. Time on the processor
//! is measured besides: it is that of the server alone, whatever else runs on the machine.

use crate::keys::Keys;
use crate::load::dial::Dial;
use crate::load::{
    Load, beside, bulk, bulk_tls, connect, due, fan, h2load, handshake, idle, paced, ping, wrk, ws,
};
use crate::machine::{self, Machine, Memory};
use crate::peers::{self, Peer, Programs, Task};
use crate::rows::{Ask, CREDENTIALS, Carrier, POST_OCTETS, Row, Service, Session, Version, Work};
use crate::scratch::Scratch;
use crate::server::{Question, Server, free_port};
use crate::{Failure, args, swap};
use rustls::ClientConfig;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
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
    /// Peers that are not installed, and how to.
    pub(crate) missing: Vec<(Peer, &'static str)>,
}

/// A server, with what is behind it.
#[derive(Debug)]
struct Running<'a> {
    server: Server,
    /// Ends with the server.
    _upstream: Option<Server>,
    task: Task<'a>,
    dial: Dial,
}

/// Everything that a run needs.
#[derive(Debug)]
pub(crate) struct Bench {
    machine: Machine,
    programs: Programs,
    scratch: Scratch,
    keys: Keys,
    /// For wrk: what sends a body, and what shows credentials.
    post_script: PathBuf,
    credentials_script: PathBuf,
    /// For h2load.
    body: PathBuf,
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
        let keys = Keys::make(&scratch)?;
        let post_script = scratch.write("post.lua", &wrk::post_script(POST_OCTETS))?;
        let credentials_script = scratch.write("credentials.lua", &wrk::credentials_script(CREDENTIALS))?;
        let body = scratch.write("body", &"x".repeat(POST_OCTETS))?;
        let (rounds, seconds) = (wanted.rounds, wanted.seconds);
        Ok(Self {
            machine,
            programs,
            scratch,
            keys,
            post_script,
            credentials_script,
            body,
            rows: wanted.rows.clone(),
            rounds,
            seconds,
        })
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Measures every row.
    pub(crate) fn run(&self) -> Result<Vec<Measured>, Failure> {
        self.rows.iter().map(|row| self.measure(row)).collect()
    }

    fn measure(&self, row: &'static Row) -> Result<Measured, Failure> {
        let present = |peer| self.programs.missing(peer).is_none();
        let rate = match row.work {
            Work::HalfLoad { connections } => self.slowest(row, connections, present)? / 2.0,
            _ => 0.0,
        };
        let mut samples = vec![Vec::new(); row.peers.len()];
        for round in 0..self.rounds as usize {
            for turn in 0..row.peers.len() {
                let index = (round + turn) % row.peers.len();
                let (Some((peer, _)), Some(of_peer)) = (row.peers.get(index), samples.get_mut(index)) else {
                    continue;
                };
                if !present(*peer) {
                    continue;
                }
                let sample = self.sample(*peer, row, rate);
                let sample = sample.map_err(|failure| format!("{}, {peer}: {failure}", row.name))?;
                let (unit, rounds) = (row.work.unit(), self.rounds);
                eprintln!("{:<21} {}/{rounds} {peer:<8} {:>10.1} {unit}", row.name, round + 1, sample.value);
                of_peer.push(sample);
            }
        }
        let missing = row.peers.iter().filter_map(|(peer, _)| Some((*peer, self.programs.missing(*peer)?)));
        Ok(Measured { row, samples, missing: missing.collect() })
    }

    /// Requests per second that the slowest server of a row can answer.
    fn slowest(
        &self,
        row: &'static Row,
        connections: usize,
        present: impl Fn(Peer) -> bool,
    ) -> Result<f64, Failure> {
        let requests = wrk::Requests { connections: connections as u32, script: None, path: "/" };
        let mut slowest = f64::INFINITY;
        for (peer, _) in row.peers.iter().filter(|(peer, _)| present(*peer)) {
            let running = self.start(*peer, row)?;
            let port = running.server.port;
            wrk::run(&self.programs.wrk, &self.machine, requests, port, WARM_UP_SECONDS)?;
            let load = wrk::run(&self.programs.wrk, &self.machine, requests, port, self.seconds)?;
            slowest = slowest.min(load.count / load.seconds);
        }
        eprintln!("{:<21} the slowest can {slowest:.0} req/s", row.name);
        Ok(slowest)
    }

    fn start(&self, peer: Peer, row: &'static Row) -> Result<Running<'_>, Failure> {
        let port = free_port()?;
        let upstream =
            peers::upstream(peer, row.service).map(|service| self.start_upstream(service)).transpose()?;
        let upstream_port = upstream.as_ref().map_or(0, |upstream| upstream.port);
        let task = Task { row, port, upstream: upstream_port, keys: &self.keys };
        let command = peers::command(peer, task, &self.programs, &self.scratch)?;
        let cores = match row.work {
            Work::Start { .. } | Work::Swap { .. } => self.machine.all_cores(),
            _ => self.machine.server_core(),
        };
        let tls = task.identity().map(|identity| identity.client(Session::Full)).transpose()?;
        let log = self.scratch.path().join("server.log");
        let server = Server::start(&command, &cores, port, &question(row.service, tls.clone()), &log)?;
        Ok(Running { server, _upstream: upstream, task, dial: Dial { port, tls } })
    }

    /// `rate` is that of [`Work::HalfLoad`], in requests per second.
    fn sample(&self, peer: Peer, row: &'static Row, rate: f64) -> Result<Sample, Failure> {
        let running = self.start(peer, row)?;
        let Running { server, dial, .. } = &running;
        let (work, port) = (row.work, server.port);
        match work {
            Work::Start { .. } => {
                Ok(Sample { value: server.started_in.as_secs_f64() * 1e3, ..Sample::default() })
            }
            Work::Idle { connections } if matches!(row.service, Service::Http(_)) => {
                self.keep(server, connections, |connections| idle::open(port, connections))
            }
            Work::Idle { connections } if row.service == Service::WebSocket => {
                self.keep(server, connections, |connections| idle::open_websockets(port, connections))
            }
            Work::Idle { connections } => {
                // A server has one to the upstream for each.
                let files = connections * if row.service.upstream().is_some() { 2 } else { 1 };
                self.check_files(files)?;
                self.keep(server, connections, |connections| idle::open_echo(dial, connections))
            }
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
            Work::Http { .. }
            | Work::Http2 { .. }
            | Work::HalfLoad { .. }
            | Work::Ping { .. }
            | Work::WebSocket { .. }
            | Work::Fan { .. }
            | Work::Bulk { .. }
            | Work::Connect { .. }
            | Work::Handshake { .. } => {
                self.load(&running, rate, WARM_UP_SECONDS)?;
                let processes = server.processes();
                let (begin, cpu_before) = (Instant::now(), machine::cpu_seconds(&processes));
                let load = self.load(&running, rate, self.seconds)?;
                let cpu =
                    machine::cpu_seconds(&processes).zip(cpu_before).map(|(after, before)| after - before);
                let passed = begin.elapsed().as_secs_f64();
                let value = match (work, load.latency_us) {
                    (Work::HalfLoad { .. }, Some((_, p99))) => p99,
                    _ => load.count / load.seconds,
                };
                Ok(Sample {
                    value,
                    latency_us: load.latency_us,
                    cpu_us: cpu.map(|cpu| cpu * 1e6 / load.count.max(1.0)),
                    busy: cpu.map(|cpu| cpu / passed),
                    memory: None,
                })
            }
        }
    }

    /// The echo behind a server.
    fn start_upstream(&self, service: Service) -> Result<Server, Failure> {
        let (port, log) = (free_port()?, self.scratch.path().join("upstream.log"));
        let command = peers::echo(service, port, &self.programs);
        Server::start(&command, &self.machine.upstream_cores(), port, &question(service, None), &log)
    }

    fn load(&self, running: &Running<'_>, rate: f64, seconds: u32) -> Result<Load, Failure> {
        let Running { task, dial, .. } = running;
        let (port, threads) = (task.port, self.machine.load_threads());
        let time = Duration::from_secs(u64::from(seconds));
        match task.row.work {
            Work::Http { connections, ask } => {
                let script = match ask {
                    Ask::Post => Some(self.post_script.as_path()),
                    Ask::GetAsSomebody => Some(self.credentials_script.as_path()),
                    Ask::Get | Ask::Mebibyte => None,
                };
                let requests = wrk::Requests { connections, script, path: ask.path() };
                wrk::run(&self.programs.wrk, &self.machine, requests, port, seconds)
            }
            Work::Http2 { connections, streams, ask } => {
                let body = (ask == Ask::Post).then_some(self.body.as_path());
                let requests = h2load::Requests { connections, streams, body, path: ask.path() };
                h2load::run(&self.programs.h2load, &self.machine, requests, port, seconds)
            }
            Work::HalfLoad { connections } => due::run(port, connections, rate, threads, time),
            Work::Ping { connections, octets } => ping::run(dial, connections, octets, threads, time),
            Work::WebSocket { connections, octets } => ws::run(port, connections, octets, threads, time),
            Work::Fan { members } => fan::run(port, carrier(task.row.service)?, members, threads, time),
            Work::Bulk { connections } if dial.tls.is_some() => {
                bulk_tls::run(dial, connections, threads, time)
            }
            Work::Bulk { connections } => bulk::run(port, connections, time),
            Work::Connect { connections } => connect::run(port, connections, time),
            Work::Handshake { connections, session } => {
                let identity = task.identity().ok_or("expected a service with TLS, found one without")?;
                handshake::run(port, identity, session, connections, threads, time)
            }
            Work::Idle { .. } | Work::Start { .. } | Work::Swap { .. } | Work::Paced { .. } => {
                Ok(Load::default())
            }
        }
    }

    /// Fails if so many connections cannot be open.
    fn check_files(&self, connections: usize) -> Result<(), Failure> {
        let (needed, found) = (connections as u64 + FILES_SPARE, self.machine.files_max);
        if found < needed {
            return Err(format!("expected {needed} open files allowed (`ulimit -Hn`), found {found}").into());
        }
        Ok(())
    }

    fn keep(
        &self,
        server: &Server,
        connections: usize,
        open: impl Fn(usize) -> Result<Vec<TcpStream>, Failure>,
    ) -> Result<Sample, Failure> {
        self.check_files(connections)?;
        // What the first connections cost once is not theirs.
        drop(open(WARM_UP_CONNECTIONS)?);
        std::thread::sleep(SETTLE);
        let processes = server.processes();
        let before = machine::memory(&processes);
        let kept = open(connections)?;
        std::thread::sleep(SETTLE);
        let with = machine::memory(&processes);
        drop(kept);
        let octets = with.resident.saturating_sub(before.resident) as f64;
        let value = octets / connections as f64;
        Ok(Sample { value, memory: Some((before, with)), ..Sample::default() })
    }
}

/// What lines of that service go over.
fn carrier(service: Service) -> Result<Carrier, Failure> {
    match service {
        Service::Fan(carrier) => Ok(carrier),
        other => Err(format!("expected a service with members, found {other:?}").into()),
    }
}

/// How a server of that service is asked whether it serves.
fn question(service: Service, tls: Option<Arc<ClientConfig>>) -> Question {
    match service {
        Service::Http(front) | Service::HttpProxy { front, .. } => match front {
            Version::Http1 => Question::Http,
            Version::Http2 => Question::Http2,
        },
        Service::Guarded | Service::Matched => Question::Http,
        Service::WebSocket | Service::Fan(Carrier::WebSocket) => Question::WebSocket,
        Service::Fan(Carrier::Tcp) | Service::Echo | Service::Proxy | Service::Tls(_) => Question::Echo(tls),
    }
}

/// Connections that come and go before memory is looked at.
const WARM_UP_CONNECTIONS: usize = 64;
