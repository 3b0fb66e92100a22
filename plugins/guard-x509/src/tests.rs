//! Tests of who is accepted, as whom, and with which roles.

use crate::X509;
use crate::pem::{CERTIFICATES_MAX, CHAIN_OCTETS_MAX};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rcgen::string::{BmpString, Ia5String};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, DnValue, IsCa, KeyPair, SanType,
    SerialNumber, date_time_ymd,
};
use sha2::{Digest, Sha256};
use zilla_sdk::testing::GuardHarness;
use zilla_sdk::{Refused, Session};

/// 2025-01-01 and 2027-01-01, in ms since 1970: the year between is the time of the tests.
const NOT_BEFORE: u64 = 1_735_689_600_000;
const NOT_AFTER: u64 = 1_798_761_600_000;

/// A chain of a certificate in PEM, and its issuer, `CN=Example CA,O=Example`.
struct Chain {
    der: Vec<u8>,
    issuer: Vec<u8>,
}

impl Chain {
    fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut ca = CertificateParams::default();
        ca.distinguished_name = rcgen::DistinguishedName::new();
        ca.distinguished_name.push(DnType::OrganizationName, "Example");
        ca.distinguished_name.push(DnType::CommonName, "Example CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2027, 1, 1));
        change(&mut params);
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &ca).unwrap();
        Self { der: certificate.der().to_vec(), issuer: ca.der().to_vec() }
    }

    /// With a subject of these parts, in the order of the certificate.
    fn named(parts: &[(DnType, &str)]) -> Self {
        Self::new(|params| {
            for (oid, text) in parts {
                params.distinguished_name.push(oid.clone(), *text);
            }
        })
    }

    /// `CN=alice,OU=Sales,O=Example` with several other names.
    fn of_alice() -> Self {
        let text = |text: &str| Ia5String::try_from(text).unwrap();
        Self::new(|params| {
            params.serial_number = Some(SerialNumber::from_slice(&[0x9a, 0x00, 0xff]));
            for (oid, text) in [
                (DnType::OrganizationName, "Example"),
                (DnType::OrganizationalUnitName, "Sales"),
                (DnType::CommonName, "alice"),
            ] {
                params.distinguished_name.push(oid, text);
            }
            params.subject_alt_names = vec![
                SanType::DnsName(text("one.test")),
                SanType::Rfc822Name(text("alice@example.com")),
                SanType::IpAddress([127, 0, 0, 1].into()),
                SanType::URI(text("spiffe://example.com/alice")),
                SanType::DnsName(text("two.test")),
            ];
        })
    }

    /// The same with other octets in the place of the only occurrence of some.
    fn replaced(mut self, from: &[u8], to: &[u8]) -> Self {
        assert_eq!(from.len(), to.len());
        let places: Vec<usize> = (0..self.der.len()).filter(|at| self.der[*at..].starts_with(from)).collect();
        let [at] = places[..] else { panic!("expected one place, found {places:?}") };
        self.der[at..at + to.len()].copy_from_slice(to);
        self
    }

    fn pem(&self) -> String {
        [&self.der, &self.issuer].map(|der| pem(der)).concat()
    }

    #[track_caller]
    fn identity(&self, field: &str) -> String {
        guard(&format!("{{identity: {field}}}")).authorize(self.pem()).unwrap().identity
    }
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
    let lines: Vec<&str> = lines.collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[track_caller]
fn guard(options: &str) -> GuardHarness<X509> {
    GuardHarness::attach(&format!("options: {options}")).unwrap()
}

#[track_caller]
fn expect_refusal(found: Result<Session, Refused>, reason: &str) {
    let found = found.unwrap_err();
    assert!(found.reason().starts_with(reason), "expected {reason:?}, found {found}");
}

#[test]
fn a_session_is_of_the_subject_and_ends_with_its_certificate() {
    let session = Session::of("CN=alice,OU=Sales,O=Example").expires(NOT_AFTER);
    assert_eq!(guard("{}").authorize(Chain::of_alice().pem()), Ok(session));
}

