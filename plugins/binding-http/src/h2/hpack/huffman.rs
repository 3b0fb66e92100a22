//! The Huffman code (RFC 7541, 5.2 and appendix B).
//!
//! The code is canonical: codes of one length are consecutive in the order of their symbols, and shorter
//! codes go before longer ones. So the lengths are all that is written down, and the tables come from them
//! when the crate is compiled. Decoding goes four bits at a time; the shortest code has five, so no step
//! yields more than one symbol.

use super::HpackError;

/// All octets, and the end of the string, which must not occur.
const SYMBOLS: usize = 257;
const END_OF_STRING: usize = 256;
const LONGEST_BITS: u8 = 30;

/// Bits of the code of each symbol.
#[rustfmt::skip]
const BITS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The code of each symbol, in the low bits.
static CODES: [u32; SYMBOLS] = codes();

const fn codes() -> [u32; SYMBOLS] {
    let mut codes = [0; SYMBOLS];
    let (mut next, mut bits) = (0, 1);
    while bits <= LONGEST_BITS {
        next <<= 1;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if BITS[symbol] == bits {
                codes[symbol] = next;
                next += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    codes
}

/// Inner nodes of the code's tree, the root being 0: one less than there are symbols.
const NODES: usize = SYMBOLS - 1;
/// In the tree, what is at least this is a symbol.
const LEAVES: u16 = 0x100;

/// Both children of each node: another node, or `LEAVES` and the symbol.
const TREE: [[u16; 2]; NODES] = tree();

const fn tree() -> [[u16; 2]; NODES] {
    let codes = codes();
    let mut tree = [[0; 2]; NODES];
    let (mut nodes, mut symbol) = (1, 0);
    while symbol < SYMBOLS {
        let (mut node, mut bit) = (0, BITS[symbol] as u32);
        while bit > 1 {
            bit -= 1;
            let side = (codes[symbol] >> bit & 1) as usize;
            if tree[node][side] == 0 {
                tree[node][side] = nodes;
                nodes += 1;
            }
            node = tree[node][side] as usize;
        }
        tree[node][(codes[symbol] & 1) as usize] = LEAVES + symbol as u16;
        symbol += 1;
    }
    tree
}

/// What four bits lead to from a node.
#[derive(Clone, Copy)]
struct Step {
    node: u8,
    symbol: u8,
    yields: Yields,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Yields {
    Nothing,
    Symbol,
    /// The code of the end of the string.
    Error,
}

static STEPS: [[Step; 16]; NODES] = steps();

const fn steps() -> [[Step; 16]; NODES] {
    let mut steps = [[Step { node: 0, symbol: 0, yields: Yields::Nothing }; 16]; NODES];
    let mut node = 0;
    while node < NODES {
        let mut bits = 0;
        while bits < 16 {
            steps[node][bits] = step(node, bits);
            bits += 1;
        }
        node += 1;
    }
    steps
}

const fn step(from: usize, bits: usize) -> Step {
    let mut step = Step { node: 0, symbol: 0, yields: Yields::Nothing };
    let (mut node, mut bit) = (from, 4);
    while bit > 0 {
        bit -= 1;
        let next = TREE[node][bits >> bit & 1];
        node = 0;
        if next < LEAVES {
            node = next as usize;
        } else if next as usize - LEAVES as usize == END_OF_STRING {
            step.yields = Yields::Error;
        } else {
            step.symbol = (next - LEAVES) as u8;
            step.yields = Yields::Symbol;
        }
    }
    step.node = node as u8;
    step
}

/// Whether a string may end at a node: at the root, or after at most seven bits, all of them ones.
static ENDS: [bool; NODES] = ends();

const fn ends() -> [bool; NODES] {
    let mut ends = [false; NODES];
    let (mut node, mut bits) = (0, 0);
    while bits <= 7 {
        ends[node] = true;
        node = TREE[node][1] as usize;
        bits += 1;
    }
    ends
}

/// Appends what a Huffman-coded string says.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    out.reserve(coded.len() * 8 / 5);
    let mut node = 0_u8;
    for octet in coded {
        for bits in [octet >> 4, octet & 15] {
            let step = STEPS[usize::from(node)][usize::from(bits)];
            node = step.node;
            match step.yields {
                Yields::Nothing => {}
                Yields::Symbol => out.push(step.symbol),
                Yields::Error => return Err(HpackError::Huffman),
            }
        }
    }
    if ENDS[usize::from(node)] { Ok(()) } else { Err(HpackError::Huffman) }
}

/// Octets that a string has once it is coded.
pub(super) fn coded_octets(octets: &[u8]) -> usize {
    octets.iter().map(|octet| usize::from(BITS[usize::from(*octet)])).sum::<usize>().div_ceil(8)
}

/// Appends a string, coded.
pub(super) fn encode(octets: &[u8], out: &mut Vec<u8>) {
    let (mut pending, mut pending_bits) = (0_u64, 0_u32);
    for octet in octets {
        let bits = u32::from(BITS[usize::from(*octet)]);
        pending = pending << bits | u64::from(CODES[usize::from(*octet)]);
        pending_bits += bits;
        while pending_bits >= 8 {
            pending_bits -= 8;
            out.push((pending >> pending_bits) as u8);
        }
    }
    if pending_bits > 0 {
        let padding = 8 - pending_bits;
        out.push((pending << padding) as u8 | (0xff >> pending_bits));
    }
}
