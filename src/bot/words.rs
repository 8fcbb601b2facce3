//! What the bot says, in the guild's language. Texts are written in English where they arise and
//! looked up here; what has no translation stays English.

use crate::domain::settings::Language;

impl Language {
    /// A text in this language, each `{}` replaced by the next of `parts`.
    pub(super) fn say(self, text: &str, parts: &[&str]) -> String {
        let template = match self {
            Self::English => text,
            Self::German => german(text),
        };
        let mut said = String::with_capacity(template.len());
        let mut parts = parts.iter();
        let mut pieces = template.split("{}");
        said.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            said.push_str(parts.next().copied().unwrap_or_default());
            said.push_str(piece);
        }
        said
    }
}

fn german(text: &str) -> &str {
    if let Ok(place) = GERMAN.binary_search_by_key(&text, |(english, _)| *english) {
        return GERMAN[place].1;
    }
    text
}

/// By the English text, in byte order.
const GERMAN: &[(&str, &str)] = &[
    (
        "**{}** announces you from now on",
        "ab jetzt kündigt dich **{}** an",
    ),
    (
        "**{}** is no favourite of yours any more",
        "**{}** ist kein Favorit von dir mehr",
    ),
    ("A command of this server", "Ein Befehl dieses Servers"),
    ("Plays {}", "Spielt {}"),
    (
        "Use a command, or mention me with one or with the name of a sound: `@{} tada`",
        "Nimm einen Befehl, oder erwähne mich mit einem oder mit dem Namen eines Sounds: `@{} tada`",
    ),
    (
        "a prefix has 1 to 10 characters and no white space",
        "ein Präfix hat 1 bis 10 Zeichen und keine Leerzeichen",
    ),
    (
        "all sounds play at {} % here from now on",
        "hier spielt ab jetzt alles mit {} %",
    ),
    (
        "another sound was asked for before this one began",
        "ein anderer Sound kam dazwischen, bevor dieser begann",
    ),
    ("discord cannot be reached", "Discord ist nicht erreichbar"),
    (
        "discord did not answer the voice connection, try again",
        "Discord hat auf die Sprachverbindung nicht geantwortet, versuch es noch einmal",
    ),
    (
        "discord does not play this sound now: the server lost boosts",
        "Discord spielt diesen Sound gerade nicht: dem Server fehlen Boosts",
    ),
    (
        "discord limits this server now, try again",
        "Discord bremst diesen Server gerade, versuch es gleich noch einmal",
    ),
    (
        "discord refused the voice connection",
        "Discord hat die Sprachverbindung abgelehnt",
    ),
    ("internal error", "interner Fehler"),
    (
        "it was stopped before it began",
        "er wurde gestoppt, bevor er begann",
    ),
    (
        "muting and unmuting at once plays **{}** from now on",
        "wenn du dich kurz stummschaltest, spielt ab jetzt **{}**",
    ),
    (
        "muting and unmuting at once plays any sound from now on",
        "wenn du dich kurz stummschaltest, spielt ab jetzt irgendein Sound",
    ),
    (
        "muting and unmuting plays nothing from now on",
        "wenn du dich kurz stummschaltest, spielt ab jetzt nichts",
    ),
    ("no sound has this tag", "kein Sound hat dieses Stichwort"),
    (
        "nothing announces you from now on",
        "ab jetzt kündigt dich nichts an",
    ),
    (
        "nothing has been played here yet",
        "hier wurde noch nichts gespielt",
    ),
    ("nothing plays", "es spielt nichts"),
    (
        "one of your roles may not play sounds",
        "eine deiner Rollen darf keine Sounds spielen",
    ),
    (
        "one of your roles may not use this bot",
        "eine deiner Rollen darf diesen Bot nicht benutzen",
    ),
    ("rate limit exceed", "nicht so schnell, warte einen Moment"),
    ("sound was not found", "diesen Sound gibt es nicht"),
    (
        "that is not how this command is used, see `/help`",
        "so wird dieser Befehl nicht benutzt, sieh in `/help` nach",
    ),
    (
        "the bot is busy with another sound, try again",
        "der Bot ist mit einem anderen Sound beschäftigt, versuch es noch einmal",
    ),
    (
        "the bot may not join your voice channel, give it the Connect permission there",
        "der Bot darf deinem Sprachkanal nicht beitreten, gib ihm dort das Recht „Verbinden“",
    ),
    (
        "the bot may not play soundboard sounds in your voice channel, give it the Use Soundboard permission there",
        "der Bot darf in deinem Sprachkanal keine Soundboard-Sounds spielen, gib ihm dort das Recht „Soundboard verwenden“",
    ),
    (
        "the bot may not speak in your voice channel, give it the Speak permission there",
        "der Bot darf in deinem Sprachkanal nicht sprechen, gib ihm dort das Recht „Sprechen“",
    ),
    (
        "the file of this sound is gone",
        "die Datei dieses Sounds ist weg",
    ),
    (
        "the queue is full, try again later",
        "die Warteschlange ist voll, versuch es später noch einmal",
    ),
    (
        "the server's disk is full",
        "die Festplatte des Servers ist voll",
    ),
    ("there are no sounds yet", "es gibt noch keine Sounds"),
    (
        "there is no file on this message",
        "an dieser Nachricht hängt keine Datei",
    ),
    ("there is no page {}", "es gibt keine Seite {}"),
    ("there is no sound like {}", "es gibt keinen Sound wie {}"),
    (
        "there is no sound of this name, see the list of sounds",
        "es gibt keinen Sound mit diesem Namen, sieh in der Liste nach",
    ),
    (
        "there is no such soundboard sound",
        "diesen Sound gibt es auf dem Soundboard nicht",
    ),
    (
        "this command has changed, try again in a minute",
        "dieser Befehl hat sich geändert, versuch es in einer Minute noch einmal",
    ),
    (
        "this command works in servers only",
        "dieser Befehl geht nur auf Servern",
    ),
    (
        "this server's soundboard is empty",
        "das Soundboard dieses Servers ist leer",
    ),
    (
        "too many sounds play at once, try again later",
        "es spielen schon zu viele Sounds auf einmal, versuch es später noch einmal",
    ),
    (
        "whoever runs this bot has not let it read messages, mention it instead",
        "wer diesen Bot betreibt, lässt ihn keine Nachrichten lesen, erwähne ihn stattdessen",
    ),
    (
        "you are timed out in this guild",
        "du hast auf diesem Server gerade eine Auszeit",
    ),
    (
        "you have 500 favourites, take one back first",
        "du hast 500 Favoriten, nimm erst einen zurück",
    ),
    (
        "you have no favourites here yet",
        "du hast hier noch keine Favoriten",
    ),
    (
        "you must be a member of this guild",
        "du musst Mitglied dieses Servers sein",
    ),
    (
        "you need a DJ role to play sounds",
        "du brauchst eine DJ-Rolle, um Sounds zu spielen",
    ),
    (
        "you need the Manage Server permission for this",
        "dafür brauchst du das Recht „Server verwalten“",
    ),
    (
        "you need to be in a voice channel to perform this command",
        "dafür musst du in einem Sprachkanal sein",
    ),
    (
        "{} of {} sounds, page {} of {}",
        "{} von {} Sounds, Seite {} von {}",
    ),
    ("{} sounds", "{} Sounds"),
    ("⏭ skipped", "⏭ übersprungen"),
    ("⏳ **{}**, {} before it", "⏳ **{}**, {} davor"),
    ("⏹ stopped", "⏹ gestoppt"),
    (
        "⭐ **{}** is a sound of this server now",
        "⭐ **{}** ist jetzt ein Sound dieses Servers",
    ),
    (
        "⭐ **{}** is one of your favourites now",
        "⭐ **{}** ist jetzt einer deiner Favoriten",
    ),
    ("👋 joined your voice channel", "👋 in deinem Sprachkanal"),
    (
        "👋 left the voice channel",
        "👋 aus dem Sprachkanal gegangen",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_as_much_in_both_languages() {
        assert!(GERMAN.is_sorted_by_key(|(english, _)| english));
        for (english, german) in GERMAN {
            let parts = |text: &str| text.matches("{}").count();
            assert_eq!(parts(english), parts(german), "{english}");
        }
    }

    #[test]
    fn parts_go_where_they_belong() {
        let german = Language::of(Some("de"));
        assert_eq!(
            german.say("⏳ **{}**, {} before it", &["a{}b", "2"]),
            "⏳ **a{}b**, 2 davor"
        );
        let english = Language::of(Some("en-GB"));
        assert_eq!(english, Language::of(None));
        assert_eq!(
            english.say("there is no page {}", &["7"]),
            "there is no page 7"
        );
        assert_eq!(german.say("not translated {}", &[]), "not translated ");
    }
}
