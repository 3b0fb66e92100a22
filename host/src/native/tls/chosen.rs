//! Certificates that routes of a client choose, by their subject: `with.certificate`.
//!
//! ```text
//!   with.certificate ──▶ Assignment ── the host fills in ──▶ attributes of the stream ──▶ Asked ──▶ ClientConfig
//!   may have expressions                                     taken out again              one for each subject
//! ```
//!
//! Each subject has a configuration of its own, with sessions of its own: what one certificate has begun is never
//! resumed for another.

use super::super::OptionsError;
use super::client_config::OwnKeys;
use super::negotiated::attribute;
use super::trust::expected;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::ext::pkix::name::DirectoryString;
use zilla_config::Binding;
use zilla_engine::{Assignment, Template, attributes};

/// Sessions of one subject that are kept to be resumed, up to 8 of a server: fewer than where there is one subject, as
/// each has room of its own. Past it, those of the server that was met first are forgotten.
const SESSIONS_MAX: usize = 512;

/// What a certificate is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    CommonName,
    DistinguishedName,
}

impl Field {
    const ALL: [Self; 2] = [Self::CommonName, Self::DistinguishedName];

    /// Its key in the file.
    fn key(self) -> &'static str {
        match self {
            Self::CommonName => "subject.cn",
            Self::DistinguishedName => "subject.dn",
        }
    }

    /// The attribute that brings what a route asks for.
    fn attribute(self) -> &'static str {
        match self {
            Self::CommonName => "certificate.subject.cn",
            Self::DistinguishedName => "certificate.subject.dn",
        }
    }

    /// What a route says of it.
    fn of_route(self, with: &Value) -> Option<&str> {
        with["certificate"][self.key()].as_str()
    }
}

/// The schema of `with` of a client.
pub(super) fn with_schema() -> Value {
    let text = |what: &str| json!({"description": what, "type": "string", "minLength": 1});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "certificate": {
                "description": "whose certificate is shown to a server that asks for one; all of its keys have to fit",
                "type": "object", "additionalProperties": false, "minProperties": 1,
                "properties": {
                    "subject.cn": text("a common name of the subject"),
                    "subject.dn": text("the name of the subject, as RFC 4514 writes it")
                }
            }
        }
    })
}

/// What the routes of a binding set, for [`Chosen::take`].
pub(super) fn assignments(binding: &Binding) -> Vec<Vec<Assignment>> {
    let of_route = |with: &Value| {
        let assignment = |field: Field| {
            let template = Template::parse(field.of_route(with)?, &binding.namespace);
            Some(Assignment { attribute: field.attribute().into(), template })
        };
        Field::ALL.into_iter().filter_map(assignment).collect()
    };
    binding.routes.iter().map(|route| of_route(&route.with)).collect()
}

/// What one stream asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked(Vec<(Field, String)>);

impl Asked {
    /// That there is no such certificate.
    pub(super) fn missing(&self) -> String {
        let asked: Vec<_> =
            self.0.iter().map(|(field, value)| format!("{} `{value}`", field.key())).collect();
        format!("no key has a certificate with {}", asked.join(" and "))
    }
}

/// Configurations for what routes may ask for.
pub(super) struct Chosen {
    /// What each route chooses by; nothing if it leaves the choice to the server.
    routes: Vec<Vec<Field>>,
    entries: BTreeMap<Asked, Entry>,
}

struct Entry {
    keys: Arc<OwnKeys>,
    /// Made when it is asked for first.
    config: OnceLock<Arc<ClientConfig>>,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chosen").field(&self.routes).finish()
    }
}

