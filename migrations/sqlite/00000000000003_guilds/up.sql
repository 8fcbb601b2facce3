-- What a guild has chosen; a guild without a row has the defaults.
CREATE TABLE guilds (
    id BIGINT NOT NULL PRIMARY KEY,
    mode SMALLINT NOT NULL, -- 0: replace, 1: queue, 2: overlap
    volume SMALLINT NOT NULL, -- percent, 0 to 200
    leave_after_s INTEGER -- none: the bot stays
) WITHOUT ROWID;

-- Roles that have a say in playing.
CREATE TABLE guild_roles (
    guild_id BIGINT NOT NULL REFERENCES guilds (id) ON DELETE CASCADE,
    role_id BIGINT NOT NULL,
    kind SMALLINT NOT NULL, -- 0: may play, 1: may not
    PRIMARY KEY (guild_id, role_id)
) WITHOUT ROWID;
