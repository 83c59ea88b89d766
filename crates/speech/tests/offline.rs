//! Speaks with every engine that is installed. `scripts/setup test` installs `espeak-ng`;
//! `pico2wave`, which Debian calls non-free, takes part where it is.

use speech::{
    Break, Node, Offline, Prosody, Settings, SpeakError, Speech, Synthesizer, Utterance, cache_key,
};

fn loudness(speech: &Speech) -> f64 {
    let sum: f64 = speech.samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / speech.samples.len().max(1) as f64).sqrt()
}

const GREETINGS: [(&str, &str, &str); 10] = [
    ("Polly.Joanna", "", "Thank you for calling. Press one for sales."),
    ("man", "en-US", "Thank you for calling. Press one for sales."),
    ("Polly.Amy", "", "Thank you for calling. Press one for sales."),
    ("Polly.Vicki", "", "Danke für Ihren Anruf. Drücken Sie die Eins."),
    ("man", "de", "Danke für Ihren Anruf. Drücken Sie die Eins."),
    ("woman", "fr", "Merci de votre appel. Appuyez sur un."),
    ("woman", "es-MX", "Gracias por llamar. Pulse uno."),
    ("alice", "pt-BR", "Obrigado por ligar. Pressione um."),
    ("alice", "zh-CN", "感谢您的来电。请按一。"),
    ("Google.ru-RU-Wavenet-B", "", "Спасибо за звонок. Нажмите один."),
];

fn each_sounds(settings: &Settings) {
    let offline = Offline::new(settings);
    for (voice, language, text) in GREETINGS {
        let spoken = offline.speak(&Utterance::plain(voice, language, text));
        let speech = spoken.unwrap_or_else(|error| panic!("{voice} {language}: {error}"));
        let ms = speech.duration_ms();
        assert_eq!(speech.rate_hz, 8_000);
        assert!((1_200..9_000).contains(&ms), "{voice} {language}: {ms} ms");
        assert!(loudness(&speech) > 300.0, "{voice} {language}");
    }
}

#[test]
fn each_language_sounds() {
    each_sounds(&Settings::detect());
}

#[test]
fn each_language_sounds_without_pico() {
    each_sounds(&Settings { pico2wave: None, ..Settings::detect() });
}

#[test]
fn a_man_is_not_a_woman() {
    let offline = Offline::new(&Settings::detect());
    for language in ["en-US", "de-DE", "nl-NL"] {
        let speak =
            |voice| offline.speak(&Utterance::plain(voice, language, "Hallo")).expect(voice);
        assert!(speak("man") != speak("woman"), "{language}");
    }
}

#[test]
fn what_cannot_be_spoken_has_its_code() {
    let bare = Offline::new(&Settings { rate_hz: 8_000, pico2wave: None, espeak_ng: None });
    let code = |offline: &Offline, voice, language, text| {
        offline.speak(&Utterance::plain(voice, language, text)).map_err(|error| error.code())
    };
    assert_eq!(code(&bare, "man", "de-DE", "Hallo"), Err(Some(13512)));
    assert_eq!(bare.check("Polly.Vicki", ""), Err(SpeakError::Language("de-DE".to_owned())));
    assert_eq!(bare.check("Polly.Joanna", ""), Ok(()));
    assert_eq!(code(&bare, "Polly.Nobody", "", "Hi"), Err(Some(13511)));
    assert_eq!(code(&bare, "man", "", " \u{0} "), Err(Some(13520)));
    assert_eq!(code(&bare, "man", "", "שלום"), Err(Some(13520)));
    let whole = Offline::new(&Settings::detect());
    assert_eq!(code(&whole, "man", "xx", "Hi"), Err(Some(13512)));
    let gone = Settings { espeak_ng: Some("/nonexistent".into()), ..Settings::detect() };
    assert_eq!(Offline::new(&gone).check("man", "nl"), Err(SpeakError::Language("nl".to_owned())));
}

fn joanna(nodes: Vec<Node>) -> Utterance {
    Utterance { voice: "Polly.Joanna".to_owned(), language: String::new(), nodes }
}