#[test]
fn each_field_is_an_identity_and_an_attribute() {
    let alice = Chain::of_alice();
    let sha256: String = Sha256::digest(&alice.der).iter().map(|octet| format!("{octet:02x}")).collect();
    for (field, value) in [
        ("subject.dn", "CN=alice,OU=Sales,O=Example"),
        ("subject.cn", "alice"),
        ("subject.o", "Example"),
        ("subject.ou", "Sales"),
        ("issuer.dn", "CN=Example CA,O=Example"),
        ("issuer.cn", "Example CA"),
        ("serial", "9a00ff"),
        ("san.dns", "one.test"),
        ("san.email", "alice@example.com"),
        ("san.uri", "spiffe://example.com/alice"),
        ("sha256", &*sha256),
    ] {
        assert_eq!(alice.identity(field), value);
        let session = guard(&format!("{{attributes: {{a: {field}}}}}")).authorize(alice.pem()).unwrap();
        assert_eq!(session.attributes, [("a".to_owned(), value.to_owned())]);
    }
}

#[test]
fn what_is_not_there_is_no_identity_and_no_attribute() {
    let chain = Chain::named(&[(DnType::CommonName, "bob")]);
    let found = guard("{identity: san.uri}").authorize(chain.pem());
    expect_refusal(found, "the certificate has no san.uri");
    let session = guard("{attributes: {mail: san.email, unit: subject.ou}}").authorize(chain.pem()).unwrap();
    assert_eq!((&*session.identity, session.attributes), ("CN=bob", vec![]));
    expect_refusal(guard("{}").authorize(Chain::named(&[]).pem()), "the certificate has no subject.dn");
    let empty = Chain::named(&[(DnType::CommonName, "")]);
    expect_refusal(
        guard("{identity: subject.cn}").authorize(empty.pem()),
        "the certificate has no subject.cn",
    );
}

#[test]
fn names_are_written_as_rfc_4514_says() {
    for (name, dn) in [
        ("Smith, James \"Jim\"", r#"CN=Smith\, James \"Jim\""#),
        ("a+b;c<d>e\\f", r"CN=a\+b\;c\<d\>e\\f"),
        ("#1", r"CN=\#1"),
        (" a b ", r"CN=\ a b\ "),
        ("a\r\0b", r"CN=a\0d\00b"),
        ("Łukasz 李", "CN=Łukasz 李"),
        // Nobody gets another part by a name that looks like one.
        ("alice,O=Example", r"CN=alice\,O=Example"),
    ] {
        let chain = Chain::named(&[(DnType::CommonName, name)]);
        assert_eq!(chain.identity("subject.dn"), dn);
        assert_eq!(chain.identity("subject.cn"), name);
    }
    let oid = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 1466, 0]);
    let text = Chain::named(&[(oid, "Hi")]).identity("subject.dn");
    assert_eq!(text, "1.3.6.1.4.1.1466.0=#0c024869");
}

#[test]
fn a_name_of_two_parts_at_once_has_both() {
    // rcgen writes a set for each part. The head of the second one gives its room to two letters more of the first.
    let chain = Chain::named(&[(DnType::OrganizationName, "ab"), (DnType::CommonName, "cdef")]);
    let two = [
        &b"\x31\x0b\x30\x09\x06\x03\x55\x04\x0a\x0c\x02ab"[..],
        b"\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04cdef",
    ];
    let one =
        [&b"\x31\x1a\x30\x0b\x06\x03\x55\x04\x0a\x0c\x04ab12"[..], b"\x30\x0b\x06\x03\x55\x04\x03\x0c\x04cd"];
    let chain = chain.replaced(&two.concat(), &[&one.concat()[..], b"ef"].concat());
    assert_eq!(chain.identity("subject.dn"), "CN=cdef+O=ab12");
    assert_eq!(chain.identity("subject.cn"), "cdef");
    assert_eq!(chain.identity("subject.o"), "ab12");
}

