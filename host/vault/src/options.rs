//! `options` of the vault: their schema, and them read.

use crate::error::VaultError;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// JSON Schema (2020-12) of `options`. What depends on `type` is checked by [`Vault::read`](crate::Vault::read), in
/// better words than a schema has.
pub fn describe() -> Value {
    let path = |what: &str| json!({"description": what, "type": "string", "minLength": 1});
    let kind = json!({"description": "what the files are; default pkcs12", "enum": ["pkcs12", "pem"]});
    let password = json!({"description": "password of the store and of the keys in it; default empty", "type": "string"});
    let aliases = json!({
        "type": "array", "minItems": 1, "uniqueItems": true, "title": "a list of aliases",
        "items": {"type": "string", "minLength": 1}
    });
    let key = json!({
        "title": "a key and its certificates",
        "type": "object",
        "additionalProperties": false,
        "required": ["key", "certificates"],
        "properties": {
            "key": path("PEM file with the private key"),
            "certificates": path("PEM file with its certificate and the chain to the CA"),
            "password": {"description": "password of the private key; default that of `keys`", "type": "string"}
        }
    });
    let file = |what: &str| json!({"type": "string", "minLength": 1, "title": what});
    let by_alias =
        |entry: Value| json!({"type": "object", "minProperties": 1, "additionalProperties": entry});
    let store = |what: &str, store: &str, entries: &str, entry: Value| {
        json!({
            "description": what,
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "store": path(store),
                "type": kind,
                "password": password,
                "entries": {"description": entries, "anyOf": [aliases, by_alias(entry)]}
            }
        })
    };
    let certificates = |what: &str| {
        store(
            what,
            "PKCS#12 file, or PEM file with any number of certificates",
            "the only aliases to take from the store; with type pem and no store, a PEM file for each alias",
            file("a PEM file with certificates"),
        )
    };
    let crl = json!({
        "title": "files with lists of revoked certificates",
        "type": "object",
        "additionalProperties": false,
        "required": ["type", "files"],
        "properties": {
            "type": {"description": "how revoked certificates are known", "enum": ["crl"]},
            "files": {
                "description": "files in PEM or DER; certificates that they do not cover are refused by those who use the vault",
                "type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}
            }
        }
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "keys": store(
                "own keys with their certificates, by alias",
                "PKCS#12 file",
                "the only aliases to take from the store; with type pem, the files of each alias",
                json!({"anyOf": [file("a PEM file with a key and its certificates"), key]}),
            ),
            "trust": certificates("certificates to trust, by alias"),
            "signers": certificates("certificates of CAs, by alias: each stands for the keys that it issued"),
            "revocation": {
                "description": "how to know that a certificate was revoked",
                "anyOf": [{"enum": ["crl"], "title": "crl"}, crl]
            }
        }
    })
}

/// The files that options name, as paths from `base`, each once: to watch a vault that cannot be read yet. Empty for
/// options that do not fit the schema.
pub fn files(options: &Value, base: &Path) -> Vec<PathBuf> {
    let Ok(options) = Options::read(options) else { return Vec::new() };
    let mut named = Vec::new();
    match options.keys {
        Some(Keys::Pkcs12(store)) => named.push(store.store),
        Some(Keys::Pem(entries)) => {
            named.extend(entries.into_iter().flat_map(|entry| [entry.key, entry.certificates]));
        }
        None => {}
    }
    for certificates in [options.trust, options.signers].into_iter().flatten() {
        match certificates {
            Certificates::Pkcs12(store) => named.push(store.store),
            Certificates::PemBundle { store, .. } => named.push(store),
            Certificates::PemFiles(entries) => named.extend(entries.into_iter().map(|(_, file)| file)),
        }
    }
    named.extend(options.revocation);
    let mut paths: Vec<PathBuf> = named.into_iter().map(|file| base.join(file.path)).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// A password, wiped when it is dropped; it has no `Debug`.
pub(crate) type Password = Zeroizing<String>;

/// A file and the option that names it.
#[derive(Clone)]
pub(crate) struct Located {
    pub(crate) path: String,
    pub(crate) pointer: String,
}

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) keys: Option<Keys>,
    pub(crate) trust: Option<Certificates>,
    pub(crate) signers: Option<Certificates>,
    pub(crate) revocation: Vec<Located>,
}

