-- How loud a guild wants sounds, in hundredths of a LUFS; none: as the operator does.
ALTER TABLE guilds ADD COLUMN loudness_clufs INTEGER;
