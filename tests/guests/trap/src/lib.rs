//! Reflects its payload, until a payload says how to go wrong, or until a moment comes at which its options say so.

use zilla_sdk::host::{count, random};
use zilla_sdk::prelude::*;

/// `options` of the binding in `zilla.yaml`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrapOptions {
    /// Besides payloads that say so: when something goes wrong. Each time, but for `accept`, which is the second
    /// stream of an instance: the first one of its successor is served.
    at: Option<Moment>,
    /// What happens then.
    how: How,
    /// Payloads that are a number and divisible by this one go wrong.
    every: Option<u64>,
}

/// When something goes wrong.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// A stream arrives.
    Accept,
    /// Its client has ended.
    End,
    /// Its client has broken it off.
    Abort,
    /// A timer is due, which the payload `timer` sets.
    Timer,
    /// The host drains.
    Drain,
    /// The instance is no longer needed; without it, detaching is a panic.
    Detach,
}

/// What goes wrong. Each is also a payload.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// A panic.
    #[default]
    Panic,
    /// A loop without end.
    Spin,
    /// A recursion without end.
    Recurse,
    /// Memory is allocated until it is refused.
    Grow,
    /// A read where there is no memory.
    Bounds,
    /// More random octets are asked for than a call may.
    Random,
}

/// `type: trap`, `kind: server`.
pub struct Trap {
    options: TrapOptions,
    accepted: u64,
}

/// One reflected stream.
pub struct Reflection {
    /// What goes wrong, and when.
    at: Option<Moment>,
    how: How,
    every: Option<u64>,
}

/// Octets of `random` that a call may ask for, and one more.
const TOO_MUCH_RANDOM_OCTETS: u32 = 4097;

/// Octets of one allocation.
const PIECE_OCTETS: usize = 1 << 20;

/// Names of counters: far more than an instance may have.
const COUNTERS: usize = 10_000;

impl Binding for Trap {
    const TYPE: &'static str = "trap";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = TrapOptions;
    type Stream = Reflection;

    fn attach(config: BindingConfig<TrapOptions>) -> Result<Self, ConfigError> {
        Ok(Self { options: config.options, accepted: 0 })
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Reflection, Reset> {
        let TrapOptions { at, how, every } = self.options;
        self.accepted += 1;
        if at == Some(Moment::Accept) && self.accepted == 2 {
            how.happens();
        }
        cx.reply().begin();
        Ok(Reflection { at, how, every })
    }

    fn detach(self) {
        match self.options.at {
            Some(Moment::Detach) => self.options.how.happens(),
            _ => panic!("detached in a panic"),
        }
    }
}

impl Reflection {
    fn is_at(&self, moment: Moment) {
        if self.at == Some(moment) {
            self.how.happens();
        }
    }
}

impl Stream for Reflection {
    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        let how = match data.payload.as_slice() {
            b"panic" => Some(How::Panic),
            b"spin" => Some(How::Spin),
            b"recurse" => Some(How::Recurse),
            b"grow" => Some(How::Grow),
            b"bounds" => Some(How::Bounds),
            b"random" => Some(How::Random),
            _ => None,
        };
        if let Some(how) = how {
            how.happens();
        }
        match data.payload.as_slice() {
            // Nothing ever comes of it.
            b"silence" => return,
            b"timer" => cx.timer(1, cx.now().monotonic_ms),
            b"counters" => (0..COUNTERS).for_each(|index| count(&format!("c{index}"), u64::MAX)),
            _ => {}
        }
        let number = str::from_utf8(data.payload.as_slice()).ok().and_then(|text| text.trim().parse().ok());
        if let (Some(number), Some(every)) = (number, self.every)
            && u64::is_multiple_of(number, every)
        {
            self.how.happens();
        }
        cx.reply().pass(&data);
    }

    fn on_end(&mut self, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        self.is_at(Moment::End);
        cx.reply().end();
    }

    fn on_abort(&mut self, _code: CloseCode, _attributes: Attributes<'_>, cx: &mut Context<'_>) {
        self.is_at(Moment::Abort);
        cx.close(CloseCode::Cancelled);
    }

    fn on_signal(&mut self, _token: u32, _cx: &mut Context<'_>) {
        self.is_at(Moment::Timer);
    }

    fn on_drain(&mut self, _cx: &mut Context<'_>) {
        self.is_at(Moment::Drain);
    }
}

impl How {
    /// There is no way back: the instance ends here.
    fn happens(self) {
        match self {
            Self::Panic => panic!("the payload said so"),
            Self::Spin => loop {
                std::hint::spin_loop();
            },
            Self::Recurse => drop(recurse(1)),
            Self::Grow => hoard(),
            Self::Bounds => drop(beyond(1)),
            Self::Random => drop(random(TOO_MUCH_RANDOM_OCTETS)),
        }
    }
}

/// Allocates until it is refused.
fn hoard() {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        // Untouched, or touching it would take longer than a call may.
        hoard.push(std::hint::black_box(Vec::with_capacity(PIECE_OCTETS)));
    }
}

/// Goes down until the stack is full.
fn recurse(depth: u64) -> u64 {
    if std::hint::black_box(depth) == u64::MAX { 0 } else { recurse(depth + 1) + depth }
}

/// Reads where there is no memory.
fn beyond(id: usize) -> u8 {
    let none: Vec<u8> = std::hint::black_box(Vec::new());
    none[id]
}

zilla_sdk::export!(Trap);
