-- What is known of each file, so that no process has to look into it again. A file is the same as
-- long as its size, its two times and its number are. Levels are in hundredths of a decibel.
CREATE TABLE sound_files (
    path TEXT NOT NULL PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    modified_ns BIGINT NOT NULL,
    changed_ns BIGINT NOT NULL,
    inode BIGINT NOT NULL,
    hash BLOB, -- SHA-256 of the content; none where it was not worth reading
    recipe SMALLINT NOT NULL, -- by which rules it was examined
    reason SMALLINT, -- why it cannot be played
    length_ms BIGINT NOT NULL, -- of one that is too long: the limit then
    loudness_clufs INTEGER, -- none: nothing to hear
    true_peak_cdb INTEGER, -- none: digital silence
    gain_cdb INTEGER NOT NULL, -- what was added to come to the target
    target_clufs INTEGER NOT NULL,
    waveform BLOB -- 64 bytes
) WITHOUT ROWID;