impl Chosen {
    /// Reads what the routes of a binding say, with the keys that they choose from.
    pub(super) fn read(binding: &Binding, keys: &[Arc<CertifiedKey>]) -> Result<Self, Vec<OptionsError>> {
        let fields = |with: &Value| {
            Field::ALL.into_iter().filter(|field| field.of_route(with).is_some()).collect::<Vec<_>>()
        };
        let routes: Vec<_> = binding.routes.iter().map(|route| fields(&route.with)).collect();
        let subjects: Vec<_> = keys.iter().map(|key| Subject::of(key)).collect();
        let mut errors = Vec::new();
        for (index, route) in binding.routes.iter().enumerate() {
            if binding.vault.is_none() && !routes[index].is_empty() {
                let pointer = format!("/routes/{index}/with/certificate");
                errors.push(expected(&pointer, "a `vault`, which has the certificates", "none".into()));
            } else {
                errors.extend(missing(&route.with, &binding.namespace, index, &subjects));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let shapes: BTreeSet<_> = routes.iter().filter(|fields| !fields.is_empty()).collect();
        let asked: BTreeSet<_> = shapes
            .into_iter()
            .flat_map(|fields| subjects.iter().flat_map(|subject| subject.ways_to_ask(fields)))
            .collect();
        let entry = |asked: Asked| {
            let is_asked =
                |subject: &Subject| asked.0.iter().all(|(field, value)| subject.has(*field, value));
            let fitting = keys.iter().zip(&subjects).filter(|(_, subject)| is_asked(subject));
            let keys = Arc::new(OwnKeys::new(fitting.map(|(key, _)| Arc::clone(key)).collect()));
            (asked, Entry { keys, config: OnceLock::new() })
        };
        Ok(Self { routes, entries: asked.into_iter().map(entry).collect() })
    }

    /// What a route asks for on behalf of a stream, taken out of the attributes of that stream; none if it leaves the
    /// choice to the server.
    pub(super) fn take(&self, route: usize, above: &mut Vec<u8>) -> Option<Asked> {
        let fields = self.routes.get(route).filter(|fields| !fields.is_empty())?;
        // What is no text is in no certificate, nor is nothing.
        let value = |field: Field| attribute(above, field.attribute()).unwrap_or_default().to_owned();
        let asked = Asked(fields.iter().map(|field| (*field, value(*field))).collect());
        let mut others = Vec::with_capacity(above.len());
        for (name, value) in attributes::entries(above) {
            if fields.iter().all(|field| name != field.attribute().as_bytes()) {
                attributes::push(&mut others, name, value);
            }
        }
        *above = others;
        Some(asked)
    }

    /// What shows a certificate that is asked for, and is `base` in everything else. None if there is no such
    /// certificate.
    pub(super) fn config(&self, asked: &Asked, base: &ClientConfig) -> Option<Arc<ClientConfig>> {
        let Entry { keys, config } = self.entries.get(asked)?;
        let make = || {
            let mut config = base.clone();
            config.client_auth_cert_resolver = Arc::<OwnKeys>::clone(keys);
            config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
            Arc::new(config)
        };
        Some(Arc::clone(config.get_or_init(make)))
    }
}

/// Whose a certificate is.
#[derive(Default)]
struct Subject {
    common_names: Vec<String>,
    distinguished_name: String,
}

impl Subject {
    fn of(key: &CertifiedKey) -> Self {
        let read = key.cert.first().and_then(|certificate| Certificate::from_der(certificate).ok());
        let Some(read) = read else { return Self::default() };
        let subject = read.tbs_certificate().subject();
        let common_names = subject
            .iter()
            .filter(|part| part.oid == COMMON_NAME)
            .filter_map(|part| part.value.decode_as::<DirectoryString>().ok())
            .map(|text| text.value().into_owned());
        Self { common_names: common_names.collect(), distinguished_name: subject.to_string() }
    }

    /// What it has in a field. A name without anything in it is none.
    fn values(&self, field: Field) -> impl Iterator<Item = &str> {
        let values = match field {
            Field::CommonName => self.common_names.as_slice(),
            Field::DistinguishedName => std::slice::from_ref(&self.distinguished_name),
        };
        values.iter().map(String::as_str).filter(|value| !value.is_empty())
    }

    fn has(&self, field: Field, value: &str) -> bool {
        self.values(field).any(|known| known == value)
    }

    /// Everything that it fits, of what asks for these fields.
    fn ways_to_ask(&self, fields: &[Field]) -> Vec<Asked> {
        fields.iter().fold(vec![Asked(Vec::new())], |ways, field| {
            let with = |way: &Asked| {
                let longer =
                    |value: &str| Asked(way.0.iter().cloned().chain([(*field, value.to_owned())]).collect());
                self.values(*field).map(longer).collect::<Vec<_>>()
            };
            ways.iter().flat_map(with).collect()
        })
    }
}

/// What a route says in plain text that no certificate has; what expressions stand for is known later.
fn missing(with: &Value, namespace: &str, route: usize, subjects: &[Subject]) -> Option<OptionsError> {
    let mut fitting: Vec<&Subject> = subjects.iter().collect();
    for field in Field::ALL {
        let Some(text) = field.of_route(with) else { continue };
        let Some(value) = Template::parse(text, namespace).fixed() else { continue };
        let known: BTreeSet<&str> = fitting.iter().flat_map(|subject| subject.values(field)).collect();
        let known: Vec<&str> = known.into_iter().collect();
        fitting.retain(|subject| subject.has(field, &value));
        if fitting.is_empty() {
            let found = match zilla_config::suggest(text, &known, field.key()) {
                Some(help) => format!("`{text}`: {help}"),
                None => format!("`{text}`"),
            };
            let pointer = format!("/routes/{route}/with/certificate/{}", field.key());
            let expects = format!("the {} of a certificate of the binding's keys", field.key());
            return Some(expected(&pointer, &expects, found));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::provider::provider;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    use rustls::RootCertStore;

    /// A key for everyone with these common names, or with an organization if there are none.
    fn key(common_names: &[&str]) -> Arc<CertifiedKey> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.distinguished_name.push(DnType::OrganizationName, "Test");
        if common_names.is_empty() {
            params.distinguished_name = DistinguishedName::new();
        }
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().clone()];
        let key = key.serialize_der().try_into().unwrap();
        Arc::new(CertifiedKey::new(chain, provider().key_provider.load_private_key(key).unwrap()))
    }

    /// A binding whose routes have these `certificate`s.
    fn binding(vault: &str, certificates: &[&str]) -> Binding {
        let route = |certificate: &&str| {
            format!("{{when: [{{port: 1}}], with: {{certificate: {certificate}}}, exit: s}}")
        };
        let routes: Vec<_> = certificates.iter().map(route).collect();
        let file = format!(
            "name: n\nguards: {{g: {{type: x509}}}}\nvaults: {{v: {{type: filesystem}}}}\nbindings:\n  \
             c: {{type: tls, kind: client{vault}, routes: [{}]}}\n  s: {{type: echo, kind: server}}\n",
            routes.join(", ")
        );
        let outcome = zilla_config::parse(&zilla_config::Source::new("zilla.yaml", file), &mut |_| None);
        let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.problems));
        config.bindings.into_iter().find(|binding| binding.name == "c").unwrap()
    }

