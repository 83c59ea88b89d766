//! SIP without sockets: messages, transactions, dialogs, registrations, digest and SDP.
