//! The carrier's media: each leg speaks a packet every 20 ms and judges what it hears. A packet's
//! time is the system's time of its arrival, so a busy generator doesn't make the product late.

use std::io::{Error, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use media::rtp;
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestamp};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeVal;

use crate::Outcome;

const FRAME: Duration = Duration::from_millis(20);
/// Legs speak in so many turns within a frame.
const TURNS: usize = 20;
/// Telephone events are offered under this type.
pub const EVENTS: u8 = 101;
/// A digit is pressed so often by a leg that presses digits.
const DIGIT_EVERY: u64 = 500;
/// Packets of a digit, the last three of which end it.
const DIGIT_PACKETS: u16 = 7;
/// A packet that comes later than this, by its timestamp and the earliest of its stream, is late.
const LATE_MS: usize = 20;
/// Milliseconds that are told apart.
const BUCKETS: usize = 200;

/// What all legs heard since the last time.
#[derive(Clone)]
pub struct Heard {
    /// Packets that were sent.
    pub sent: u64,
    /// Packets that came.
    pub received: u64,
    /// Numbers that were left out.
    pub lost: u64,
    /// Digits that were pressed.
    pub digits: u64,
    /// Legs that heard nothing at all.
    pub deaf: u64,
    lateness: Vec<u64>,
}

impl Heard {
    fn new() -> Self {
        let lateness = vec![0; BUCKETS];
        Self { sent: 0, received: 0, lost: 0, digits: 0, deaf: 0, lateness }
    }

    /// The part of what came that was late.
    pub fn late(&self) -> f64 {
        let late: u64 = self.lateness[LATE_MS..].iter().sum();
        late as f64 / self.received.max(1) as f64
    }

    /// The part of what was sent to us that did not come.
    pub fn loss(&self) -> f64 {
        self.lost as f64 / (self.received + self.lost).max(1) as f64
    }

    /// The lateness in milliseconds that `part` of the packets stay below.
    pub fn lateness(&self, part: f64) -> usize {
        let wanted = (self.received as f64 * part) as u64;
        let mut sum = 0;
        let below = self.lateness.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        below.map_or(BUCKETS, |bucket| bucket + 1)
    }
}

enum Order {
    Open(u64, UdpSocket),
    Speak(u64, SocketAddr, bool),
    Close(u64),
    Tell(tokio::sync::oneshot::Sender<Heard>),
}

/// The thread of all legs.
pub struct Streams {
    orders: Sender<Order>,
}

struct Leg {
    name: u64,
    socket: UdpSocket,
    speaks: bool,
    presses: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    frames: u64,
    /// Packets left of the digit that is being pressed.
    digit: u16,
    stream: Option<Stream>,
    heard_any: bool,
}

/// One stream that comes.
struct Stream {
    ssrc: u32,
    highest: u16,
    /// The earliest arrival, less what the timestamp says: microseconds.
    earliest: i64,
}

struct Worker {
    orders: Receiver<Order>,
    turns: [Vec<Leg>; TURNS],
    heard: Heard,
    control: Vec<u8>,
}

impl Streams {
    /// Begins the thread.
    pub fn start() -> Self {
        let (sender, orders) = channel();
        let turns = std::array::from_fn(|_| Vec::new());
        let control = nix::cmsg_space!(TimeVal);
        let mut worker = Worker { orders, turns, heard: Heard::new(), control };
        std::thread::spawn(move || worker.run());
        Self { orders: sender }
    }

    /// Opens a leg under a name, and answers its port.
    pub fn open(&self, name: u64) -> Outcome<u16> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, ReceiveTimestamp, &true)?;
        setsockopt(&socket, RcvBuf, &(1 << 16))?;
        let port = socket.local_addr()?.port();
        self.tell(Order::Open(name, socket))?;
        Ok(port)
    }

    /// Speaks to a peer, and presses a digit every ten seconds where it `presses`.
    pub fn speak(&self, name: u64, peer: SocketAddr, presses: bool) -> Outcome<()> {
        self.tell(Order::Speak(name, peer, presses))
    }

    /// Ends a leg.
    pub fn close(&self, name: u64) -> Outcome<()> {
        self.tell(Order::Close(name))
    }

    /// What was heard since this was asked last.
    pub async fn heard(&self) -> Outcome<Heard> {
        let (sender, answer) = tokio::sync::oneshot::channel();
        self.tell(Order::Tell(sender))?;
        Ok(answer.await?)
    }

    fn tell(&self, order: Order) -> Outcome<()> {
        self.orders.send(order).map_err(|_| "the media thread ended".into())
    }
}

