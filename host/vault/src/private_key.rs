//! Private keys: what they sign with, and which certificate is theirs.

use crate::certificate::Certificate;
use crate::pbe::name;
use crate::source::PublicKeyOf;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader};
use pkcs8::PrivateKeyInfoRef;
use rustls_pki_types::PrivateKeyDer;
use std::fmt;
use std::ops::RangeInclusive;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

/// Bits of an RSA key. Fewer are broken (NIST SP 800-131A); more are what TLS libraries do not take, and take a second
/// to sign.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with a modulus of so many bits.
    Rsa {
        /// 2048 to 8192.
        bits: usize,
    },
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA of {bits} bits"),
            Self::EcdsaP256 => f.write_str("ECDSA on P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA on P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA on P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// What keys are supported, in words.
pub(crate) const SUPPORTED: &str =
    "a key for RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519";

/// SEC 1, section C.4; RFC 5915.
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    curve: Option<ObjectIdentifier>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

/// What a private key signs with, or what it is instead.
pub(crate) fn algorithm(key: &PrivateKeyDer<'_>) -> Result<KeyAlgorithm, String> {
    let unreadable = |error: der::Error| format!("a private key that cannot be read: {error}");
    match key {
        PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => {
            let key = EcPrivateKey::from_der(key.secret_sec1_der()).map_err(unreadable)?;
            ecdsa(key.curve)
        }
        PrivateKeyDer::Pkcs8(key) => {
            let key = PrivateKeyInfoRef::from_der(key.secret_pkcs8_der()).map_err(unreadable)?;
            match key.algorithm.oid {
                RSA_ENCRYPTION => rsa(key.private_key.as_bytes()),
                ID_EC_PUBLIC_KEY => ecdsa(curve(key.algorithm.parameters)),
                ID_ED_25519 => Ok(KeyAlgorithm::Ed25519),
                other => Err(name(&other)),
            }
        }
        _ => Err("a private key of a new format".to_owned()),
    }
}

/// RFC 8017, appendix A.1.2: the modulus comes after the version.
fn rsa(der: &[u8]) -> Result<KeyAlgorithm, String> {
    let modulus = |reader: &mut SliceReader<'_>| {
        let _version = u8::decode(reader)?;
        let modulus = UintRef::decode(reader)?.as_bytes();
        let zeros = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        let rest = reader.remaining_len();
        reader.read_slice(rest)?;
        Ok::<_, der::Error>(8 * modulus.len() - zeros)
    };
    let bits = SliceReader::new(der).and_then(|mut reader| reader.sequence(modulus));
    match bits {
        Ok(bits) if RSA_BITS.contains(&bits) => Ok(KeyAlgorithm::Rsa { bits }),
        Ok(bits) => Err(format!("RSA of {bits} bits")),
        Err(error) => Err(format!("an RSA key that cannot be read: {error}")),
    }
}

fn ecdsa(curve: Option<ObjectIdentifier>) -> Result<KeyAlgorithm, String> {
    match curve {
        Some(SECP_256_R_1) => Ok(KeyAlgorithm::EcdsaP256),
        Some(SECP_384_R_1) => Ok(KeyAlgorithm::EcdsaP384),
        Some(SECP_521_R_1) => Ok(KeyAlgorithm::EcdsaP521),
        Some(other) => Err(format!("ECDSA on {}", name(&other))),
        None => Err("ECDSA on a curve without a name".to_owned()),
    }
}

fn curve(parameters: Option<AnyRef<'_>>) -> Option<ObjectIdentifier> {
    parameters?.decode_as().ok()
}

/// A private key, wiped when it is dropped.
pub(crate) type PrivateKey = Zeroizing<PrivateKeyDer<'static>>;

/// A key and which of some certificates is its own.
pub(crate) struct Match {
    pub(crate) key: PrivateKey,
    pub(crate) index: usize,
}

/// Finds the certificate of a key; else says what the TLS library has against the key, if it has something.
pub(crate) fn find_certificate(
    key: &PrivateKey,
    certificates: &[&Certificate],
    public_key: &PublicKeyOf<'_>,
) -> Result<Match, Option<String>> {
    let is_same = |known: &SubjectPublicKeyInfoOwned, der: &[u8]| {
        SubjectPublicKeyInfoRef::from_der(der).is_ok_and(|found| {
            found.algorithm.oid == known.algorithm.oid
                && found.subject_public_key.as_bytes() == known.subject_public_key.as_bytes()
        })
    };
    let mut refusal = None;
    let candidates = certificates.iter().enumerate();
    if !lacks_public_half(key) {
        let found = public_key(key).map_err(Some)?;
        let mut own = candidates.filter(|(_, certificate)| is_same(&certificate.public_key, found.as_ref()));
        let (index, _) = own.next().ok_or(None)?;
        return Ok(Match { key: PrivateKey::new(key.clone_key()), index });
    }
    for (index, certificate) in candidates {
        let Some(whole) = with_public_half(key, &certificate.public_key) else { continue };
        match public_key(&whole) {
            Ok(found) if is_same(&certificate.public_key, found.as_ref()) => {
                return Ok(Match { key: whole, index });
            }
            Ok(_) => {}
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal)
}

/// Whether a key is EC in PKCS#8 without its public half, which RFC 5915 leaves optional and `keytool` leaves out.
fn lacks_public_half(key: &PrivateKeyDer<'_>) -> bool {
    let PrivateKeyDer::Pkcs8(key) = key else { return false };
    let Ok(key) = PrivateKeyInfoRef::from_der(key.secret_pkcs8_der()) else { return false };
    key.algorithm.oid == ID_EC_PUBLIC_KEY
        && EcPrivateKey::from_der(key.private_key.as_bytes()).is_ok_and(|key| key.public_key.is_none())
}

/// An EC key with the public half of a certificate of the same curve. The TLS library checks that the halves fit.
fn with_public_half(key: &PrivateKeyDer<'_>, public: &SubjectPublicKeyInfoOwned) -> Option<PrivateKey> {
    let PrivateKeyDer::Pkcs8(key) = key else { return None };
    let info = PrivateKeyInfoRef::from_der(key.secret_pkcs8_der()).ok()?;
    let parameters = public.algorithm.parameters.as_ref().map(AnyRef::from);
    if public.algorithm.oid != ID_EC_PUBLIC_KEY || curve(parameters) != curve(info.algorithm.parameters) {
        return None;
    }
    let half = EcPrivateKey::from_der(info.private_key.as_bytes()).ok()?;
    let public_key = Some(BitStringRef::from_bytes(public.subject_public_key.as_bytes()?).ok()?);
    let whole = Zeroizing::new(EcPrivateKey { public_key, ..half }.to_der().ok()?);
    let whole = PrivateKeyInfoRef::new(info.algorithm, OctetStringRef::new(&whole).ok()?);
    Some(PrivateKey::new(PrivateKeyDer::Pkcs8(whole.to_der().ok()?.into())))
}
