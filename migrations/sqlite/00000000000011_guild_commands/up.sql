-- Commands that guilds have made for themselves.
CREATE TABLE guild_commands (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    guild_id BIGINT NOT NULL,
    command TEXT NOT NULL, -- what it is called
    response TEXT NOT NULL, -- JSON
    version BIGINT NOT NULL, -- grows with each change
    UNIQUE (guild_id, command)
);

-- Guilds in which Discord knows of such commands: there is something to take back.
CREATE TABLE guild_registrations (
    guild_id BIGINT NOT NULL PRIMARY KEY
) WITHOUT ROWID;
