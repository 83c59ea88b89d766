//! TwiML.
