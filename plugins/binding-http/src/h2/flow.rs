//! Flow control (RFC 9113, 5.2): windows in both directions, of streams and of connections alike.

use super::frame::U31_MAX;

/// How much may be sent. Below zero after the peer has made the first window of streams smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendWindow(i64);

/// A window would be larger than 2^31 - 1 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl SendWindow {
    pub(crate) fn new(octets: u32) -> Self {
        Self(i64::from(octets))
    }

    /// Octets that may be sent now.
    pub(crate) fn octets(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// Changes the window by what the peer grants, or by what the first window of streams has changed.
    pub(crate) fn add(&mut self, octets: i64) -> Result<(), Overflow> {
        let sum = self.0.saturating_add(octets);
        if sum > i64::from(U31_MAX) {
            return Err(Overflow);
        }
        self.0 = sum;
        Ok(())
    }

    pub(crate) fn spend(&mut self, octets: usize) {
        self.0 -= octets as i64;
    }
}

/// How much the peer may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveWindow {
    /// What the peer has when nothing is under way.
    whole: u32,
    /// What that may become.
    most: u32,
    /// What the peer may still send.
    left: i64,
    /// What was taken and not given back.
    taken: u32,
}

impl ReceiveWindow {
    pub(crate) fn new(octets: u32) -> Self {
        Self::growing(octets, octets)
    }

    /// A window that begins with so many octets, and grows to so many at most: see [`Self::grow`].
    pub(crate) fn growing(octets: u32, most: u32) -> Self {
        Self { whole: octets, most: most.max(octets), left: i64::from(octets), taken: 0 }
    }

    /// The peer sends so many octets; false if it may not.
    #[must_use]
    pub(crate) fn receive(&mut self, octets: u32) -> bool {
        self.left -= i64::from(octets);
        self.left >= 0
    }

    /// So many octets need no room any more. Says what to give back to the peer, once that is half of the
    /// window: one frame for many pieces, while the peer always has the other half.
    #[must_use]
    pub(crate) fn take(&mut self, octets: usize) -> Option<u32> {
        self.taken = self.taken.saturating_add(u32::try_from(octets).unwrap_or(u32::MAX));
        if self.taken == 0 || self.taken < self.whole / 2 {
            return None;
        }
        self.left += i64::from(self.taken);
        Some(std::mem::take(&mut self.taken))
    }

    /// Makes the window twice as large, if it may be: of whoever takes all at once, more can be on its way without
    /// being held. Says by how much it has grown.
    #[must_use]
    pub(crate) fn grow(&mut self) -> u32 {
        let growth = self.whole.min(self.most - self.whole);
        self.whole += growth;
        self.left += i64::from(growth);
        growth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_may_go_below_zero_and_not_over_its_limit() {
        let mut window = SendWindow::new(10);
        window.spend(8);
        assert_eq!(window.add(-10), Ok(()));
        assert_eq!(window.octets(), 0);
        assert_eq!(window.add(9), Ok(()));
        assert_eq!(window.octets(), 1);
        assert_eq!(window.add(i64::from(U31_MAX)), Err(Overflow));
        assert_eq!(window.octets(), 1);
    }

    #[test]
    fn a_window_doubles_until_it_is_as_large_as_it_may_be() {
        let mut window = ReceiveWindow::growing(100, 350);
        assert_eq!([window.grow(), window.grow(), window.grow()], [100, 150, 0]);
        assert!(window.receive(350));
        assert_eq!(window.take(174), None);
        assert_eq!(window.take(1), Some(175));
        assert!(window.receive(175));
        assert!(!window.receive(1));
        assert_eq!(ReceiveWindow::new(100).grow(), 0);
        assert_eq!(ReceiveWindow::growing(100, 10).grow(), 0);
    }

    #[test]
    fn half_a_window_is_given_back_at_once() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.receive(60));
        assert_eq!(window.take(49), None);
        assert_eq!(window.take(1), Some(50));
        assert!(window.receive(90));
        assert!(!window.receive(1));
    }
}
