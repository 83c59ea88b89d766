//! SMPP and the text of short messages. For now the text: alphabets, segment counts, splitting.
//! No sockets, clock or randomness.

pub mod fuzz;
pub mod text;