pub(crate) enum Keys {
    Pkcs12(Pkcs12),
    Pem(Vec<PemKey>),
}

pub(crate) enum Certificates {
    Pkcs12(Pkcs12),
    PemBundle { store: Located, entries: Option<Vec<Alias>> },
    PemFiles(Vec<(Alias, Located)>),
}

pub(crate) struct Pkcs12 {
    pub(crate) store: Located,
    pub(crate) password: Password,
    pub(crate) password_pointer: String,
    pub(crate) entries: Option<Vec<Alias>>,
}

pub(crate) struct PemKey {
    pub(crate) alias: Alias,
    pub(crate) key: Located,
    pub(crate) certificates: Located,
    pub(crate) password: Option<Password>,
    pub(crate) password_pointer: String,
}

/// A name in lower case, and the option that has it.
#[derive(Clone)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) pointer: String,
}

impl Options {
    pub(crate) fn read(options: &Value) -> Result<Self, Vec<VaultError>> {
        let mut reader = Reader::default();
        let read = Self {
            keys: reader.section(options, "keys").map(|section| reader.keys(section)),
            trust: reader.section(options, "trust").map(|section| reader.certificates(section, "trust")),
            signers: reader
                .section(options, "signers")
                .map(|section| reader.certificates(section, "signers")),
            revocation: reader.revocation(&options["revocation"]),
        };
        if reader.errors.is_empty() { Ok(read) } else { Err(reader.errors) }
    }
}

/// Reads options; wrong ones become errors, and something empty in their place.
#[derive(Default)]
struct Reader {
    errors: Vec<VaultError>,
}

impl Reader {
    fn wrong(&mut self, pointer: impl Into<String>, expected: &str, found: impl Into<String>) {
        let (pointer, expected, found) = (pointer.into(), expected.into(), found.into());
        self.errors.push(VaultError { pointer, expected, found });
    }

