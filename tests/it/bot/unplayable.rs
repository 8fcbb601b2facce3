//! Files that cannot be played: each refuses with its reason, is not logged, and costs nothing but
//! a child process.

use super::stage::{ADA, GUILD, Stage, fixture};

/// 33 bytes that panic symphonia 0.5.5 when it probes them, whatever they are called.
pub(super) fn panicking_id3() -> Vec<u8> {
    let mut bytes = b"ID3\x04\0\x40\0\0\0\x17\0\0\0\x06\x01\x10\x01\x40".to_vec();
    bytes.resize(33, 0);
    bytes
}

/// A FLAC file of `frames` frames, each 8 seconds of silence on 8 channels in 36 bytes.
pub(super) fn flac_bomb(frames: u32) -> Vec<u8> {
    let mut bytes = b"fLaC\x80\0\0\x22\xff\xff\xff\xff\0\0\0\0\0\0".to_vec();
    // 8 kHz, 8 channels, 16 bits, of unknown length; no checksum.
    let about: u64 = 8_000 << 44 | 7 << 41 | 15 << 36;
    bytes.extend(about.to_be_bytes());
    bytes.extend([0; 16]);
    for number in 0..frames {
        let mut frame = vec![0xff, 0xf8, 0x74, 0x78];
        let number = char::from_u32(number).expect("a number that UTF-8 can write");
        frame.extend(number.encode_utf8(&mut [0; 4]).bytes());
        frame.extend([0xff, 0xfe]);
        frame.push(crc8(&frame));
        frame.extend([0; 24]);
        frame.extend(crc16(&frame).to_be_bytes());
        bytes.extend(frame);
    }
    bytes
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| {
            if crc & 0x80 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x07
            }
        })
    })
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x8005
            }
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_says_why_and_takes_nothing_down() {
    let stage = Stage::start_with(&[("YURI_SOUNDS__MAX_LENGTH_S", "20")]).await;
    let half = |name: &str| {
        let bytes = fixture(name);
        bytes[..bytes.len() / 2].to_vec()
    };
    let no_audio = "the file holds no audio that is supported (mp3, ogg, wav, flac)";
    let too_early = "the file ends too early";
    for (name, content, reason) in [
        ("empty.mp3", Vec::new(), "the file is empty"),
        ("text.wav", b"hello, world\n".repeat(50), no_audio),
        ("id3.ogg", panicking_id3(), no_audio),
        ("cut.mp3", half("tone.mp3"), too_early),
        ("cut.wav", half("tone.wav"), too_early),
        ("cut.flac", half("tone.flac"), too_early),
        ("cut-vorbis.ogg", half("tone-vorbis.ogg"), too_early),
        ("cut-opus.ogg", half("tone-opus.ogg"), too_early),
        (
            "bomb.flac",
            flac_bomb(400),
            "the file is longer than 20 seconds",
        ),
    ] {
        stage.add_sound(name, &content).await;
        for _ in 0..2 {
            let reply = stage.play(ADA, name).await;
            assert_eq!(
                reply.content,
                format!("this sound cannot be played: {reason}"),
                "{name}"
            );
        }
    }
    assert!(stage.log().await.is_empty());
    assert!(stage.player().await.playing.is_empty());
    assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
    assert!(stage.app.guilds.gateway().is_connected());
    stage.stop().await.shutdown().await;
}