impl Worker {
    fn run(&mut self) {
        let begun = Instant::now();
        for frame in 0u32.. {
            for turn in 0..TURNS {
                let due = FRAME * frame + FRAME / TURNS as u32 * turn as u32;
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                let mut turns = std::mem::take(&mut self.turns[turn]);
                for leg in &mut turns {
                    leg.speak(&mut self.heard);
                    leg.listen(&mut self.heard, &mut self.control);
                }
                self.turns[turn] = turns;
                loop {
                    match self.orders.try_recv() {
                        Ok(order) => self.take(order),
                        Err(std::sync::mpsc::TryRecvError::Empty) => break,
                        Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                    }
                }
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Open(name, socket) => {
                self.turns[name as usize % TURNS].push(Leg::new(name, socket));
            }
            Order::Speak(name, peer, presses) => {
                let turn = &mut self.turns[name as usize % TURNS];
                if let Some(leg) = turn.iter_mut().find(|leg| leg.name == name) {
                    leg.speaks = leg.socket.connect(peer).is_ok();
                    leg.presses = presses;
                }
            }
            Order::Close(name) => {
                let turn = &mut self.turns[name as usize % TURNS];
                if let Some(at) = turn.iter().position(|leg| leg.name == name) {
                    let leg = turn.swap_remove(at);
                    self.heard.deaf += u64::from(leg.frames > 100 && !leg.heard_any);
                }
            }
            Order::Tell(answer) => {
                let legs = self.turns.iter().flatten();
                let deaf = legs.filter(|leg| leg.frames > 100 && !leg.heard_any).count();
                self.heard.deaf += deaf as u64;
                let heard = std::mem::replace(&mut self.heard, Heard::new());
                // Who asked may be gone.
                let _ = answer.send(heard);
            }
        }
    }
}

impl Leg {
    fn new(name: u64, socket: UdpSocket) -> Self {
        Self {
            name,
            socket,
            speaks: false,
            presses: false,
            sequence: name as u16,
            timestamp: name as u32 * 1_000,
            ssrc: name as u32 | 1 << 31,
            frames: name % DIGIT_EVERY,
            digit: 0,
            stream: None,
            heard_any: false,
        }
    }

    fn speak(&mut self, heard: &mut Heard) {
        if !self.speaks {
            return;
        }
        self.frames += 1;
        if self.presses && self.frames.is_multiple_of(DIGIT_EVERY) {
            self.digit = DIGIT_PACKETS;
            heard.digits += 1;
        }
        let mut event = [5, 10, 0, 0];
        let (payload_type, timestamp, payload): (u8, u32, &[u8]) = if self.digit > 0 {
            let packet = DIGIT_PACKETS - self.digit;
            let end = self.digit <= 3;
            let duration = (packet + 1).min(DIGIT_PACKETS - 2) * 160;
            event[1] |= u8::from(end) << 7;
            event[2..].copy_from_slice(&duration.to_be_bytes());
            self.digit -= 1;
            (EVENTS, self.timestamp - u32::from(packet) * 160, &event)
        } else {
            (0, self.timestamp, &[0x55; 160])
        };
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        let marker = payload_type == EVENTS && self.digit == DIGIT_PACKETS - 1;
        let packet = rtp::Packet { payload_type, marker, sequence, timestamp, ssrc, payload };
        let mut data = [0; 200];
        let len = rtp::write(&packet, &mut data);
        heard.sent += u64::from(self.socket.send(&data[..len]).is_ok());
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
    }

    fn listen(&mut self, heard: &mut Heard, control: &mut [u8]) {
        let mut data = [0; 400];
        while let Ok((len, arrived_us)) = receive(&self.socket, control, &mut data) {
            let Some(packet) = rtp::parse(&data[..len]).filter(|_| !rtp::is_rtcp(&data[..len]))
            else {
                continue;
            };
            heard.received += 1;
            self.heard_any = true;
            let transit = arrived_us - i64::from(packet.timestamp) * 125;
            let known = self.stream.as_mut().filter(|stream| stream.ssrc == packet.ssrc);
            let Some(stream) = known else {
                let (ssrc, highest) = (packet.ssrc, packet.sequence);
                self.stream = Some(Stream { ssrc, highest, earliest: transit });
                continue;
            };
            let step = packet.sequence.wrapping_sub(stream.highest) as i16;
            if step > 0 {
                heard.lost += step as u64 - 1;
                stream.highest = packet.sequence;
            } else {
                heard.lost = heard.lost.saturating_sub(1);
            }
            let late = transit - stream.earliest;
            if packet.marker || !(0..5_000_000).contains(&late) {
                // A new beginning, earlier than all before, or another clock.
                stream.earliest = transit;
                heard.lateness[0] += 1;
                continue;
            }
            let bucket = (late.max(0) / 1_000) as usize;
            heard.lateness[bucket.min(BUCKETS - 1)] += 1;
        }
    }
}

/// A datagram: its length, and when it came in microseconds.
fn receive(socket: &UdpSocket, control: &mut [u8], data: &mut [u8]) -> Result<(usize, i64), Error> {
    let mut parts = [IoSliceMut::new(data)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::empty())?;
    let stamp = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestamp(at) => Some(at.tv_sec() * 1_000_000 + at.tv_usec()),
        _ => None,
    });
    Ok((message.bytes, stamp.unwrap_or_default()))
}
