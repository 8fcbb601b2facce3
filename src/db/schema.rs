//! The tables of `migrations/`, once for both backends.

diesel::table! {
    /// Who has logged in.
    users (id) {
        /// Discord's id.
        id -> BigInt,
        /// The account's name.
        username -> Text,
        /// The name shown, where one is set.
        global_name -> Nullable<Text>,
        /// The four digits of an old account, else `0`.
        discriminator -> Text,
        /// Hash of the avatar image.
        avatar -> Nullable<Text>,
        /// Last login.
        updated_ms -> BigInt,
    }
}

diesel::table! {
    /// The guilds a user shared with the bot at the last login.
    user_guilds (user_id, guild_id) {
        /// The user.
        user_id -> BigInt,
        /// The guild.
        guild_id -> BigInt,
    }
}

diesel::table! {
    /// Login sessions and API tokens, by their hash.
    tokens (id) {
        /// Number of the token.
        id -> BigInt,
        /// Whose it is.
        user_id -> BigInt,
        /// 0: login session, 1: API token, 2: session of a Bearer header.
        kind -> SmallInt,
        /// The name its owner gave it, else empty.
        name -> Text,
        /// SHA-256 of the token.
        hash -> Binary,
        /// When it was issued.
        created_ms -> BigInt,
        /// When it was last used, to the minute.
        used_ms -> BigInt,
        /// When it ends unless it is used before.
        expires_ms -> BigInt,
        /// When it ends in any case.
        cap_ms -> BigInt,
    }
}

diesel::table! {
    /// The play log.
    plays (guild_id, seq) {
        /// The guild.
        guild_id -> BigInt,
        /// Number of the play in its guild, without gaps.
        seq -> BigInt,
        /// When its audio started.
        time_ms -> BigInt,
        /// Who asked for it.
        user_id -> BigInt,
        /// Their name then.
        user_tag -> Text,
        /// Where the sound came from.
        source -> Text,
        /// Its name without extension.
        sound -> Text,
    }
}

