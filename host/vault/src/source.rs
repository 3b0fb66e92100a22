//! What a vault needs of the world.

use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, UnixTime};
use std::io;
use std::path::Path;

/// Where files come from, what time it is, and who knows the arithmetic of keys.
pub struct Source<'a> {
    /// The folder that relative paths start from: that of `zilla.yaml`.
    pub base: &'a Path,
    /// When certificates and lists of revoked ones are to be valid.
    pub now: UnixTime,
    /// Opens a file. No more of it is read than [`FILE_SIZE_MAX`](crate::FILE_SIZE_MAX), and each file once.
    pub open: &'a mut dyn FnMut(&Path) -> io::Result<Box<dyn io::Read>>,
    /// The public half of a private key, or why the TLS library would not sign with it. The text of the error is
    /// shown to operators: it must not have the key in it.
    pub public_key: &'a PublicKeyOf<'a>,
}

/// See [`Source::public_key`].
pub(crate) type PublicKeyOf<'a> =
    dyn Fn(&PrivateKeyDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, String> + 'a;
