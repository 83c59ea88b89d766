//! Media without sockets: RTP and RTCP, jitter, DTMF, codecs, mixing, recording and tones.
