#!/bin/sh
# Makes the files in tests/fixtures/audio: two seconds of a 440 Hz sine at -6 dBFS in every format
# that is played. The tests read the files as they are in the repository; this is how they came to
# be. Needs ffmpeg, lame, oggenc and flac.
set -eu
cd "$(dirname "$0")/../tests/fixtures/audio"
raw=$(mktemp --suffix .wav)
trap 'rm -f "$raw"' EXIT

sine='0.5*sin(2*PI*440*t)'

tone() { # <sample rate> <a sine for each channel>: a WAVE file in $raw
	ffmpeg -loglevel error -y -f lavfi -i "aevalsrc=$2:s=$1:d=2" -c:a pcm_s16le -bitexact "$raw"
}

tone 16000 "$sine" && cp "$raw" tone.wav
tone 44100 "$sine|$sine" && lame --quiet -b 96 --resample 44.1 "$raw" tone.mp3
tone 44100 "$sine" && oggenc --quiet --quality 3 --serial 7 "$raw" -o tone-vorbis.ogg
tone 44100 "$sine" && flac --silent --best --force "$raw" -o tone.flac
tone 48000 "$sine|$sine" && ffmpeg -loglevel error -y -i "$raw" -c:a libopus -b:a 64k -bitexact tone-opus.ogg
chmod 644 ./*
ls -l
