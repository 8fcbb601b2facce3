-- What the server has logged: warnings and errors, the newest ones.
CREATE TABLE logs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    level SMALLINT NOT NULL, -- 1: error, 2: warn, 3: info, 4: debug, 5: trace
    message TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    stacktrace TEXT -- none: there is none to show
);
