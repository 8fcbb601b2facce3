ALTER TABLE guilds DROP COLUMN loudness_clufs;
