//! State from one instance to the next.

use crate::prelude::*;
use crate::testing::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tells each stream its number.
struct Counter(u8);

struct Counted;

impl Stream for Counted {}

impl Binding for Counter {
    const TYPE: &'static str = "counter";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = NoOptions;
    type Stream = Counted;

    fn attach(_config: BindingConfig<NoOptions>) -> Result<Self, ConfigError> {
        Ok(Self(0))
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Counted, Reset> {
        self.0 += 1;
        cx.reply().begin();
        cx.reply().data_slice(&[self.0]);
        Ok(Counted)
    }
}

impl State for Counter {
    fn save(&self) -> Vec<u8> {
        vec![self.0]
    }

    fn restore(&mut self, version: &str, state: &[u8]) -> Result<(), String> {
        let [count] = state else { return Err(format!("{} octets of version {version}", state.len())) };
        self.0 = *count;
        Ok(())
    }
}

crate::export!(Counter: State);

fn counter() -> Harness<Counter> {
    Harness::attach("kind: server").unwrap()
}

#[track_caller]
fn expect_number(harness: &Harness<Counter>, number: u8) -> Peer {
    let mut client = harness.open(begin());
    client.recv(begun());
    client.recv(data([number]));
    client
}

#[test]
fn a_successor_goes_on_where_state_was_saved_and_so_does_its_predecessor() {
    let (old, new) = (counter(), counter());
    expect_number(&old, 1);
    assert_eq!(new.restore("0.9.0", &old.save()), Ok(()));
    expect_number(&new, 2);
    expect_number(&new, 3);
    // What the predecessor counts now is not seen any more.
    expect_number(&old, 2);
    expect_number(&new, 4);
    assert_eq!(new.save(), [4]);
}

#[test]
fn state_is_refused_in_words_and_the_binding_goes_on_without() {
    let counter = counter();
    assert_eq!(counter.restore("0.9.0", b"many"), Err("4 octets of version 0.9.0".to_owned()));
    expect_number(&counter, 1);
}

#[test]
fn no_host_restores_after_the_first_stream() {
    let counter = counter();
    expect_number(&counter, 1);
    let panic = catch_unwind(AssertUnwindSafe(|| counter.restore("0.9.0", &[7]))).unwrap_err();
    let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(said.starts_with("script: state is restored before the first stream"), "{said}");
}
