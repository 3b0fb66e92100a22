//! Makes keys, certificates and stores, and reads vaults of them.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, UnixTime};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use zilla_vault::{Source, Vault, VaultError};

/// What `openssl req` and `genpkey` take for a key of ECDSA on P-256.
pub(crate) const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// A folder of a test, removed when it is done.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vault-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).unwrap();
    }

    /// Writes the files one after the other into one.
    pub(crate) fn join(&self, name: &str, parts: &[&str]) {
        self.write(name, parts.iter().flat_map(|part| self.bytes(part)).collect::<Vec<u8>>());
    }

    /// Runs `openssl` in the folder.
    pub(crate) fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .expect("openssl is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
    }

    /// `NAME.key` and `NAME.crt`, signed by itself.
    pub(crate) fn self_signed(&self, name: &str, kind: &[&str]) {
        let (key, certificate, subject) =
            (format!("{name}.key"), format!("{name}.crt"), format!("/CN={name}"));
        let rest =
            ["-x509", "-nodes", "-days", "30", "-subj", &subject, "-keyout", &key, "-out", &certificate];
        self.openssl(&[&["req"], kind, &rest].concat());
    }

    /// `NAME.key` and `NAME.crt`, signed by another certificate.
    pub(crate) fn issued(&self, name: &str, issuer: &str) {
        let (key, certificate, request) =
            (format!("{name}.key"), format!("{name}.crt"), format!("{name}.csr"));
        let subject = format!("/CN={name}");
        let rest = ["-nodes", "-subj", &subject, "-keyout", &key, "-out", &request];
        self.openssl(&[&["req", "-new"], P256, &rest].concat());
        let (by, by_key) = (format!("{issuer}.crt"), format!("{issuer}.key"));
        let serial = COUNTED.fetch_add(1, Ordering::Relaxed).to_string();
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &by,
            "-CAkey",
            &by_key,
            "-set_serial",
            &serial,
            "-days",
            "30",
            "-out",
            &certificate,
        ]);
    }

    /// A chain `localhost`, `between`, `root`; `store.pem` has its certificates, the own one last.
    pub(crate) fn chain(&self) {
        self.self_signed("root", P256);
        self.issued("between", "root");
        self.issued("localhost", "between");
        self.join("others.pem", &["root.crt", "between.crt"]);
        self.join("store.pem", &["root.crt", "between.crt", "localhost.crt"]);
    }

    /// `STORE` of the key and certificate `NAME`, by `openssl pkcs12 -export`.
    pub(crate) fn export(&self, store: &str, name: &str, password: &str, more: &[&str]) {
        let (key, certificate, password) =
            (format!("{name}.key"), format!("{name}.crt"), format!("pass:{password}"));
        let first =
            ["pkcs12", "-export", "-inkey", &key, "-in", &certificate, "-passout", &password, "-out", store];
        self.openssl(&[&first, more].concat());
    }

    /// Runs `keytool` in the folder. False, and said, where there is none.
    pub(crate) fn keytool(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("keytool");
        command.args(arguments).current_dir(&self.0).stdin(Stdio::null());
        let Ok(output) = command.output() else {
            // Past the capture of the test harness, so that it is seen.
            let _ = writeln!(std::io::stderr(), "left out: keytool is not installed");
            return false;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "keytool {}: {said}", arguments.join(" "));
        true
    }

    /// Reads a vault at the present.
    pub(crate) fn read(&self, options: &Value) -> Result<Vault, Vec<VaultError>> {
        self.read_in(options, 0)
    }

    /// Reads a vault so many days from now.
    pub(crate) fn read_in(&self, options: &Value, days: i64) -> Result<Vault, Vec<VaultError>> {
        let now = UnixTime::now().as_secs().saturating_add_signed(days * 24 * 60 * 60);
        read(
            options,
            &mut Source {
                base: &self.0,
                now: UnixTime::since_unix_epoch(Duration::from_secs(now)),
                open: &mut |path| Ok(Box::new(File::open(path)?)),
                public_key: &public_key,
            },
        )
    }

    /// The only error of options that are wrong: pointer, expected, found.
    pub(crate) fn error(&self, options: &Value) -> (String, String, String) {
        self.error_in(options, 0)
    }

    /// The only error so many days from now.
    pub(crate) fn error_in(&self, options: &Value, days: i64) -> (String, String, String) {
        let mut errors = self.read_in(options, days).expect_err("something is wrong");
        assert_eq!(errors.len(), 1, "{errors:?}");
        let VaultError { pointer, expected, found } = errors.remove(0);
        (pointer, expected, found)
    }

    /// The certificate `NAME.crt` in DER.
    pub(crate) fn der(&self, name: &str) -> Vec<u8> {
        let (certificate, der) = (format!("{name}.crt"), format!("{name}.der"));
        self.openssl(&["x509", "-in", &certificate, "-outform", "DER", "-out", &der]);
        self.bytes(&der)
    }

    /// The private key `NAME.key` in PKCS#8.
    pub(crate) fn pkcs8(&self, name: &str) -> Vec<u8> {
        let (key, der) = (format!("{name}.key"), format!("{name}.p8"));
        self.openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", &key, "-outform", "DER", "-out", &der]);
        self.bytes(&der)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Serial numbers.
static COUNTED: AtomicU32 = AtomicU32::new(1);

/// Reads a vault of options that fit the schema.
pub(crate) fn read(options: &Value, source: &mut Source<'_>) -> Result<Vault, Vec<VaultError>> {
    let schema = jsonschema::validator_for(&zilla_vault::describe()).unwrap();
    if let Err(error) = schema.validate(options) {
        panic!("{options}: {error}");
    }
    Vault::read(options, source)
}

/// As the host asks rustls.
pub(crate) fn public_key(key: &PrivateKeyDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, String> {
    let key = default_provider().key_provider.load_private_key(key.clone_key());
    let key = key.map_err(|error| error.to_string())?;
    key.public_key().map(|public| public.into_owned()).ok_or_else(|| "it has no public half".to_owned())
}

/// The certificates of a key, as octets.
pub(crate) fn chain(vault: &Vault, alias: &str) -> Vec<Vec<u8>> {
    vault.key(alias).unwrap().chain().iter().map(|certificate| certificate.to_vec()).collect()
}

/// Replaces all of one by the other, of the same length.
pub(crate) fn replace(content: &[u8], one: &[u8], other: &[u8]) -> Vec<u8> {
    assert_eq!(one.len(), other.len());
    let mut content = content.to_vec();
    let places: Vec<usize> =
        (0..=content.len() - one.len()).filter(|at| content[*at..].starts_with(one)).collect();
    assert!(!places.is_empty(), "there is nothing to replace");
    for at in places {
        content[at..at + other.len()].copy_from_slice(other);
    }
    content
}
