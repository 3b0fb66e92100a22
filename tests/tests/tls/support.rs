//! What these tests are written with: certificates, peers, and the `zilla.yaml` of most of them.

pub(crate) mod asking;
pub(crate) mod openssl;
pub(crate) mod peer;
pub(crate) mod pki;
pub(crate) mod yaml;
