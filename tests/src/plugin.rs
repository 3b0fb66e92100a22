//! Versions of plugins, made from the built ones without compiling anything.

use std::path::PathBuf;

/// What is built, by the type: `http`, `echo`, or a guest.
pub fn built(type_name: &str) -> Vec<u8> {
    let path = path(type_name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn path(type_name: &str) -> PathBuf {
    let built = xtask::plugins::built();
    let name = file_name(type_name);
    let plugin = built.dir.join(&name);
    if plugin.is_file() { plugin } else { built.guests_dir.join(name) }
}

/// The file that the host looks for.
pub fn file_name(type_name: &str) -> String {
    format!("binding_{type_name}.wasm")
}

/// The same plugin with another digest: a custom section, which means nothing, is appended.
pub fn version(component: &[u8], number: usize) -> Vec<u8> {
    const NAME: &[u8] = b"version";
    let data = format!("{number:08}");
    let length = 1 + NAME.len() + data.len();
    let mut version = component.to_vec();
    version.extend([0, u8::try_from(length).expect("less than 128, so one octet of LEB128")]);
    version.push(NAME.len() as u8);
    version.extend_from_slice(NAME);
    version.extend_from_slice(data.as_bytes());
    version
}

/// The guest `moody` in another mood than `serves`: see its source.
pub fn in_mood(mood: &str) -> Vec<u8> {
    const MARK: &[u8] = b"mood=serves.....";
    let mut component = built("moody");
    let word = format!("{:.<width$}", format!("mood={mood}"), width = MARK.len());
    let places: Vec<_> = (0..component.len()).filter(|at| component[*at..].starts_with(MARK)).collect();
    assert_eq!(places.len(), 1, "the mood is in the file {} times", places.len());
    component[places[0]..places[0] + MARK.len()].copy_from_slice(word.as_bytes());
    component
}

/// The same plugin, which now keeps no state: what it exports for that has another name.
pub fn without_state(component: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"zilla:plugin/state-exports@";
    const OTHER: &[u8; NAME.len()] = b"zilla:plugin/other-exports@";
    let mut component = component.to_vec();
    let places: Vec<_> = (0..component.len()).filter(|at| component[*at..].starts_with(NAME)).collect();
    assert!(!places.is_empty(), "it keeps no state");
    for at in places {
        component[at..at + NAME.len()].copy_from_slice(OTHER);
    }
    component
}

/// The guest `moody` with a memory that begins with 16,383 pages, 1 GiB: more than any instance may have.
pub fn with_much_memory() -> Vec<u8> {
    // A section of one memory without a maximum, whose number of pages takes two octets of LEB128.
    const MEMORY_SECTION: [u8; 4] = [5, 4, 1, 0];
    let mut component = built("moody");
    let is_memory = |at: &usize| {
        component[*at..].starts_with(&MEMORY_SECTION) && component[*at + 4] >= 0x80 && {
            let pages = u32::from(component[*at + 4] & 0x7f) | u32::from(component[*at + 5]) << 7;
            (144..192).contains(&pages)
        }
    };
    let places: Vec<_> = (0..component.len() - 6).filter(is_memory).collect();
    assert_eq!(places.len(), 1, "the memory is in the file {} times", places.len());
    component[places[0] + 4..places[0] + 6].copy_from_slice(&[0xff, 0x7f]);
    component
}
