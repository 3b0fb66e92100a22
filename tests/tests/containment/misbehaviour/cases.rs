//! The ways to go wrong.

/// A plugin that is to be refused before it serves anything.
pub(super) struct Loaded {
    pub(super) name: &'static str,
    /// Its binding without the name, in one line.
    pub(super) binding: &'static str,
    pub(super) file: File,
    /// What is told of it, in the words of the refusal.
    pub(super) told: &'static str,
}

/// Where the file of a plugin comes from.
#[derive(Clone, Copy)]
pub(super) enum File {
    /// It is built, as a guest.
    Guest,
    /// The guest `moody` in this mood.
    Mood(&'static str),
    /// The guest `moody` with more memory than any instance may have.
    MuchMemory,
    /// Octets that are no component.
    NoComponent,
}

/// A plugin that goes wrong while it serves.
pub(super) struct Running {
    pub(super) name: &'static str,
    pub(super) guest: Guest,
    pub(super) deed: Deed,
}

/// Who goes wrong.
#[derive(Clone, Copy)]
pub(super) enum Guest {
    /// The guest `trap` with these options.
    Trap(&'static str),
    /// Another one, without options.
    Other(&'static str),
    /// One that exits to an echo.
    WithExit(&'static str),
}

/// What makes it go wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// A client says this.
    Say(&'static str),
    /// A client says this and is to get no answer.
    SayInVain(&'static str),
    /// A second client comes.
    Arrive,
    /// A client ends in order.
    End,
    /// A client breaks its connection off.
    Break,
    /// The plugin is replaced while a client is there.
    Replace,
}

const fn loaded(name: &'static str, binding: &'static str, file: File, told: &'static str) -> Loaded {
    Loaded { name, binding, file, told }
}

const fn running(name: &'static str, guest: Guest, deed: Deed) -> Running {
    Running { name, guest, deed }
}

use Deed::{Arrive, Break, End, Replace, Say, SayInVain};
use Guest::{Other, Trap, WithExit};

pub(super) const LOADED: &[Loaded] = &[
    loaded("is no component", "{type: odd, kind: server}", File::NoComponent, "a WebAssembly component"),
    loaded(
        "imports what is not granted",
        "{type: unknown_import, kind: server}",
        File::Guest,
        "the import `other:thing/api@1.2.3`, which is not granted",
    ),
    loaded(
        "is of another world",
        "{type: wrong_world, kind: server}",
        File::Guest,
        "expected an export of zilla:plugin@0.1",
    ),
    loaded(
        "says another type than its file",
        "{type: lie, kind: server}",
        File::Guest,
        "by its own word it is of type `truth`",
    ),
    loaded(
        "traps in `describe`",
        "{type: undescribed, kind: server}",
        File::Guest,
        "expected a description, found: wasm trap",
    ),
    loaded(
        "loops in `describe`",
        "{type: odd, kind: server}",
        File::Mood("muses"),
        "call-budget: a call took longer than 2000 ms",
    ),
    loaded(
        "begins with more memory than its limit",
        "{type: odd, kind: server}",
        File::MuchMemory,
        "memory minimum size",
    ),
    loaded(
        "traps in `attach`",
        "{type: attach, kind: server, options: {how: panic}, exit: echo}",
        File::Guest,
        "the options said so",
    ),
    loaded(
        "loops in `attach`",
        "{type: attach, kind: server, options: {how: spin}, exit: echo}",
        File::Guest,
        "call-budget: a call took longer than 2000 ms",
    ),
    loaded(
        "refuses its configuration in `attach`",
        "{type: attach, kind: server, options: {how: refuse}, routes: [{exit: echo}]}",
        File::Guest,
        "expected: another way",
    ),
    loaded(
        "compiles a route that cannot be evaluated",
        "{type: attach, kind: server, options: {how: nonsense}, routes: [{when: [{word: x}], exit: echo}]}",
        File::Guest,
        "`nowhere` for `source`: no block of addresses",
    ),
];

pub(super) const RUNNING: &[Running] = &[
    // Traps.
    running("traps when a stream begins", Trap("{at: accept}"), Arrive),
    running("traps on data", Trap("{}"), Say("panic")),
    running("traps on an end", Trap("{at: end}"), End),
    running("traps on an abort", Trap("{at: abort}"), Break),
    running("traps on a timer", Trap("{at: timer}"), Say("timer")),
    running("traps when it drains", Trap("{at: drain}"), Replace),
    running("traps when it is detached", Trap("{}"), Replace),
    running("reads where there is no memory", Trap("{}"), Say("bounds")),
    running("recurses without end", Trap("{}"), Say("recurse")),
    running("asks for too much of the host", Trap("{}"), Say("random")),
    // Loops.
    running("loops when a stream begins", Trap("{at: accept, how: spin}"), Arrive),
    running("loops on data", Trap("{}"), Say("spin")),
    running("loops on an end", Trap("{at: end, how: spin}"), End),
    running("loops on an abort", Trap("{at: abort, how: spin}"), Break),
    running("loops on a timer", Trap("{at: timer, how: spin}"), Say("timer")),
    running("loops when it drains", Trap("{at: drain, how: spin}"), Replace),
    running("loops when it is detached", Trap("{at: detach, how: spin}"), Replace),
    // Hoards.
    running("takes memory without end", Trap("{}"), Say("grow")),
    running("takes memory without end on a timer", Trap("{at: timer, how: grow}"), Say("timer")),
    running("returns 16 MiB that belong to no frame", WithExit("forge"), Say("octets of no frame")),
    running("counts under 10,000 names", Trap("{}"), Say("counters")),
    // Says nothing.
    running("never answers", Trap("{}"), SayInVain("silence")),
    // Talks too much.
    running("writes 1,000 lines to the log in a call", Other("shout"), Say("many")),
    running("writes a line of 200,000 octets to the log", Other("shout"), Say("long")),
    running("writes what looks like another line to the log", Other("shout"), Say("a\n2026-01-01 ERROR b")),
    // Frames on ids that are not its own.
    running("sends data on a foreign id", WithExit("forge"), Say("data on a foreign id")),
    running("ends a foreign id", WithExit("forge"), Say("end of a foreign id")),
    running("gives credit on a foreign id", WithExit("forge"), Say("window on a foreign id")),
    running("forwards to a foreign id", WithExit("forge"), Say("a forward to nowhere")),
    running("sends data on 0", WithExit("forge"), Say("data on 0")),
    running("opens with an odd id", WithExit("forge"), Say("begin on an odd id")),
    running("opens with an id past the limit", WithExit("forge"), Say("begin on a huge id")),
    running("opens with 0", WithExit("forge"), Say("begin on 0")),
    // Frames out of order.
    running("begins twice", WithExit("forge"), Say("begin twice")),
    running("sends data after the end", WithExit("forge"), Say("data after the end")),
    running("ends twice", WithExit("forge"), Say("end twice")),
    running("sends a frame that only the host sends", WithExit("forge"), Say("a signal")),
    running("drains on behalf of the host", WithExit("forge"), Say("a drain")),
    // Frames with more than there is.
    running("sends more than its credit", Other("overrun"), Say("overrun")),
    running("names a payload out of bounds", WithExit("forge"), Say("a payload out of bounds")),
    running("names a length out of bounds", WithExit("forge"), Say("a length out of bounds")),
    running("names attributes out of bounds", WithExit("forge"), Say("attributes out of bounds")),
    running("borrows octets that it was not given", WithExit("forge"), Say("borrowed out of bounds")),
    running("sends malformed attributes", WithExit("forge"), Say("malformed attributes")),
    running("sends attributes with a tail", WithExit("forge"), Say("attributes with a tail")),
    running("sends attributes past the limit", WithExit("forge"), Say("long attributes")),
    running("sets one timer more than the limit", WithExit("forge"), Say("nine timers")),
    // Floods.
    running("floods its peer with credit", WithExit("flood"), Say("windows")),
    running("floods the host with timers", WithExit("flood"), Say("timers")),
    running("floods the host with ends of nothing", WithExit("flood"), Say("rubbish")),
    running("opens 100,000 streams", WithExit("flood"), Say("opens")),
    running("floods its peer with flushes", WithExit("flood"), Say("flushes")),
    running("floods its peer with challenges", WithExit("flood"), Say("challenges")),
];
