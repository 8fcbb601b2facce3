DROP TABLE guild_registrations;
DROP TABLE guild_commands;
