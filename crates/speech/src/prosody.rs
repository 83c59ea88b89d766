//! Rate, pitch, volume, emphasis and breaks as SSML writes them.

use crate::SpeakError;

/// How something is said, beside how it would be said without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prosody {
    /// Speed, 1 is usual: 0.2 to 2.
    pub rate: f32,
    /// Height of the voice, 1 is usual: 0.5 to 2.
    pub pitch: f32,
    /// Gain in decibels, 0 is usual: -96 (silent) to 12.
    pub volume_db: f32,
}

impl Default for Prosody {
    fn default() -> Self {
        Self { rate: 1.0, pitch: 1.0, volume_db: 0.0 }
    }
}

const SILENT_DB: f32 = -96.0;

impl Prosody {
    /// Reads the attributes of `<prosody>`; empty ones change nothing, and so do a pitch and a
    /// volume that can't be read.
    ///
    /// # Errors
    /// [`SpeakError::Rate`] for a rate that can't be read: Twilio has a code for that.
    pub fn parse(rate: &str, pitch: &str, volume: &str) -> Result<Self, SpeakError> {
        let usual = Self::default();
        let rate = match rate {
            "" => usual.rate,
            rate => read_rate(rate).ok_or_else(|| SpeakError::Rate(rate.to_owned()))?,
        };
        let pitch = read_pitch(pitch).unwrap_or(usual.pitch);
        let volume_db = read_volume(volume).unwrap_or(usual.volume_db);
        Ok(Self { rate, pitch, volume_db }.bounded())
    }

    /// Both together: rates and pitches multiply, decibels add up.
    #[must_use]
    pub fn within(self, outer: Self) -> Self {
        let volume_db = self.volume_db + outer.volume_db;
        Self { rate: self.rate * outer.rate, pitch: self.pitch * outer.pitch, volume_db }.bounded()
    }

    /// The nearest that engines follow. What is not a number counts as usual.
    fn bounded(self) -> Self {
        let bound = |value: f32, low: f32, high: f32, usual: f32| {
            if value.is_finite() { value.clamp(low, high) } else { usual }
        };
        Self {
            rate: bound(self.rate, 0.2, 2.0, 1.0),
            pitch: bound(self.pitch, 0.5, 2.0, 1.0),
            volume_db: bound(self.volume_db, SILENT_DB, 12.0, 0.0),
        }
    }

    /// The factor on samples.
    pub(crate) fn gain(self) -> f32 {
        if self.volume_db <= SILENT_DB { 0.0 } else { 10_f32.powf(self.volume_db / 20.0) }
    }
}

fn read_rate(text: &str) -> Option<f32> {
    let named = match text {
        "x-slow" => 0.5,
        "slow" => 0.75,
        "medium" | "default" => 1.0,
        "fast" => 1.25,
        "x-fast" => 1.5,
        _ => return factor(text),
    };
    Some(named)
}

fn read_pitch(text: &str) -> Option<f32> {
    let named = match text {
        "x-low" => 0.75,
        "low" => 0.87,
        "medium" | "default" => 1.0,
        "high" => 1.15,
        "x-high" => 1.3,
        _ => {
            if let Some(semitones) = text.strip_suffix("st") {
                return Some(2_f32.powf(number(semitones)? / 12.0));
            }
            // Hertz are relative to a voice; 150 lies between those of a man and a woman.
            if let Some(hertz) = text.strip_suffix("Hz") {
                let relative = hertz.starts_with(['+', '-']);
                let hertz = number(hertz)?;
                return Some(if relative { 1.0 + hertz / 150.0 } else { hertz / 150.0 });
            }
            return factor(text);
        }
    };
    Some(named)
}

fn read_volume(text: &str) -> Option<f32> {
    let named = match text {
        "silent" => SILENT_DB,
        "x-soft" => -12.0,
        "soft" => -6.0,
        "medium" | "default" => 0.0,
        "loud" => 6.0,
        "x-loud" => 12.0,
        _ => return number(text.strip_suffix("dB")?),
    };
    Some(named)
}

