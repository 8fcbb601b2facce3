-- Sounds that members like, by their names without extension.
CREATE TABLE favourites (
    user_id BIGINT NOT NULL,
    guild_id BIGINT NOT NULL, -- whose own sound it is; 0: the operator's
    sound TEXT NOT NULL,
    PRIMARY KEY (user_id, guild_id, sound)
);
