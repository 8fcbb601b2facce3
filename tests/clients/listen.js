// Listens with the official Socket.IO client and prints what it hears, a line each.
"use strict";

const { io } = require("socket.io-client");

const { url, ...options } = JSON.parse(process.argv[2]);
const socket = io(url, { reconnection: false, ...options });
const tell = (...line) => console.log(JSON.stringify(line));
const transport = () => socket.io.engine.transport.name;

socket.io.on("open", () => {
  socket.io.engine.once("upgrade", to => tell("upgrade", to.name));
});
socket.on("connect", () => tell("connect"));
socket.on("connect_error", error => tell("connect_error", error.message));
socket.on("disconnect", reason => tell("disconnect", reason));
socket.onAny((name, data) => tell(name, data, transport()));
