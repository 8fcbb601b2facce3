// The part of the API that the benchmark measures, as a JavaScript author would write it: the
// same tables and indexes, the same design (verified tokens and memberships in memory, extensions
// written in batches, a token bucket per user, an index of the sound folder in memory) and the
// same bytes as Yuri. A page is two statements, which is quicker here than Yuri's one: each column
// of each row costs.
// `bun.js` and `fastify.js` put it behind their servers; they alone know HTTP.

import { createHash, hash as hashOnce, randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const DAY_MS = 86_400_000;
const LIFETIME_MS = 7 * DAY_MS;
const WRITE_EVERY_MS = 60_000;
const MEMBER_LIFETIME_MS = 60_000;
const LIMIT_DEFAULT = 1000;
const LIMIT_MAX = 10_000;

/** The settings, as `bench` passes them. */
export const settings = {
  database: process.env.PEER_DATABASE,
  sounds: process.env.PEER_SOUNDS,
  port: Number(process.env.PEER_PORT),
  burst: Number(process.env.PEER_BURST ?? 5),
  refillMs: Number(process.env.PEER_REFILL_MS ?? 2000),
};

/** What Yuri sets on each of its connections. */
export const PRAGMAS = [
  "busy_timeout = 5000",
  "journal_mode = WAL",
  "synchronous = FULL",
  "foreign_keys = ON",
  "cache_size = -16000",
  "mmap_size = 1073741824",
];

const sha256 = hashOnce
  ? (text) => hashOnce("sha256", text, "hex")
  : (text) => createHash("sha256").update(text).digest("hex");

const pretty = (value) => JSON.stringify(value, null, 2);
const second = (ms) => new Date(ms).toISOString().slice(0, 19) + "Z";
const fault = (code, message) => ({ status: code, body: pretty({ error: { code, message } }) });

const UNAUTHORIZED = fault(401, "unauthorized");
const BAD_REQUEST = fault(400, "bad request");
const NOT_A_MEMBER = fault(403, "you must be a member of this guild");
const LIMITED = fault(429, "rate limit exceed");
const NOT_FOUND = fault(404, "not found");

/**
 * The application over an open database: anything with `prepare(sql)` whose statements have
 * `get`, `all` and `run`, as bun:sqlite and better-sqlite3 both have.
 */
export function createApp(db, { sounds, burst, refillMs }) {
  // Ids exceed what a double can hold, so they come as text; the plans are Yuri's.
  const findToken = db.prepare(
    `SELECT id, CAST(user_id AS TEXT) AS user, cap_ms, used_ms, expires_ms
     FROM tokens WHERE hash = ? AND kind = 1`,
  );
  const isMember = db.prepare("SELECT 1 FROM user_guilds WHERE user_id = ? AND guild_id = ?");
  const bounds = db.prepare("SELECT first_seq, last_seq FROM guild_counters WHERE guild_id = ?");
  const page = db.prepare(
    `SELECT time_ms, CAST(user_id AS TEXT) AS user_id, user_tag, source, sound
     FROM plays WHERE guild_id = ? AND seq <= ? ORDER BY seq DESC LIMIT ?`,
  );
  const countSounds = db.prepare("SELECT sounds FROM guild_counters WHERE guild_id = ?");
  const top = db.prepare(
    `SELECT sound, count FROM sound_counts
     WHERE guild_id = ? ORDER BY count DESC, sound LIMIT ?`,
  );
  const extend = db.prepare("UPDATE tokens SET used_ms = ?, expires_ms = ? WHERE id = ?");

  const tokens = new Map(); // by hash
  const unwritten = new Set();
  const buckets = new Map(); // by user
  const files = readdirSync(sounds)
    .sort()
    .map((name) => ({
      name,
      last_modified: second(Math.floor(statSync(join(sounds, name)).mtimeMs)),
    }));

  function authenticate(header) {
    if (header == null || !/^basic /i.test(header)) return null;
    const text = Buffer.from(header.slice(6), "base64").toString("latin1");
    const colon = text.indexOf(":");
    if (text.length - colon !== 65) return null;
    const hash = sha256(text.slice(colon + 1));
    let token = tokens.get(hash);
    const now = Date.now();
    if (token === undefined) {
      token = findToken.get(Buffer.from(hash, "hex"));
      if (!token) return null;
      token.written_ms = token.used_ms;
      token.key = BigInt(token.user);
      token.guilds = new Map(); // memberships, for a minute
      tokens.set(hash, token);
    }
    if (token.user !== text.slice(0, colon) || token.expires_ms <= now) return null;
    token.used_ms = now;
    token.expires_ms = Math.min(now + LIFETIME_MS, token.cap_ms);
    if (now - token.written_ms >= WRITE_EVERY_MS) unwritten.add(token);
    return token;
  }

  function charge(user) {
    const now = performance.now();
    let bucket = buckets.get(user);
    if (bucket === undefined) {
      bucket = { left: burst, at: now, remaining: 0, resetMs: 0 };
      buckets.set(user, bucket);
    }
    bucket.left = Math.min(burst, bucket.left + (now - bucket.at) / refillMs);
    bucket.at = now;
    const admitted = bucket.left >= 1;
    if (admitted) bucket.left -= 1;
    bucket.remaining = Math.floor(bucket.left);
    bucket.resetMs = bucket.left >= 1 ? 0 : Math.ceil((1 - bucket.left) * refillMs);
    bucket.admitted = admitted;
    return bucket;
  }

  const number = (text, absent, least) => {
    if (text == null) return absent;
    if (!/^[0-9]{1,9}$/.test(text) || Number(text) < least) return undefined;
    return Number(text);
  };

  const snowflake = (text) => {
    if (!/^[1-9][0-9]{0,18}$/.test(text)) return undefined;
    const id = BigInt(text);
    return id <= 0x7fffffffffffffffn ? id : undefined;
  };

  /** `work(token, from, limit)` gives the entries and the total; the rest is the same for all. */
  function answer(authorization, query, work) {
    const token = authenticate(authorization);
    if (token === null) return UNAUTHORIZED;
    const bucket = charge(token.user);
    if (!bucket.admitted) return { ...LIMITED, bucket };
    const from = number(query.from, 0, 0);
    const limit = number(query.limit, LIMIT_DEFAULT, 1);
    if (from === undefined || limit === undefined) return { ...BAD_REQUEST, bucket };
    const found = work(token, from, Math.min(limit, LIMIT_MAX));
    if (found.status !== undefined) return { ...found, bucket };
    const { results, total } = found;
    return { status: 200, body: pretty({ n: results.length, results }), total, bucket };
  }

  const forMembers = (guildText, token, work) => {
    const guild = snowflake(guildText);
    if (guild === undefined) return BAD_REQUEST;
    const now = performance.now();
    let seen = token.guilds.get(guildText);
    if (seen === undefined || now - seen.at >= MEMBER_LIFETIME_MS) {
      seen = { at: now, member: isMember.get(token.key, guild) != null };
      token.guilds.set(guildText, seen);
    }
    return seen.member ? work(guild) : NOT_A_MEMBER;
  };

  const logs = (authorization, guild, query) =>
    answer(authorization, query, (token, from, limit) =>
      forMembers(guild, token, (id) => {
        const range = bounds.get(id);
        const total = range == null ? 0 : range.last_seq - range.first_seq + 1;
        if (from >= total) return { results: [], total };
        const results = page.all(id, range.last_seq - from, limit).map((row) => ({
          time: second(row.time_ms),
          user_id: row.user_id,
          user_tag: row.user_tag,
          guild_id: guild,
          source: row.source,
          sound: row.sound,
        }));
        return { results, total };
      }),
    );

  const stats = (authorization, guild, query) =>
    answer(authorization, query, (token, _, limit) =>
      forMembers(guild, token, (id) => ({
        results: top.all(id, limit),
        total: countSounds.get(id)?.sounds ?? 0,
      })),
    );

  const localsounds = (authorization, query) =>
    answer(authorization, query, (_, from, limit) => ({
      results: files.slice(from, from + limit),
      total: files.length,
    }));

  const nothing = (authorization) => answer(authorization, {}, () => NOT_FOUND);

  /** The headers of an answer, in the form that both servers take. */
  function headers(given) {
    const all = {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      "X-Request-Id": requestId(),
    };
    if (given.total !== undefined) all["X-Total-Count"] = String(given.total);
    if (given.bucket !== undefined) {
      all["X-Ratelimit-Limit"] = String(burst);
      all["X-Ratelimit-Remaining"] = String(given.bucket.remaining);
      all["X-Ratelimit-Reset"] = String(given.bucket.resetMs);
    }
    return all;
  }

  setInterval(() => {
    if (unwritten.size === 0) return;
    const now = Date.now();
    db.exec("BEGIN IMMEDIATE");
    for (const token of unwritten) {
      extend.run(token.used_ms, token.expires_ms, token.id);
      token.written_ms = now;
    }
    db.exec("COMMIT");
    unwritten.clear();
  }, 2000).unref();

  return { logs, stats, localsounds, nothing, headers };
}

// Ids need not be secret: random bytes are drawn in large pieces.
let pool = "";
let used = 0;
function requestId() {
  if (used + 16 > pool.length) {
    pool = randomBytes(4096).toString("hex");
    used = 0;
  }
  used += 16;
  return pool.slice(used - 16, used);
}
