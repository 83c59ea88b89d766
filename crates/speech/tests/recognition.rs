//! What is spoken by one engine is heard by the other, as a telephone carries it.

use speech::recognition::{PocketSphinx, RecognitionError, Settings};
use speech::{Listening, Offline, Recognized, Recognizer, Synthesizer, Utterance};

const PHRASES: [&str; 22] = [
    "sales",
    "support",
    "billing",
    "yes",
    "no",
    "operator",
    "representative",
    "main menu",
    "opening hours",
    "cancel my order",
    "technical support",
    "account balance",
    "new appointment",
    "repeat",
    "goodbye",
    "English",
    "Spanish",
    "pay my bill",
    "talk to a person",
    "delivery status",
    "lost card",
    "check in",
];

/// What is not in the list.
const OTHERS: [&str; 6] = [
    "the weather in Paris is lovely",
    "banana bread recipe",
    "elephants",
    "what time does the train leave",
    "my grandmother plays the violin",
    "seventeen purple umbrellas",
];

fn recognizer(sessions_max: usize) -> PocketSphinx {
    let settings = Settings { sessions_max, ..Settings::default() };
    PocketSphinx::open(&settings).expect("`scripts/setup test` installs library and model")
}

fn listening(hints: &[&str]) -> Listening {
    let hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
    Listening { language: "en-US".to_owned(), hints, rate_hz: 8_000 }
}

/// ITU-T G.711, µ-law, there and back.
fn companded(sample: i16) -> i16 {
    let magnitude = i32::from(sample).abs().min(32_635) + 0x84;
    let exponent = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let back = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    (if sample < 0 { -back } else { back }) as i16
}

/// A phrase as it comes over a line: a little noise, silence around it, µ-law.
fn telephoned(speaker: &Offline, voice: &str, text: &str) -> Vec<i16> {
    let speech = speaker.speak(&Utterance::plain(voice, "en-US", text)).expect("it is English");
    assert_eq!(speech.rate_hz, 8_000);
    let mut random = machine::Random::from_seed(1);
    let padded = [vec![0; 2_400], speech.samples, vec![0; 4_000]].concat();
    let noisy = |sample: i16| sample.saturating_add(random.below(61) as i16 - 30);
    padded.into_iter().map(noisy).map(companded).collect()
}

fn hear(recognizer: &PocketSphinx, hints: &[&str], samples: &[i16]) -> (Recognized, bool) {
    let mut session = recognizer.start(&listening(hints)).expect("a place is free");
    let mut partial = false;
    for (number, packet) in samples.chunks(160).enumerate() {
        session.push(packet);
        partial |= number % 10 == 0 && session.partial().is_some();
    }
    assert!(session.ignored().is_empty());
    (session.finish(), partial)
}

#[test]
#[expect(clippy::print_stderr, reason = "the count is worth to be seen beside its bound")]
fn phrases_of_the_list_are_heard_at_8_khz() {
    let (speaker, recognizer) = (Offline::new(&speech::Settings::detect()), recognizer(1));
    for voice in ["woman", "man"] {
        let (mut right, mut partials, mut sure) = (0, 0, 0);
        for phrase in PHRASES {
            let samples = telephoned(&speaker, voice, phrase);
            let (heard, partial) = hear(&recognizer, &PHRASES, &samples);
            right += usize::from(heard.text == phrase);
            partials += usize::from(partial);
            sure += usize::from(heard.text == phrase && heard.confidence > 0.5);
        }
        let figures = format!("{voice}: {right} of 22, {sure} surely, {partials} in part");
        eprintln!("{figures}");
        assert!(right >= 20 && partials >= 18 && sure >= 18, "{figures}");
    }
}

#[test]
fn what_is_not_in_the_list_is_not_believed() {
    let (speaker, recognizer) = (Offline::new(&speech::Settings::detect()), recognizer(1));
    let heard =
        OTHERS.map(|text| hear(&recognizer, &PHRASES, &telephoned(&speaker, "man", text)).0);
    let believed = heard.iter().filter(|heard| heard.confidence >= 0.5).count();
    assert!(believed <= 1, "{heard:?}");
    let silence = vec![0; 16_000];
    assert_eq!(hear(&recognizer, &PHRASES, &silence).0, Recognized::default());
}

#[test]
fn digits_are_heard_by_their_class() {
    let (speaker, recognizer) = (Offline::new(&speech::Settings::detect()), recognizer(1));
    let hints = ["$OOV_CLASS_DIGIT_SEQUENCE"];
    let mut right = Vec::new();
    for voice in ["woman", "man"] {
        for (said, written) in [
            ("seven four two nine", "7429"),
            ("one two three", "123"),
            ("nine zero eight five five one", "908551"),
            ("six oh three", "603"),
        ] {
            let (heard, _) = hear(&recognizer, &hints, &telephoned(&speaker, voice, said));
            right.push(heard.text == written);
        }
    }
    let count = right.iter().filter(|right| **right).count();
    assert!(count >= 4, "{count} of 8");
}

#[test]
fn what_cannot_be_heard_is_refused() {
    let recognizer = recognizer(1);
    let refused = |listening: &Listening| recognizer.start(listening).err();
    assert_eq!(refused(&listening(&[])), Some(RecognitionError::NoHints));
    assert_eq!(refused(&listening(&["$MONEY", ""])), Some(RecognitionError::NoHints));
    let german = Listening { language: "de-DE".to_owned(), ..listening(&["ja"]) };
    assert_eq!(refused(&german), Some(RecognitionError::Language("de-DE".to_owned())));
    let odd = Listening { rate_hz: 11_025, ..listening(&["yes"]) };
    assert_eq!(refused(&odd), Some(RecognitionError::Rate(11_025)));
    let first = recognizer.start(&listening(&["yes"])).expect("the first place");
    assert_eq!(refused(&listening(&["yes"])), Some(RecognitionError::Busy));
    drop(first);
    assert!(recognizer.start(&listening(&["yes"])).is_ok(), "the place is free again");
    let nowhere = Settings { folders: vec!["/nonexistent".into()], sessions_max: 1 };
    let missing = PocketSphinx::open(&nowhere);
    assert!(matches!(missing, Err(RecognitionError::Absent(why)) if why.contains("/nonexistent")));
}

#[test]
fn hostile_hints_and_sound_do_no_harm() {
    let recognizer = recognizer(2);
    let long = "grammar public import ".repeat(4);
    let hints =
        ["</phrase> | <NULL>; #JSGF", &long, "\u{202e}naïve\u{0}", "x", "a.b.c", "w0 w1", "日本"];
    let listening = Listening { hints: hints.map(str::to_owned).to_vec(), ..listening(&[]) };
    let mut session = recognizer.start(&listening).expect("something can be heard");
    assert_eq!(session.ignored(), ["日本"]);
    let mut random = machine::Random::from_seed(7);
    for length in [0, 1, 159, 4_000, 0, 30_000] {
        let noise: Vec<i16> = (0..length).map(|_| random.u64() as i16).collect();
        session.push(&noise);
        session.partial();
    }
    let heard = session.finish();
    assert!((0.0..=1.0).contains(&heard.confidence));
    let empty = recognizer.start(&listening).expect("again").finish();
    assert_eq!(empty, Recognized::default());
}
