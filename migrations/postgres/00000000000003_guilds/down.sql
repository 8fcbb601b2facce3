DROP TABLE guild_roles;
DROP TABLE guilds;
