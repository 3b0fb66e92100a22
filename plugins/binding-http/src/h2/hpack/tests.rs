//! The examples of RFC 7541, appendix C, and what must not be accepted.

use super::*;
use proptest::prelude::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
    let mut fields = Fields::new();
    decoder.decode(block, |name, value| fields.push((name.to_vec(), value.to_vec())))?;
    Ok(fields)
}

fn fields(text: &str) -> Fields {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let at = line[1..].find(": ").unwrap() + 1;
            (line[..at].into(), line[at + 2..].into())
        })
        .collect()
}

const REQUESTS: [&str; 3] = [
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com",
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache",
    ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value",
];

const RESPONSES: [&str; 3] = [
    ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com",
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n\
     content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
];

#[test]
fn the_examples_of_the_rfc_are_decoded() {
    let plain_requests = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded_requests = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    let plain_responses = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 \
         3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 \
         7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 \
         6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    let coded_responses = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
         1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
         e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    for (size, blocks, lists) in [
        (4_096, plain_requests, REQUESTS),
        (4_096, coded_requests, REQUESTS),
        (256, plain_responses, RESPONSES),
        (256, coded_responses, RESPONSES),
    ] {
        let mut decoder = Decoder::new(size);
        for (block, list) in blocks.iter().zip(lists) {
            assert_eq!(decode(&mut decoder, &octets(block)).as_ref(), Ok(&fields(list)), "{block}");
        }
    }
}

#[test]
fn the_kinds_of_literals_of_the_rfc_are_decoded() {
    for (block, list) in [
        ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header"),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path"),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret"),
        ("82", ":method: GET"),
    ] {
        let decoded = decode(&mut Decoder::new(4_096), &octets(block));
        assert_eq!(decoded.as_ref(), Ok(&fields(list)), "{block}");
    }
}

#[test]
fn integers_are_those_of_the_rfc() {
    for (first, bits, value, hex) in
        [(0, 5, 10, "0a"), (0, 5, 1_337, "1f9a0a"), (0, 8, 42, "2a"), (0x80, 7, 127, "ff00")]
    {
        let mut out = Vec::new();
        integer::encode(&mut out, first, bits, value);
        assert_eq!(out, octets(hex));
        assert_eq!(integer::decode(&out, bits), Ok((value, out.len())));
    }
    assert_eq!(integer::decode(&octets("1fe0ffffff0f"), 5), Ok((u32::MAX as usize, 6)));
    assert_eq!(integer::decode(&octets("1fe1ffffff0f"), 5), Err(HpackError::Integer));
    assert_eq!(integer::decode(&octets("1f808080808000"), 5), Err(HpackError::Integer));
    assert_eq!(integer::decode(&octets("1f8080808080"), 5), Err(HpackError::Integer));
    assert_eq!(integer::decode(&octets("1f80"), 5), Err(HpackError::Cut));
    assert_eq!(integer::decode(&[], 5), Err(HpackError::Cut));
}

