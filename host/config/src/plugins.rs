//! `plugins`: how the plugins of a type are run, and which file of it is trusted.

use crate::fields::{Fields, Keys};
use crate::locate::Part;
use crate::path::NodePath;
use crate::quantity::Quantity;
use crate::text::Problems;

/// How the plugins of one type are run. What is absent is as the host has it.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSettings {
    /// The type, of bindings.
    pub type_name: String,
    /// What one instance serves, and so what a trap costs.
    pub isolation: Option<Isolation>,
    /// Linear memory of an instance, in octets.
    pub memory_octets: Option<u64>,
    /// Time of one call, in ms.
    pub call_budget_ms: Option<u64>,
    /// Frames that wait for a binding.
    pub queued_frames: Option<u64>,
    /// Streams of a binding on one worker, opened and accepted counted apart.
    pub streams: Option<u64>,
    /// Timers of one stream, and of a binding itself.
    pub timers: Option<u64>,
    /// Lines of the log that one call may write.
    pub log_rate: Option<u64>,
    /// The only file that is trusted: its SHA-256, 64 hexadecimal digits in lower case.
    pub sha256: Option<String>,
    /// The minisign public key of whoever may sign its file, in base64.
    pub minisign: Option<String>,
    /// `plugins.TYPE`.
    pub at: NodePath,
}

/// What one instance of a plugin serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All streams of a binding on one worker.
    Worker,
    /// One accepted stream, and those that are opened on its behalf.
    Stream,
}

const PLUGIN: Keys = Keys {
    of: "a plugin",
    known: &[
        "isolation",
        "memory",
        "call-budget",
        "queued-frames",
        "streams",
        "timers",
        "log-rate",
        "sha256",
        "minisign",
    ],
    not_served: &[],
};

const MEMORY: Quantity = Quantity {
    min: 1 << 20,
    max: 4 << 30,
    plain: "octets",
    units: &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)],
};
const CALL_BUDGET: Quantity =
    Quantity { min: 10, max: 60_000, plain: "ms", units: &[("ms", 1), ("s", 1_000)] };
const QUEUED_FRAMES: Quantity = Quantity { min: 64, max: 16 << 20, plain: "frames", units: &[] };
const STREAMS: Quantity = Quantity { min: 1, max: 1 << 24, plain: "streams", units: &[] };
const TIMERS: Quantity = Quantity { min: 1, max: 1024, plain: "timers", units: &[] };
const LOG_RATE: Quantity = Quantity { min: 0, max: 65_536, plain: "lines a call", units: &[] };

/// Reads the `plugins` of a document. A type that an earlier document has already is refused.
pub(crate) fn read(
    fields: &Fields<'_>,
    earlier: &[PluginSettings],
    problems: &mut Problems<'_>,
) -> Vec<PluginSettings> {
    let mut settings = Vec::new();
    for (type_name, value, at) in
        fields.entries("plugins", "a mapping of settings by type of plugin", problems)
    {
        if earlier.iter().any(|other| other.type_name == *type_name) {
            let expected = "settings of a type once in a file".to_owned();
            let help = Some("plugins are the same for all namespaces".to_owned());
            problems.push(&at, Part::Key, expected, format!("`{type_name}` again"), help);
        }
        if let Some(fields) = Fields::read(value, at, &PLUGIN, problems) {
            settings.push(plugin(type_name, fields, problems));
        }
    }
    settings
}

fn plugin(type_name: &str, fields: Fields<'_>, problems: &mut Problems<'_>) -> PluginSettings {
    let isolation = isolation(&fields, problems);
    let mut quantity = |key, of: &Quantity| read_quantity(of, &fields, key, problems);
    PluginSettings {
        type_name: type_name.to_owned(),
        isolation,
        memory_octets: quantity("memory", &MEMORY),
        call_budget_ms: quantity("call-budget", &CALL_BUDGET),
        queued_frames: quantity("queued-frames", &QUEUED_FRAMES),
        streams: quantity("streams", &STREAMS),
        timers: quantity("timers", &TIMERS),
        log_rate: quantity("log-rate", &LOG_RATE),
        sha256: sha256(&fields, problems),
        minisign: fields.text("minisign", problems).map(str::to_owned),
        at: fields.at,
    }
}

fn read_quantity(of: &Quantity, fields: &Fields<'_>, key: &str, problems: &mut Problems<'_>) -> Option<u64> {
    let (value, at) = fields.get(key)?;
    let quantity = of.read(value);
    if quantity.is_none() {
        problems.mistyped(&at, value, of.expected());
    }
    quantity
}

fn isolation(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Isolation> {
    let (value, at) = fields.get("isolation")?;
    match value.as_str() {
        Some("worker") => Some(Isolation::Worker),
        Some("stream") => Some(Isolation::Stream),
        Some(_) | None => {
            problems.mistyped(&at, value, "`worker` or `stream`");
            None
        }
    }
}

fn sha256(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<String> {
    let (value, at) = fields.get("sha256")?;
    let digest = value.as_str().map(str::to_ascii_lowercase);
    let digest =
        digest.filter(|text| text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit()));
    if digest.is_none() {
        problems.mistyped(
            &at,
            value,
            "a SHA-256 of 64 hexadecimal digits, as `zilla plugin inspect` shows it",
        );
    }
    digest
}

#[cfg(test)]
mod tests {
    use crate::{Source, parse, render};

    fn outcome(plugins: &str) -> (Option<crate::PluginSettings>, String) {
        let source = Source::new("zilla.yaml", format!("name: n\nplugins: {plugins}\n"));
        let outcome = parse(&source, &mut |_| None);
        let settings = outcome.config.and_then(|config| config.plugins.into_iter().next());
        (settings, render(&source, &outcome.problems))
    }

    #[test]
    fn quantities_are_plain_or_have_a_unit() {
        let (settings, text) =
            outcome("{greet: {memory: 32MiB, call-budget: 1s, streams: 100, timers: 2, log-rate: 0}}");
        let settings = settings.expect(&text);
        assert_eq!(settings.memory_octets, Some(32 << 20));
        assert_eq!(settings.call_budget_ms, Some(1000));
        assert_eq!((settings.streams, settings.timers, settings.log_rate), (Some(100), Some(2), Some(0)));
        assert_eq!((settings.queued_frames, settings.sha256), (None, None));
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_its_range() {
        for (wrong, expected) in [
            (
                "memory: 1",
                "octets from 1048576 to 4294967296, or a number with a unit (KiB, MiB, GiB), as `1GiB`",
            ),
            ("memory: 64MB", "octets from 1048576"),
            ("memory: 99999999999GiB", "octets from 1048576"),
            ("call-budget: 1", "ms from 10 to 60000"),
            ("call-budget: -5", "ms from 10 to 60000"),
            ("isolation: thread", "`worker` or `stream`"),
            ("timers: many", "timers from 1 to 1024"),
            ("sha256: abc", "a SHA-256 of 64 hexadecimal digits"),
            ("memry: 1MiB", "did you mean `memory`?"),
        ] {
            let (settings, text) = outcome(&format!("{{greet: {{{wrong}}}}}"));
            assert!(settings.is_none() && text.contains(expected), "{wrong}: {text}");
        }
    }

    #[test]
    fn a_type_is_set_once_in_a_file() {
        let source =
            Source::new("zilla.yaml", "name: a\nplugins: {greet: {}}\n---\nname: b\nplugins: {greet: {}}\n");
        let outcome = parse(&source, &mut |_| None);
        assert!(render(&source, &outcome.problems).contains("expected: settings of a type once in a file"));
    }
}
