//! Cores and limits of this machine, and what the system says of a process.
//!
//! Settings go through util-linux (`taskset`, `prlimit`), which every distribution has, so that nothing here
//! is unsafe.

use crate::Failure;
use std::fs;
use std::process::{Command, Stdio};

/// Where servers run and where the load comes from.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What the processor calls itself.
    pub(crate) model: String,
    /// Cores that this process may use, as the system lists them.
    cores: Vec<u32>,
    /// Files that a process may have open.
    pub(crate) files_max: u64,
}

impl Machine {
    /// Looks at the machine, raises the limit of open files, and moves this process off the servers' core.
    pub(crate) fn prepare() -> Result<Self, Failure> {
        let status = fs::read_to_string("/proc/self/status")?;
        let cores = field(&status, "Cpus_allowed_list:").map(parse_list).unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits")?;
        let files_max = field(&limits, "Max open files").and_then(|line| line.split_whitespace().nth(1));
        let files_max =
            files_max.and_then(|hard| hard.parse().ok()).ok_or("no limit of open files is known")?;
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            field(&cpuinfo, "model name").map_or("", |line| line.trim_start_matches([' ', '\t', ':']));
        let machine = Self { model: model.to_owned(), cores, files_max };
        let this = std::process::id().to_string();
        run("prlimit", &["--pid", &this, &format!("--nofile={files_max}:{files_max}")])?;
        match machine.cores.len() {
            0 | 1 => eprintln!("warning: there is one core, which the servers share with their load"),
            _ => run("taskset", &["-a", "-p", "-c", &machine.load_cores(), &this])?,
        }
        Ok(machine)
    }

    pub(crate) fn cores(&self) -> usize {
        self.cores.len()
    }

    /// The core that servers run on, as `taskset` takes it.
    pub(crate) fn server_core(&self) -> String {
        list(self.cores.get(..1).unwrap_or_default())
    }

    /// All the others, or the same if there is no other.
    pub(crate) fn load_cores(&self) -> String {
        match self.cores.get(1..) {
            Some(others) if !others.is_empty() => list(others),
            _ => self.server_core(),
        }
    }

    /// Where the upstream of a proxy runs: on a core that the threads of load leave, if there is one.
    pub(crate) fn upstream_cores(&self) -> String {
        match self.cores.get(1 + LOAD_THREADS_MAX..).and_then(<[_]>::last) {
            Some(last) => list(&[*last]),
            None => self.load_cores(),
        }
    }

    pub(crate) fn all_cores(&self) -> String {
        list(&self.cores)
    }

    /// Threads that make load: all the cores that servers are not on, but no more than keep one server busy.
    pub(crate) fn load_threads(&self) -> usize {
        self.cores.len().saturating_sub(1).clamp(1, LOAD_THREADS_MAX)
    }
}

/// Two threads of load outrun one of any server here, and leave a core to the rest of the machine.
const LOAD_THREADS_MAX: usize = 2;

/// Processor time that processes have used, in seconds.
pub(crate) fn cpu_seconds(processes: &[u32]) -> Option<f64> {
    let mut nanoseconds = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
            let schedule = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            nanoseconds += schedule.split_whitespace().next().and_then(|first| first.parse::<u64>().ok())?;
        }
    }
    Some(nanoseconds as f64 / 1e9)
}

/// Memory of processes in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// In memory, all together.
    pub(crate) resident: u64,
    /// Of it, the linear memories of plugins.
    pub(crate) guests: u64,
}

/// What is in memory of these processes.
pub(crate) fn memory(processes: &[u32]) -> Memory {
    let mut sum = Memory::default();
    for process in processes {
        let maps = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap_or_default();
        let of_process = memory_of(&maps);
        sum.resident += of_process.resident;
        sum.guests += of_process.guests;
    }
    sum
}

/// A linear memory lies in front of a reservation of gigabytes that nothing may touch, so that an access past
/// it is a fault: that is how it is told from the rest.
fn memory_of(maps: &str) -> Memory {
    const RESERVATION_OCTETS_MIN: u64 = 1 << 30;
    let mut sum = Memory::default();
    // Resident octets of the writable mappings in a row that end where the next one begins.
    let (mut end, mut in_a_row, mut is_writable) = (0, 0, false);
    for line in maps.lines() {
        if let Some((from, to, rights)) = mapping(line) {
            if from != end {
                in_a_row = 0;
            }
            is_writable = rights.starts_with("rw");
            if rights.starts_with("---") && to - from >= RESERVATION_OCTETS_MIN {
                sum.guests += std::mem::take(&mut in_a_row);
            }
            end = to;
        } else if let Some(resident) = line.strip_prefix("Rss:") {
            let octets = resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024;
            sum.resident += octets;
            in_a_row = if is_writable { in_a_row + octets } else { 0 };
        }
    }
    sum
}

/// Start, end and rights, if the line begins a mapping.
fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?, words.next()?))
}

/// The rest of the line that begins with a name.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// `0-2,5` as numbers.
fn parse_list(text: &str) -> Vec<u32> {
    let range = |item: &str| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

fn list(cores: &[u32]) -> String {
    cores.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Runs a program whose output is of no interest.
fn run(program: &str, args: &[&str]) -> Result<(), Failure> {
    let status = Command::new(program).args(args).stdout(Stdio::null()).status();
    match status.map_err(|error| format!("cannot start {program}: {error}"))?.success() {
        true => Ok(()),
        false => Err(format!("{program} {} failed", args.join(" ")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_has_a_core_of_its_own_if_there_are_enough() {
        let of = |cores: u32| Machine { model: String::new(), cores: (0..cores).collect(), files_max: 0 };
        let both = |cores| (of(cores).load_cores(), of(cores).upstream_cores());
        assert_eq!(both(4), ("1,2,3".to_owned(), "3".to_owned()));
        assert_eq!(both(3), ("1,2".to_owned(), "1,2".to_owned()));
        assert_eq!(both(1), ("0".to_owned(), "0".to_owned()));
    }

    #[test]
    fn cores_are_listed_as_the_system_lists_them() {
        assert_eq!(parse_list("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(list(&[0, 1, 5]), "0,1,5");
        assert_eq!(parse_list(""), [0; 0]);
    }

    #[test]
    fn linear_memories_are_told_by_the_reservation_behind_them() {
        let maps = "\
1000-2000 rw-p 00000000 00:00 0 [heap]
Rss:                   4 kB
10000-20000 rw-p 00000000 00:00 0
Rss:                  20 kB
20000-30000 rw-p 00000000 00:00 0
Rss:                   8 kB
30000-100030000 ---p 00000000 00:00 0
Rss:                   0 kB
100030000-100040000 rw-p 00000000 00:00 0
Rss:                  40 kB
";
        assert_eq!(memory_of(maps), Memory { resident: 72 << 10, guests: 28 << 10 });
    }
}
