//! Inputs made of others, the same ones each time.

/// Numbers that look random (xorshift64*), from a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// From octets (FNV-1a), so that an input is cut the same way whenever it is run.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let hash = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        Self::new(octets.iter().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    /// Below `end`; 0 if that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        number as usize % end.max(1)
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Two places in that many octets, in order.
    fn slice(&mut self, octets: usize) -> std::ops::Range<usize> {
        let (one, other) = (self.below(octets + 1), self.below(octets + 1));
        one.min(other)..one.max(other)
    }

    /// Octets in up to eight pieces, none of them empty.
    pub(crate) fn pieces<'a>(&mut self, octets: &'a [u8]) -> Vec<&'a [u8]> {
        let mut places: Vec<_> = (0..self.below(8)).map(|_| self.below(octets.len() + 1)).collect();
        places.extend([0, octets.len()]);
        places.sort_unstable();
        places.dedup();
        places.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect()
    }
}

/// Longest input in octets; repeated slices grow no further.
const INPUT_OCTETS_MAX: usize = 4_096;

/// What decoders look for, and ends of what numbers hold.
const INTERESTING: [&[u8]; 20] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"0",
    b"ffffffffffffffff",
    b"content-length: 1\r\n",
    b"transfer-encoding: chunked\r\n",
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x3f, 0xe1, 0x1f],
    &[0, 0, 0, 4, 1, 0, 0, 0, 0],
];

/// One of the entries, with one to four changes.
pub(crate) fn mutated(entries: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = random.one(entries).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(6) {
            0 => {
                if let Some(octet) = input.get_mut(at) {
                    *octet ^= 1 << random.below(8);
                }
            }
            1 => {
                if let Some(octet) = input.get_mut(at) {
                    *octet = random.below(256) as u8;
                }
            }
            2 => {
                input.drain(random.slice(input.len()));
            }
            3 => {
                let other = random.one(entries);
                input.truncate(at);
                input.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            4 => {
                let slice = random.slice(input.len());
                let repeated = input[slice.clone()].repeat(1 + random.below(4));
                input.splice(slice.end..slice.end, repeated);
            }
            _ => {
                input.splice(at..at, random.one(&INTERESTING).iter().copied());
            }
        }
        input.truncate(INPUT_OCTETS_MAX);
    }
    input
}

#[test]
fn mutations_are_the_same_each_time_and_differ_from_each_other() {
    let entries = [b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"3\r\nabc\r\n".to_vec()];
    let made = || {
        let mut random = Random::new(7);
        (0..100).map(|_| mutated(&entries, &mut random)).collect::<Vec<_>>()
    };
    assert_eq!(made(), made());
    let mut different = made();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 80, "{}", different.len());
}
