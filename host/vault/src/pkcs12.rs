//! PKCS#12 (RFC 7292): the private keys and certificates of a store.

use crate::error::Fault;
use crate::pbe::{Budget, Failure, Secret, decrypt, mac_is_right};
use const_oid::ObjectIdentifier;
use der::asn1::{ContextSpecific, OctetString, OctetStringRef};
use der::{Any, Decode, Encode, Tag, Tagged};
use pkcs12::cms::content_info::ContentInfo;
use pkcs12::cms::encrypted_data::EncryptedData;
use pkcs12::pbe_params::EncryptedPrivateKeyInfo;
use pkcs12::safe_bag::{SafeBag, SafeContents};
use pkcs12::{AuthenticatedSafe, CertBag, Pfx};
use zeroize::Zeroizing;

/// Keys and certificates of a file. The bundle of all public CAs has about 150; a file with more is refused, so that
/// putting chains together takes no time worth speaking of.
pub const ENTRIES_MAX: usize = 4_096;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERT_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
/// Java's mark of a certificate to trust.
const JAVA_TRUSTED: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113894.746875.1.1");

const EXPECTED: &str = "a PKCS#12 store";

/// What is in a store, in its order.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) keys: Vec<KeyBag>,
    pub(crate) certificates: Vec<CertificateBag>,
    /// Whether something was encrypted, so that the password is known to be right.
    was_encrypted: bool,
}

pub(crate) struct KeyBag {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    /// PKCS#8.
    pub(crate) der: Zeroizing<Vec<u8>>,
}

pub(crate) struct CertificateBag {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) is_trusted: bool,
    pub(crate) der: Vec<u8>,
}

/// Opens a store.
pub(crate) fn read(content: &[u8], password: &str) -> Result<Store, Fault> {
    let pfx = Pfx::from_der(content)
        .map_err(|error| Fault::file(EXPECTED, other_format(content).unwrap_or_else(|| damaged(&error))))?;
    if pfx.auth_safe.content_type != DATA {
        return Err(Fault::file(EXPECTED, "one that is signed rather than protected by a password"));
    }
    let octets: &OctetStringRef =
        pfx.auth_safe.content.decode_as().map_err(|error| Fault::file(EXPECTED, damaged(&error)))?;
    let mut secrets = vec![Secret::new(password)];
    if password.is_empty() {
        secrets.push(Secret::none());
    }
    let mut budget = Budget::default();
    let Some(mac) = pfx.mac_data else {
        for secret in &secrets {
            match contents(octets.as_bytes(), secret, &mut budget) {
                Ok(store) => return Ok(store),
                Err(Failure::Undecryptable) => {}
                Err(Failure::Refused(fault)) => return Err(fault),
            }
        }
        let found = "one that does not (or the store is damaged: it has no MAC to tell)";
        return Err(Fault::password("the password that opens the store", found));
    };
    for secret in &secrets {
        if mac_is_right(&mac, octets.as_bytes(), secret, &mut budget)? {
            return contents(octets.as_bytes(), secret, &mut budget).map_err(|failure| match failure {
                Failure::Undecryptable => {
                    Fault::file("a store of which all entries have its password", "one with another password")
                }
                Failure::Refused(fault) => fault,
            });
        }
    }
    // The MAC is wrong for a wrong password and for a damaged store. Only what is encrypted tells which.
    let opens = secrets.iter().any(|secret| {
        let read = contents(octets.as_bytes(), secret, &mut budget);
        read.is_ok_and(|store| store.was_encrypted)
    });
    if opens {
        return Err(Fault::file("a store as it was written", "a damaged one: its MAC does not fit"));
    }
    Err(Fault::password("the password that opens the store", "another one"))
}

/// The bags of all parts of a store.
fn contents(octets: &[u8], secret: &Secret, budget: &mut Budget) -> Result<Store, Failure> {
    let parts = AuthenticatedSafe::from_der(octets).map_err(malformed)?;
    let mut store = Store::default();
    for part in &parts {
        let (plain, is_encrypted) = part_of(part, secret, budget)?;
        let bags = match SafeContents::from_der(&plain) {
            Ok(bags) => bags,
            // One wrong password of 256 leaves something that looks padded.
            Err(_) if is_encrypted => return Err(Failure::Undecryptable),
            Err(error) => return Err(malformed(error)),
        };
        store.was_encrypted |= is_encrypted;
        for bag in bags {
            store.take(bag, secret, budget)?;
            let count = store.keys.len() + store.certificates.len();
            if count > ENTRIES_MAX {
                let expected = format!("a store of at most {ENTRIES_MAX} keys and certificates");
                return Err(Fault::file(expected, "one with more").into());
            }
        }
    }
    Ok(store)
}