    fn of_vault(certificates: &[&str]) -> Binding {
        binding(", vault: v", certificates)
    }

    fn base() -> ClientConfig {
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    }

    fn block(pairs: &[(&str, &[u8])]) -> Vec<u8> {
        let mut octets = Vec::new();
        for (name, value) in pairs {
            attributes::push(&mut octets, name.as_bytes(), value);
        }
        octets
    }

    /// What a stream gets on a route, and what is left of its attributes.
    fn config(chosen: &Chosen, route: usize, pairs: &[(&str, &[u8])]) -> Option<Arc<ClientConfig>> {
        let asked = chosen.take(route, &mut block(pairs)).unwrap();
        chosen.config(&asked, &base())
    }

    #[test]
    fn each_subject_has_a_configuration_and_sessions_of_its_own() {
        let keys = [key(&["alice"]), key(&["bob"]), key(&["alice"])];
        let expression = "{subject.cn: \"${guarded['g'].identity}\"}";
        let chosen = Chosen::read(&of_vault(&[expression, "{subject.dn: 'O=Test,CN=bob'}"]), &keys).unwrap();
        let named = |name: &str| config(&chosen, 0, &[("certificate.subject.cn", name.as_bytes())]);
        let [alice, again, bob] = ["alice", "alice", "bob"].map(|name| named(name).unwrap());
        assert!(Arc::ptr_eq(&alice, &again), "sessions are kept from one connection to the next");
        assert!(!Arc::ptr_eq(&alice, &bob));
        let schemes = [rustls::SignatureScheme::ECDSA_NISTP256_SHA256];
        for (config, key) in [(&alice, &keys[0]), (&bob, &keys[1])] {
            let shown = config.client_auth_cert_resolver.resolve(&[], &schemes).unwrap();
            assert!(Arc::ptr_eq(&shown, key));
        }
        let by_name = config(&chosen, 1, &[("certificate.subject.dn", b"O=Test,CN=bob")]).unwrap();
        let shown = by_name.client_auth_cert_resolver.resolve(&[], &schemes).unwrap();
        assert!(Arc::ptr_eq(&shown, &keys[1]));
    }

