//! Encryption and MACs by password, with a bound on the work that a file can ask for.

use crate::error::Fault;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use const_oid::ObjectIdentifier;
use const_oid::db::DB;
use der::{Decode, Encode};
use hmac::digest::block_api::BlockSizeUser;
use hmac::digest::{Digest, FixedOutputReset};
use hmac::{Mac, SimpleHmac};
use pkcs5::pbes2::{Kdf, PBES2_OID, Parameters};
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use pkcs12::pbe_params::Pkcs12PbeParams;
use pkcs12::{MacData, PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

/// Iterations of key derivation that one file may ask for, all its entries together. `keytool` asks for 10,000 an entry,
/// careful people for 600,000; five million take seconds. A file that asks for more is refused before any is done.
pub const ITERATIONS_MAX: u64 = 5_000_000;

/// RFC 7292, appendix C.
const PBE_SHA1_RC2_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5");
/// RFC 7292, appendix C.
const PBE_SHA1_RC2_40: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6");

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// A password in the two forms that algorithms take.
pub(crate) struct Secret {
    /// For PBES2: UTF-8 (RFC 8018, section 3).
    utf8: Zeroizing<Vec<u8>>,
    /// For PKCS#12's own derivation: UTF-16, big endian, ended by a NUL (RFC 7292, appendix B.1).
    bmp: Zeroizing<Vec<u8>>,
}

impl Secret {
    pub(crate) fn new(password: &str) -> Self {
        // Room for all of it from the start: a buffer that grows leaves copies behind.
        let mut bmp = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
        bmp.extend(password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes));
        Self { utf8: Zeroizing::new(password.as_bytes().to_vec()), bmp }
    }

    /// No password, as some writers understand an empty one: not even the NUL.
    pub(crate) fn none() -> Self {
        Self { utf8: Zeroizing::default(), bmp: Zeroizing::default() }
    }
}

/// Why something encrypted stays so.
#[derive(Debug)]
pub(crate) enum Failure {
    /// By this password it is not what it should be: another password, or the octets are damaged.
    Undecryptable,
    /// The file asks for what is not supported, or for too much.
    Refused(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

/// Iterations that a file has left.
pub(crate) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(ITERATIONS_MAX)
    }
}

impl Budget {
    fn spend(&mut self, iterations: u64) -> Result<(), Fault> {
        let Some(left) = self.0.checked_sub(iterations) else {
            let found = format!("one that asks for {} and then {iterations} more", ITERATIONS_MAX - self.0);
            let expected =
                format!("a file that asks for at most {ITERATIONS_MAX} iterations of key derivation");
            return Err(Fault::file(expected, found));
        };
        self.0 = left;
        Ok(())
    }
}

/// Decrypts by PBES2 (RFC 8018, section 6.2) or by the older algorithms of PKCS#12 (RFC 7292, appendix C).
pub(crate) fn decrypt(
    algorithm: &AlgorithmIdentifierOwned,
    data: &[u8],
    secret: &Secret,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let malformed = |what: &dyn std::fmt::Display| {
        Fault::file("parameters of encryption that can be read", format!("ones that cannot: {what}"))
    };
    let parameters = algorithm.parameters.as_ref().ok_or_else(|| malformed(&"there are none"))?;
    let parameters = parameters.to_der().map_err(|error| malformed(&error))?;
    if algorithm.oid == PBES2_OID {
        let parameters = Parameters::from_der(&parameters).map_err(|error| malformed(&error))?;
        budget.spend(cost(&parameters.kdf))?;
        let mut buffer = Zeroizing::new(data.to_vec());
        let length = match parameters.decrypt_in_place(&secret.utf8, &mut buffer) {
            Ok(plain) => plain.len(),
            Err(pkcs5::Error::UnsupportedAlgorithm { oid }) => return Err(unsupported(&oid).into()),
            Err(pkcs5::Error::AlgorithmParametersInvalid { oid }) => {
                return Err(malformed(&name(&oid)).into());
            }
            Err(_) => return Err(Failure::Undecryptable),
        };
        buffer.truncate(length);
        return Ok(buffer);
    }
    let decrypt = match algorithm.oid {
        PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => decrypt_cbc::<des::TdesEde3, 24>,
        PBE_SHA1_RC2_128 => decrypt_cbc::<rc2::Rc2, 16>,
        PBE_SHA1_RC2_40 => decrypt_cbc::<rc2::Rc2, 5>,
        other => return Err(unsupported(&other).into()),
    };
    let parameters = Pkcs12PbeParams::from_der(&parameters).map_err(|error| malformed(&error))?;
    let iterations = count(parameters.iterations).ok_or_else(|| malformed(&"iterations below 1"))?;
    budget.spend(iterations)?;
    decrypt(data, secret, &parameters)
}

