//! Speaks with every engine that is installed.

use std::time::Instant;

use speech::{Offline, Settings, SpeakError, Speech, Synthesizer, Utterance};

fn loudness(speech: &Speech) -> f64 {
    let sum: f64 = speech.samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / speech.samples.len().max(1) as f64).sqrt()
}

#[test]
fn each_language_sounds() {
    let offline = Offline::new(&Settings::detect());
    for (voice, language, text) in [
        ("Polly.Joanna", "", "Thank you for calling. Press one for sales."),
        ("man", "en-US", "Thank you for calling. Press one for sales."),
        ("Polly.Amy", "", "Thank you for calling. Press one for sales."),
        ("Polly.Vicki", "", "Danke für Ihren Anruf. Drücken Sie die Eins."),
        ("man", "de", "Danke für Ihren Anruf. Drücken Sie die Eins."),
        ("woman", "fr", "Merci de votre appel. Appuyez sur un."),
        ("woman", "es-MX", "Gracias por llamar. Pulse uno."),
        ("alice", "pt-BR", "Obrigado por ligar. Pressione um."),
        ("alice", "zh-CN", "感谢您的来电。"),
        ("Google.ru-RU-Wavenet-B", "", "Спасибо за звонок."),
    ] {
        let started = Instant::now();
        match offline.speak(&Utterance::plain(voice, language, text)) {
            Ok(speech) => {
                println!(
                    "{voice} {language}: {} ms in {:?}, rms {:.0}",
                    speech.duration_ms(),
                    started.elapsed(),
                    loudness(&speech)
                );
                assert!((700..9_000).contains(&speech.duration_ms()), "{voice} {language}");
                assert!(loudness(&speech) > 300.0, "{voice} {language}");
            }
            Err(SpeakError::Language(language)) => println!("{language}: nobody here"),
            Err(error) => panic!("{voice} {language}: {error}"),
        }
    }
}
