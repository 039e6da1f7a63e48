// Node's ws as one end of one connection: commands come in on standard input and
// events go out on standard output, one JSON object a line (see ../../peer.go).
"use strict";
const readline = require("readline");
const { WebSocket, WebSocketServer } = require("ws");

const setup = JSON.parse(process.argv[2]);
const say = event => process.stdout.write(JSON.stringify(event) + "\n");

if (setup.role === "client") connect();
else listen();

function connect() {
  const ws = new WebSocket(setup.url, setup.subprotocols, {
    origin: setup.origin || undefined,
    perMessageDeflate: deflate(),
  });
  let response;
  ws.on("upgrade", r => response = r);
  ws.on("unexpected-response", (request, response) => {
    say({ event: "refused", status: response.statusCode });
    process.exit();
  });
  ws.on("open", () => serve(ws, response.headers["sec-websocket-extensions"]));
}

function listen() {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    handleProtocols: offered => setup.subprotocols.find(p => offered.has(p)) ?? false,
    verifyClient: (info, done) => setup.refuse ? done(false, setup.refuse) : done(true),
    perMessageDeflate: deflate(),
  });
  let extensions;
  server.on("headers", lines => {
    const name = "Sec-WebSocket-Extensions: ";
    extensions = lines.find(line => line.startsWith(name))?.slice(name.length);
  });
  server.on("listening", () => say({ event: "listening", port: server.address().port }));
  server.on("connection", ws => serve(ws, extensions));
}

// deflate is what ws takes for perMessageDeflate. It compresses every message then.
function deflate() {
  const d = setup.deflate;
  return d !== null && {
    serverNoContextTakeover: d.server_no_context_takeover || undefined,
    clientNoContextTakeover: d.client_no_context_takeover || undefined,
    serverMaxWindowBits: d.server_max_window_bits || undefined,
    clientMaxWindowBits: d.client_max_window_bits || undefined,
    threshold: 0,
  };
}

function serve(ws, extensions = "") {
  say({ event: "open", subprotocol: ws.protocol, extensions });
  ws.on("message", (data, binary) =>
    say({ event: "message", type: binary ? "binary" : "text", data: data.toString("base64") }));
  ws.on("pong", () => say({ event: "pong" }));
  ws.on("error", error => console.error(error));
  ws.on("close", (code, reason) => {
    say({ event: "close", code, reason: reason.toString() });
    process.exit();
  });
  readline.createInterface({ input: process.stdin })
    .on("line", line => obey(ws, JSON.parse(line)))
    .on("close", () => process.exit());
}

function obey(ws, command) {
  switch (command.do) {
    case "send":
      command.parts.forEach((part, i) => ws.send(Buffer.from(part, "base64"), {
        binary: command.type === "binary",
        fin: i === command.parts.length - 1,
      }));
      break;
    case "ping":
      ws.ping("are you there");
      break;
    case "close":
      if (command.code === 1005) ws.close();
      else ws.close(command.code, command.reason);
      break;
    default:
      throw new Error("unknown command " + command.do);
  }
}
