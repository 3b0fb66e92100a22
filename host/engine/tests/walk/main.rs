//! Random walks: whatever bindings do, what they are delivered keeps to the rules, and nothing is left.

mod model;

use model::Walk;
use proptest::prelude::*;

/// One step. The octets are chosen from what is there, so that most of it is legal.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send { binding: u8, acts: Vec<Act> },
    Take { turn: u8 },
    Advance { ms: u8 },
    Fail { binding: u8 },
    Verdicts { bits: u8 },
}

/// What a binding sends: on one of its streams, or on any id.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) kind: u8,
    pub(crate) stream: u8,
    pub(crate) link: u8,
    pub(crate) octets: u8,
    /// Forged ids, garbage offsets and malformed attributes are below 3.
    pub(crate) mischief: u8,
}

fn act() -> impl Strategy<Value = Act> {
    (0..24u8, any::<u8>(), any::<u8>(), 0..14u8, 0..60u8)
        .prop_map(|(kind, stream, link, octets, mischief)| Act { kind, stream, link, octets, mischief })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..5u8, prop::collection::vec(act(), 1..6)).prop_map(|(binding, acts)| Step::Send { binding, acts }),
        8 => any::<u8>().prop_map(|turn| Step::Take { turn }),
        1 => (0..20u8).prop_map(|ms| Step::Advance { ms }),
        1 => (0..12u8).prop_map(|binding| Step::Fail { binding }),
        4 => any::<u8>().prop_map(|bits| Step::Verdicts { bits }),
    ]
}

fn walk(steps: &[Step], forwards: bool, asks: bool) -> Vec<String> {
    let mut walk = Walk::new(forwards, asks);
    steps.iter().for_each(|step| walk.step(step));
    walk.close()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn payload_arrives_in_order_and_every_stream_ends(steps in prop::collection::vec(step(), 1..160)) {
        walk(&steps, false, false);
    }

    #[test]
    fn forwards_keep_to_the_rules(steps in prop::collection::vec(step(), 1..160)) {
        walk(&steps, true, false);
    }

    #[test]
    fn streams_that_wait_for_matchers_keep_to_the_rules(
        steps in prop::collection::vec(step(), 1..160),
        forwards in any::<bool>(),
    ) {
        walk(&steps, forwards, true);
    }

    #[test]
    fn the_same_steps_give_the_same_frames(steps in prop::collection::vec(step(), 1..80)) {
        prop_assert_eq!(walk(&steps, true, true), walk(&steps, true, true));
    }
}
