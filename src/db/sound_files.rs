//! Queries on `sound_files`: what is known of each file of sound. Called by `domain::ingest`.

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::sound_files;

/// A file's row; `domain::ingest` gives the numbers their meaning. Levels are in hundredths of a
/// decibel.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = sound_files)]
pub struct SoundFile {
    /// Where it lies.
    pub path: String,
    /// Its size.
    pub size_bytes: i64,
    /// When its content was changed last, in Unix nanoseconds.
    pub modified_ns: i64,
    /// When anything about it was.
    pub changed_ns: i64,
    /// Its number in the file system, bit by bit.
    pub inode: i64,
    /// SHA-256 of its content; `None` where that was not worth reading.
    pub hash: Option<Vec<u8>>,
    /// By which rules it was examined.
    pub recipe: i16,
    /// Why it cannot be played.
    pub reason: Option<i16>,
    /// Its length; of one that is too long the limit then.
    pub length_ms: i64,
    /// Integrated loudness; `None` where there is nothing to hear.
    pub loudness_clufs: Option<i32>,
    /// True peak; `None` for digital silence.
    pub true_peak_cdb: Option<i32>,
    /// What was added to it.
    pub gain_cdb: i32,
    /// What it was brought to.
    pub target_clufs: i32,
    /// 64 points.
    pub waveform: Option<Vec<u8>>,
}

/// Everything that is known.
///
/// # Errors
/// The database's.
pub fn list(conn: &mut AnyConnection) -> QueryResult<Vec<SoundFile>> {
    sound_files::table
        .order(sound_files::path)
        .select(SoundFile::as_select())
        .load(conn)
}

/// Keeps rows in place of those of the same paths. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn replace(conn: &mut AnyConnection, files: &[SoundFile]) -> QueryResult<()> {
    for file in files {
        diesel::delete(sound_files::table.find(&file.path)).execute(conn)?;
        diesel::insert_into(sound_files::table)
            .values(file)
            .execute(conn)?;
    }
    Ok(())
}

/// Forgets the files of these paths. Run inside [`super::Db::write`].
///
/// # Errors
/// The database's.
pub fn delete(conn: &mut AnyConnection, paths: &[String]) -> QueryResult<()> {
    for path in paths {
        diesel::delete(sound_files::table.find(path)).execute(conn)?;
    }
    Ok(())
}
