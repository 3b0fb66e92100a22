//! The few lines of a plugin's `Cargo.toml` that matter here: its name, and whether it is a cdylib.
//!
//! Not a TOML parser: it reads `key = value` lines below `[package]` and `[lib]`, with arrays over several
//! lines, as people and `cargo new` write them. Cargo itself judges the rest.

/// A crate that cargo can build to a `.wasm` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdylibManifest {
    /// The package's name, as `cargo build -p` takes it: `binding-http`.
    pub package: String,
    /// The library's name, as the file is called: `binding_http`.
    pub library: String,
}

/// Reads the text of a `Cargo.toml`; none if it has no package name or is not a cdylib.
pub fn cdylib(text: &str) -> Option<CdylibManifest> {
    let is_cdylib = value(text, "lib", "crate-type")?.split(['"', '\'']).any(|word| word == "cdylib");
    let package = quoted(&value(text, "package", "name")?)?;
    let library = value(text, "lib", "name").and_then(|name| quoted(&name));
    let library = library.unwrap_or_else(|| package.replace('-', "_"));
    is_cdylib.then_some(CdylibManifest { package, library })
}

/// What stands behind `key =` below `[section]`; an array to its closing bracket.
fn value(text: &str, section: &str, key: &str) -> Option<String> {
    let header = format!("[{section}]");
    let below = text.lines().map(without_comment).skip_while(|line| *line != header).skip(1);
    let mut lines = below.take_while(|line| !line.starts_with('['));
    let first = lines.by_ref().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })?;
    let mut value = first;
    while value.starts_with('[') && !value.ends_with(']') {
        value.push_str(lines.next()?);
    }
    Some(value)
}

/// The line up to its comment. None of the values read here may contain a `#`.
fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or(line).trim()
}

fn quoted(value: &str) -> Option<String> {
    value.split(['"', '\'']).nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, library: &str) -> Option<CdylibManifest> {
        Some(CdylibManifest { package: package.into(), library: library.into() })
    }

    #[test]
    fn a_cdylib_is_named_with_underscores() {
        let text = "[package]\nname = \"binding-http\"\nversion.workspace = true\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";
        assert_eq!(cdylib(text), found("binding-http", "binding_http"));
    }

    #[test]
    fn a_library_may_have_its_own_name() {
        let text = "[package]\nname = \"my-plugin\"\n[lib]\nname = 'greeter'\ncrate-type = ['cdylib']\n";
        assert_eq!(cdylib(text), found("my-plugin", "greeter"));
    }

    #[test]
    fn arrays_over_lines_and_comments_are_read() {
        let text = "[package]  # it\nname=\"a\" # name\n[lib]\ncrate-type = [ # two\n  \"rlib\",\n  \"cdylib\", # this\n]\n[dependencies]\n";
        assert_eq!(cdylib(text), found("a", "a"));
    }

    #[test]
    fn what_is_not_a_cdylib_is_none() {
        for text in [
            "",
            "[package]\nname = \"a\"\n",
            "[package]\nname = \"a\"\n[lib]\ncrate-type = [\"rlib\"]\n",
            "[package]\nname = \"a\"\n[[bin]]\nname = \"b\"\ncrate-type = [\"cdylib\"]\n",
            "[lib]\ncrate-type = [\"cdylib\"]\n",
            "[package]\nname = \"a\"\n[lib]\n# crate-type = [\"cdylib\"]\n",
        ] {
            assert_eq!(cdylib(text), None, "{text}");
        }
    }
}
