//! What a certificate says, by the names that `zilla.yaml` has for it.

use zilla_sdk::{ConfigError, config_error};

/// A field of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    SubjectDn,
    SubjectCn,
    SubjectO,
    SubjectOu,
    IssuerDn,
    IssuerCn,
    Serial,
    SanDns,
    SanEmail,
    SanUri,
    Sha256,
}

impl Field {
    /// All that there are, in the order in which an error lists them.
    const ALL: [Self; 11] = [
        Self::SubjectDn,
        Self::SubjectCn,
        Self::SubjectO,
        Self::SubjectOu,
        Self::IssuerDn,
        Self::IssuerCn,
        Self::Serial,
        Self::SanDns,
        Self::SanEmail,
        Self::SanUri,
        Self::Sha256,
    ];

    /// The field of this name, which is at this place of the file.
    pub(crate) fn configured(name: &str, place: &str) -> Result<Self, ConfigError> {
        Self::ALL.into_iter().find(|field| field.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|field| field.name()).collect();
            config_error(place, format!("one of {}", known.join(", ")), name)
        })
    }

    /// Its name in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SubjectDn => "subject.dn",
            Self::SubjectCn => "subject.cn",
            Self::SubjectO => "subject.o",
            Self::SubjectOu => "subject.ou",
            Self::IssuerDn => "issuer.dn",
            Self::IssuerCn => "issuer.cn",
            Self::Serial => "serial",
            Self::SanDns => "san.dns",
            Self::SanEmail => "san.email",
            Self::SanUri => "san.uri",
            Self::Sha256 => "sha256",
        }
    }

    /// Whether its values are octets in hex.
    pub(crate) fn is_hex(self) -> bool {
        matches!(self, Self::Serial | Self::Sha256)
    }
}
