//! Whether a plugin file is the one, or from the one, that `zilla.yaml` trusts.

use super::digest::Digest;
use super::load::LoadError;
use super::options::PluginOptions;
use minisign_verify::{PublicKey, Signature};
use std::path::Path;

/// Refuses a file whose digest is not the one pinned, or that is not signed by the key that is trusted.
pub(super) fn check(path: &Path, octets: &[u8], options: &PluginOptions) -> Result<(), LoadError> {
    if let Some(pinned) = &options.sha256 {
        let found = Digest::of(octets).to_string();
        if found != *pinned {
            return Err(LoadError::NotPinned { pinned: pinned.clone(), found });
        }
    }
    match &options.minisign {
        Some(key) => check_signature(path, octets, key).map_err(LoadError::Unsigned),
        None => Ok(()),
    }
}

fn check_signature(path: &Path, octets: &[u8], key: &str) -> Result<(), String> {
    let key = PublicKey::from_base64(key)
        .map_err(|error| format!("a public key in `minisign` that is none: {error}"))?;
    let beside = path.with_added_extension("minisig");
    let signature =
        std::fs::read_to_string(&beside).map_err(|error| format!("{}: {error}", beside.display()))?;
    let signature =
        Signature::decode(&signature).map_err(|error| format!("{}: {error}", beside.display()))?;
    // Signatures of the older form, over the octets themselves, are accepted too.
    key.verify(octets, &signature, true).map_err(|error| format!("{}: {error}", beside.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by minisign 0.11: a signature of `a plugin`.
    const KEY: &str = "RWSG3od0UmXA7fsX2U0FmHZ7Kc18pwkU4sLZuee3WsiLQnu7unAKb8X+";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RUSG3od0UmXA7aBgoG67EmnlkFRwD3O+bpZvxLxA3b3eF6qI7PI/tymjvFft5dSoIZd4cj8ANfYXDI8KHhl28cmTeNox9LM8gwk=\n\
        trusted comment: version 1\n\
        Spb7IkRZAY56V8vyjX/Q4FdWLTTjJaI+CpcG7/QRPplXCzGEfV16v1/xkxSxwBXyQztQWKSiUK/ASJC+w9vpDg==\n";

    fn checked(octets: &[u8], key: &str, signature: Option<&str>) -> Result<(), LoadError> {
        static DIRECTORIES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = DIRECTORIES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("zilla-trust-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("binding_greet.wasm");
        if let Some(signature) = signature {
            std::fs::write(directory.join("binding_greet.wasm.minisig"), signature).unwrap();
        }
        let options = PluginOptions { minisign: Some(key.to_owned()), ..PluginOptions::default() };
        let checked = check(&path, octets, &options);
        std::fs::remove_dir_all(&directory).unwrap();
        checked
    }

    #[test]
    fn a_file_signed_by_the_key_is_trusted() {
        checked(b"a plugin", KEY, Some(SIGNATURE)).unwrap();
    }

    #[test]
    fn a_changed_unsigned_or_garbled_file_is_not() {
        for (octets, key, signature) in [
            (&b"a Plugin"[..], KEY, Some(SIGNATURE)),
            (b"a plugin", KEY, None),
            (b"a plugin", KEY, Some("no signature")),
            (b"a plugin", "no key", Some(SIGNATURE)),
        ] {
            let refused = checked(octets, key, signature);
            assert!(matches!(refused, Err(LoadError::Unsigned(_))), "{key} {signature:?}: {refused:?}");
        }
    }

    #[test]
    fn only_the_pinned_file_is_trusted() {
        let pin = |octets: &[u8]| {
            let sha256 = Some(Digest::of(octets).to_string());
            PluginOptions { sha256, ..PluginOptions::default() }
        };
        check(Path::new("f"), b"test", &pin(b"test")).unwrap();
        assert!(matches!(check(Path::new("f"), b"test", &pin(b"Test")), Err(LoadError::NotPinned { .. })));
    }
}
