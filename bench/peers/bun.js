// The API of `app.js` on Bun's own server and its own SQLite.

import { Database } from "bun:sqlite";
import { PRAGMAS, createApp, settings } from "./app.js";

const db = new Database(settings.database);
for (const pragma of PRAGMAS) db.exec(`PRAGMA ${pragma}`);
const app = createApp(db, settings);

const send = (given) =>
  new Response(given.body, { status: given.status, headers: app.headers(given) });
const authorization = (request) => request.headers.get("authorization");

function query(request) {
  const mark = request.url.indexOf("?");
  return mark < 0 ? {} : Object.fromEntries(new URLSearchParams(request.url.slice(mark + 1)));
}

Bun.serve({
  hostname: "127.0.0.1",
  port: settings.port,
  development: false,
  routes: {
    "/alive": new Response("alive"),
    "/api/logs/:guild": (request) =>
      send(app.logs(authorization(request), request.params.guild, query(request))),
    "/api/stats/:guild": (request) =>
      send(app.stats(authorization(request), request.params.guild, query(request))),
    "/api/localsounds": (request) => send(app.localsounds(authorization(request), query(request))),
    "/api/*": (request) => send(app.nothing(authorization(request))),
  },
  fetch: () => new Response("not found", { status: 404 }),
});
process.on("SIGTERM", () => process.exit(0));
