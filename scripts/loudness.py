"""Levels for `make-sounds.py`: loudness after ITU-R BS.1770, a limiter, faded ends."""

import math
from collections import deque

from synthesis import biquad, filtered, ramp

TARGET_LUFS = -16.0
CEILING_DBFS = -3.0  # before encoding: lossy codecs overshoot by a decibel or two


def decibels(ratio):
    return 20 * math.log10(max(ratio, 1e-9))


def peak(channels):
    return max(abs(x) for channel in channels for x in channel)


def lufs(channels, rate):
    """Integrated loudness of ITU-R BS.1770-4, gates included (ffmpeg: `ebur128=dualmono=1`).

    Mono counts twice, as both ears will hear it: otherwise it would play 3 dB too loud.
    """
    weighted = []
    for channel in channels if len(channels) > 1 else channels * 2:
        # The standard's two filters, for any rate: a shelf for the head, a high-pass.
        k = math.tan(math.pi * 1681.974450955533 / rate)
        vh, q = 10 ** (3.999843853973347 / 20), 0.7071752369554196
        vb, a0 = vh**0.4996667741545416, 1 + k / q + k * k
        shelf = biquad(
            channel,
            (vh + vb * k / q + k * k) / a0,
            2 * (k * k - vh) / a0,
            (vh - vb * k / q + k * k) / a0,
            2 * (k * k - 1) / a0,
            (1 - k / q + k * k) / a0,
        )
        k = math.tan(math.pi * 38.13547087602444 / rate)
        q = 0.5003270373238773
        a0 = 1 + k / q + k * k
        weighted.append(biquad(shelf, 1, -2, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0))
    block, step = round(0.4 * rate), round(0.1 * rate)
    length = len(weighted[0])
    sums = [[0.0] for _ in weighted]
    for total, channel in zip(sums, weighted):
        for x in channel:
            total.append(total[-1] + x * x)
    powers = [
        sum(s[min(at + block, length)] - s[at] for s in sums) / block
        for at in range(0, max(length - block, 0) + 1, step)
    ]

    def mean(kept):
        return sum(kept) / len(kept) if kept else 1e-12

    def gate(floor):
        return [p for p in powers if -0.691 + 10 * math.log10(max(p, 1e-12)) > floor]

    relative = -0.691 + 10 * math.log10(mean(gate(-70.0))) - 10
    return -0.691 + 10 * math.log10(mean(gate(max(relative, -70.0))))


def limited(channels, rate, ceiling):
    """Looks ahead 3 ms: the lowest gain needed nearby, smoothed over the same time."""
    width = round(0.003 * rate)
    needed = [min(1.0, ceiling / max(1e-9, *(abs(c[i]) for c in channels))) for i in range(len(channels[0]))]
    lowest, window = [], deque()
    for i in range(len(needed) + width):
        while window and i < len(needed) and needed[window[-1]] >= needed[i]:
            window.pop()
        if i < len(needed):
            window.append(i)
        if window and window[0] < i - 2 * width:
            window.popleft()
        if i >= width:
            lowest.append(needed[window[0]] if window else 1.0)
    gains, total = [], 0.0
    padded = [lowest[0]] * width + lowest + [lowest[-1]] * width
    span = 2 * width + 1
    total = sum(padded[:span])
    for i in range(len(lowest)):
        gains.append(total / span)
        if i + span < len(padded):
            total += padded[i + span] - padded[i]
    return [[x * g for x, g in zip(channel, gains)] for channel in channels]


def finished(channels, rate):
    """No direct current, no click at either end, -16 LUFS, under the ceiling."""
    edge_in, edge_out = round(0.002 * rate), round(0.025 * rate)
    clean = []
    for channel in channels:
        channel = filtered("high", channel, rate, 25)
        for i in range(min(edge_in, len(channel))):
            channel[i] *= ramp(i / edge_in, 1.0)
        for i in range(min(edge_out, len(channel))):
            channel[-1 - i] *= ramp(i / edge_out, 1.0)
        clean.append(channel)
    gain = 10 ** ((TARGET_LUFS - lufs(clean, rate)) / 20)
    for _ in range(8):
        loud = limited([[x * gain for x in c] for c in clean], rate, 10 ** (CEILING_DBFS / 20))
        off = TARGET_LUFS - lufs(loud, rate)
        if abs(off) < 0.05:
            break
        gain *= 10 ** (off / 20)
    return loud
