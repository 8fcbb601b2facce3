-- What else a guild has chosen.
ALTER TABLE guilds ADD COLUMN language TEXT; -- en or de; none: the one that Discord knows
ALTER TABLE guilds ADD COLUMN prefix TEXT; -- what commands in messages begin with; none: no such commands
ALTER TABLE guilds ADD COLUMN entrances BOOLEAN NOT NULL DEFAULT TRUE; -- whether members are announced
ALTER TABLE guilds ADD COLUMN fast_trigger BOOLEAN NOT NULL DEFAULT TRUE; -- whether muting plays a sound
ALTER TABLE guilds ADD COLUMN early_join BOOLEAN NOT NULL DEFAULT FALSE; -- whether the bot joins ahead of a play

-- What members have chosen to be heard when they do something in voice.
CREATE TABLE user_sounds (
    user_id BIGINT NOT NULL,
    occasion SMALLINT NOT NULL, -- 0: fast trigger, 1: entrance
    choice SMALLINT NOT NULL, -- 0: nothing, 1: any sound, 2: the one that is named
    sound TEXT, -- its name without its extension
    PRIMARY KEY (user_id, occasion)
);
