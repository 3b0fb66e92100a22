//! Requests and their responses.

use crate::script::*;
use zilla_sdk::testing::*;

#[test]
fn a_get_is_answered() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    let mut exit = harness.expect_open();
    exit.recv(begin_with([(":method", "GET"), (":scheme", "http"), (":authority", "a:80"), (":path", "/")]));
    exit.recv(end());
    exit.send_all([begun_with([("x-colour", "green")]), data("hello"), end()]);
    assert_eq!(client.expect_head(1, "200").field("x-colour"), Some("green"));
    client.expect(DATA, 0, 1, "hello");
    client.expect(DATA, END_STREAM, 1, "");
    client.expect_well();
    assert!(exit.is_over());
}

#[test]
fn content_and_trailers_go_both_ways() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    client.send(frame(DATA, 0, 1, "abc"));
    client.send(frame(DATA, 0, 1, "def"));
    client.send(frame(HEADERS, WHOLE, 1, block([("x-sum", "6"), ("host", "b")])));
    let mut exit = harness.expect_open();
    exit.recv_begin();
    exit.recv(data("abcdef"));
    exit.recv(end_with([("x-sum", "6")]));
    exit.send_all([begun(), data("abcdef"), end_with([("x-sum", "6"), ("content-length", "9")])]);
    client.expect_head(1, "200");
    client.expect(DATA, 0, 1, "abcdef");
    let trailers = client.recv();
    assert!(trailers.ends());
    assert_eq!(trailers.fields, [("x-sum".to_owned(), "6".to_owned())]);
    client.expect_well();
}

#[test]
fn padding_is_left_out() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let mut padded = vec![3];
    padded.extend(block(POST));
    padded.extend([0; 3]);
    client.send(frame(HEADERS, END_HEADERS | PADDED, 1, padded));
    client.send(frame(DATA, PADDED, 1, b"\x05abc\0\0\0\0\0"));
    client.send(frame(DATA, PADDED, 1, b"\x02\0\0"));
    client.send(frame(DATA, PADDED | END_STREAM, 1, b"\0d"));
    let mut exit = harness.expect_open();
    exit.recv_begin();
    exit.recv(data("abcd"));
    exit.recv(end());
}

#[test]
fn a_field_block_may_come_in_pieces() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let block = block(GET);
    client.send(frame(HEADERS, END_STREAM, 1, &block[..5]));
    client.send(frame(CONTINUATION, 0, 1, &block[5..9]));
    client.send(frame(CONTINUATION, 0, 1, []));
    harness.expect_no_open();
    client.send(frame(CONTINUATION, END_HEADERS, 1, &block[9..]));
    let mut exit = harness.expect_open();
    assert_eq!(exit.recv_begin().attribute(":path").as_deref(), Some("/"));
    exit.recv(end());
}

#[test]
fn a_long_response_head_goes_in_pieces() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    let mut exit = harness.expect_open();
    let value = "\u{7e}".repeat(20_000);
    exit.send_all([begun_with([("x-long", &*value)]), end()]);
    let octets = client.peer.recv_data_all();
    let (first, rest) = octets.split_at(9 + 16_384);
    assert_eq!((&first[..3], first[3], first[4]), (&[0, 0x40, 0][..], HEADERS, 0));
    assert_eq!((rest[3], rest[4]), (CONTINUATION, END_HEADERS));
}

#[test]
fn a_hundred_streams_are_interleaved() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let ids: Vec<u32> = (0..100).map(|index| 2 * index + 1).collect();
    client.send(ids.iter().flat_map(|id| post(*id)).collect::<Vec<u8>>());
    let mut exits: Vec<Peer> = ids.iter().map(|_| harness.expect_open()).collect();
    for round in 0..3 {
        for id in &ids {
            client.send(frame(DATA, if round == 2 { END_STREAM } else { 0 }, *id, format!("{id},{round};")));
        }
    }
    for exit in exits.iter_mut().rev() {
        echo(exit);
    }
    for id in ids.iter().rev() {
        client.expect_response(*id, "200", &format!("{id},0;{id},1;{id},2;"));
    }
    client.expect_well();
    assert!(exits.iter().all(Peer::is_over));
    assert_eq!(harness.streams(), 1);
}

#[test]
fn a_client_is_told_to_continue() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let fields = POST.into_iter().chain([("expect", "100-continue")]);
    client.send(frame(HEADERS, END_HEADERS, 1, block(fields)));
    client.expect_head(1, "100");
    let mut exit = harness.expect_open();
    assert_eq!(exit.recv_begin().attribute("expect"), None);
    client.send(frame(DATA, END_STREAM, 1, "x"));
    exit.send_all([begun(), data("x"), end()]);
    client.expect_response(1, "200", "x");
}

#[test]
fn a_client_that_waits_is_told_if_its_content_is_not_wanted() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let fields = POST.into_iter().chain([("expect", "100-continue")]);
    let mut exit = harness.batch(|| {
        client.send(frame(HEADERS, END_HEADERS, 1, block(fields)));
        harness.opened()
    });
    let mut exit = exit.take().or_else(|| harness.opened()).unwrap();
    client.expect_head(1, "100");
    exit.refuse(CloseCode::NoRoute);
    client.expect_refusal(1, "404", "no route fits the request");
    client.expect_reset(1, NO_ERROR);
    client.send(frame(DATA, END_STREAM, 1, "x"));
    client.expect_well();
}

