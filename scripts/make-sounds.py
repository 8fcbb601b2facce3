#!/usr/bin/env python3
"""Makes the sounds in `sounds/`: synthesised here, encoded by ffmpeg.

    scripts/make-sounds.py             every sound
    scripts/make-sounds.py coin boing  only these

Python's standard library computes the samples, so nothing is recorded and nothing is
borrowed: the results are CC0 (docs/sounds.md). Every sound has a random generator of its
own with a fixed seed, and ffmpeg is told to leave out dates and random stream numbers, so
the same ffmpeg writes the same bytes again.

Each sound is levelled to -16 LUFS (ITU-R BS.1770), limited, faded in and out, freed of
its direct current, and afterwards the encoded file is decoded and measured: a peak above
-1 dBFS stops the script.
"""

import array
import math
import random
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

from loudness import decibels, finished, lufs, peak
from synthesis import (
    REED,
    SQUARE,
    TAU,
    add,
    bell,
    brass_note,
    cymbal,
    decay,
    drum,
    filtered,
    harmonics,
    noise,
    plateau,
    ramp,
    room,
    shaped,
    silence,
    tone,
    wide,
)

FOLDER = Path(__file__).resolve().parent.parent / "sounds"
LIMIT_DBFS = -1.0  # after decoding
CODECS = {
    # Container and codec by key; the arguments are ffmpeg's.
    "mp3": ["-c:a", "libmp3lame", "-q:a", "4", "-f", "mp3"],
    "vorbis": ["-c:a", "libvorbis", "-q:a", "4", "-f", "ogg"],
    "opus": ["-c:a", "libopus", "-b:a", "80k", "-f", "ogg"],
    "wav": ["-c:a", "pcm_s16le", "-f", "wav"],
    "flac": ["-c:a", "flac", "-sample_fmt", "s16", "-compression_level", "8", "-f", "flac"],
}


# --- The sounds. Each gives one list (mono) or two (stereo). ---


def airhorn(rate, dice):
    """Two short blasts and a long one, on three horns a little out of tune."""
    out = silence(1.7, rate)
    for at, length in ((0.0, 0.14), (0.19, 0.14), (0.38, 1.1)):
        for hertz in (466.0, 588.0, 702.0):

            def pitch(t, h=hertz):
                return h * (1 - 0.10 * decay(t, 0.012)) * (1 - 0.05 * ramp(t - length + 0.12, 0.12))

            add(out, tone(length, rate, pitch, REED, lambda t: plateau(t, length, 0.008, 0.05)), at, rate)
    return wide(filtered("low", out, rate, 5500), rate, 0.3, 0.4)


def sad_trombone(rate, dice):
    """Wah, wah, wah, waaah."""
    out = silence(2.6, rate)
    for n, (at, length) in enumerate(((0.0, 0.36), (0.42, 0.36), (0.84, 0.36), (1.26, 1.2))):
        note = brass_note(233.08 * 2 ** (-n / 12), length, rate, 0.022 if n == 3 else 0.004)
        muted = filtered("band", note, rate, 900, 0.8)
        wah = [m * (0.35 + 0.9 * math.sin(math.pi * min(i / rate / length, 1.0))) for i, m in enumerate(muted)]
        add(out, [w + 0.35 * x for w, x in zip(wah, note)], at, rate)
    return [room(out, rate, 0.25, 0.5)]


def rimshot(rate, dice):
    """Ba-dum, tss."""
    out = silence(1.7, rate)
    add(out, drum(rate, dice, 180, 0.5), 0.0, rate)
    add(out, drum(rate, dice, 105, 0.15), 0.17, rate)
    add(out, drum(rate, dice, 85, 0.1), 0.42, rate, 0.7)
    add(out, cymbal(1.2, rate, dice, 0.18), 0.42, rate, 0.9)
    return wide(out, rate, 0.2, 0.4)


