//! Whatever a client sends and however the network cuts it.

use crate::script::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use zilla_sdk::testing::*;

/// A message of a client: text or not, in fragments, with a ping before each of them.
#[derive(Clone, Debug)]
struct Sent {
    is_text: bool,
    fragments: Vec<Vec<u8>>,
    has_pings: bool,
}

impl Sent {
    fn payload(&self) -> Vec<u8> {
        self.fragments.concat()
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for (index, fragment) in self.fragments.iter().enumerate() {
            if self.has_pings {
                octets.extend(masked(PING, "?"));
            }
            let opcode = match (index, self.is_text) {
                (0, true) => TEXT,
                (0, false) => BINARY,
                _ => CONTINUATION,
            };
            let fin = if index + 1 == self.fragments.len() { 0x80 } else { 0 };
            octets.extend(masked_with(fin | opcode, fragment));
        }
        octets
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let octets = prop_oneof![
        6 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => proptest::collection::vec(any::<u8>(), 0..20_000)
    ];
    let binary = proptest::collection::vec(octets, 1..4);
    // Cut between octets, not between characters.
    let text = (any::<String>(), 0.0..1.0).prop_map(|(text, at)| {
        let (head, tail) = text.as_bytes().split_at((text.len() as f64 * at) as usize);
        vec![head.to_vec(), tail.to_vec()]
    });
    let fragments =
        prop_oneof![binary.prop_map(|octets| (false, octets)), text.prop_map(|octets| (true, octets))];
    (fragments, any::<bool>()).prop_map(|((is_text, fragments), has_pings)| Sent {
        is_text,
        fragments,
        has_pings,
    })
}

/// Octets in pieces of these lengths, over and over.
fn pieces<'a>(octets: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let (mut rest, mut lengths) = (octets, lengths.iter().cycle());
    std::iter::from_fn(move || {
        let (piece, behind) = rest.split_at(rest.len().min(*lengths.next()?));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Messages out of the frames of a server.
fn messages(octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut found, mut message, mut rest) = (Vec::new(), None, octets);
    while let [first, second, behind @ ..] = rest {
        let (length, behind) = match second {
            126 => (usize::from(u16::from_be_bytes([behind[0], behind[1]])), &behind[2..]),
            127 => (u64::from_be_bytes(behind[..8].try_into().unwrap()) as usize, &behind[8..]),
            short => (usize::from(*short), behind),
        };
        let (payload, behind) = behind.split_at(length);
        rest = behind;
        if first & 0x0f >= CLOSE {
            continue;
        }
        let (_, so_far) = message.get_or_insert_with(|| (first & 0x0f, Vec::new()));
        so_far.extend_from_slice(payload);
        if first & 0x80 != 0 {
            found.extend(message.take());
        }
    }
    found
}

/// Sends back what the exit has got, as far as it may, and gives credit for it. Whether there was any.
fn reflect(app: &mut Peer, held: &mut VecDeque<Frame>) -> bool {
    let mut has_sent = false;
    held.extend(app.recv_all());
    while let Some(mut frame) = held.pop_front() {
        let room = frame.payload.len().min(app.credit() as usize);
        if room == 0 && !frame.payload.is_empty() {
            held.push_front(frame);
            break;
        }
        has_sent = true;
        let later = frame.payload.split_off(room);
        let fin = frame.fin;
        frame.fin &= later.is_empty();
        app.send(frame);
        if !later.is_empty() {
            held.push_front(if fin { data(later).fin() } else { data(later) });
        }
        if room > 0 {
            app.send(window(room as u64));
        }
        held.extend(app.recv_all());
    }
    has_sent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_messages_in_any_pieces_are_handed_on_and_come_back(
        sent in proptest::collection::vec(sent(), 1..8),
        lengths in proptest::collection::vec(1_usize..2_000, 1..6),
        initial_credit in prop_oneof![Just(65_536), 1_u32..300],
    ) {
        let harness = server_with("", Limits { initial_credit, ..Limits::default() });
        let (mut client, mut app) = open(&harness);
        client.auto_window();
        let octets: Vec<u8> = sent.iter().flat_map(Sent::octets).collect();
        let mut held = VecDeque::new();
        for piece in pieces(&octets, &lengths) {
            let mut rest = piece;
            while !rest.is_empty() {
                let room = rest.len().min(client.credit() as usize);
                let (now, later) = rest.split_at(room);
                if !now.is_empty() {
                    client.send(data(now));
                }
                let is_stuck = now.is_empty() & !reflect(&mut app, &mut held);
                prop_assert!(!is_stuck, "neither side goes on");
                rest = later;
            }
        }
        while reflect(&mut app, &mut held) {}
        let found = messages(&client.recv_data_all());
        let expected: Vec<_> =
            sent.iter().map(|sent| (if sent.is_text { TEXT } else { BINARY }, sent.payload())).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..300), deflates: bool) {
        let harness = server(if deflates { "permessage-deflate: {}" } else { "" });
        let offer = [("sec-websocket-extensions", "permessage-deflate")];
        let mut client = harness.open(request().with(offer));
        let mut app = harness.expect_open();
        app.send(begun());
        client.send(data(&octets));
        client.send(end());
        app.recv_all();
        if app.can_send() {
            app.send(end());
        }
        harness.advance(60_000);
        prop_assert_eq!(harness.streams(), 0);
    }
}
