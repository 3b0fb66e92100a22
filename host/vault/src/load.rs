//! From options to keys and certificates: files are read, entries put together and checked.

use crate::certificate::{Certificate, chain};
use crate::error::{Blame, Fault, VaultError, Warning, list};
use crate::files::Files;
use crate::options::{Alias, Certificates, Keys, Located, PemKey, Pkcs12};
use crate::pbe::{Budget, Failure, Secret, decrypt};
use crate::pem::{self, Section};
use crate::pkcs12::{self, Store};
use crate::private_key::{Match, PrivateKey, SUPPORTED, algorithm, find_certificate};
use crate::source::Source;
use crate::vault::Key;
use ::pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use der::Decode;
use rustls_pki_types::{CertificateRevocationListDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What a vault was made of.
pub(crate) struct Sources {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) digest: [u8; 32],
    pub(crate) warnings: Vec<Warning>,
}

/// Reads one vault; what is wrong is gathered.
pub(crate) struct Loader<'a, 'b> {
    source: &'a mut Source<'b>,
    files: Files,
    errors: Vec<VaultError>,
    warnings: Vec<Warning>,
}

impl<'a, 'b> Loader<'a, 'b> {
    pub(crate) fn new(source: &'a mut Source<'b>) -> Self {
        Self { source, files: Files::default(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// What was read beside the entries, or everything that is wrong.
    pub(crate) fn finish(self) -> Result<Sources, Vec<VaultError>> {
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let (files, digest) = self.files.finish();
        Ok(Sources { files, digest, warnings: self.warnings })
    }

    pub(crate) fn keys(&mut self, keys: &Keys) -> BTreeMap<String, Key> {
        match keys {
            Keys::Pkcs12(store) => self.pkcs12_keys(store),
            Keys::Pem(entries) => {
                let read = entries.iter().filter_map(|entry| self.pem_key(entry));
                read.map(|key| (key.alias.clone(), key)).collect()
            }
        }
    }

    pub(crate) fn certificates(&mut self, certificates: &Certificates) -> BTreeMap<String, Vec<Certificate>> {
        let (entries, pointer) = match certificates {
            Certificates::Pkcs12(store) => (self.pkcs12_certificates(store), store.store.pointer.clone()),
            Certificates::PemBundle { store, entries } => {
                let mut named = BTreeMap::<String, Vec<Certificate>>::new();
                let read = self.with(store, |content, _| pem_certificates(&pem::sections(content)?));
                let Some(read) = read else { return named };
                for certificate in read {
                    named.entry(certificate.common_name().to_lowercase()).or_default().push(certificate);
                }
                self.choose(&mut named, entries.as_deref());
                (named, store.pointer.clone())
            }
            Certificates::PemFiles(entries) => {
                let mut named = BTreeMap::new();
                for (alias, file) in entries {
                    let read = self.with(file, |content, _| pem_certificates(&pem::sections(content)?));
                    self.warn_of_expired(&file.pointer, read.iter().flatten());
                    named.extend(read.map(|read| (alias.name.clone(), read)));
                }
                return named;
            }
        };
        self.warn_of_expired(&pointer, entries.values().flatten());
        entries
    }

    pub(crate) fn revocation(
        &mut self,
        file: &Located,
    ) -> Option<Vec<CertificateRevocationListDer<'static>>> {
        self.with(file, |content, source| crate::revocation::read(content, source.now))
    }

    /// Reads a file and what is in it; a fault becomes an error of the option that names the file.
    fn with<T>(
        &mut self,
        file: &Located,
        read: impl FnOnce(&[u8], &Source<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        let path = self.source.base.join(&file.path);
        let content = self.files.get(&path, self.source);
        match content.and_then(|content| read(&content, self.source)) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.wrong(&file.pointer, fault);
                None
            }
        }
    }

    fn wrong(&mut self, pointer: &str, Fault { expected, found, .. }: Fault) {
        let error = VaultError { pointer: pointer.to_owned(), expected, found };
        // A file for both the key and its certificates is wrong twice in the same way.
        if self.errors.last() != Some(&error) {
            self.errors.push(error);
        }
    }

    fn warn_of_expired<'c>(&mut self, pointer: &str, certificates: impl Iterator<Item = &'c Certificate>) {
        let found = certificates.filter_map(|certificate| certificate.invalid_at(self.source.now));
        self.warnings.extend(found.map(|found| Warning { pointer: pointer.to_owned(), found }));
    }

    /// Leaves the listed entries; those that are not there are errors.
    fn choose<T>(&mut self, named: &mut BTreeMap<String, T>, entries: Option<&[Alias]>) {
        let Some(entries) = entries else { return };
        let present: Vec<String> = named.keys().cloned().collect();
        for alias in entries.iter().filter(|alias| !named.contains_key(&alias.name)) {
            let found = format!("`{}`; {}", alias.name, list(&present));
            self.wrong(&alias.pointer, Fault::file("an alias that the store has", found));
        }
        named.retain(|name, _| entries.iter().any(|alias| alias.name == *name));
    }

