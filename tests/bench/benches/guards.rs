//! What it costs to check a token: in the component `guard_jwt.wasm`, strictly, and by the same library linked natively,
//! which checks the signature and nothing else. A host asks a guard once for all uses of a token.
//!
//! The tokens are signed with the keys of RFC 7515 (A.2, A.3) and RFC 8037 (A.1).

use criterion::{Criterion, criterion_group, criterion_main};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use std::str::FromStr as _;
use zilla_host::plan::BindingTypes;
use zilla_host::plugin::{GuardConfig, Instant, Library, PluginOptions, Runtime, RuntimeOptions};

const NOW: Instant = Instant { monotonic_ms: 1, unix_ms: 1_800_000_000_000 };

fn tokens() -> Vec<Value> {
    serde_json::from_str(include_str!("tokens.json")).expect("JSON")
}

fn component(criterion: &mut Criterion) {
    let runtime = Runtime::new(RuntimeOptions::default()).expect("the engine starts");
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/bin");
    let plugins = std::env::var_os("ZILLA_PLUGINS").map_or(plugins, Into::into);
    let library = Library::scan(&runtime, None, vec![plugins]);
    let guard_type = library.guard_type("jwt", &PluginOptions::default());
    let guard_type = guard_type.expect("`cargo xtask plugins` has built it");
    for token in tokens() {
        let options = json!({"issuer": "issuer", "audience": "api", "keys": [token["jwk"]]}).to_string();
        let config = GuardConfig { namespace: "bench".into(), name: "jwt".into(), options };
        let mut guard = guard_type.attach(&config).expect("the configuration is right");
        let (name, text) = (text(&token["alg"]), text(&token["token"]));
        criterion.bench_function(&format!("jwt/component/{name}"), |bencher| {
            bencher.iter(|| {
                let session = guard.authorize(NOW, text.as_bytes()).expect("the guard does not trap");
                assert!(black_box(session).is_some(), "the token is good");
            });
        });
    }
}

fn native(criterion: &mut Criterion) {
    for token in tokens() {
        let jwk: Jwk = serde_json::from_value(token["jwk"].clone()).expect("a key");
        let key = DecodingKey::from_jwk(&jwk).expect("a key");
        let (name, text) = (text(&token["alg"]), text(&token["token"]));
        let mut validation = Validation::new(Algorithm::from_str(name).expect("an algorithm"));
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.set_audience(&["api"]);
        criterion.bench_function(&format!("jwt/native/{name}"), |bencher| {
            bencher.iter(|| {
                let claims = decode::<Value>(text, &key, &validation).expect("the token is good");
                black_box(claims);
            });
        });
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

criterion_group!(guards, component, native);
criterion_main!(guards);