#[test]
fn refusals_are_those_of_http_1_1() {
    for (code, status, because) in [
        (CloseCode::NoRoute, "404", "no route fits the request"),
        (CloseCode::Refused, "404", "the exit refused the request"),
        (CloseCode::Unauthorized, "401", "the request needs credentials"),
        (CloseCode::Forbidden, "403", "the credentials do not suffice"),
        (CloseCode::Limit, "503", "a limit was met"),
        (CloseCode::Timeout, "504", "the exit did not answer in time"),
        (CloseCode::Crashed, "502", "the exit failed before it answered"),
        (CloseCode::Unreachable, "502", "the exit could not be reached"),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        client.send([get(1), post(3)].concat());
        harness.expect_open().refuse(code);
        client.expect_refusal(1, status, because);
        harness.expect_open().refuse(code);
        client.expect_refusal(3, status, because);
        client.expect_reset(3, NO_ERROR);
        client.expect_well();
    }
}

#[test]
fn a_response_has_no_content_where_there_is_none() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    let head = [(":method", "HEAD"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
    client.send(frame(HEADERS, WHOLE, 1, block(head)));
    let mut exit = harness.expect_open();
    exit.send_all([begun_with([("content-length", "5")]), data("hello"), end()]);
    assert_eq!(client.expect_head(1, "200").field("content-length"), Some("5"));
    client.expect(DATA, END_STREAM, 1, "");
    for (stream, status) in [(3, "204"), (5, "304")] {
        client.send(get(stream));
        let mut exit = harness.expect_open();
        exit.send_all([begun_with([(":status", status)]), data("hello"), end()]);
        client.expect_response(stream, status, "");
    }
    client.send(frame(HEADERS, WHOLE, 7, block(head)));
    harness.expect_open().refuse(CloseCode::NoRoute);
    client.expect_response(7, "404", "");
    client.expect_well();
}

#[test]
fn interim_responses_pass_before_the_final_one() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    let mut exit = harness.expect_open();
    exit.send(begun_with([(":status", "103"), ("link", "</a.css>")]));
    let interim = client.recv();
    assert_eq!((interim.field(":status"), interim.field("link")), (Some("103"), Some("</a.css>")));
    exit.send_all([flush([(":status", "200")]), end()]);
    assert_eq!(client.recv().field(":status"), Some("200"));
    client.recv();
    client.expect_well();
}

#[test]
fn fields_of_one_connection_are_left_out_of_responses() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(get(1));
    let attributes = [
        (":status", "201"),
        (":odd", "x"),
        ("Connection", "close"),
        ("keep-alive", "5"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "x"),
        ("te", "trailers"),
        ("X-Upper", " blank "),
        ("set-cookie", "a=b"),
    ];
    harness.expect_open().send_all([begun_with(attributes), end()]);
    let head = client.recv();
    let expected = [(":status", "201"), ("x-upper", "blank"), ("set-cookie", "a=b")];
    assert_eq!(head.fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn an_exit_that_breaks_the_rules_is_answered_for() {
    for (begin, because) in [
        (begun_with([(":status", "101")]), ""),
        (begun_with([(":status", "x")]), ""),
        (begun_with([("content-length", "1"), ("content-length", "1")]), ""),
        (begun_with([("content-length", "x")]), ""),
        (begun_with([("a b", "x")]), ""),
        (begun_with([("a", "x\r\ny")]), ""),
        (end(), "ends"),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        client.send(get(1));
        let mut exit = harness.expect_open();
        if because.is_empty() {
            exit.send(begin);
        } else {
            exit.send(abort(CloseCode::Violation));
        }
        assert_eq!(client.recv().field(":status"), Some("502"));
        client.recv();
        client.expect_well();
        exit.recv_all();
        assert!(exit.is_over());
    }
}

#[test]
fn a_response_that_fails_later_is_reset() {
    for (last, code) in [
        (abort(CloseCode::Crashed), INTERNAL_ERROR),
        (abort(CloseCode::Cancelled), CANCEL),
        (data("longer than it said"), INTERNAL_ERROR),
        (end(), INTERNAL_ERROR),
    ] {
        let harness = h2("");
        let mut client = Client::connect(&harness);
        client.send(get(1));
        let mut exit = harness.expect_open();
        exit.send_all([begun_with([("content-length", "5")]), data("he")]);
        client.expect_head(1, "200");
        client.expect(DATA, 0, 1, "he");
        exit.send(last);
        client.expect_reset(1, code);
        client.expect_well();
    }
}

#[test]
fn a_client_that_resets_leaves_the_exit() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    let mut exit = harness.expect_open();
    client.send(frame(DATA, 0, 1, "abc"));
    client.send(rst_stream(1, CANCEL));
    exit.recv_begin();
    exit.recv(data("abc"));
    exit.recv(abort(CloseCode::Cancelled));
    exit.recv(reset(CloseCode::Cancelled));
    client.expect_well();
    assert!(exit.is_over());
}

#[test]
fn an_exit_may_answer_before_the_request_ends() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    let mut exit = harness.expect_open();
    exit.send_all([begun(), data("early"), end()]);
    client.expect_response(1, "200", "early");
    client.send(frame(DATA, END_STREAM, 1, "late"));
    exit.recv_begin();
    exit.recv(data("late"));
    exit.recv(end());
    client.expect_well();
    assert!(exit.is_over());
}

#[test]
fn an_exit_may_want_no_more_of_a_request_that_it_answers() {
    let harness = h2("");
    let mut client = Client::connect(&harness);
    client.send(post(1));
    let mut exit = harness.expect_open();
    exit.send_all([begun(), reset(CloseCode::Refused)]);
    client.expect_head(1, "200");
    client.send(frame(DATA, 0, 1, "nobody reads this"));
    exit.send_all([data("enough"), end()]);
    client.expect(DATA, 0, 1, "enough");
    client.expect(DATA, END_STREAM, 1, "");
    client.expect_reset(1, NO_ERROR);
    client.send(frame(DATA, END_STREAM, 1, "nor this"));
    client.expect_well();
}
