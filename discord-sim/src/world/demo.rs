//! The world of `yuri demo`, of the program, and of `Settings::default()`.

use super::{Application, Guild, Role, User, World, permissions};

const ADA: u64 = 182_440_710_331_105_281;
const BEN: u64 = 264_911_308_557_295_617;
const CLEO: u64 = 391_205_837_416_120_322;
const DORA: u64 = 402_118_905_332_744_193;
const YURI: u64 = 1_098_214_563_907_108_864;

impl World {
    /// Three people, one bot and three guilds.
    ///
    /// `ada` owns the first guild and sits in its voice channel, `ben` is a plain member of
    /// it, `cleo` shares no guild with the bot. The second guild has the bot but none of
    /// them; the third has `ada` and `cleo` but not the bot.
    pub fn demo() -> World {
        World::empty()
            .user(User::new(ADA, "ada").global_name("Ada"))
            .user(User::new(BEN, "ben").global_name("Ben"))
            .user(User::new(CLEO, "cleo").global_name("Cleo"))
            .user(User::new(DORA, "dora").global_name("Dora").bystander())
            .application(Application::new(YURI, "Yuri"))
            .guild(sound_lab())
            .guild(night_shift())
            .guild(book_club())
    }
}

fn sound_lab() -> Guild {
    Guild::new(1_104_556_120_873_582_592, "Sound Lab", ADA)
        .category(1_104_556_121_146_212_352, "Lab")
        .text(1_104_556_121_368_510_464, "general")
        .voice(1_104_556_121_590_808_577, "Lounge")
        .role(bot_role(1_104_560_337_215_881_216))
        .member(ADA)
        .member(BEN)
        .member_with_roles(YURI, &[1_104_560_337_215_881_216])
        .in_voice(ADA, 1_104_556_121_590_808_577)
}

fn night_shift() -> Guild {
    Guild::new(1_121_893_004_417_007_616, "Night Shift", DORA)
        .category(1_121_893_004_660_277_248, "Shift")
        .text(1_121_893_004_861_603_840, "general")
        .voice(1_121_893_005_083_901_952, "Break Room")
        .role(bot_role(1_121_894_210_755_170_304))
        .member(DORA)
        .member_with_roles(YURI, &[1_121_894_210_755_170_304])
}

fn book_club() -> Guild {
    Guild::new(1_133_070_882_316_972_032, "Book Club", CLEO)
        .category(1_133_070_882_560_241_664, "Reading")
        .text(1_133_070_882_774_151_168, "general")
        .voice(1_133_070_882_991_243_265, "Fireside")
        .member(ADA)
        .member(CLEO)
}

/// The role Discord makes for a bot when it is invited.
fn bot_role(id: u64) -> Role {
    Role {
        bot: Some(YURI),
        ..Role::new(id, "Yuri", permissions::EVERYONE)
    }
}