fn text(text: &str) -> Node {
    Node::Text(text.to_owned())
}

#[test]
fn markup_is_heard() {
    let offline = Offline::new(&Settings::detect());
    let ms = |nodes| offline.speak(&joanna(nodes)).expect("English").duration_ms();
    let press = || text("Press one for sales");
    let plain = ms(vec![press()]);
    let prosody = |rate, volume| Prosody::parse(rate, "", volume).expect("known words");
    let slow = ms(vec![Node::Prosody(prosody("50%", ""), vec![press()])]);
    assert!(slow > plain * 17 / 10, "{slow} after {plain}");
    assert_eq!(ms(vec![press(), Node::Break(Break::parse("", "3s"))]), plain + 3_000);
    let expletive = Node::SayAs {
        interpret_as: "expletive".to_owned(),
        format: String::new(),
        text: "darn".to_owned(),
    };
    assert_eq!(ms(vec![expletive]), 280);
    let silent = Node::Prosody(prosody("", "silent"), vec![press()]);
    let silent = offline.speak(&joanna(vec![silent])).expect("silence");
    assert!(silent.samples.iter().all(|sample| *sample == 0) && !silent.samples.is_empty());
    let german = Node::Language("de-DE".to_owned(), vec![text("Guten Tag")]);
    assert!(ms(vec![press(), german]) > plain + 300);
}

#[test]
fn phonemes_are_followed_where_english_has_them() {
    let offline = Offline::new(&Settings::detect());
    let spoken = |node| offline.speak(&joanna(vec![node])).expect("English");
    let phoneme = |pronunciation: &str| Node::Phoneme {
        alphabet: "ipa".to_owned(),
        pronunciation: pronunciation.to_owned(),
        text: "pecan".to_owned(),
    };
    // The voices' breath is random, but how long they take is not.
    let [short, long, foreign] =
        ["pɪkɑn", "ˈpiː.kænˈpiː.kæn", "ʁ"].map(|notation| spoken(phoneme(notation)).duration_ms());
    assert!(long > short + 300, "{long} after {short}");
    assert_eq!(foreign, spoken(text("pecan")).duration_ms(), "the text stands in");
}

#[test]
fn hostile_text_does_no_harm() {
    let offline = Offline::new(&Settings::detect());
    let texts = [
        "x".repeat(200),
        "1".repeat(200),
        "<speak>&lt;break time='99s'/> </speed>\\ [[h@'loU]] $(id) `id` -v xx".to_owned(),
        "-w /tmp/x --help".to_owned(),
        "\u{202e}abc\u{0}\u{7}\u{1b}[31m def \u{feff}".to_owned(),
        "שלום עולם مرحبا hello 👩‍👩‍👧 ñ".to_owned(),
        "%s%n%p %1000000d ((((((((((".to_owned(),
        "'''''''''''''''' . . . . ... 1e999 0x00 #*@!".to_owned(),
    ];
    for text in &texts {
        for (voice, language) in [("woman", "en-US"), ("man", "de-DE"), ("man", "nl-NL")] {
            match offline.speak(&Utterance::plain(voice, language, text)) {
                Ok(speech) => assert!((100..600_000).contains(&speech.duration_ms())),
                Err(SpeakError::Empty) => {}
                Err(error) => panic!("{language} {text:.60}: {error}"),
            }
        }
    }
}

#[test]
fn threads_speak_as_one_alone() {
    let offline = Offline::new(&Settings::detect());
    let utterance = Utterance::plain("woman", "en-US", "Press one for sales");
    let alone = offline.speak(&utterance).expect("English");
    std::thread::scope(|scope| {
        let speak = || offline.speak(&utterance).expect("English");
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(speak)).collect();
        for thread in threads {
            // The voice's breath is random, but how long it takes is not.
            assert_eq!(thread.join().expect("no panic").duration_ms(), alone.duration_ms());
        }
    });
    assert_eq!(cache_key(&utterance, &offline).len(), 64);
}
