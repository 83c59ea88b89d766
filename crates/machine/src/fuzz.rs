//! Fuzzing without a fuzzer: mutations of good inputs from a fixed seed, so that a failure
//! repeats. The targets are the plain functions that `fuzz/` gives to libFuzzer.

use crate::Random;

/// Octets that formats care about.
const PIECES: &[&[u8]] = &[
    b"%",
    b"&",
    b"=",
    b"+",
    b";",
    b"<",
    b">",
    b"\"",
    b"'",
    b"/",
    b":",
    b"@",
    b"#",
    b"?",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\\",
    b"\0",
    b"\r\n",
    b"%00",
    b"%F0%9F",
    b"\xff",
    b"\xf0\x9f\x98\x80",
    b"-1",
    b"18446744073709551616",
    b"9e999",
    b"\xe2\x80\xae",
];

/// Calls `target` with `rounds` mutations of the `seeds`, and with each of these as it is.
pub fn mutations(seeds: &[&[u8]], rounds: usize, mut target: impl FnMut(&[u8])) {
    seeds.iter().for_each(|seed| target(seed));
    let mut random = Random::from_seed(1);
    for round in 0..rounds {
        let mut data = seeds[round % seeds.len()].to_vec();
        for _ in 0..=random.below(6) {
            change(&mut data, &mut random);
        }
        target(&data);
    }
}

fn change(data: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(data.len() as u64 + 1) as usize;
    let piece = PIECES[random.below(PIECES.len() as u64) as usize];
    match random.below(6) {
        0 if at < data.len() => data[at] = random.u64() as u8,
        1 if at < data.len() => drop(data.remove(at)),
        2 => data.truncate(at),
        3 if data.len() < 4_096 => data.extend_from_within(at..),
        _ => drop(data.splice(at..at, piece.iter().copied())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_mutations_come_every_time() {
        let run = || {
            let mut seen = Vec::new();
            mutations(&[b"abc", b""], 100, |data| seen.push(data.to_vec()));
            seen
        };
        assert_eq!(run(), run());
        assert_eq!(run().len(), 102);
    }
}
