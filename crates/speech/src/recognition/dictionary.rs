//! A pronouncing dictionary in CMU's form: a word and its phones on each line, further ways to say
//! it as `word(2)`. It is read once and searched in place.

use super::letters::pronounce;

/// The dictionary, and where its lines begin, in the order of their words.
#[derive(Debug)]
pub(crate) struct Dictionary {
    text: String,
    lines: Vec<u32>,
}

/// Octets of a dictionary at most.
const TEXT_MAX: usize = 64 << 20;

/// Ways to say a word at most.
const WAYS_MAX: usize = 6;

impl Dictionary {
    /// Takes the text of a dictionary. Nothing when it is too large.
    pub(crate) fn new(text: String) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            lines.push(u32::try_from(start).ok()?);
            start += line.len();
        }
        let mut dictionary = Self { text, lines: Vec::new() };
        lines.sort_by_key(|start| dictionary.word(*start));
        dictionary.lines = lines;
        Some(dictionary)
    }

    fn line(&self, start: u32) -> &str {
        self.text[start as usize..].lines().next().unwrap_or_default()
    }

    /// The word of a line, without the number of a further way.
    fn word(&self, start: u32) -> &str {
        self.line(start).split(['(', ' ', '\t']).next().unwrap_or_default()
    }

    /// The ways to say a word in lower case: those of the dictionary, else the letters' own.
    pub(crate) fn ways(&self, word: &str) -> Vec<String> {
        let from = self.lines.partition_point(|start| self.word(*start) < word);
        let found = self.lines[from..].iter().take_while(|start| self.word(**start) == word);
        let phones = found.filter_map(|start| self.line(*start).split_once([' ', '\t']));
        let ways: Vec<String> =
            phones.map(|(_, phones)| phones.trim().to_owned()).take(WAYS_MAX).collect();
        if !ways.is_empty() {
            return ways;
        }
        match word.strip_suffix("'s") {
            Some(owner) => {
                let owned = |way: String| format!("{way} Z");
                self.ways(owner).into_iter().map(owned).collect()
            }
            None => vec![pronounce(word)].into_iter().filter(|way| !way.is_empty()).collect(),
        }
    }

    /// The phones of several words, one after the other, by the first way of each.
    pub(crate) fn spoken(&self, words: &str) -> String {
        let first = |word: &str| self.ways(word).into_iter().next();
        words.split(' ').filter_map(first).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_with_all_their_ways() {
        let text = "read R EH D\nreader R IY D ER\nread(2) R IY D\ncan't K AE N T\n'bout B AW T";
        let dictionary = Dictionary::new(text.to_owned()).expect("a small one");
        assert_eq!(dictionary.ways("read"), ["R EH D", "R IY D"]);
        assert_eq!(dictionary.ways("can't"), ["K AE N T"]);
        assert_eq!(dictionary.ways("reader's"), ["R IY D ER Z"]);
        assert_eq!(dictionary.ways("zap"), ["Z AE P"]);
        assert!(dictionary.ways("").is_empty() && dictionary.ways("123").is_empty());
        assert_eq!(dictionary.spoken("read can't"), "R EH D K AE N T");
        let empty = Dictionary::new(String::new()).expect("an empty one");
        assert_eq!(empty.ways("hi"), ["HH IH"]);
    }
}
