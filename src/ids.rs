//! Discord's snowflakes as types: a guild's id cannot be given where a user's is wanted.
//! Everything imports this; it imports nothing.

use std::fmt;
use std::str::FromStr;

/// The text is not a snowflake: 1 to 19 ASCII digits, no leading zero, not 0, at most `i64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a snowflake")]
pub struct NotASnowflake;

fn parse(text: &str) -> Result<i64, NotASnowflake> {
    let digits = text.as_bytes();
    let shaped = matches!(digits.len(), 1..=19)
        && digits[0] != b'0'
        && digits.iter().all(u8::is_ascii_digit);
    if !shaped {
        return Err(NotASnowflake);
    }
    text.parse().map_err(|_| NotASnowflake)
}

macro_rules! snowflake {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Positive and at most `i64::MAX`: a string in JSON, a `BIGINT` in the database.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The id as Discord's libraries hold it.
            pub fn get(self) -> u64 {
                self.0.unsigned_abs()
            }

            /// The id as the database holds it.
            pub fn to_db(self) -> i64 {
                self.0
            }

            /// An id read from the database, where only [`Self::to_db`] values are written.
            pub fn from_db(id: i64) -> Self {
                Self(id)
            }
        }

        impl TryFrom<u64> for $name {
            type Error = NotASnowflake;

            fn try_from(id: u64) -> Result<Self, NotASnowflake> {
                match i64::try_from(id) {
                    Ok(id) if id > 0 => Ok(Self(id)),
                    _ => Err(NotASnowflake),
                }
            }
        }

        impl FromStr for $name {
            type Err = NotASnowflake;

            fn from_str(text: &str) -> Result<Self, NotASnowflake> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

snowflake!(
    /// A Discord user, the bot itself included.
    UserId
);
snowflake!(
    /// A Discord guild ("server").
    GuildId
);
snowflake!(
    /// A channel of a guild.
    ChannelId
);
snowflake!(
    /// A role of a guild.
    RoleId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_whole_range_and_nothing_else() {
        for good in ["1", "221905671296253953", "9223372036854775807"] {
            assert_eq!(good.parse::<UserId>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "0",
            "007",
            "-1",
            "+5",
            "1e3",
            " 1",
            "1 ",
            "9223372036854775808",
            "18446744073709551616",
            "１２",
            "abc",
            "1\0",
        ] {
            assert_eq!(bad.parse::<UserId>(), Err(NotASnowflake), "{bad:?}");
        }
        assert!(UserId::try_from(0).is_err());
        assert!(UserId::try_from(u64::MAX).is_err());
    }
}