    /// Enters entries by alias; a second one of an alias is an error.
    fn by_alias<T>(
        &mut self,
        pointer: &str,
        entries: impl Iterator<Item = (String, T)>,
    ) -> BTreeMap<String, T> {
        let mut named = BTreeMap::new();
        for (alias, entry) in entries {
            if named.insert(alias.clone(), entry).is_some() {
                let found = format!("two of alias `{alias}`; case does not matter");
                self.wrong(pointer, Fault::file("a store with one entry for each alias", found));
            }
        }
        named
    }

    fn open(&mut self, options: &Pkcs12) -> Option<Store> {
        let store = Located { path: options.store.path.clone(), pointer: options.store.pointer.clone() };
        let read = self.with(&store, |content, _| Ok(pkcs12::read(content, &options.password)))?;
        match read {
            Ok(store) => Some(store),
            Err(fault) => {
                let pointer = match fault.blame {
                    Blame::File | Blame::Certificates => &options.store.pointer,
                    Blame::Password => &options.password_pointer,
                };
                self.wrong(pointer, fault);
                None
            }
        }
    }

    fn pkcs12_keys(&mut self, options: &Pkcs12) -> BTreeMap<String, Key> {
        let Some(store) = self.open(options) else { return BTreeMap::new() };
        let pointer = &options.store.pointer;
        if store.keys.is_empty() {
            let found =
                if store.certificates.is_empty() { "an empty one" } else { "one of certificates only" };
            self.wrong(pointer, Fault::file("a store with a private key", found));
            return BTreeMap::new();
        }
        let names = aliases(store.keys.iter().map(|bag| bag.name.as_deref()));
        let bags = names.into_iter().zip(store.keys);
        let mut bags = self.by_alias(pointer, bags);
        self.choose(&mut bags, options.entries.as_deref());
        // One certificate that cannot be read is no reason to give up on keys that do not need it.
        let pool: Vec<(Option<Vec<u8>>, Certificate)> = store
            .certificates
            .into_iter()
            .filter_map(|bag| Some((bag.id, Certificate::read(&bag.der).ok()?)))
            .collect();
        let all: Vec<Certificate> = pool.iter().map(|(_, certificate)| certificate.clone()).collect();
        let mut keys = BTreeMap::new();
        for (alias, bag) in bags {
            let has_id = |id: &Option<Vec<u8>>| id.is_some() && *id == bag.id;
            let linked: Vec<&Certificate> =
                pool.iter().filter(|(id, _)| has_id(id)).map(|(_, certificate)| certificate).collect();
            let own = if linked.is_empty() { all.iter().collect() } else { linked };
            let key = PrivateKey::new(PrivateKeyDer::Pkcs8(bag.der.to_vec().into()));
            match self.key(&alias, key, &own, &all) {
                Ok(key) => {
                    keys.insert(alias, key);
                }
                Err(fault) => self.wrong(pointer, named(&alias, fault)),
            }
        }
        keys
    }

    fn pkcs12_certificates(&mut self, options: &Pkcs12) -> BTreeMap<String, Vec<Certificate>> {
        let Some(store) = self.open(options) else { return BTreeMap::new() };
        let pointer = &options.store.pointer;
        let has_marks = store.certificates.iter().any(|bag| bag.is_trusted);
        let counts = |is_trusted: bool| if has_marks { is_trusted } else { store.keys.is_empty() };
        let bags: Vec<_> = store.certificates.iter().filter(|bag| counts(bag.is_trusted)).collect();
        if bags.is_empty() {
            let found = if store.keys.is_empty() {
                "an empty one"
            } else {
                "one of private keys and the certificates of those"
            };
            self.wrong(pointer, Fault::file("a store with certificates to trust", found));
            return BTreeMap::new();
        }
        let names = aliases(bags.iter().map(|bag| bag.name.as_deref()));
        let mut bags = self.by_alias(pointer, names.into_iter().zip(bags));
        self.choose(&mut bags, options.entries.as_deref());
        let mut certificates = BTreeMap::new();
        for (alias, bag) in bags {
            match Certificate::read(&bag.der) {
                Ok(certificate) => {
                    certificates.insert(alias, vec![certificate]);
                }
                Err(error) => {
                    let fault = Fault::file("a certificate that can be read", error);
                    self.wrong(pointer, named(&alias, fault));
                }
            }
        }
        certificates
    }

    fn pem_key(&mut self, entry: &PemKey) -> Option<Key> {
        let certificates =
            self.with(&entry.certificates, |content, _| pem_certificates(&pem::sections(content)?));
        let key =
            self.with(&entry.key, |content, _| Ok(pem_private_key(content, entry.password.as_ref())))?;
        let fault = match (key, certificates) {
            (Ok(key), Some(certificates)) => {
                let own: Vec<&Certificate> = certificates.iter().collect();
                match self.key(&entry.alias.name, key, &own, &certificates) {
                    Ok(key) => return Some(key),
                    Err(fault) => fault,
                }
            }
            (Ok(_), None) => return None,
            (Err(fault), _) => fault,
        };
        let pointer = match fault.blame {
            Blame::File => &entry.key.pointer,
            Blame::Certificates => &entry.certificates.pointer,
            Blame::Password => &entry.password_pointer,
        };
        self.wrong(pointer, fault);
        None
    }

