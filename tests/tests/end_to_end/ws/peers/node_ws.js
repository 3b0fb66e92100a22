// ws, the package of Node.js, as a client and as a server.
// node_ws.js client URL: prints "well". node_ws.js server PORT: echoes, and does what a text asks for.
"use strict";
const assert = require("node:assert");
const { once } = require("node:events");
const { randomBytes } = require("node:crypto");
const { WebSocket, WebSocketServer } = require("ws");

async function connect(url, compressed, protocols = []) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: compressed });
  await once(socket, "open");
  return socket;
}

async function expectEcho(socket, sent, isBinary) {
  socket.send(sent, { binary: isBinary });
  const [data, foundBinary] = await once(socket, "message");
  assert.strictEqual(foundBinary, isBinary);
  assert(data.equals(Buffer.from(sent)), `${data.length} octets came back`);
}

async function expectClosed(socket, code, reason) {
  const [foundCode, foundReason] = await once(socket, "close");
  assert.deepStrictEqual([foundCode, foundReason.toString()], [code, reason]);
}

async function client(url) {
  for (const compressed of [false, true]) {
    const socket = await connect(url, compressed, ["echo"]);
    assert.strictEqual(socket.protocol, "echo");
    assert.strictEqual(socket.extensions.includes("permessage-deflate"), compressed);
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      await expectEcho(socket, "é".repeat(size / 2), false);
      await expectEcho(socket, randomBytes(size), true);
      await expectEcho(socket, Buffer.alloc(size), true);
    }
    for (const piece of ["in ", "frag"]) socket.send(piece, { fin: false });
    socket.send("ments");
    assert.strictEqual((await once(socket, "message"))[0].toString(), "in fragments");
    socket.ping("there?");
    assert.strictEqual((await once(socket, "pong"))[0].toString(), "there?");
    socket.close(3001, "enough");
    await expectClosed(socket, 3001, "enough");
  }
  const long = await connect(url, true);
  long.send(Buffer.alloc((2 << 20) + 1));
  await expectClosed(long, 1009, "a message that is too long");
  const sockets = await Promise.all([...Array(50)].map(() => connect(url, true)));
  await Promise.all(sockets.map((socket, number) => expectEcho(socket, `${number}`.repeat(100), false)));
  await Promise.all(sockets.map((socket) => (socket.close(1000), once(socket, "close"))));
  console.log("well");
}

function server(port) {
  const settings = { host: "127.0.0.1", port, perMessageDeflate: { threshold: 0 } };
  new WebSocketServer(settings).on("connection", (socket, request) => {
    socket.on("pong", (data) => socket.send(`pong ${data}`));
    socket.on("message", (data, isBinary) => {
      const [word, ...words] = isBinary ? [] : data.toString().split(" ");
      if (word === "close") socket.close(Number(words[0]), words[1]);
      else if (word === "ping") socket.ping(words[0]);
      else if (word === "field") socket.send(`${request.headers[words[0]]}`);
      else if (word === "extensions") socket.send(socket.extensions);
      else if (word === "pieces") words.forEach((piece, at) => socket.send(piece, { fin: at + 1 === words.length }));
      else socket.send(data, { binary: isBinary });
    });
  });
}

const [role, at] = process.argv.slice(2);
if (role === "client") client(at).catch((error) => { console.error(error); process.exit(1); });
else server(Number(at));