    #[test]
    fn nobody_and_who_has_no_certificate_gets_none() {
        // One of them has a subject without anything in it.
        let keys = [key(&["alice"]), key(&[])];
        let expressions =
            ["cn", "dn"].map(|name| format!("{{subject.{name}: \"${{guarded['g'].identity}}\"}}"));
        let chosen = Chosen::read(&of_vault(&[&expressions[0], &expressions[1]]), &keys).unwrap();
        for (route, attribute) in [(0, "certificate.subject.cn"), (1, "certificate.subject.dn")] {
            for value in [&b"carol"[..], b"", b"ALICE", b"alic", b"\xff"] {
                assert!(config(&chosen, route, &[(attribute, value)]).is_none(), "{attribute} {value:?}");
            }
            assert!(config(&chosen, route, &[]).is_none());
        }
        let asked = chosen.take(0, &mut block(&[("certificate.subject.cn", b"carol")])).unwrap();
        assert_eq!(asked.missing(), "no key has a certificate with subject.cn `carol`");
    }

    #[test]
    fn all_of_its_keys_have_to_fit_one_certificate() {
        let keys = [key(&["alice", "al"]), key(&["bob"])];
        let both = "{subject.cn: \"${guarded['g'].identity}\", subject.dn: \"${guarded['g'].identity}\"}";
        let chosen = Chosen::read(&of_vault(&[both]), &keys).unwrap();
        let names = |common: &str, whole: &str| {
            let pairs = [("certificate.subject.cn", common), ("certificate.subject.dn", whole)];
            config(&chosen, 0, &pairs.map(|(name, value)| (name, value.as_bytes()))).is_some()
        };
        assert!(names("bob", "O=Test,CN=bob"));
        assert!(!names("alice", "O=Test,CN=bob"));
    }

    #[test]
    fn what_a_route_has_asked_for_is_taken_out_of_the_attributes() {
        let expression = "{subject.cn: \"${guarded['g'].identity}\"}";
        let mut binding = of_vault(&[expression, expression]);
        binding.routes[1].with = Value::Null;
        let chosen = Chosen::read(&binding, &[key(&["alice"])]).unwrap();
        let before = block(&[("authority", b"a.test"), ("certificate.subject.cn", b"alice"), ("x", b"1")]);
        let mut above = before.clone();
        assert!(chosen.take(0, &mut above).is_some());
        assert_eq!(above, block(&[("authority", b"a.test"), ("x", b"1")]));
        // Somebody else's attribute of that name chooses nothing.
        let mut above = before.clone();
        assert!(chosen.take(1, &mut above).is_none());
        assert_eq!(above, before);
    }

    #[test]
    fn plain_text_that_fits_none_is_refused_with_what_was_probably_meant() {
        let keys = [key(&["alice"]), key(&["bob"])];
        let refused = |binding: Binding| {
            let error = Chosen::read(&binding, &keys).unwrap_err().remove(0);
            (error.pointer, error.found)
        };
        for (certificate, field, found) in [
            ("{subject.cn: alcie}", "/subject.cn", "`alcie`: did you mean `alice`?"),
            ("{subject.dn: 'O=Test, CN=bob'}", "/subject.dn", "did you mean `O=Test,CN=bob`?"),
            ("{subject.cn: alice, subject.dn: 'O=Test,CN=bob'}", "/subject.dn", "`O=Test,CN=alice`"),
            // An expression that is none, and stands for nothing.
            ("{subject.cn: '${guarded.g.identity}'}", "/subject.cn", "${guarded.g.identity}"),
        ] {
            let (pointer, said) = refused(of_vault(&["{subject.cn: bob}", certificate]));
            assert_eq!(pointer, format!("/routes/1/with/certificate{field}"));
            assert!(said.contains(found), "{said}");
        }
        let (pointer, _) = refused(binding("", &["{subject.cn: alice}"]));
        assert_eq!(pointer, "/routes/0/with/certificate");
    }
}
