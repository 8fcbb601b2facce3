DROP TABLE sound_counts;
DROP TABLE guild_counters;
DROP TABLE plays;
DROP TABLE tokens;
DROP TABLE user_guilds;
DROP TABLE users;
