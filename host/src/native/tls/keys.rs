//! Which of a server's keys a client gets.
//!
//! The first key, in the order of `options.keys`, of which the certificate has the name that the client asks for, and
//! which signs in a way that the client verifies. Without such a name, or such a key, the first that signs so.

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use zilla_vault::Key;

/// Keys by name.
pub(super) struct Keys {
    keys: Vec<Arc<CertifiedKey>>,
    /// Indexes of the keys that have a name in their certificate, which may begin with `*.`.
    by_name: HashMap<String, Vec<usize>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// A key as rustls signs with it.
pub(super) fn certified(key: &Key, provider: &CryptoProvider) -> Result<CertifiedKey, rustls::Error> {
    let signing = provider.key_provider.load_private_key(key.private_key().clone_key())?;
    Ok(CertifiedKey::new(key.chain().to_vec(), signing))
}

impl Keys {
    /// The keys, in the order in which they are preferred.
    pub(super) fn new(keys: Vec<Arc<CertifiedKey>>) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, key) in keys.iter().enumerate() {
            for name in key.cert.first().map(names).unwrap_or_default() {
                by_name.entry(name).or_default().push(index);
            }
        }
        Self { keys, by_name }
    }

    /// The keys for a name, then all of them.
    fn candidates(&self, name: Option<&str>) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        let exact = name.and_then(|name| self.by_name.get(&name.to_ascii_lowercase()));
        // RFC 6125, 6.4.3: the star stands for one whole label, the first.
        let any = name.and_then(|name| {
            let (_, rest) = name.split_once('.')?;
            self.by_name.get(&format!("*.{}", rest.to_ascii_lowercase()))
        });
        let mut named: Vec<usize> = exact.into_iter().chain(any).flatten().copied().collect();
        named.sort_unstable();
        named.dedup();
        named.into_iter().filter_map(|index| self.keys.get(index)).chain(&self.keys)
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let signs = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.candidates(hello.server_name()).find(signs).cloned()
    }
}

/// The names of hosts in a certificate, in lower case.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let names = || {
        let read = Certificate::from_der(certificate).ok()?;
        let (_, names) = read.tbs_certificate().get_extension::<SubjectAltName>().ok()??;
        let host = |name: &GeneralName| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
            _ => None,
        };
        Some(names.0.iter().filter_map(host).collect())
    };
    names().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::provider::provider;
    use crate::native::tls::tests::Issued;

    fn keys(names: &[&[&str]]) -> Keys {
        let key = |names: &&[&str]| {
            let Issued { chain, key } = Issued::self_signed(names);
            let key = provider().key_provider.load_private_key(key).unwrap();
            Arc::new(CertifiedKey::new(chain, key))
        };
        Keys::new(names.iter().map(key).collect())
    }

    fn chosen(keys: &Keys, name: Option<&str>) -> usize {
        let first = keys.candidates(name).next().unwrap();
        keys.keys.iter().position(|key| Arc::ptr_eq(key, first)).unwrap()
    }

    #[test]
    fn a_name_chooses_the_first_key_that_has_it() {
        let keys = keys(&[&["a.test"], &["b.test", "*.c.test"], &["x.c.test"], &["b.test"]]);
        for (name, index) in [
            (Some("a.test"), 0),
            (Some("B.Test"), 1),
            (Some("x.c.test"), 1),
            (Some("y.c.test"), 1),
            (Some("y.x.c.test"), 0),
            (Some("c.test"), 0),
            (Some("unknown.test"), 0),
            (None, 0),
        ] {
            assert_eq!(chosen(&keys, name), index, "{name:?}");
        }
    }
}