#[test]
fn text_of_two_octets_a_letter_is_text_if_it_is_well_formed() {
    let chain = Chain::new(|params| {
        let name = BmpString::try_from("aé李").unwrap();
        params.distinguished_name.push(DnType::CommonName, DnValue::BmpString(name));
    });
    assert_eq!(chain.identity("subject.cn"), "aé李");
    // Half of a letter beyond the first plane.
    let chain = chain.replaced(b"\x00a\x00\xe9\x67\x4e", b"\x00a\x00\xe9\xd8\x00");
    let found = guard("{identity: subject.cn}").authorize(chain.pem());
    expect_refusal(found, "the certificate has no subject.cn");
}

#[test]
fn all_fields_of_one_condition_give_a_role() {
    let roles = |conditions: &str| {
        let options = format!("{{roles: {{admin: {conditions}, every: [{{subject.dn: '*'}}]}}}}");
        guard(&options).authorize(Chain::of_alice().pem()).unwrap().roles
    };
    for (conditions, is_admin) in [
        ("[{subject.cn: alice}]", true),
        ("[{subject.cn: 'al*', issuer.cn: Example CA}]", true),
        ("[{subject.cn: 'al*', issuer.cn: Other CA}]", false),
        ("[{issuer.cn: Other CA}, {subject.ou: Sales}]", true),
        ("[{issuer.cn: Other CA}, {subject.ou: Support}]", false),
        ("[{subject.cn: Alice}]", false),
        // One of several names is enough, and each field may fit another one.
        ("[{san.dns: two.test}]", true),
        ("[{san.dns: '*.test', san.uri: 'spiffe://example.com/*'}]", true),
        ("[{san.dns: three.test}]", false),
        ("[{san.email: '*@example.com'}]", true),
        ("[{san.dns: 127.0.0.1}]", false),
        ("[{subject.dn: '*,O=Example'}]", true),
        ("[{serial: '9A:00:FF'}]", true),
        ("[{serial: '9a00ff'}]", true),
        ("[{serial: '9a00f'}]", false),
    ] {
        let expected: &[&str] = if is_admin { &["admin", "every"] } else { &["every"] };
        assert_eq!(roles(conditions), expected, "{conditions}");
    }
}

#[test]
fn what_is_not_there_fits_no_pattern() {
    let chain = Chain::named(&[(DnType::CommonName, "bob")]);
    let mut guard = guard("{roles: {all: [{san.dns: '*'}], unit: [{subject.ou: ''}]}}");
    assert_eq!(guard.authorize(chain.pem()).unwrap().roles, [""; 0]);
}

#[test]
fn time_is_from_not_before_on_until_not_after() {
    let (mut guard, chain) = (guard("{}"), Chain::of_alice().pem());
    for (unix_ms, reason) in [
        (0, Some("the certificate is not valid yet")),
        (NOT_BEFORE - 1, Some("the certificate is not valid yet")),
        (NOT_BEFORE, None),
        (NOT_AFTER - 1, None),
        (NOT_AFTER, Some("the certificate has expired")),
        (u64::MAX, Some("the certificate has expired")),
    ] {
        guard.set_unix_ms(unix_ms);
        match (guard.authorize(&chain), reason) {
            (found, Some(reason)) => expect_refusal(found, reason),
            (found, None) => assert_eq!(found.unwrap().expires_unix_ms, Some(NOT_AFTER)),
        }
    }
}

#[test]
fn the_first_certificate_is_the_client_s() {
    let chain = Chain::of_alice();
    let turned = [pem(&chain.issuer), pem(&chain.der)].concat();
    assert_eq!(guard("{identity: subject.cn}").authorize(turned).unwrap().identity, "Example CA");
    let with_returns = chain.pem().replace('\n', "\r\n");
    assert_eq!(guard("{identity: subject.cn}").authorize(with_returns).unwrap().identity, "alice");
}

