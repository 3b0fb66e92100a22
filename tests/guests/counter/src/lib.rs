//! Tells each stream its number and who counts, then reflects it. The count goes on in the next version, unless
//! `options.mishap` says what goes wrong with it.

use zilla_sdk::prelude::*;

/// Octets that are more than a host hands over unless it is told otherwise.
const TOO_MANY_OCTETS: usize = (1 << 20) + 1;

/// `options` of the binding in `zilla.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterOptions {
    /// What goes wrong with the state.
    mishap: Option<Mishap>,
}

/// What goes wrong with the state.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Mishap {
    /// More is saved than is handed over.
    SaveTooMuch,
    /// Saving panics.
    SavePanics,
    /// Saving does not return.
    SaveSpins,
    /// The state is refused.
    RestoreRefuses,
    /// Restoring panics.
    RestorePanics,
    /// Restoring does not return.
    RestoreSpins,
}

/// `type: counter`, `kind: server`.
pub struct Counter {
    mishap: Option<Mishap>,
    /// Random: who began to count.
    origin: [u8; 8],
    /// Streams so far.
    count: u64,
}

impl Binding for Counter {
    const TYPE: &'static str = "counter";
    const KINDS: &'static [Kind] = &[Kind::Server];
    type Options = CounterOptions;
    type Stream = Counted;

    fn attach(config: BindingConfig<CounterOptions>) -> Result<Self, ConfigError> {
        let random = zilla_sdk::host::random(8);
        let origin = random.try_into().expect("as many octets as were asked for");
        Ok(Self { mishap: config.options.mishap, origin, count: 0 })
    }

    fn accept(&mut self, _begin: Begin<'_>, cx: &mut Context<'_>) -> Result<Counted, Reset> {
        cx.reply().begin();
        self.count += 1;
        let told = format!("{:016x} {:06}\n", u64::from_be_bytes(self.origin), self.count);
        Ok(Counted(told.into_bytes()))
    }
}

impl State for Counter {
    fn save(&self) -> Vec<u8> {
        match self.mishap {
            Some(Mishap::SaveTooMuch) => vec![0; TOO_MANY_OCTETS],
            Some(Mishap::SavePanics) => panic!("not to be saved"),
            Some(Mishap::SaveSpins) => spin(),
            _ => [self.origin, self.count.to_be_bytes()].concat(),
        }
    }

    fn restore(&mut self, version: &str, state: &[u8]) -> Result<(), String> {
        match self.mishap {
            Some(Mishap::RestoreRefuses) => return Err(format!("version {version} counted otherwise")),
            Some(Mishap::RestorePanics) => panic!("not to be restored"),
            Some(Mishap::RestoreSpins) => spin(),
            _ => {}
        }
        let (origin, count) = state.split_first_chunk().ok_or("no origin")?;
        let count = count.try_into().map_err(|_| format!("a count of {} octets", count.len()))?;
        (self.origin, self.count) = (*origin, u64::from_be_bytes(count));
        Ok(())
    }
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// What the stream is yet to be told.
pub struct Counted(Vec<u8>);

impl Stream for Counted {
    fn on_window(&mut self, _octets: u64, cx: &mut Context<'_>) {
        cx.reply().data(&mut self.0);
    }

    fn on_data(&mut self, data: Data<'_>, cx: &mut Context<'_>) {
        cx.reply().pass(&data);
    }
}

zilla_sdk::export!(Counter: State);