    /// Puts a key together with its chain and checks both.
    fn key(
        &self,
        alias: &str,
        key: PrivateKey,
        own: &[&Certificate],
        pool: &[Certificate],
    ) -> Result<Key, Fault> {
        let algorithm = algorithm(&key).map_err(|found| Fault::file(SUPPORTED, found))?;
        if own.is_empty() {
            return Err(Fault::file("a certificate for the private key", "none"));
        }
        let Match { key, index } =
            find_certificate(&key, own, self.source.public_key).map_err(|refusal| {
                let subjects: Vec<String> =
                    own.iter().map(|certificate| format!("`{}`", certificate.subject)).collect();
                let expected = format!("the private key of {}", subjects.join(" or "));
                match refusal {
                    None => Fault::file(expected, "one that does not fit the certificate"),
                    Some(error) => Fault::file(expected, format!("one that TLS cannot use with it: {error}")),
                }
            })?;
        let chain = chain(own[index].clone(), pool, self.source.now);
        if let Some(found) = chain.iter().find_map(|certificate| certificate.invalid_at(self.source.now)) {
            return Err(Fault::certificates("certificates that are valid now", found));
        }
        Ok(Key {
            alias: alias.to_owned(),
            algorithm,
            issuer: chain[0].issuer.clone(),
            not_after: chain.iter().map(Certificate::not_after).min().unwrap_or(self.source.now),
            chain: chain.into_iter().map(|certificate| certificate.der).collect(),
            key,
        })
    }
}

/// Names the entry that a fault is about.
fn named(alias: &str, fault: Fault) -> Fault {
    Fault { found: format!("entry `{alias}`: {}", fault.found), ..fault }
}

/// Names in lower case; an entry without one has its number among those without.
fn aliases<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    let mut nameless = 0;
    let mut alias = |name: Option<&str>| {
        name.map_or_else(
            || {
                nameless += 1;
                nameless.to_string()
            },
            str::to_lowercase,
        )
    };
    names.map(&mut alias).collect()
}

/// The certificates of a PEM file: at least one.
fn pem_certificates(sections: &[Section<'_>]) -> Result<Vec<Certificate>, Fault> {
    let is_certificate =
        |section: &&Section<'_>| ["CERTIFICATE", "X509 CERTIFICATE"].contains(&section.label);
    let mut certificates = Vec::new();
    for section in sections.iter().filter(is_certificate) {
        let certificate = Certificate::read(&section.der).map_err(|error| {
            Fault::file("a certificate that can be read", format!("line {}: {error}", section.line))
        })?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(Fault::file("a PEM file with certificates", pem::summary(sections)));
    }
    Ok(certificates)
}

/// The private key of a PEM file: exactly one.
fn pem_private_key(content: &[u8], password: Option<&Zeroizing<String>>) -> Result<PrivateKey, Fault> {
    let sections = pem::sections(content)?;
    let keys: Vec<_> = sections.iter().filter(|section| section.label.ends_with("PRIVATE KEY")).collect();
    let &[key] = keys.as_slice() else {
        return Err(Fault::file("a PEM file with one private key", pem::summary(&sections)));
    };
    match key.label {
        "PRIVATE KEY" => Ok(PrivateKey::new(PrivateKeyDer::Pkcs8(key.der.to_vec().into()))),
        "RSA PRIVATE KEY" => Ok(PrivateKey::new(PrivateKeyDer::Pkcs1(key.der.to_vec().into()))),
        "EC PRIVATE KEY" => Ok(PrivateKey::new(PrivateKeyDer::Sec1(key.der.to_vec().into()))),
        "ENCRYPTED PRIVATE KEY" => {
            let Some(password) = password else {
                return Err(Fault::password("a password for the encrypted private key", "none"));
            };
            let read = EncryptedPrivateKeyInfo::from_der(&key.der).map_err(|error| {
                Fault::file(
                    "an encrypted private key that can be read",
                    format!("line {}: {error}", key.line),
                )
            })?;
            let octets = read.encrypted_data.as_bytes();
            let mut budget = Budget::default();
            let der = decrypt(&read.encryption_algorithm, octets, &Secret::new(password), &mut budget)
                .map_err(|failure| match failure {
                    Failure::Undecryptable => Fault::password(
                        "the password of the private key",
                        "another one (or the key is damaged)",
                    ),
                    Failure::Refused(fault) => fault,
                })?;
            Ok(PrivateKey::new(PrivateKeyDer::Pkcs8(der.to_vec().into())))
        }
        other => Err(Fault::file(SUPPORTED, format!("line {}: `{other}`", key.line))),
    }
}