#[test]
fn a_chain_has_its_limits() {
    let own = pem(&Chain::of_alice().der);
    let mut guard = guard("{}");
    guard.authorize(own.repeat(CERTIFICATES_MAX)).unwrap();
    let found = guard.authorize(own.repeat(CERTIFICATES_MAX + 1));
    expect_refusal(found, "the chain has more than 16 certificates");
    let padded = |octets: usize| format!("{own}{}", "\n".repeat(octets - own.len()));
    guard.authorize(padded(CHAIN_OCTETS_MAX)).unwrap();
    let found = guard.authorize(padded(CHAIN_OCTETS_MAX + 1));
    expect_refusal(found, "the chain has more than 65536 octets");
}

#[test]
fn what_is_no_chain_is_refused() {
    let own = pem(&Chain::of_alice().der);
    let end = "-----END CERTIFICATE-----";
    for (chain, reason) in [
        (String::new(), "the chain has no certificate"),
        ("alice".to_owned(), "the chain has something else"),
        (format!("{own}and so on"), "the chain has something else"),
        (own.replace("CERTIFICATE", "PUBLIC KEY"), "the chain has something else"),
        (own.replace(end, ""), "the chain has no certificate, or one without an end"),
        (own.replace(end, "") + &own, "the first certificate is no base64"),
        (own.replace("MII", "M!I"), "the first certificate is no base64"),
        (pem(b""), "the certificate is malformed"),
        (pem(&[Chain::of_alice().der, vec![0]].concat()), "the certificate is malformed"),
    ] {
        expect_refusal(guard("{}").authorize(&chain), reason);
    }
    expect_refusal(guard("{}").authorize([0xff]), "the chain is no text");
}

#[test]
fn no_octets_are_too_much_for_it() {
    let options = "{identity: subject.cn, attributes: {a: subject.dn, b: issuer.dn, c: serial, d: san.dns,
        e: san.uri, f: san.email}, roles: {r: [{issuer.cn: '*', subject.o: '*', subject.ou: '*', sha256: '*'}]}}";
    let (mut guard, chain) = (guard(options), Chain::of_alice());
    let mut accepted = 0;
    for at in 0..chain.der.len() {
        let mut der = chain.der.clone();
        for octet in [0x00, 0x01, 0x1e, 0x30, 0x7f, 0x80, 0xff, der[at] ^ 1, der[at].wrapping_add(1)] {
            der[at] = octet;
            accepted += usize::from(guard.authorize(pem(&der)).is_ok());
        }
        expect_refusal(guard.authorize(pem(&chain.der[..at])), "the certificate is malformed");
    }
    // Such as those that differ in the signature alone, which is not looked at here.
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn what_the_file_may_not_say_is_refused_at_its_place() {
    for (options, path) in [
        ("{identity: subject.dc}", "/options/identity"),
        ("{identity: ''}", "/options/identity"),
        ("{attributes: {a: SAN.dns}}", "/options/attributes/a"),
        ("{attributes: {a/b~c: x}}", "/options/attributes/a~1b~0c"),
        ("{roles: {admin: []}}", "/options/roles/admin"),
        ("{roles: {admin: [{subject.cn: a}, {}]}}", "/options/roles/admin/1"),
        ("{roles: {admin: [{subject.cn: a}, {subject: a}]}}", "/options/roles/admin/1/subject"),
        ("{role: {}}", "/options"),
    ] {
        let errors = GuardHarness::<X509>::attach(&format!("options: {options}")).err().unwrap();
        assert_eq!(errors[0].path, path, "{options}");
    }
}

#[test]
fn a_field_that_there_is_not_is_told_those_that_there_are() {
    let errors = GuardHarness::<X509>::attach("options: {identity: cn}").err().unwrap();
    assert_eq!(
        (&*errors[0].expected, &*errors[0].found),
        (
            "one of subject.dn, subject.cn, subject.o, subject.ou, issuer.dn, issuer.cn, serial, san.dns, \
             san.email, san.uri, sha256",
            "cn"
        )
    );
}
