-- When each bot started a session with Discord's gateway: Discord voids the token of one that does so too often.
CREATE TABLE session_starts (
    bot_id BIGINT NOT NULL, -- the application
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (bot_id, at_ms)
);
