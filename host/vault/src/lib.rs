//! The `filesystem` vault of `zilla.yaml`: keys and certificates for TLS, read from files and checked as they are read.
//!
//! This crate does no TLS, starts no thread and reads no clock. Files, the time and the arithmetic of keys are
//! [given to it](Source), so that the same files give the same vault.
//!
//! # What operators write
//!
//! Stores in PKCS#12, as `keytool` and `openssl pkcs12` make them:
//!
//! ```yaml
//! vaults:
//!   my_vault:
//!     type: filesystem
//!     options:
//!       keys:                            # own keys, each with its certificates, by alias
//!         store: tls/localhost.p12       # paths are relative to zilla.yaml
//!         type: pkcs12                   # the default
//!         password: ${{env.KEYS_PASSWORD}}
//!         entries: [localhost]           # only these aliases; without `entries`, all
//!       trust:                           # certificates to trust, by alias
//!         store: tls/truststore.p12
//!         password: generated
//!       signers:                         # certificates of CAs: a binding that names one has the keys that it issued
//!         store: tls/signers.p12
//!         password: generated
//! ```
//!
//! Or PEM:
//!
//! ```yaml
//!     options:
//!       keys:
//!         type: pem
//!         entries:
//!           localhost: {key: tls/localhost.key, certificates: tls/localhost.crt}
//!           example.com: tls/example.pem              # one file with the key and its certificates
//!           old: {key: tls/old.key, certificates: tls/old.crt, password: "${{env.OLD}}"}
//!       trust: {type: pem, store: tls/ca.pem}         # a bundle; aliases are the common names
//!       signers:
//!         type: pem
//!         entries: {internal: tls/internal-ca.pem}    # or aliases of one's own
//!       revocation: {type: crl, files: [tls/ca.crl]}  # lists of revoked certificates, in PEM or DER
//! ```
//!
//! # Aliases
//!
//! * Case does not matter: aliases are lower-cased, as Java does with PKCS#12.
//! * In PKCS#12 an alias is the `friendlyName`. An entry without one has its number among those without, from `1`.
//! * In a PEM bundle it is the common name, or the whole subject where there is none. Certificates of one name, such
//!   as a CA and its renewal, go by the alias together.
//! * Two entries of one alias are an error everywhere else.
//!
//! # What is a key, what is trusted
//!
//! The chain of a key is put in order, the key's own certificate first, whatever the order in the file; certificates
//! that do not belong to it are left out. In PKCS#12, what is trusted is what Java marked as trusted. A store without
//! such marks and without keys (`openssl pkcs12 -export -nokeys`) is taken to be all about trust. Secret keys and CRLs
//! in a store are passed over.
//!
//! Keys are RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 and P-521, and Ed25519, as far as the TLS library signs
//! with them. EC keys without their public half, as `keytool` makes them, get it from the certificate.
//!
//! # Revocation
//!
//! Lists are read from files, never downloaded. Therefore `revocation: crl` alone, which in Zilla has Java look for lists
//! on the network, is an error that says how to name files: it would either check nothing or refuse everyone.
//!
//! # What is an error, what a warning
//!
//! Everything that keeps a vault from its purpose is an error at load, with all others and a pointer to the option:
//! a file that is missing, something else than its type says, damaged, or larger than a limit; a wrong password; an alias
//! that is not there; a key that is not its certificate's; a chain of which a certificate is not valid now; a list of
//! revoked certificates that is overdue. A certificate to *trust* that has expired is a [`Warning`]: bundles of CAs have
//! some, and path validation refuses what they issued.
//!
//! # Secrets
//!
//! Private keys, passwords and the octets of files that this crate holds are wiped when they are dropped; the options
//! that were given to it are the caller's, and a private key that a store has in the clear passes through a parser that
//! does not wipe. No secret is in an error or in `Debug` output.
//!
//! # Example
//!
//! ```
//! use std::{fs::File, path::Path, time::Duration};
//! use rustls_pki_types::{PrivateKeyDer, UnixTime};
//! use zilla_vault::{Source, Vault};
//!
//! let provider = rustls::crypto::aws_lc_rs::default_provider();
//! let mut source = Source {
//!     base: Path::new("/etc/zilla"),
//!     now: UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)),
//!     open: &mut |path| Ok(Box::new(File::open(path)?)),
//!     public_key: &|key: &PrivateKeyDer<'_>| {
//!         let key = provider.key_provider.load_private_key(key.clone_key()).map_err(|error| error.to_string())?;
//!         key.public_key().map(|public| public.into_owned()).ok_or_else(|| "it has no public half".to_owned())
//!     },
//! };
//! let options = serde_json::json!({"trust": {"type": "pem", "store": "no/such.pem"}});
//! let errors = Vault::read(&options, &mut source).unwrap_err();
//! assert_eq!(errors[0].pointer, "/options/trust/store");
//! assert!(errors[0].found.starts_with("`/etc/zilla/no/such.pem`"));
//! ```

mod certificate;
mod error;
mod files;
mod load;
mod options;
mod pbe;
mod pem;
mod pkcs12;
mod private_key;
mod revocation;
mod source;
mod vault;

pub use error::{Missing, VaultError, Warning};
pub use files::FILE_SIZE_MAX;
pub use options::{describe, files};
pub use pbe::ITERATIONS_MAX;
pub use pkcs12::ENTRIES_MAX;
pub use private_key::KeyAlgorithm;
pub use source::Source;
pub use vault::{Key, Vault};
