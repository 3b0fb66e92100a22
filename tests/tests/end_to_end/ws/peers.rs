//! Peers that others have written: the Python package `websockets`.

use super::echo;
use std::process::{Command, Stdio};
use zilla_tests::command;

/// Messages of every size class, as text and binary, whole and in fragments, compressed and not; pings; codes.
const SCRIPT: &str = r#"
import asyncio, os, sys
from websockets import connect

async def main():
    url = "ws://127.0.0.1:" + sys.argv[1]
    for compression in [None, "deflate"]:
        async with connect(url, compression=compression, max_size=None) as socket:
            for size in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
                for message in ["é" * (size // 2), os.urandom(size), bytes(size)]:
                    await socket.send(message)
                    assert await socket.recv() == message, (compression, size)
            await socket.send(["in ", "frag", "ments"])
            assert await socket.recv() == "in fragments"
            await (await socket.ping())
            await socket.close(3001, "enough")
        assert (socket.close_code, socket.close_reason) == (3001, "enough"), socket.close_code
    sockets = [await connect(url) for _ in range(50)]
    for number, socket in enumerate(sockets):
        await socket.send(str(number))
    for number, socket in enumerate(sockets):
        assert await socket.recv() == str(number)
        await socket.close()
    print("ok")

asyncio.run(main())
"#;

/// A Python that has the package: the first of the path, or Debian's.
#[track_caller]
fn python() -> &'static str {
    let has_package = |python: &&str| {
        let mut asked = Command::new(python);
        let asked = asked.args(["-c", "import websockets"]).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    };
    let pythons = ["python3", "/usr/bin/python3"];
    pythons.into_iter().find(has_package).unwrap_or_else(|| {
        panic!("the Python package websockets is missing: apt-get install python3-websockets")
    })
}

#[test]
fn the_python_package_websockets_agrees() {
    let (_host, port) = echo("permessage-deflate: {context-takeover: true}");
    let output = command::run(Command::new(python()).args(["-c", SCRIPT, &port.to_string()]));
    assert_eq!((output.code, output.stdout.trim()), (Some(0), "ok"), "{}", output.stderr);
}
