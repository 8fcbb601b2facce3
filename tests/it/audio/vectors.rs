//! Files made to harm a decoder.

use super::fixture;

/// 33 bytes that panic symphonia 0.5.5 when it probes them, whatever they are called.
pub fn panicking_id3() -> Vec<u8> {
    let mut bytes = b"ID3\x04\0\x40\0\0\0\x17\0\0\0\x06\x01\x10\x01\x40".to_vec();
    bytes.resize(33, 0);
    bytes
}

/// A FLAC file of `frames` frames, each 8 seconds of silence on 8 channels in 36 bytes.
pub fn flac_bomb(frames: u32) -> Vec<u8> {
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

/// A picture in a FLAC file that claims to have 1.8 GB.
pub fn greedy_flac() -> Vec<u8> {
    let tone = fixture("tone.flac");
    let mut bytes = b"fLaC\0".to_vec();
    bytes.extend(&tone[5..42]);
    bytes.extend(b"\x06\0\0\x11\0\0\0\x03\x70\0\0\0image/png");
    bytes.extend(&tone[42..]);
    bytes
}

/// 144 bytes of WAVE with 65535 channels of 16 bits: their product overflows.
pub fn many_channels() -> Vec<u8> {
    let mut bytes = b"RIFF\x88\0\0\0WAVEfmt \x10\0\0\0\x01\0\xff\xff".to_vec();
    bytes.extend(48_000_u32.to_le_bytes());
    bytes.extend(96_000_u32.to_le_bytes());
    bytes.extend(b"\xfe\xff\x10\0data\x64\0\0\0");
    bytes.resize(144, 0);
    bytes
}

/// Where a text is in a file.
pub fn find(bytes: &[u8], text: &[u8]) -> usize {
    bytes
        .windows(text.len())
        .position(|it| it == text)
        .expect("it is in there")
}

/// A box of MPEG-4.
pub fn mp4_box(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(8 + content.len()).unwrap();
    [&length.to_be_bytes()[..], &name, content].concat()
}

/// `tone.m4a` with more boxes at the end of its `moov`, which is the last box of the file.
pub fn m4a_with(more: &[u8]) -> Vec<u8> {
    let mut bytes = fixture("tone.m4a");
    let moov = find(&bytes, b"moov") - 4;
    bytes.extend(more);
    let length = u32::try_from(bytes.len() - moov).unwrap();
    bytes[moov..moov + 4].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// The content of a box of `tone.m4a`.
pub fn m4a_box(name: &[u8]) -> Vec<u8> {
    let bytes = fixture("tone.m4a");
    let at = find(&bytes, name);
    let length = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap());
    bytes[at + 4..at - 4 + length as usize].to_vec()
}

/// A fixture with bytes in place of those that stand `after` a text.
pub fn patched(name: &str, text: &[u8], after: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = fixture(name);
    let at = find(&file, text) + text.len() + after;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// A chunk of FLAC's metadata.
pub fn flac_with_picture(bytes: usize) -> Vec<u8> {
    let tone = fixture("tone.flac");
    let picture = [
        &b"\0\0\0\x03\0\0\0\x09image/png\0\0\0\0"[..],
        &[0; 16],
        &u32::try_from(bytes).unwrap().to_be_bytes(),
        &vec![0x55; bytes],
    ]
    .concat();
    let length = u32::try_from(picture.len()).unwrap().to_be_bytes();
    let first_block = [&b"fLaC\0"[..], &tone[5..42]].concat();
    [
        &first_block[..],
        b"\x06",
        &length[1..],
        &picture,
        &tone[42..],
    ]
    .concat()
}

/// An MP3 file behind a tag with a picture.
pub fn mp3_with_picture(bytes: usize) -> Vec<u8> {
    let seven_bits =
        |number: usize| [21, 14, 7, 0].map(|shift| u8::try_from(number >> shift & 0x7f).unwrap());
    let picture = [&b"\0image/png\0\x03\0"[..], &vec![0xff; bytes]].concat();
    let frame = [&b"APIC"[..], &seven_bits(picture.len()), b"\0\0", &picture].concat();
    let tag = [&b"ID3\x04\0\0"[..], &seven_bits(frame.len()), &frame].concat();
    [tag, fixture("tone.mp3")].concat()
}
