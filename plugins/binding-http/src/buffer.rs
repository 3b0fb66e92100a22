//! Octets that wait for credit or for the rest of a message.

/// Capacity that an empty buffer keeps, in octets; more is given back, so that an idle connection is small.
const KEPT_OCTETS_MAX: usize = 1_024;

/// Octets with a front that can be taken away without moving the rest.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    octets: Vec<u8>,
    start: usize,
}

impl Buffer {
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.octets.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.octets[self.start..]
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
        // Room that was taken from the front is used again once it is half: each octet moves at most once.
        if self.start > self.octets.len() / 2 {
            self.octets.drain(..self.start);
            self.start = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    /// Takes octets from the front; all of them, if there are fewer.
    pub(crate) fn consume(&mut self, octets: usize) {
        self.start = self.octets.len().min(self.start + octets);
        if self.is_empty() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.octets.clear();
        if self.octets.capacity() > KEPT_OCTETS_MAX {
            self.octets = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_pushed_in_order() {
        let (mut buffer, mut taken, mut pushed) = (Buffer::default(), Vec::new(), Vec::new());
        for round in 0..200_u8 {
            let piece = vec![round; usize::from(round % 7)];
            buffer.push(&piece);
            pushed.extend_from_slice(&piece);
            let take = usize::from(round % 5).min(buffer.as_slice().len());
            taken.extend_from_slice(&buffer.as_slice()[..take]);
            buffer.consume(take);
        }
        taken.extend_from_slice(buffer.as_slice());
        assert_eq!(taken, pushed);
    }

    #[test]
    fn an_empty_buffer_is_small() {
        let mut buffer = Buffer::default();
        buffer.push(&[0; 100_000]);
        buffer.consume(100_000);
        assert!(buffer.is_empty());
        assert!(buffer.octets.capacity() <= KEPT_OCTETS_MAX);
    }
}