/// `80%`, `+10%`, `-10%` or a plain factor such as `1.2`.
fn factor(text: &str) -> Option<f32> {
    match text.strip_suffix('%') {
        Some(percent) if percent.starts_with(['+', '-']) => Some(1.0 + number(percent)? / 100.0),
        Some(percent) => Some(number(percent)? / 100.0),
        None if text.starts_with(['+', '-']) => None,
        None => number(text),
    }
}

/// A finite number of digits; `inf` and `1e9` are none.
fn number(text: &str) -> Option<f32> {
    let text = text.trim();
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
    if plain { text.parse().ok().filter(|number: &f32| number.is_finite()) } else { None }
}

/// The level of `<emphasis>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emphasis {
    /// Slower, higher and louder.
    Strong,
    /// The same, less of it.
    #[default]
    Moderate,
    /// Faster, lower and softer.
    Reduced,
}

impl Emphasis {
    /// Reads `level`; what is unknown counts as moderate, SSML's default.
    pub fn parse(level: &str) -> Self {
        match level {
            "strong" => Self::Strong,
            "reduced" => Self::Reduced,
            _ => Self::Moderate,
        }
    }

    pub(crate) fn prosody(self) -> Prosody {
        let (rate, pitch, volume_db) = match self {
            Self::Strong => (0.85, 1.1, 3.0),
            Self::Moderate => (0.93, 1.05, 1.5),
            Self::Reduced => (1.1, 0.95, -3.0),
        };
        Prosody { rate, pitch, volume_db }
    }
}

/// Silence within text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Break {
    /// How long, at most [`Break::LONGEST_MS`].
    pub ms: u32,
}

impl Break {
    /// Longer breaks are cut to this, as Polly does.
    pub const LONGEST_MS: u32 = 10_000;

    /// Reads `strength` and `time` (`2s`, `300ms`); time counts where both are given, and without
    /// either the break is that of a sentence.
    pub fn parse(strength: &str, time: &str) -> Self {
        if let Some(ms) = read_time(time) {
            return Self { ms };
        }
        let ms = match strength {
            "none" | "x-weak" => 0,
            "weak" => 200,
            "strong" => 800,
            "x-strong" => 1_200,
            _ => 400,
        };
        Self { ms }
    }
}

fn read_time(text: &str) -> Option<u32> {
    let ms = match text.strip_suffix("ms") {
        Some(ms) => number(ms)?,
        None => number(text.strip_suffix('s')?)? * 1_000.0,
    };
    // The cast rounds to what a u32 holds; nothing negative is left by then.
    (ms >= 0.0).then(|| (ms as u32).min(Break::LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_pitches_and_volumes_are_read() {
        let read = |rate, pitch, volume| Prosody::parse(rate, pitch, volume);
        let near = |a: f32, b: f32| (a - b).abs() < 0.001;
        let slow = read("slow", "+2st", "-6dB").expect("known words");
        assert!(near(slow.rate, 0.75) && near(slow.pitch, 1.122_46) && slow.volume_db == -6.0);
        let percent = read("80%", "-10%", "x-loud").expect("percent");
        assert!(near(percent.rate, 0.8) && near(percent.pitch, 0.9) && percent.volume_db == 12.0);
        assert_eq!(read("", "high-ish", "much"), Ok(Prosody::default()));
        assert_eq!(read("1e9", "", ""), Err(SpeakError::Rate("1e9".to_owned())));
        assert!(near(read("900%", "", "").expect("bounded").rate, 2.0));
        assert_eq!(read("", "", "silent").expect("silent").gain(), 0.0);
    }

    #[test]
    fn breaks_are_read() {
        let ms = |strength, time| Break::parse(strength, time).ms;
        assert_eq!((ms("", "2s"), ms("weak", "300ms"), ms("strong", "")), (2_000, 300, 800));
        assert_eq!((ms("", ""), ms("none", ""), ms("", "99s")), (400, 0, 10_000));
        assert_eq!((ms("", "-1s"), ms("", "1.5s")), (400, 1_500));
    }
}
