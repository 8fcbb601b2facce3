"""Building blocks of `make-sounds.py`: oscillators, envelopes, filters, drums, bells, a room.

A signal is a list of floats; `rate` is in samples per second, times are in seconds.
"""

import math

TAU = 2 * math.pi


def silence(seconds, rate):
    return [0.0] * round(seconds * rate)


def add(target, signal, at, rate, gain=1.0):
    """Mixes `signal` into `target` from second `at`, as far as there is room."""
    start = round(at * rate)
    for i in range(min(len(signal), len(target) - start)):
        target[start + i] += gain * signal[i]


def decay(t, half_life):
    return 0.5 ** (t / half_life)


def ramp(t, length):
    """0 to 1 over `length` seconds, without a corner at either end."""
    return 1.0 if t >= length else 0.5 - 0.5 * math.cos(math.pi * max(t, 0.0) / length)


def plateau(t, seconds, attack, release):
    return ramp(t, attack) * ramp(seconds - t, release)


def tone(seconds, rate, pitch, shape, envelope):
    """One oscillator: `pitch(t)` in hertz, `shape(phase)`, `envelope(t)`."""
    out, phase = [], 0.0
    for i in range(round(seconds * rate)):
        t = i / rate
        phase += pitch(t) / rate
        out.append(envelope(t) * shape(phase))
    return out


def harmonics(amplitudes):
    """A waveform of overtones; few enough of them never to fold back at our pitches."""
    parts = [(TAU * (n + 1), a) for n, a in enumerate(amplitudes) if a]
    return lambda phase: sum(a * math.sin(k * phase) for k, a in parts)


SINE = harmonics([1.0])
SQUARE = harmonics([1.0, 0, 1 / 3, 0, 1 / 5, 0, 1 / 7, 0, 1 / 9])
BRASS = harmonics([1.0, 0.85, 0.7, 0.5, 0.36, 0.25, 0.17, 0.11, 0.07, 0.05])
REED = harmonics([1.0 / (n**0.7) for n in range(1, 17)])


def noise(seconds, rate, dice):
    return [dice.uniform(-1.0, 1.0) for _ in range(round(seconds * rate))]


def shaped(signal, rate, envelope):
    return [x * envelope(i / rate) for i, x in enumerate(signal)]


def biquad(signal, b0, b1, b2, a1, a2):
    out, x1, x2, y1, y2 = [], 0.0, 0.0, 0.0, 0.0
    for x in signal:
        y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        x1, x2, y1, y2 = x, x1, y, y1
        out.append(y)
    return out


def filtered(kind, signal, rate, hertz, q=0.707):
    """A second-order filter from the well-known audio cookbook formulas."""
    w = TAU * hertz / rate
    c, alpha = math.cos(w), math.sin(w) / (2 * q)
    if kind == "low":
        b0, b1, b2 = (1 - c) / 2, 1 - c, (1 - c) / 2
    elif kind == "high":
        b0, b1, b2 = (1 + c) / 2, -(1 + c), (1 + c) / 2
    else:
        b0, b1, b2 = alpha, 0.0, -alpha
    a0 = 1 + alpha
    return biquad(signal, b0 / a0, b1 / a0, b2 / a0, -2 * c / a0, (1 - alpha) / a0)


def room(signal, rate, wet, seconds, spread=0):
    """A small room: four feedback combs and two all-passes. `spread` tells the sides apart."""
    out = [0.0] * len(signal)
    for delay_ms in (29.7, 37.1, 41.1, 43.7):
        size = round(delay_ms * rate / 1000) + spread
        feedback = 0.001 ** (delay_ms / 1000 / seconds)
        line, damp, at = [0.0] * size, 0.0, 0
        for i, x in enumerate(signal):
            y = line[at]
            damp += 0.6 * (y - damp)
            line[at] = x + feedback * damp
            at = (at + 1) % size
            out[i] += 0.25 * y
    for delay_ms in (5.0, 1.7):
        size = round(delay_ms * rate / 1000) + spread
        line, at = [0.0] * size, 0
        for i, x in enumerate(out):
            y = line[at]
            line[at] = x + 0.5 * y
            out[i] = y - 0.5 * line[at]
            at = (at + 1) % size
    return [x + wet * y for x, y in zip(signal, out)]


def wide(signal, rate, wet=0.35, seconds=0.5):
    """Left and right from one signal: the same source in a slightly different room."""
    return [room(signal, rate, wet, seconds, spread) for spread in (0, 23)]


def drum(rate, dice, pitch, snare, seconds=0.35):
    """A struck skin, and as much of a snare's rattle as asked."""
    skin = tone(seconds, rate, lambda t: pitch * (1 + 0.6 * decay(t, 0.012)), SINE, lambda t: decay(t, 0.045))
    rattle = filtered("high", noise(seconds, rate, dice), rate, 1500)
    add(skin, shaped(rattle, rate, lambda t: decay(t, 0.035)), 0, rate, snare)
    return skin


def cymbal(seconds, rate, dice, half_life):
    hiss = filtered("high", noise(seconds, rate, dice), rate, 4500)
    metal = silence(seconds, rate)
    for hertz in (3123, 4211, 5437, 6311, 7919):
        add(metal, tone(seconds, rate, lambda t, h=hertz: h, SINE, lambda t: 0.09 * decay(t, half_life)), 0, rate)
    return [m + h * decay(i / rate, half_life) for i, (m, h) in enumerate(zip(metal, hiss))]


def bell(hertz, seconds, rate, half_life):
    """A church bell's partials: hum, prime, tierce, quint, nominal and above."""
    out = silence(seconds, rate)
    for ratio, gain, life in (
        (0.5, 0.5, 1.3),
        (1, 1, 1),
        (1.2, 0.5, 0.8),
        (1.5, 0.3, 0.6),
        (2, 0.7, 0.5),
        (2.67, 0.3, 0.3),
        (4.1, 0.2, 0.15),
    ):
        partial = tone(
            seconds,
            rate,
            lambda t, r=ratio: hertz * r,
            SINE,
            lambda t, life=life: ramp(t, 0.002) * decay(t, half_life * life),
        )
        add(out, partial, 0, rate, gain)
    return out


def brass_note(hertz, seconds, rate, vibrato=0.004):
    """Overtones that open with the breath, a scoop into the note and a little vibrato."""

    def pitch(t):
        return hertz * (1 - 0.03 * decay(t, 0.018)) * (1 + vibrato * ramp(t - 0.12, 0.3) * math.sin(TAU * 5.4 * t))

    dark = tone(seconds, rate, pitch, harmonics([1.0, 0.5, 0.2, 0.08]), lambda t: plateau(t, seconds, 0.025, 0.06))
    bright = tone(seconds, rate, pitch, BRASS, lambda t: ramp(t, 0.07) * plateau(t, seconds, 0.03, 0.07))
    return [0.5 * d + 0.6 * b for d, b in zip(dark, bright)]
