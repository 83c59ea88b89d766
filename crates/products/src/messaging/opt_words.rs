//! STOP, START and HELP: the words by which people leave and come back.

/// What a text asks for when it is nothing but one of these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// No more texts from this number.
    Stop,
    /// Texts again.
    Start,
    /// Who is this?
    Help,
}

impl Word {
    /// As webhooks name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Start => "START",
            Self::Help => "HELP",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Stop, Self::Start, Self::Help].into_iter().find(|word| word.name() == name)
    }

    /// What is answered on the account's behalf.
    pub fn answer(self) -> &'static str {
        match self {
            Self::Stop => {
                "You have been unsubscribed and will get no more texts from this number. \
                 Reply START to subscribe again."
            }
            Self::Start => {
                "You are subscribed again and will get texts from this number. Reply HELP for \
                 help, STOP to unsubscribe."
            }
            Self::Help => "Reply STOP to unsubscribe. Message and data rates may apply.",
        }
    }
}

/// Recognises a text that is only such a word, in any case, with surrounding space.
pub fn recognise(body: &str) -> Option<Word> {
    match body.trim().to_ascii_uppercase().as_str() {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "OPTOUT" | "REVOKE" => {
            Some(Word::Stop)
        }
        "START" | "YES" | "UNSTOP" => Some(Word::Start),
        "HELP" | "INFO" => Some(Word::Help),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_is_the_word_alone_counts() {
        assert_eq!(recognise(" stop\n"), Some(Word::Stop));
        assert_eq!(recognise("Unsubscribe"), Some(Word::Stop));
        assert_eq!(recognise("yes"), Some(Word::Start));
        assert_eq!(recognise("info"), Some(Word::Help));
        assert_eq!(recognise("please stop"), None);
        assert_eq!(recognise(""), None);
    }
}
