//! What is known of files, kept and forgotten.

use yuri::db::sound_files::{SoundFile, delete, list, replace};

use super::on_each_backend;

fn file(path: &str) -> SoundFile {
    SoundFile {
        path: path.into(),
        size_bytes: 7,
        modified_ns: 1_554_576_482_123_456_789,
        changed_ns: -1,
        inode: i64::MIN,
        hash: Some(vec![0, 255, 1]),
        recipe: 2,
        reason: None,
        length_ms: 2_000,
        loudness_clufs: Some(-1_234),
        true_peak_cdb: None,
        gain_cdb: 1_200,
        target_clufs: -1_600,
        waveform: Some((0..64).collect()),
    }
}

#[tokio::test]
async fn rows_come_back_as_they_were_written() {
    on_each_backend(|db| async move {
        let refused = SoundFile {
            hash: None,
            reason: Some(44),
            loudness_clufs: None,
            waveform: None,
            ..file("sounds/ö.mp3")
        };
        let first = [refused.clone(), file("sounds/a.ogg")];
        db.write(move |conn| replace(conn, &first)).await.unwrap();
        let rows = db.run(list).await.unwrap();
        assert_eq!(rows, [file("sounds/a.ogg"), refused.clone()]);

        let changed = SoundFile {
            size_bytes: 8,
            ..file("sounds/a.ogg")
        };
        let again = [changed.clone()];
        db.write(move |conn| replace(conn, &again)).await.unwrap();
        assert_eq!(db.run(list).await.unwrap(), [changed, refused.clone()]);

        let gone = ["sounds/a.ogg".to_owned(), "sounds/never".to_owned()];
        db.write(move |conn| delete(conn, &gone)).await.unwrap();
        assert_eq!(db.run(list).await.unwrap(), [refused]);
    })
    .await;
}