#[test]
fn the_code_is_that_of_the_rfc() {
    for (text, hex) in [
        ("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
        ("no-cache", "a8eb10649cbf"),
        ("custom-value", "25a849e95bb8e8b4bf"),
        ("Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
        ("", ""),
    ] {
        let mut out = Vec::new();
        huffman::encode(text.as_bytes(), &mut out);
        assert_eq!(out, octets(hex), "{text}");
        assert_eq!(huffman::coded_octets(text.as_bytes()), out.len());
    }
}

#[test]
fn every_octet_is_coded_and_decoded() {
    let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for end in 0..all.len() {
        let (mut coded, mut decoded) = (Vec::new(), Vec::new());
        huffman::encode(&all[..end], &mut coded);
        huffman::decode(&coded, &mut decoded).unwrap();
        assert_eq!(decoded, all[..end]);
    }
}

#[test]
fn what_is_no_string_of_the_code_is_refused() {
    for (coded, why) in [
        ("ff", "eight bits of padding"),
        ("00", "padding of zeros"),
        ("1c", "padding that is not of ones"),
        ("1fff", "more than seven bits of padding"),
        ("fffffffc", "the end of the string"),
        ("ffffffff", "the end of the string, and padding"),
    ] {
        assert_eq!(huffman::decode(&octets(coded), &mut Vec::new()), Err(HpackError::Huffman), "{why}");
    }
}

#[test]
fn what_is_no_block_is_refused() {
    for (block, error) in [
        ("80", HpackError::Index),
        ("be", HpackError::Index),
        ("7f00 0161", HpackError::Index),
        ("0f ffff ffff ff0f 00", HpackError::Integer),
        ("40", HpackError::Cut),
        ("4003 6162", HpackError::Cut),
        ("4001 61", HpackError::Cut),
        ("4001 6181 ff", HpackError::Huffman),
        ("3fe2 1f", HpackError::TableSize),
        ("82 20", HpackError::TableSize),
    ] {
        assert_eq!(decode(&mut Decoder::new(4_096), &octets(block)), Err(error), "{block}");
    }
}

#[test]
fn a_smaller_table_has_to_be_confirmed() {
    let mut decoder = Decoder::new(4_096);
    decode(&mut decoder, &octets("4001 6101 62")).unwrap();
    decoder.limit_table(100);
    assert_eq!(decode(&mut decoder, &octets("be")), Err(HpackError::TableSize));
    assert_eq!(decode(&mut decoder, &octets("3f45 be")), Ok(fields("a: b")));
    assert_eq!(decode(&mut decoder, &octets("3f46")), Err(HpackError::TableSize));
    assert_eq!(decode(&mut decoder, &octets("20 3f45 be")), Err(HpackError::Index));
}

#[test]
fn a_larger_table_has_to_be_asked_for() {
    let mut decoder = Decoder::new(8_192);
    for _ in 0..3 {
        let mut block = octets("4001 617f d10e");
        block.extend([b'x'; 2_000]);
        decode(&mut decoder, &block).unwrap();
    }
    assert_eq!(decode(&mut decoder, &octets("be bf")).unwrap().len(), 2);
    assert_eq!(decode(&mut decoder, &octets("c0")), Err(HpackError::Index));
    assert_eq!(decode(&mut decoder, &octets("3fe1 3f be")).unwrap().len(), 1);
}

#[test]
fn a_field_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new(64);
    decode(&mut decoder, &octets("4001 6101 62")).unwrap();
    let mut block = octets("4001 6140");
    block.extend([b'x'; 64]);
    assert_eq!(decode(&mut decoder, &block).unwrap().len(), 1);
    assert_eq!(decode(&mut decoder, &octets("be")), Err(HpackError::Index));
}

#[test]
fn a_bomb_costs_no_memory() {
    let mut decoder = Decoder::new(4_096);
    let mut block = octets("4001 617f c01e");
    block.extend([b'x'; 4_031]);
    decode(&mut decoder, &block).unwrap();
    let (mut count, mut total) = (0, 0);
    let bomb = [0xbe; 16_384];
    decoder
        .decode(&bomb, |_, value| {
            count += 1;
            total += value.len();
        })
        .unwrap();
    assert_eq!((count, total), (16_384, 16_384 * 4_031));
}

#[test]
fn what_comes_again_is_one_octet() {
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    let list = [("server", "zilla"), ("x-colour", "green"), ("content-type", "text/plain")];
    for (name, value) in list {
        encoder.field(&mut out, name.as_bytes(), value.as_bytes());
    }
    out.clear();
    encoder.begin(&mut out);
    encoder.status(&mut out, 200);
    for (name, value) in list {
        encoder.field(&mut out, name.as_bytes(), value.as_bytes());
    }
    assert_eq!(out, [0x88, 0xc0, 0xbf, 0xbe]);
}

#[test]
fn secrets_are_never_indexed_and_numbers_once() {
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    encoder.field(&mut out, b"set-cookie", b"~");
    assert_eq!(out, [0x1f, 55 - 15, 1, b'~']);
    out.clear();
    encoder.field(&mut out, b"content-length", b"~");
    assert_eq!(out, [0x0f, 28 - 15, 1, b'~']);
    out.clear();
    encoder.field(&mut out, b"accept-encoding", b"gzip, deflate");
    assert_eq!(out, [0x90]);
}

#[test]
fn a_change_of_the_table_is_announced_once() {
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    encoder.limit_table(100_000);
    encoder.begin(&mut out);
    assert!(out.is_empty());
    encoder.limit_table(0);
    encoder.limit_table(100);
    encoder.begin(&mut out);
    assert_eq!(out, octets("20 3f45"));
    out.clear();
    encoder.begin(&mut out);
    assert!(out.is_empty());
}

fn any_field() -> impl Strategy<Value = (String, String)> {
    ("(content-length|date|set-cookie|:status|x-[a-z]{0,3}|[a-z]{1,30})", "[ -~]{0,60}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(
        lists in prop::collection::vec((prop::collection::vec(any_field(), 0..30), 0_usize..5_000), 1..6),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4_096));
        for (list, octets_max) in lists {
            encoder.limit_table(octets_max);
            decoder.limit_table(octets_max.min(4_096));
            let mut block = Vec::new();
            encoder.begin(&mut block);
            for (name, value) in &list {
                encoder.field(&mut block, name.as_bytes(), value.as_bytes());
            }
            let own = list.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
            prop_assert_eq!(decode(&mut decoder, &block), Ok(own.collect()));
        }
    }

    #[test]
    fn any_octets_are_survived(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..8)) {
        let mut decoder = Decoder::new(300);
        for block in blocks {
            let _ = decode(&mut decoder, &block);
        }
    }
}
