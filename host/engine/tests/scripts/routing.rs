use crate::script::*;
use zilla_engine::{CloseCode, Limits, Routing};

fn refused(id: u32, code: CloseCode) -> [String; 2] {
    [format!("{id} reset {}", code.value()), format!("{id} abort {}", code.value())]
}

/// A opens to B, which routes what it accepts: `to: c` to C, anything else to D.
fn proxy() -> Script {
    let bindings = vec![
        binding(Routing::Opened, vec![exit(B)]),
        binding(Routing::Accepted, vec![set(when("to", "c", C), "by", "b"), exit(D)]),
        binding(Routing::None, vec![]),
        binding(Routing::None, vec![]),
    ];
    Script::new(limits(), bindings)
}

#[test]
fn a_binding_that_routes_what_it_opens_has_each_opening_routed() {
    let routes = vec![when("to", "b", B), when("to", "c", C)];
    let none = || binding(Routing::None, vec![]);
    let mut script = Script::new(limits(), vec![binding(Routing::Opened, routes), none(), none()]);
    script.send(A, [begin(2).with("to", "c"), begin(4).with("to", "b"), begin(6).with("to", "d")]);
    assert_eq!(script.recv(B), ["1 begin to=b"]);
    assert_eq!(script.recv(C), ["1 begin to=c"]);
    assert_eq!(script.recv(A), refused(6, CloseCode::NoRoute));
}

#[test]
fn what_arrives_is_routed_before_the_binding_sees_it() {
    let mut script = proxy();
    script.send(A, [begin(2).with("to", "c")]);
    assert_eq!(script.recv(B), ["1 begin to=c by=b"]);
    let bindings = vec![
        binding(Routing::Opened, vec![exit(B)]),
        binding(Routing::Accepted, vec![when("to", "c", C)]),
        binding(Routing::None, vec![]),
    ];
    let mut script = Script::new(limits(), bindings);
    script.send(A, [begin(2).with("to", "d")]);
    script.recv_nothing(B);
    assert_eq!(script.recv(A), refused(2, CloseCode::NoRoute));
}

#[test]
fn what_arrives_says_which_route_it_takes() {
    let mut script = proxy();
    script.send(A, [begin(2).with("to", "c"), begin(4).with("to", "d")]);
    assert_eq!(script.recv(B), ["1 begin to=c by=b", "3 begin link=1 to=d"]);
}

#[test]
fn a_link_lends_its_route_to_what_is_opened_on_its_behalf() {
    let mut script = proxy();
    script.send(A, [begin(2).with("to", "c")]);
    script.recv(B);
    script.send(B, [begin(2).link(1), begin(4).link(1), begin(6)]);
    assert_eq!(script.recv(C), ["1 begin", "3 begin"]);
    assert_eq!(script.recv(D), ["1 begin"]);
    script.send(B, [begin(8).link(2)]);
    assert_eq!(script.recv(D), ["3 begin"], "an opened stream lends no route");
    assert_eq!(script.broken(), []);
}

#[test]
fn nothing_is_opened_on_behalf_of_a_stream_that_is_gone() {
    let mut script = proxy();
    script.send(A, [begin(2).with("to", "c"), abort(2, 0), reset(2, 0)]);
    assert_eq!(script.recv(B).len(), 3);
    script.send(B, [begin(2).link(1)]);
    script.recv_nothing(C);
    script.recv_nothing(D);
    assert_eq!(script.recv(B), refused(2, CloseCode::Cancelled));
    script.assert_over();
}

#[test]
fn a_route_sets_attributes_within_the_limit() {
    let route = |octets: usize| vec![set(exit(B), "name", &"v".repeat(octets))];
    for (octets, fits) in [(54, true), (55, false)] {
        let opener = binding(Routing::Opened, route(octets));
        let limits = Limits { attributes_octets: 64, ..limits() };
        let mut script = Script::new(limits, vec![opener, binding(Routing::None, vec![])]);
        script.send(A, [begin(2)]);
        assert_eq!(script.recv(B).len(), usize::from(fits));
        if !fits {
            assert_eq!(script.recv(A), refused(2, CloseCode::Limit));
        }
    }
}
