//! A guard and a matcher are replaced under requests that ask them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use zilla_tests::command::zilla;
use zilla_tests::http::HttpClient;
use zilla_tests::plugin::version;
use zilla_tests::{Host, Ports, until};

/// Clients that ask without a pause.
const CLIENTS: usize = 4;

/// How often each plugin is replaced.
const SWAPS: usize = 3;

/// Requests that are answered between two swaps, so that each meets some.
const ANSWERS: usize = 20;

const GUARD: &str = "guard_inline.wasm";
const MATCHER: &str = "matcher_word.wasm";

/// A folder of plugins of its own, with those that are replaced.
fn prepare(folder: &Path) {
    let built = xtask::plugins::built();
    let plugins = folder.join("plugins");
    std::fs::create_dir(&plugins).expect("a folder of its own");
    std::fs::copy(built.dir.join(GUARD), plugins.join(GUARD)).expect("the guard is built");
    std::fs::copy(built.guests_dir.join(MATCHER), plugins.join(MATCHER)).expect("the matcher is built");
}

fn yaml(port: u16) -> String {
    format!(
        "name: test
guards: {{service: {{type: inline, options: {{identity: alice, credentials: s3cret}}}}}}
matchers: {{word: {{type: word, options: {{attribute: x-word}}}}}}
bindings:
  north: {{type: tcp, kind: server, options: {{host: 127.0.0.1, port: {port}}}, exit: web}}
  web:
    type: http
    kind: server
    options: {{authorization: {{service: {{credentials: {{headers: {{authorization: 'Bearer {{credentials}}'}}}}}}}}}}
    routes:
      - exit: echo
        guarded: {{service: []}}
        when: [{{headers: {{':path': '/{{id}}'}}, matched: {{word: {{starts: ko}}}}}}]
        with: {{headers: {{overrides: {{x-both: \"${{params.id}}-${{params.rest}}-${{guarded['service'].identity}}\"}}}}}}
  echo: {{type: echo, kind: server}}
"
    )
}

#[test]
fn guards_and_matchers_are_swapped_and_no_request_fails() {
    const REQUEST: &str =
        "GET /7 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer s3cret\r\nx-word: koala\r\n\r\n";
    let port = Ports::one();
    let host = Host::with(&["--workers=2"]).prepared(prepare).plugins("plugins").start(&yaml(port.first()));
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let head = HttpClient::connect(port.first()).ask(REQUEST).head;
                    assert_eq!((head.status, head.field("x-both")), (200, Some("7-ala-alice")));
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let control = format!("--control={}", host.control().display());
        let new = host.folder().join("new.wasm");
        for number in 1..=SWAPS {
            for file in [GUARD, MATCHER] {
                let before = answers.load(Ordering::Relaxed);
                until("requests are answered", || answers.load(Ordering::Relaxed) >= before + ANSWERS);
                let component = std::fs::read(host.folder().join("plugins").join(file)).expect("it is there");
                std::fs::write(&new, version(&component, number)).expect("a folder of its own");
                let output = zilla(&["plugin", "swap", &control, &new.display().to_string()]);
                assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", host.log());
                assert!(output.stdout.contains("1 pipelines started"), "{}", output.stdout);
            }
        }
        let before = answers.load(Ordering::Relaxed);
        until("requests are answered", || answers.load(Ordering::Relaxed) >= before + ANSWERS);
        is_over.store(true, Ordering::Relaxed);
    });
}
