-- Roles of this installation. The server knows what `admin` means; what others mean, their readers do.
CREATE TABLE roles (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);
INSERT INTO roles (name) VALUES ('admin');
-- Who has them, and who gave them when. A role can be given before the first login.
CREATE TABLE user_roles (
    user_id BIGINT NOT NULL,
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    given_by BIGINT NOT NULL,
    given_ms BIGINT NOT NULL,
    PRIMARY KEY (role_id, user_id)
) WITHOUT ROWID;
