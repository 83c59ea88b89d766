//! Text to speech and speech recognition, each behind a small trait, with engines that work
//! offline.
