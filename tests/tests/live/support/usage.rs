//! What a host uses, to be compared with what it used before.

use zilla_tests::Host;

/// What may come and go on its own: descriptors of the watch and of commands, threads that compile.
const DESCRIPTORS_MORE_MAX: usize = 8;
const THREADS_MORE_MAX: usize = 4;

/// Memory may grow as allocators please, but not with each swap: compiled code alone is more than 1 MiB.
const RSS_MORE_MAX_KIB: u64 = 24 << 10;

/// What a host uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) rss_kib: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Usage {
    pub(crate) fn of(host: &Host) -> Self {
        let count = |what: &str| {
            let listed = std::fs::read_dir(format!("/proc/{}/{what}", host.pid()));
            listed.unwrap_or_else(|error| panic!("the host is gone: {error}\n{}", host.log())).count()
        };
        Self { rss_kib: host.rss_kib(), descriptors: count("fd"), threads: count("task") }
    }

    #[track_caller]
    pub(crate) fn expect_flat(self, after: Self, what: &str) {
        eprintln!("{what}: from {self:?} to {after:?}");
        assert!(after.rss_kib <= self.rss_kib + RSS_MORE_MAX_KIB, "from {self:?} to {after:?}");
        assert!(after.descriptors <= self.descriptors + DESCRIPTORS_MORE_MAX, "from {self:?} to {after:?}");
        assert!(after.threads <= self.threads + THREADS_MORE_MAX, "from {self:?} to {after:?}");
    }
}