/// The octets of a part, and whether they were encrypted.
fn part_of(
    part: &ContentInfo,
    secret: &Secret,
    budget: &mut Budget,
) -> Result<(Zeroizing<Vec<u8>>, bool), Failure> {
    match part.content_type {
        DATA => {
            let octets: &OctetStringRef = part.content.decode_as().map_err(malformed)?;
            Ok((Zeroizing::new(octets.as_bytes().to_vec()), false))
        }
        ENCRYPTED_DATA => {
            let data: EncryptedData = part.content.decode_as().map_err(malformed)?;
            let info = data.enc_content_info;
            let octets = info.encrypted_content.as_ref().map_or(&[][..], OctetString::as_bytes);
            Ok((decrypt(&info.content_enc_alg, octets, secret, budget)?, true))
        }
        _ => Err(Fault::file(EXPECTED, "one with a part that is encrypted to a certificate").into()),
    }
}

impl Store {
    fn take(&mut self, bag: SafeBag, secret: &Secret, budget: &mut Budget) -> Result<(), Failure> {
        let (name, id) = (friendly_name(&bag), local_key_id(&bag));
        match bag.bag_id {
            KEY_BAG => {
                let key = ContextSpecific::<Any>::from_der(&bag.bag_value).map_err(malformed)?;
                let der = Zeroizing::new(key.value.to_der().map_err(malformed)?);
                self.keys.push(KeyBag { name, id, der });
            }
            SHROUDED_KEY_BAG => {
                let key = ContextSpecific::<EncryptedPrivateKeyInfo>::from_der(&bag.bag_value)
                    .map_err(malformed)?
                    .value;
                let der = decrypt(&key.encryption_algorithm, key.encrypted_data.as_bytes(), secret, budget)?;
                self.was_encrypted = true;
                self.keys.push(KeyBag { name, id, der });
            }
            CERT_BAG => {
                let bag_of = ContextSpecific::<CertBag>::from_der(&bag.bag_value).map_err(malformed)?;
                if bag_of.value.cert_id == X509_CERTIFICATE {
                    let is_trusted = attribute(&bag, JAVA_TRUSTED).is_some();
                    let der = bag_of.value.cert_value.as_bytes().to_vec();
                    self.certificates.push(CertificateBag { name, id, is_trusted, der });
                }
            }
            // Secret keys, CRLs and what may come.
            _ => {}
        }
        Ok(())
    }
}

fn attribute(bag: &SafeBag, oid: ObjectIdentifier) -> Option<&Any> {
    let attributes = bag.bag_attributes.as_ref()?;
    attributes.iter().find(|attribute| attribute.oid == oid)?.values.iter().next()
}

/// A BMPString (RFC 2985, section 5.5.1): UTF-16, big endian.
fn friendly_name(bag: &SafeBag) -> Option<String> {
    let value = attribute(bag, FRIENDLY_NAME)?;
    if value.tag() != Tag::BmpString {
        return None;
    }
    let (units, _) = value.value().as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
    Some(String::from_utf16_lossy(&units)).filter(|name| !name.is_empty())
}

fn local_key_id(bag: &SafeBag) -> Option<Vec<u8>> {
    let octets: &OctetStringRef = attribute(bag, LOCAL_KEY_ID)?.decode_as().ok()?;
    Some(octets.as_bytes().to_vec())
}

fn damaged(error: &der::Error) -> String {
    format!("something else, or a damaged one: {error}")
}

fn malformed(error: der::Error) -> Failure {
    Failure::Refused(Fault::file(EXPECTED, damaged(&error)))
}

/// What a file is that is no PKCS#12 store, where it can be told.
fn other_format(content: &[u8]) -> Option<String> {
    let is_pem = content.windows(11).any(|window| window == b"-----BEGIN ");
    let found = match content {
        _ if is_pem => "a PEM file, which takes `type: pem`",
        [0xFE, 0xED, 0xFE, 0xED, ..] => {
            "a store in Java's old format JKS; `keytool -importkeystore -deststoretype pkcs12` converts it"
        }
        [0xCE, 0xCE, 0xCE, 0xCE, ..] => {
            "a store in Java's old format JCEKS; `keytool -importkeystore -deststoretype pkcs12` converts it"
        }
        [0x30, 0x80, ..] => "one in BER rather than DER; `openssl pkcs12` reads it and writes it anew",
        _ if x509_cert::Certificate::from_der(content).is_ok() => "a lone certificate in DER",
        _ => return None,
    };
    Some(found.to_owned())
}