def level_up(rate, dice):
    """A major arpeggio of square waves that runs up and stays."""
    out = silence(1.4, rate)
    for n, semitone in enumerate((0, 4, 7, 12, 16, 19, 24)):
        last = n == 6
        length = 0.7 if last else 0.16
        hertz = 392.0 * 2 ** (semitone / 12)

        def envelope(t, length=length, last=last):
            return plateau(t, length, 0.004, 0.03) * decay(t, 0.22 if last else 0.08)

        add(out, tone(length, rate, lambda t, h=hertz: h, SQUARE, envelope), n * 0.085, rate)
    return wide(filtered("low", out, rate, 6000), rate, 0.3, 0.5)


def coin(rate, dice):
    """Two notes a fourth apart, the second ringing out."""
    out = silence(0.62, rate)
    add(out, tone(0.09, rate, lambda t: 987.77, SQUARE, lambda t: plateau(t, 0.09, 0.003, 0.01)), 0, rate)
    add(out, tone(0.53, rate, lambda t: 1318.51, SQUARE, lambda t: ramp(t, 0.003) * decay(t, 0.12)), 0.085, rate)
    return [filtered("low", out, rate, 7000)]


def drumroll(rate, dice):
    """A snare roll that grows for two seconds and ends on a crash."""
    out = silence(3.0, rate)
    at, step = 0.0, 0.052
    while at < 2.0:
        hit = drum(rate, dice, 190 + dice.uniform(-6, 6), 0.8, 0.16)
        add(out, hit, at + dice.uniform(-0.003, 0.003) if at else 0.0, rate, 0.22 + 0.5 * (at / 2.0) ** 2)
        at += step
    add(out, drum(rate, dice, 70, 0.2), 2.06, rate, 1.2)
    add(out, cymbal(0.94, rate, dice, 0.17), 2.06, rate, 0.9)
    return wide(out, rate, 0.25, 0.5)


def laser(rate, dice):
    """Three falling sweeps, from the left to the right."""
    sides = [silence(0.55, rate), silence(0.55, rate)]
    for n in range(3):
        sweep = tone(
            0.17,
            rate,
            lambda t: 220 + 2300 * decay(t, 0.03),
            harmonics([1, 0.4, 0.25, 0.1]),
            lambda t: plateau(t, 0.17, 0.002, 0.09),
        )
        add(sides[0], sweep, n * 0.16, rate, math.cos(math.pi / 4 * n))
        add(sides[1], sweep, n * 0.16, rate, math.cos(math.pi / 4 * (2 - n)))
    return sides


def doorbell(rate, dice):
    """Ding, dong: two bells a major third apart."""
    out = silence(2.2, rate)
    add(out, bell(659.26, 1.6, rate, 0.20), 0, rate)
    add(out, bell(523.25, 1.6, rate, 0.24), 0.6, rate)
    return [room(out, rate, 0.2, 0.6)]


def fanfare(rate, dice):
    """Three trumpets: ta-ta-ta-taa."""
    out = silence(2.5, rate)
    for at, length, chord in (
        (0.0, 0.13, (0, 4, 7)),
        (0.17, 0.13, (0, 4, 7)),
        (0.34, 0.13, (0, 4, 7)),
        (0.51, 0.40, (5, 9, 12)),
        (0.95, 0.16, (2, 7, 11)),
        (1.14, 1.0, (4, 7, 12)),
    ):
        for semitone in chord:
            add(out, brass_note(349.23 * 2 ** (semitone / 12), length, rate), at, rate, 0.4)
    return wide(out, rate, 0.4, 0.7)


