-- What lets the server read from Discord for a user who has come through another site's page.
-- `tokens.kind` has a third value for their sessions: 2, the Bearer header.
CREATE TABLE user_grants (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    key_id TEXT NOT NULL, -- which key it is encrypted with
    sealed BYTEA NOT NULL, -- nonce, then Discord's tokens encrypted with AES-256-GCM, then the tag
    updated_ms BIGINT NOT NULL
);
