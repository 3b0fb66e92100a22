//! Whatever is in a file, reading it ends in a vault or in errors.

use crate::maker::{Folder, public_key};
use proptest::prelude::*;
use rustls_pki_types::UnixTime;
use serde_json::{Value, json};
use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;
use zilla_vault::{Source, Vault};

/// Options and the files that they fit.
static WHOLE: LazyLock<Vec<(Value, Vec<u8>)>> = LazyLock::new(|| {
    let folder = Folder::new();
    folder.chain();
    folder.openssl(&[
        "pkcs8",
        "-topk8",
        "-iter",
        "1",
        "-in",
        "localhost.key",
        "-passout",
        "pass:secret",
        "-out",
        "closed.key",
    ]);
    folder.join("all.pem", &["store.pem", "localhost.key"]);
    folder.join("closed.pem", &["store.pem", "closed.key"]);
    let store =
        json!({"keys": {"store": "f", "password": "secret"}, "trust": {"store": "f", "password": "secret"}});
    let pem = json!({
        "keys": {"type": "pem", "password": "secret", "entries": {"a": "f"}},
        "trust": {"type": "pem", "store": "f"},
        "revocation": {"type": "crl", "files": ["f"]}
    });
    let export = |more: &[&str]| {
        let more = [&["-iter", "1", "-certfile", "others.pem", "-name", "a"], more].concat();
        folder.export("f.p12", "localhost", "secret", &more);
        (store.clone(), folder.bytes("f.p12"))
    };
    vec![
        export(&["-nomaciter"]),
        export(&["-nomac"]),
        export(&["-nomac", "-legacy"]),
        export(&["-nomac", "-keypbe", "NONE", "-certpbe", "NONE"]),
        (pem.clone(), folder.bytes("all.pem")),
        (pem, folder.bytes("closed.pem")),
    ]
});

/// Reads options of which every file has this content.
fn read(options: &Value, content: &[u8]) {
    let _ = Vault::read(
        options,
        &mut Source {
            base: Path::new("/"),
            now: UnixTime::now(),
            open: &mut |_| Ok(Box::new(Cursor::new(content.to_vec()))),
            public_key: &public_key,
        },
    )
    .map_err(|errors| assert!(!errors.is_empty()));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop_oneof![Just("pem"), Just("pkcs12"), Just("crl"), Just("f"), Just("")].prop_map(Value::from),
    ];
    let key = prop_oneof![
        "keys|trust|signers|revocation|store|type|password|entries|key|certificates|files",
        "[a-zA-Z/~]{0,3}",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_octets_never_panic(
        which in 0usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let (options, whole) = &WHOLE[which];
        let mut content = whole.clone();
        for (index, octet) in changes {
            let at = index.index(content.len());
            content[at] = octet;
        }
        if let Some(cut) = cut {
            content.truncate(cut.index(whole.len()));
        }
        read(options, &content);
    }

    #[test]
    fn any_octets_never_panic(which in 0usize..6, content in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&WHOLE[which].0, &content);
    }

    #[test]
    fn any_options_never_panic(options in any_json()) {
        read(&options, b"hello");
        zilla_vault::files(&options, Path::new("/"));
    }
}

#[test]
fn whole_files_are_read_to_their_end() {
    for (options, content) in WHOLE.iter() {
        let keys = json!({"keys": options["keys"]});
        let vault = Vault::read(
            &keys,
            &mut Source {
                base: Path::new("/"),
                now: UnixTime::now(),
                open: &mut |_| Ok(Box::new(Cursor::new(content.clone()))),
                public_key: &public_key,
            },
        );
        assert_eq!(vault.unwrap().key("a").unwrap().chain().len(), 3);
    }
}