def crickets(rate, dice):
    """Two crickets answer each other in an awkward pause."""
    sides = [silence(3.0, rate), silence(3.0, rate)]
    for at, hertz, near in ((0.05, 4300, 0), (0.85, 4620, 1), (1.45, 4300, 0), (2.25, 4620, 1)):
        for n in range(6):
            pulse = tone(
                0.045,
                rate,
                lambda t, h=hertz: h * (1 - 0.6 * t),
                harmonics([1, 0.12]),
                lambda t: math.sin(math.pi * t / 0.045) ** 2,
            )
            gain = 0.6 + 0.4 * math.sin(math.pi * n / 5)
            add(sides[near], pulse, at + n * 0.07, rate, gain)
            add(sides[1 - near], pulse, at + n * 0.07 + 0.0006, rate, 0.45 * gain)
    return sides


def boing(rate, dice):
    """A spring let go: a pitch that wobbles slower and slower."""

    def pitch(t):
        return (130 + 190 * ramp(t, 0.9)) * (1 + 0.30 * decay(t, 0.28) * math.sin(TAU * (13 * t - 3.2 * t * t)))

    out = tone(
        1.15, rate, pitch, harmonics([1, 0.6, 0.45, 0.3, 0.22, 0.15, 0.1]), lambda t: ramp(t, 0.003) * decay(t, 0.26)
    )
    return wide(out, rate, 0.2, 0.3)


def heartbeat(rate, dice):
    """Lub-dub, three times; with overtones, or small loudspeakers stay silent."""
    out = silence(2.7, rate)
    for beat in range(3):
        for at, hertz, gain in ((0.0, 62, 1.0), (0.24, 78, 0.75)):
            thud = tone(
                0.3,
                rate,
                lambda t, h=hertz: h * (1 + 0.7 * decay(t, 0.03)),
                harmonics([1, 0.9, 0.8, 0.6, 0.4, 0.25]),
                lambda t: ramp(t, 0.012) * decay(t, 0.06),
            )
            add(out, thud, 0.02 + beat * 0.88 + at, rate, gain)
    return [room(filtered("low", out, rate, 900), rate, 0.15, 0.3)]


def alarm(rate, dice):
    """Two groups of four beeps, as on a bedside clock."""
    out = silence(1.9, rate)
    for group in range(2):
        for n in range(4):
            beep = tone(
                0.085,
                rate,
                lambda t: 2048.0,
                harmonics([1, 0, 0.2, 0, 0.06]),
                lambda t: plateau(t, 0.085, 0.004, 0.012),
            )
            add(out, beep, group * 1.0 + n * 0.125, rate)
    return [room(out, rate, 0.12, 0.25)]


def door(rate, dice):
    """Three knocks, then the hinges creak."""
    out = silence(2.2, rate)
    for at, gain in ((0.0, 0.9), (0.2, 0.8), (0.4, 1.0)):
        knock = tone(
            0.18,
            rate,
            lambda t: 150 * (1 + 0.5 * decay(t, 0.008)),
            harmonics([1, 0.5, 0.3, 0.2]),
            lambda t: ramp(t, 0.001) * decay(t, 0.022),
        )
        click = filtered("band", noise(0.18, rate, dice), rate, 1400, 1.2)
        add(knock, shaped(click, rate, lambda t: decay(t, 0.006)), 0, rate, 1.5)
        add(out, knock, at, rate, gain)
    # Slip and stick: a train of clicks, ever faster, through the wood's resonances.
    clicks, at = silence(1.3, rate), 0.0
    while at < 1.2:
        clicks[round(at * rate)] = dice.uniform(0.6, 1.0)
        at += 1 / (38 + 75 * math.sin(math.pi * (at / 1.2) ** 1.3) + dice.uniform(-4, 4))
    creak = silence(1.3, rate)
    for hertz, gain in ((520, 1.0), (1130, 0.8), (1910, 0.5), (2870, 0.3)):
        add(creak, filtered("band", clicks, rate, hertz, 9), 0, rate, gain)
    add(out, shaped(creak, rate, lambda t: plateau(t, 1.25, 0.2, 0.3)), 0.8, rate, 7.0)
    return wide(out, rate, 0.3, 0.5)


