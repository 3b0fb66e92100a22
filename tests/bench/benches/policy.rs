//! What a guard and a matcher cost when they are asked: verifications of tokens in the component of the `jwt` guard and by
//! the library that it is made of, linked natively; and a matcher's answers, by the number of queries in a call.
//!
//! The engine's share of a stream with a session or a matcher is in `host/engine/benches/turn.rs`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use zilla_engine::attributes;
use zilla_host::plugin::{
    GuardConfig, GuardType, Instant, Library, MatcherConfig, MatcherQuery, MatcherType, PluginOptions,
    Runtime, RuntimeOptions,
};

const NOW: Instant = Instant { monotonic_ms: 1, unix_ms: 1_800_000_000_000 };

/// Until when tokens are good, in seconds since 1970: for longer than anybody measures, by whatever clock.
const EXPIRES_UNIX_S: u64 = 4_102_444_800;

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// Queries in one call.
const QUERIES: [usize; 3] = [1, 10, 100];

fn library() -> Library {
    let runtime = Runtime::new(RuntimeOptions::default()).expect("the engine starts");
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/bin");
    let plugins = std::env::var_os("ZILLA_PLUGINS").map_or(plugins, Into::into);
    Library::scan(&runtime, None, vec![plugins])
}

/// The private keys of the guard's own tests: RSA with 2,048 bits, and P-256.
fn private(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::RS256 => {
            EncodingKey::from_rsa_der(include_bytes!("../../../plugins/guard-jwt/src/tests/keys/rsa.der"))
        }
        _ => EncodingKey::from_ec_der(include_bytes!("../../../plugins/guard-jwt/src/tests/keys/p256.der")),
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "scope": "read write", "email": "alice@example.com",
        "iat": EXPIRES_UNIX_S - 3_600, "exp": EXPIRES_UNIX_S,
    })
}

/// A token from its text to whose it is.
fn verify(criterion: &mut Criterion) {
    let guard =
        library().guard("jwt", &PluginOptions::default()).expect("`cargo xtask plugins` has built it");
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        let private = private(algorithm);
        let token =
            encode(&Header::new(algorithm), &claims(), &private).expect("the key is of that algorithm");
        let public = Jwk::from_encoding_key(&private, algorithm).expect("the key has a public part");
        let mut group = criterion.benchmark_group(format!("verify/{algorithm:?}"));
        group.throughput(Throughput::Elements(1));
        let options = json!({"issuer": ISSUER, "audience": AUDIENCE, "keys": [&public]});
        let config =
            GuardConfig { namespace: "bench".into(), name: "policy".into(), options: options.to_string() };
        let mut instance = guard.attach(&config).expect("the configuration is right");
        group.bench_function("component", |bencher| {
            bencher.iter(|| {
                let session = instance.authorize(NOW, token.as_bytes()).expect("no plugin here traps");
                assert!(session.is_some(), "the token is good");
                black_box(session)
            });
        });
        let key = DecodingKey::from_jwk(&public).expect("it was made here");
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        group.bench_function("jsonwebtoken", |bencher| {
            bencher
                .iter(|| decode::<Value>(black_box(&token), &key, &validation).expect("the token is good"));
        });
        group.finish();
    }
}

/// Answers about streams that began together: each with ten attributes, of which one is looked up.
fn matcher(criterion: &mut Criterion) {
    let canary = library().matcher("canary", &PluginOptions::default());
    let canary = canary.expect("`cargo xtask plugins` has built it");
    let options = json!({"attribute": "x-device"}).to_string();
    let config = MatcherConfig { namespace: "bench".into(), name: "policy".into(), options };
    let uses = [json!({"percent": 50}).to_string()];
    let mut instance = canary.attach(&config, &uses).expect("the configuration is right");
    let mut group = criterion.benchmark_group("matcher");
    for count in QUERIES {
        let (mut octets, mut queries) = (Vec::new(), Vec::new());
        for device in 0..count {
            let offset = octets.len();
            for index in 0..9 {
                let name = format!("x-header-{index}");
                attributes::push(&mut octets, name.as_bytes(), b"some value of it");
            }
            attributes::push(&mut octets, b"x-device", device.to_string().as_bytes());
            queries.push(MatcherQuery {
                use_index: 0,
                identity: None,
                offset: offset as u32,
                attributes: (octets.len() - offset) as u32,
            });
        }
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} queries"), |bencher| {
            bencher.iter(|| {
                let verdicts = instance.evaluate(NOW, &queries, &octets).expect("no plugin here traps");
                assert_eq!(verdicts.len(), count, "one for each");
                black_box(verdicts)
            });
        });
    }
    group.finish();
}

criterion_group!(policy, verify, matcher);
criterion_main!(policy);
