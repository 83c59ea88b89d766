//! End to end: the real program, official SDKs and real peers. Everything is in `tests/it`.