SOUNDS = [
    # File name, codec, samples per second, maker. Mono or stereo is the maker's choice.
    ("airhorn.mp3", "mp3", 44100, airhorn),
    ("alarm.mp3", "mp3", 48000, alarm),
    ("boing.opus", "opus", 48000, boing),
    ("coin.wav", "wav", 44100, coin),
    ("crickets.ogg", "vorbis", 44100, crickets),
    ("doorbell.flac", "flac", 44100, doorbell),
    ("drumroll.ogg", "vorbis", 48000, drumroll),
    ("fanfare.ogg", "opus", 48000, fanfare),
    ("heartbeat.mp3", "mp3", 44100, heartbeat),
    ("laser.wav", "wav", 48000, laser),
    ("level-up.opus", "opus", 48000, level_up),
    ("rimshot.ogg", "vorbis", 44100, rimshot),
    ("sad-trombone.mp3", "mp3", 44100, sad_trombone),
    ("tür.flac", "flac", 48000, door),
]


# --- Files. ---


def ffmpeg(arguments, data):
    done = subprocess.run(
        ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", *arguments], input=data, capture_output=True
    )
    if done.returncode:
        sys.exit(f"ffmpeg {' '.join(arguments)} failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def encode(path, codec, rate, channels):
    frames = array.array("f", [x for frame in zip(*channels) for x in frame])
    source = ["-f", "f32le", "-ar", str(rate), "-ac", str(len(channels)), "-i", "pipe:0"]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    ffmpeg(["-y", *source, *exact, *CODECS[codec], str(path)], frames.tobytes())


def measure(path, rate, count):
    """Peak (dBFS), loudness (LUFS), mean of the worst channel and length of what a player gets."""
    back = array.array(
        "f", ffmpeg(["-i", str(path), "-f", "f32le", "-ar", str(rate), "-ac", str(count), "pipe:1"], None)
    )
    channels = [list(back[n::count]) for n in range(count)]
    bias = max(abs(sum(c) / len(c)) for c in channels)
    return decibels(peak(channels)), lufs(channels, rate), bias, len(channels[0]) / rate


def missing():
    """What is not on this machine, in words a reader can act on."""
    if not shutil.which("ffmpeg"):
        return "ffmpeg is missing (Debian: apt-get install ffmpeg)"
    known = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, text=True).stdout
    lacking = [n for n in ("libmp3lame", "libvorbis", "libopus", "flac", "pcm_s16le") if f" {n} " not in known]
    return f"this ffmpeg has no encoder {', '.join(lacking)}" if lacking else None


def main(wanted):
    trouble = missing()
    names = {unicodedata.normalize("NFC", w) for w in wanted}
    unknown = names - {name.rsplit(".", 1)[0] for name, *_ in SOUNDS}
    if unknown:
        trouble = f"no sound is called {', '.join(sorted(unknown))}"
    if trouble:
        sys.exit(f"make-sounds: {trouble}")
    FOLDER.mkdir(exist_ok=True)
    print(f"{'file':18} {'codec':7} {'rate':>6} ch {'s':>5} {'LUFS':>6} {'peak':>6} {'DC':>8} {'bytes':>7}")
    for name, codec, rate, maker in SOUNDS:
        stem = name.rsplit(".", 1)[0]
        if names and stem not in names:
            continue
        channels = finished(maker(rate, random.Random(f"yuri {stem}")), rate)
        path = FOLDER / unicodedata.normalize("NFC", name)
        encode(path, codec, rate, channels)
        top, loud, bias, seconds = measure(path, rate, len(channels))
        size = path.stat().st_size
        print(
            f"{name:18} {codec:7} {rate:6} {len(channels):2} {seconds:5.2f} {loud:6.1f} {top:6.1f} {bias:8.5f} {size:7}"
        )
        if top > LIMIT_DBFS:
            sys.exit(f"make-sounds: {name} peaks at {top:.1f} dBFS, above {LIMIT_DBFS}")


if __name__ == "__main__":
    main(sys.argv[1:])
