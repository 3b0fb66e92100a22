//! How many connections a binding may have at a time, over all workers.
//!
//! A connection carries its permit along, to whichever binding takes its socket, and gives it back when it is
//! dropped. The count is one number for all workers: with a share for each, connections would wait for a worker
//! that has none left while others have. It is touched once as a connection comes and once as it goes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Permits of one binding.
#[derive(Clone)]
pub(crate) struct Permits {
    max: usize,
    taken: Arc<AtomicUsize>,
}

impl Permits {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, taken: Arc::default() }
    }

    /// A permit, unless all are taken.
    pub(crate) fn take(&self) -> Option<Permit> {
        let one_more = |taken: usize| (taken < self.max).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Permit(Arc::clone(&self.taken)))
    }

    /// Whether there is one now.
    pub(crate) fn is_any_left(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.max
    }
}

/// Says what may be, not what is at the moment.
impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permits").field(&self.max).finish()
    }
}

/// Lets one connection be; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_given_back_when_it_is_dropped() {
        let permits = Permits::new(2);
        let (one, two) = (permits.take().unwrap(), permits.take().unwrap());
        assert!(permits.take().is_none() && !permits.is_any_left());
        drop(one);
        assert!(permits.is_any_left());
        let three = permits.take().unwrap();
        assert!(permits.take().is_none());
        drop((two, three));
        assert_eq!(format!("{permits:?}"), "Permits(2)");
    }

    #[test]
    fn threads_never_take_more_than_there_are() {
        let permits = Permits::new(8);
        let taken: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..100).filter_map(|_| permits.take()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken.len(), 8);
    }
}