    fn section<'a>(&mut self, options: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
        let section = &options[name];
        if !section.is_null() && !section.is_object() {
            self.wrong(format!("/options/{name}"), "a mapping", "something else");
        }
        section.as_object()
    }

    fn keys(&mut self, section: &Map<String, Value>) -> Keys {
        let at = "/options/keys";
        if !is_pem(section) {
            return Keys::Pkcs12(self.pkcs12(section, at));
        }
        if section.contains_key("store") {
            let way =
                "`entries` with the files of each alias, as {localhost: {key: FILE, certificates: FILE}}";
            self.wrong(format!("{at}/store"), way, "`store`, which is for type pkcs12");
        }
        let Some(entries) = section.get("entries").and_then(Value::as_object) else {
            let way = "the files of each alias, as {localhost: {key: FILE, certificates: FILE}}";
            self.wrong(pointer_if(section, at, "entries"), way, "none");
            return Keys::Pem(Vec::new());
        };
        let shared = password(section);
        let mut keys = Vec::new();
        for (name, entry) in entries {
            let alias =
                Alias { name: name.to_lowercase(), pointer: format!("{at}/entries/{}", escape(name)) };
            let mut file = |key: &str| match (entry, entry[key].as_str()) {
                (Value::String(path), _) => Located { path: path.clone(), pointer: alias.pointer.clone() },
                (_, Some(path)) => {
                    Located { path: path.to_owned(), pointer: format!("{}/{key}", alias.pointer) }
                }
                (_, None) => {
                    self.wrong(&alias.pointer, "{key: FILE, certificates: FILE}", format!("no `{key}`"));
                    Located { path: String::new(), pointer: alias.pointer.clone() }
                }
            };
            let (key, certificates) = (file("key"), file("certificates"));
            let own = entry.as_object().and_then(password);
            let password_pointer = if own.is_some() {
                format!("{}/password", alias.pointer)
            } else if shared.is_some() {
                format!("{at}/password")
            } else {
                key.pointer.clone()
            };
            keys.push(PemKey {
                alias,
                key,
                certificates,
                password: own.or_else(|| shared.clone()),
                password_pointer,
            });
        }
        self.duplicates(keys.iter().map(|key| &key.alias));
        Keys::Pem(keys)
    }

    fn certificates(&mut self, section: &Map<String, Value>, name: &str) -> Certificates {
        let at = &format!("/options/{name}");
        if !is_pem(section) {
            return Certificates::Pkcs12(self.pkcs12(section, at));
        }
        if section.contains_key("password") {
            self.wrong(format!("{at}/password"), "no password", "one, though certificates in PEM have none");
        }
        let files = section.get("entries").and_then(Value::as_object);
        match (section.get("store").and_then(Value::as_str), files) {
            (Some(path), None) => {
                let store = Located { path: path.to_owned(), pointer: format!("{at}/store") };
                Certificates::PemBundle { store, entries: self.aliases(section, at) }
            }
            (None, Some(files)) => {
                let mut entries = Vec::new();
                for (name, path) in files {
                    let pointer = format!("{at}/entries/{}", escape(name));
                    let Some(path) = path.as_str() else {
                        self.wrong(pointer, "a PEM file with certificates", "something else");
                        continue;
                    };
                    let located = Located { path: path.to_owned(), pointer: pointer.clone() };
                    entries.push((Alias { name: name.to_lowercase(), pointer }, located));
                }
                self.duplicates(entries.iter().map(|(alias, _)| alias));
                Certificates::PemFiles(entries)
            }
            (store, _) => {
                let found = if store.is_some() { "both" } else { "neither" };
                self.wrong(at, "`store` with one file, or `entries` with a file for each alias", found);
                Certificates::PemFiles(Vec::new())
            }
        }
    }

    fn pkcs12(&mut self, section: &Map<String, Value>, at: &str) -> Pkcs12 {
        let path = section.get("store").and_then(Value::as_str).unwrap_or_default();
        if path.is_empty() {
            self.wrong(pointer_if(section, at, "store"), "`store` with the path of a PKCS#12 file", "none");
        }
        if section.get("entries").is_some_and(Value::is_object) {
            let expected = "a list of aliases, or `type: pem`";
            self.wrong(format!("{at}/entries"), expected, "files for aliases, though the type is pkcs12");
        }
        Pkcs12 {
            store: Located { path: path.to_owned(), pointer: format!("{at}/store") },
            password: password(section).unwrap_or_default(),
            password_pointer: pointer_if(section, at, "password"),
            entries: self.aliases(section, at),
        }
    }

    fn aliases(&mut self, section: &Map<String, Value>, at: &str) -> Option<Vec<Alias>> {
        let list = section.get("entries")?.as_array()?;
        let names = list.iter().enumerate().map(|(index, name)| Alias {
            name: name.as_str().unwrap_or_default().to_lowercase(),
            pointer: format!("{at}/entries/{index}"),
        });
        let aliases: Vec<Alias> = names.collect();
        self.duplicates(aliases.iter());
        Some(aliases)
    }

    fn revocation(&mut self, value: &Value) -> Vec<Located> {
        if let Some(list) = value["files"].as_array() {
            let located = |(index, path): (usize, &Value)| Located {
                path: path.as_str().unwrap_or_default().to_owned(),
                pointer: format!("/options/revocation/files/{index}"),
            };
            return list.iter().enumerate().map(located).collect();
        }
        if !value.is_null() {
            let expected = "{type: crl, files: [FILE]}";
            let found = "no files: lists of revoked certificates are not downloaded";
            self.wrong("/options/revocation", expected, found);
        }
        Vec::new()
    }

    /// Aliases that differ in case alone.
    fn duplicates<'a>(&mut self, aliases: impl Iterator<Item = &'a Alias>) {
        let mut seen = std::collections::BTreeSet::new();
        for alias in aliases {
            if !seen.insert(&alias.name) {
                let found = format!("`{}` a second time; case does not matter", alias.name);
                self.wrong(&alias.pointer, "an alias of its own", found);
            }
        }
    }
}

fn is_pem(section: &Map<String, Value>) -> bool {
    section.get("type").and_then(Value::as_str) == Some("pem")
}

fn password(section: &Map<String, Value>) -> Option<Password> {
    section.get("password").and_then(Value::as_str).map(|password| Zeroizing::new(password.to_owned()))
}

/// Points at a key if it is there, else at what should have it.
fn pointer_if(section: &Map<String, Value>, at: &str, key: &str) -> String {
    if section.contains_key(key) { format!("{at}/{key}") } else { at.to_owned() }
}

/// RFC 6901, section 3.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
