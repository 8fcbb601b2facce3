DROP TABLE user_sounds;
ALTER TABLE guilds DROP COLUMN early_join;
ALTER TABLE guilds DROP COLUMN fast_trigger;
ALTER TABLE guilds DROP COLUMN entrances;
ALTER TABLE guilds DROP COLUMN prefix;
ALTER TABLE guilds DROP COLUMN language;
