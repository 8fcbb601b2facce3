-- Sounds that belong to one guild each. Their files lie in the data folder.
CREATE TABLE guild_sounds (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    guild_id BIGINT NOT NULL,
    name TEXT NOT NULL, -- without its extension
    name_key TEXT NOT NULL, -- the same in lower case: there is one of each in a guild
    extension TEXT NOT NULL,
    file TEXT NOT NULL, -- its name in the guild's folder
    size_bytes BIGINT NOT NULL,
    hash BLOB NOT NULL, -- SHA-256 of its content
    uploader_id BIGINT, -- none: nobody knows
    created_ms BIGINT NOT NULL,
    deleted_ms BIGINT -- since when it is in the bin
);
CREATE UNIQUE INDEX guild_sounds_by_name ON guild_sounds (guild_id, name_key) WHERE deleted_ms IS NULL;
CREATE INDEX guild_sounds_by_deletion ON guild_sounds (deleted_ms) WHERE deleted_ms IS NOT NULL;

-- What people say of sounds. It stays when the file of an operator's sound goes and comes back.
CREATE TABLE sound_labels (
    guild_id BIGINT NOT NULL, -- whose own sound it is; 0: the operator's
    sound TEXT NOT NULL, -- its name without extension
    tags TEXT NOT NULL, -- one a line, in byte order
    category TEXT, -- none: it has none
    PRIMARY KEY (guild_id, sound)
) WITHOUT ROWID;
