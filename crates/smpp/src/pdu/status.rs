//! Values of `command_status` (SMPP 3.4 §5.1.3).

/// No error.
pub const OK: u32 = 0x00;
/// The PDU's length is wrong.
pub const BAD_LENGTH: u32 = 0x02;
/// The command is not known.
pub const BAD_COMMAND: u32 = 0x03;
/// Not in this state of the session.
pub const BAD_STATE: u32 = 0x04;
/// Bound already.
pub const ALREADY_BOUND: u32 = 0x05;
/// The carrier's own fault.
pub const SYSTEM_ERROR: u32 = 0x08;
/// The sender can't be used.
pub const BAD_SOURCE: u32 = 0x0a;
/// The recipient can't be reached by anybody.
pub const BAD_DESTINATION: u32 = 0x0b;
/// The bind was refused.
pub const BIND_FAILED: u32 = 0x0d;
/// The bind's password is wrong.
pub const BAD_PASSWORD: u32 = 0x0e;
/// The bind's system id is not known.
pub const BAD_SYSTEM_ID: u32 = 0x0f;
/// The carrier's queue is full.
pub const QUEUE_FULL: u32 = 0x14;
/// The submit failed.
pub const SUBMIT_FAILED: u32 = 0x45;
/// Too many in too short a time.
pub const THROTTLED: u32 = 0x58;
/// The receiver can't take it now: bring it again.
pub const TEMPORARY: u32 = 0x64;
/// The receiver will never take it.
pub const REJECTED: u32 = 0x66;

/// Whether the same submission is welcome a little later.
pub fn is_busy(status: u32) -> bool {
    matches!(status, QUEUE_FULL | THROTTLED | TEMPORARY)
}
