//! Any arrangement of channels turned into two. Called by the decoders.

use symphonia::core::audio::Channels;

use super::reason::Reason;

/// Most channels that a file may have.
pub(super) const CHANNELS_MAX: usize = 8;

/// Half of the power: what a sound between two loudspeakers gives to each.
const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;

const LEFT: [f32; 2] = [1.0, 0.0];
const RIGHT: [f32; 2] = [0.0, 1.0];
const CENTRE: [f32; 2] = [HALF, HALF];
const REAR_LEFT: [f32; 2] = [HALF, 0.0];
const REAR_RIGHT: [f32; 2] = [0.0, HALF];
const REAR_CENTRE: [f32; 2] = [0.5, 0.5];
/// Headphones and small loudspeakers play nothing of it.
const LOW: [f32; 2] = [0.0, 0.0];

/// Eighteen decibels over full scale: lossy formats overshoot, and files of floating point have
/// no limit at all.
const SAMPLE_MAX: f32 = 8.0;

/// How much each channel gives to the left and to the right, after ITU-R BS.775.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Downmix(Vec<[f32; 2]>);

impl Downmix {
    /// For channels in the order of their bits, as symphonia delivers them.
    ///
    /// # Errors
    /// [`Reason::Layout`] for no channels or too many.
    pub(super) fn new(channels: Channels) -> Result<Self, Reason> {
        Self::weighted(channels.iter().map(weights).collect())
    }

    /// For `count` channels in the order that Vorbis and Opus define.
    ///
    /// # Errors
    /// [`Reason::Layout`] for no channels or too many.
    pub(super) fn vorbis_order(count: usize) -> Result<Self, Reason> {
        let weights: &[[f32; 2]] = match count {
            1 => &[CENTRE],
            2 => &[LEFT, RIGHT],
            3 => &[LEFT, CENTRE, RIGHT],
            4 => &[LEFT, RIGHT, REAR_LEFT, REAR_RIGHT],
            5 => &[LEFT, CENTRE, RIGHT, REAR_LEFT, REAR_RIGHT],
            6 => &[LEFT, CENTRE, RIGHT, REAR_LEFT, REAR_RIGHT, LOW],
            7 => &[LEFT, CENTRE, RIGHT, REAR_LEFT, REAR_RIGHT, REAR_CENTRE, LOW],
            8 => &[
                LEFT, CENTRE, RIGHT, REAR_LEFT, REAR_RIGHT, REAR_LEFT, REAR_RIGHT, LOW,
            ],
            _ => return Err(Reason::Layout),
        };
        Self::weighted(weights.to_vec())
    }

    fn weighted(mut weights: Vec<[f32; 2]>) -> Result<Self, Reason> {
        if weights.is_empty() || weights.len() > CHANNELS_MAX {
            return Err(Reason::Layout);
        }
        if let [only] = weights.as_mut_slice() {
            *only = [1.0, 1.0];
        }
        Ok(Self(weights))
    }

    /// Mixes `planes`, one slice per channel, into interleaved stereo, replacing what was there.
    /// Samples that are no numbers become silence. What exceeds full scale stays, within reason: it
    /// is levelled later.
    pub(super) fn mix(&self, planes: &[&[f32]], stereo: &mut Vec<f32>) {
        let frames = planes.iter().map(|plane| plane.len()).min().unwrap_or(0);
        stereo.clear();
        stereo.resize(frames * 2, 0.0);
        for (plane, pair) in planes.iter().zip(&self.0) {
            for (frame, sample) in stereo.chunks_exact_mut(2).zip(*plane) {
                let sample = if sample.is_finite() {
                    sample.clamp(-SAMPLE_MAX, SAMPLE_MAX)
                } else {
                    0.0
                };
                frame[0] += sample * pair[0];
                frame[1] += sample * pair[1];
            }
        }
    }
}

fn weights(channel: Channels) -> [f32; 2] {
    match channel {
        Channels::FRONT_LEFT | Channels::FRONT_LEFT_CENTRE | Channels::FRONT_LEFT_WIDE => LEFT,
        Channels::FRONT_RIGHT | Channels::FRONT_RIGHT_CENTRE | Channels::FRONT_RIGHT_WIDE => RIGHT,
        Channels::FRONT_CENTRE => CENTRE,
        Channels::LFE1 | Channels::LFE2 => LOW,
        Channels::REAR_LEFT | Channels::SIDE_LEFT | Channels::TOP_FRONT_LEFT => REAR_LEFT,
        Channels::REAR_RIGHT | Channels::SIDE_RIGHT | Channels::TOP_FRONT_RIGHT => REAR_RIGHT,
        _ => REAR_CENTRE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(downmix: &Downmix, planes: &[&[f32]]) -> Vec<f32> {
        let mut stereo = vec![9.0; 7];
        downmix.mix(planes, &mut stereo);
        stereo
    }

    #[test]
    fn mono_goes_to_both_sides_and_stereo_stays() {
        let mono = Downmix::new(Channels::FRONT_CENTRE).unwrap();
        assert_eq!(mixed(&mono, &[&[0.5, -1.0]]), [0.5, 0.5, -1.0, -1.0]);
        let stereo = Downmix::new(Channels::FRONT_LEFT | Channels::FRONT_RIGHT).unwrap();
        assert_eq!(mixed(&stereo, &[&[0.25], &[-0.75]]), [0.25, -0.75]);
    }

    #[test]
    fn surround_comes_from_its_side() {
        let surround = Downmix::vorbis_order(6).unwrap();
        let alone = |channel: usize| {
            let planes: Vec<[f32; 1]> = (0..6).map(|it| [f32::from(it == channel)]).collect();
            let planes: Vec<&[f32]> = planes.iter().map(<[f32; 1]>::as_slice).collect();
            mixed(&surround, &planes)
        };
        let heard: Vec<_> = (0..6).map(alone).collect();
        let weights = [LEFT, CENTRE, RIGHT, REAR_LEFT, REAR_RIGHT, LOW];
        assert_eq!(heard, weights.map(Vec::from));
        let bits = Channels::FRONT_LEFT
            | Channels::FRONT_RIGHT
            | Channels::FRONT_CENTRE
            | Channels::LFE1
            | Channels::SIDE_LEFT
            | Channels::SIDE_RIGHT;
        let expected = vec![LEFT, RIGHT, CENTRE, LOW, REAR_LEFT, REAR_RIGHT];
        assert_eq!(Downmix::new(bits), Ok(Downmix(expected)));
        assert_eq!(Downmix::vorbis_order(9), Err(Reason::Layout));
        assert_eq!(Downmix::new(Channels::empty()), Err(Reason::Layout));
        assert_eq!(Downmix::new(Channels::all()), Err(Reason::Layout));
    }

    #[test]
    fn wild_samples_are_tamed() {
        let mono = Downmix::vorbis_order(1).unwrap();
        let wild = [f32::NAN, f32::INFINITY, 3.0, -99.0];
        assert_eq!(
            mixed(&mono, &[&wild]),
            [0.0, 0.0, 0.0, 0.0, 3.0, 3.0, -8.0, -8.0]
        );
    }
}
