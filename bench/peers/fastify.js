// The API of `app.js` on Fastify and better-sqlite3, under Node.js.

import Database from "better-sqlite3";
import Fastify from "fastify";
import { PRAGMAS, createApp, settings } from "./app.js";

const db = new Database(settings.database);
for (const pragma of PRAGMAS) db.pragma(pragma);
const app = createApp(db, settings);

const fastify = Fastify({ logger: false });
const send = (reply, given) =>
  reply.code(given.status).headers(app.headers(given)).send(given.body);

fastify.get("/alive", (_, reply) => reply.send("alive"));
fastify.get("/api/logs/:guild", (request, reply) =>
  send(reply, app.logs(request.headers.authorization, request.params.guild, request.query)),
);
fastify.get("/api/stats/:guild", (request, reply) =>
  send(reply, app.stats(request.headers.authorization, request.params.guild, request.query)),
);
fastify.get("/api/localsounds", (request, reply) =>
  send(reply, app.localsounds(request.headers.authorization, request.query)),
);
fastify.get("/api/*", (request, reply) =>
  send(reply, app.nothing(request.headers.authorization)),
);

await fastify.listen({ host: "127.0.0.1", port: settings.port });
process.on("SIGTERM", () => process.exit(0));