diesel::table! {
    /// Bounds of each guild's log and the number of its sounds.
    guild_counters (guild_id) {
        /// The guild.
        guild_id -> BigInt,
        /// Number of the oldest play that is kept.
        first_seq -> BigInt,
        /// Number of the newest play.
        last_seq -> BigInt,
        /// How many sounds have been counted.
        sounds -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(guild_counters, plays, sound_counts);

diesel::table! {
    /// How often each local sound was played.
    sound_counts (guild_id, sound) {
        /// The guild.
        guild_id -> BigInt,
        /// The sound's name without extension.
        sound -> Text,
        /// Plays.
        count -> BigInt,
    }
}

diesel::table! {
    /// What a guild has chosen.
    guilds (id) {
        /// The guild.
        id -> BigInt,
        /// 0: replace, 1: queue, 2: overlap.
        mode -> SmallInt,
        /// Percent.
        volume -> SmallInt,
        /// How long the bot stays alone in a channel, in seconds; none: for ever.
        leave_after_s -> Nullable<Integer>,
        /// `en` or `de`; none: the one that Discord knows.
        language -> Nullable<Text>,
        /// What commands in messages begin with; none: there are no such commands.
        prefix -> Nullable<Text>,
        /// Whether entrance sounds are played.
        entrances -> Bool,
        /// Whether muting and unmuting plays a sound.
        fast_trigger -> Bool,
        /// Whether the bot joins ahead of a play.
        early_join -> Bool,
        /// How loud sounds are, in hundredths of a LUFS; none: as the operator wants them.
        loudness_clufs -> Nullable<Integer>,
    }
}

diesel::table! {
    /// What members have chosen to be heard when they do something in voice.
    user_sounds (user_id, occasion) {
        /// The member.
        user_id -> BigInt,
        /// 0: fast trigger, 1: entrance.
        occasion -> SmallInt,
        /// 0: nothing, 1: any sound, 2: the one that is named.
        choice -> SmallInt,
        /// Its name without its extension.
        sound -> Nullable<Text>,
    }
}

diesel::table! {
    /// Roles that have a say in playing.
    guild_roles (guild_id, role_id) {
        /// The guild.
        guild_id -> BigInt,
        /// Its role.
        role_id -> BigInt,
        /// 0: may play, 1: may not.
        kind -> SmallInt,
    }
}

diesel::table! {
    /// When each bot started a session with Discord's gateway.
    session_starts (bot_id, at_ms) {
        /// The application.
        bot_id -> BigInt,
        /// When, in Unix milliseconds.
        at_ms -> BigInt,
    }
}

diesel::table! {
    /// What is known of each file of sound.
    sound_files (path) {
        /// Where it lies.
        path -> Text,
        /// Its size.
        size_bytes -> BigInt,
        /// When its content was changed last.
        modified_ns -> BigInt,
        /// When anything about it was.
        changed_ns -> BigInt,
        /// Its number in the file system.
        inode -> BigInt,
        /// SHA-256 of its content.
        hash -> Nullable<Binary>,
        /// By which rules it was examined.
        recipe -> SmallInt,
        /// Why it cannot be played.
        reason -> Nullable<SmallInt>,
        /// Its length; of one that is too long the limit then.
        length_ms -> BigInt,
        /// Integrated loudness, in hundredths of LUFS.
        loudness_clufs -> Nullable<Integer>,
        /// True peak, in hundredths of dBTP.
        true_peak_cdb -> Nullable<Integer>,
        /// What was added to it, in hundredths of a decibel.
        gain_cdb -> Integer,
        /// What it was brought to, in hundredths of LUFS.
        target_clufs -> Integer,
        /// 64 points.
        waveform -> Nullable<Binary>,
    }
}

diesel::table! {
    /// Sounds that members like.
    favourites (user_id, guild_id, sound) {
        /// The member.
        user_id -> BigInt,
        /// Whose own sound it is; 0: the operator's.
        guild_id -> BigInt,
        /// Its name without its extension.
        sound -> Text,
    }
}

diesel::table! {
    /// Sounds that belong to one guild each.
    guild_sounds (id) {
        /// Number of the sound.
        id -> BigInt,
        /// The guild.
        guild_id -> BigInt,
        /// Its name without its extension.
        name -> Text,
        /// The same in lower case.
        name_key -> Text,
        /// What its file is called at the end.
        extension -> Text,
        /// The file's name in the guild's folder.
        file -> Text,
        /// Its size.
        size_bytes -> BigInt,
        /// SHA-256 of its content.
        hash -> Binary,
        /// Who brought it.
        uploader_id -> Nullable<BigInt>,
        /// When.
        created_ms -> BigInt,
        /// Since when it is in the bin.
        deleted_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// What people say of sounds.
    sound_labels (guild_id, sound) {
        /// Whose own sound it is; 0: the operator's.
        guild_id -> BigInt,
        /// Its name without its extension.
        sound -> Text,
        /// One a line, in byte order.
        tags -> Text,
        /// One, or none.
        category -> Nullable<Text>,
    }
}

diesel::table! {
    /// What the server has logged.
    logs (id) {
        /// Number of the message; grows.
        id -> BigInt,
        /// 1: error, 2: warn, 3: info, 4: debug, 5: trace.
        level -> SmallInt,
        /// What has happened.
        message -> Text,
        /// When, in Unix milliseconds.
        time_ms -> BigInt,
        /// How it came to it.
        stacktrace -> Nullable<Text>,
    }
}

diesel::table! {
    /// What lets the server read from Discord for a user.
    user_grants (user_id) {
        /// The user.
        user_id -> BigInt,
        /// Which key it is encrypted with.
        key_id -> Text,
        /// Nonce, then Discord's tokens encrypted with AES-256-GCM, then the tag.
        sealed -> Binary,
        /// When it was given or renewed, in Unix milliseconds.
        updated_ms -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(tokens, user_grants);

diesel::table! {
    /// Commands that guilds have made for themselves.
    guild_commands (id) {
        /// Number of the command.
        id -> BigInt,
        /// The guild.
        guild_id -> BigInt,
        /// What it is called.
        command -> Text,
        /// What it answers, as JSON.
        response -> Text,
        /// Grows with each change.
        version -> BigInt,
    }
}

diesel::table! {
    /// Guilds in which Discord knows of commands of their own.
    guild_registrations (guild_id) {
        /// The guild.
        guild_id -> BigInt,
    }
}

diesel::table! {
    /// Roles of this installation.
    roles (id) {
        /// Number of the role.
        id -> BigInt,
        /// What it is called.
        name -> Text,
    }
}

diesel::table! {
    /// Who has which role.
    user_roles (role_id, user_id) {
        /// The user, who may never have logged in.
        user_id -> BigInt,
        /// The role.
        role_id -> BigInt,
        /// The user who gave it.
        given_by -> BigInt,
        /// When, in Unix milliseconds.
        given_ms -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(roles, user_roles, users);