/// CBC with a key of `SIZE` octets and an IV of 8, both derived by PKCS#12.
fn decrypt_cbc<C: BlockCipherDecrypt + KeyInit, const SIZE: usize>(
    data: &[u8],
    secret: &Secret,
    parameters: &Pkcs12PbeParams,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let derive = |what, size| {
        let salt = parameters.salt.as_bytes();
        Zeroizing::new(derive_key::<sha1::Sha1>(&secret.bmp, salt, what, parameters.iterations, size))
    };
    let (key, iv) = (derive(Pkcs12KeyType::EncryptionKey, SIZE), derive(Pkcs12KeyType::Iv, 8));
    let cipher = cbc::Decryptor::<C>::new_from_slices(&key, &iv).map_err(|_| Failure::Undecryptable)?;
    let plain = cipher.decrypt_padded_vec::<Pkcs7>(data).map_err(|_| Failure::Undecryptable)?;
    Ok(Zeroizing::new(plain))
}

/// Whether the MAC of a store (RFC 7292, section 4) is that of `data` by this password.
pub(crate) fn mac_is_right(
    mac: &MacData,
    data: &[u8],
    secret: &Secret,
    budget: &mut Budget,
) -> Result<bool, Fault> {
    let verify = match mac.mac.algorithm.oid {
        SHA1 => verify_mac::<sha1::Sha1>,
        SHA256 => verify_mac::<sha2::Sha256>,
        SHA384 => verify_mac::<sha2::Sha384>,
        SHA512 => verify_mac::<sha2::Sha512>,
        other => return Err(unsupported(&other)),
    };
    let Some(iterations) = count(mac.iterations) else {
        return Err(Fault::file("a MAC of at least 1 iteration", mac.iterations.to_string()));
    };
    budget.spend(iterations)?;
    Ok(verify(mac, data, secret))
}

fn verify_mac<D: Digest + FixedOutputReset + BlockSizeUser>(
    mac: &MacData,
    data: &[u8],
    secret: &Secret,
) -> bool {
    let (salt, size) = (mac.mac_salt.as_bytes(), <D as Digest>::output_size());
    let key = Zeroizing::new(derive_key::<D>(&secret.bmp, salt, Pkcs12KeyType::Mac, mac.iterations, size));
    let Ok(mut hmac) = SimpleHmac::<D>::new_from_slice(&key) else { return false };
    hmac.update(data);
    hmac.verify_slice(mac.mac.digest.as_bytes()).is_ok()
}

fn count(iterations: i32) -> Option<u64> {
    u64::try_from(iterations).ok().filter(|count| *count > 0)
}

/// What a derivation costs, in iterations of a hash.
fn cost(kdf: &Kdf) -> u64 {
    match kdf {
        Kdf::Pbkdf2(parameters) => u64::from(parameters.iteration_count),
        // RFC 7914: 4·N·r·p blocks of Salsa20/8, each about what a hash is; the same bound keeps N·r, the memory, in check.
        Kdf::Scrypt(parameters) => {
            [u64::from(parameters.block_size), u64::from(parameters.parallelization), 4]
                .into_iter()
                .fold(parameters.cost_parameter, u64::saturating_mul)
        }
        _ => u64::MAX,
    }
}

fn unsupported(oid: &ObjectIdentifier) -> Fault {
    let expected = "AES, 3DES or RC2 by PBES2 or PKCS#12, with SHA-1, SHA-256, SHA-384 or SHA-512";
    Fault::file(expected, name(oid))
}

/// What an algorithm is called.
pub(crate) fn name(oid: &ObjectIdentifier) -> String {
    DB.by_oid(oid).map_or_else(|| oid.to_string(), |name| format!("{name} ({oid})"))
}
