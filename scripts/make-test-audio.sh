#!/bin/sh
# Makes the files in tests/fixtures: `audio` holds two seconds of a 440 Hz sine at -6 dBFS in every
# format that is played, `loudness` a second of noise, louder or quieter than it should be, and
# `channels` a second with another tone on each loudspeaker. The tests read the files as they are
# in the repository; this is how they came to be. Needs ffmpeg, lame, oggenc and flac.
set -eu
cd "$(dirname "$0")/../tests/fixtures"
mkdir -p audio channels loudness
raw=$(mktemp --suffix .wav)
trap 'rm -f "$raw"' EXIT

sine='0.5*sin(2*PI*440*t)'

from() { # <sample rate> <a term for each channel> [more]: a WAVE file in $raw
	ffmpeg -loglevel error -y -f lavfi -i "aevalsrc=$2:s=$1:${3:-d=2}" -c:a pcm_s16le -bitexact "$raw"
}

to() { # <file> <options of the encoder>: from $raw
	file=$1
	shift
	ffmpeg -loglevel error -y -i "$raw" -map_metadata -1 "$@" -bitexact "$file"
}

film() { # <file> <encoder of pictures> <options of the other>: from $raw, with a grey picture
	file=$1 pictures=$2
	shift 2
	ffmpeg -loglevel error -y -f lavfi -i color=c=gray:s=16x16:r=5:d=2 -i "$raw" \
		-map 0:v -map 1:a -c:v "$pictures" "$@" -bitexact "$file"
}

from 16000 "$sine" && cp "$raw" audio/tone.wav
from 44100 "$sine|$sine"
lame --quiet -b 96 --resample 44.1 "$raw" audio/tone.mp3
to audio/tone.aac -c:a aac -b:a 96k
from 44100 "$sine"
oggenc --quiet --quality 3 --serial 7 "$raw" -o audio/tone-vorbis.ogg
flac --silent --best --force "$raw" -o audio/tone.flac
to audio/tone.m4a -c:a aac -b:a 64k
to audio/alac.m4a -c:a alac
from 48000 "$sine|$sine"
to audio/tone-opus.ogg -c:a libopus -b:a 64k
to audio/opus.mp4 -c:a libopus -b:a 64k
film audio/tone.mp4 mpeg4 -c:a aac -b:a 96k
film audio/tone.webm libvpx -c:a libopus -b:a 64k
ffmpeg -loglevel error -y -i "$raw" -c:a libopus -b:a 64k -live 1 -bitexact -f webm - >audio/live.webm

noise='(random(0)-0.5)'
from 44100 "1.9*$noise|1.9*(random(1)-0.5)" d=1
to loudness/loud.mp3 -c:a libmp3lame -b:a 128k
to loudness/loud.ogg -c:a libvorbis -q:a 4
from 48000 "0.1*$noise" d=1
to loudness/quiet.m4a -c:a aac -b:a 64k
to loudness/quiet.webm -c:a libopus -b:a 48k

surround='0.2*sin(2*PI*300*t)'
for hertz in 500 700 60 1100 1700; do surround="$surround|0.2*sin(2*PI*$hertz*t)"; done
from 48000 "$surround" d=1:c=5.1
to channels/surround-opus.ogg -c:a libopus -mapping_family 1 -b:a 192k
to channels/surround.m4a -c:a aac -b:a 192k
chmod 644 ./*/*
ls -l ./*
