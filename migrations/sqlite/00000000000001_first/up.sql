-- Ids and Unix milliseconds are BIGINT on both backends.

CREATE TABLE users (
    id BIGINT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    global_name TEXT,
    discriminator TEXT NOT NULL,
    avatar TEXT,
    updated_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- The guilds a user shared with the bot at the last login.
CREATE TABLE user_guilds (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    guild_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, guild_id)
) WITHOUT ROWID;

CREATE TABLE tokens (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind SMALLINT NOT NULL, -- 0: login session, 1: API token
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE, -- SHA-256; the token itself is stored nowhere
    created_ms BIGINT NOT NULL,
    used_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    cap_ms BIGINT NOT NULL
);
CREATE INDEX tokens_by_user ON tokens (user_id, id);
CREATE INDEX tokens_by_expiry ON tokens (expires_ms);

-- A guild's plays are numbered without gaps, so that a page at any depth is found by its number.
CREATE TABLE plays (
    guild_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    user_tag TEXT NOT NULL,
    source TEXT NOT NULL,
    sound TEXT NOT NULL,
    PRIMARY KEY (guild_id, seq)
) WITHOUT ROWID;

CREATE TABLE guild_counters (
    guild_id BIGINT NOT NULL PRIMARY KEY,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    sounds BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sound_counts (
    guild_id BIGINT NOT NULL,
    sound TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (guild_id, sound)
) WITHOUT ROWID;
CREATE INDEX sound_counts_by_count ON sound_counts (guild_id, count DESC, sound);
