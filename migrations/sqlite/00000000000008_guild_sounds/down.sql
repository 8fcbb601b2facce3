DROP TABLE sound_labels;
DROP TABLE guild_sounds;
