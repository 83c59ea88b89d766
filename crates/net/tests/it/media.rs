//! Media threads among real sockets: a peer hears what is played, its digits are told, two legs
//! on two threads hear each other, and what is said is recorded.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use media::{
    Channels, Command, Event, Item, Law, LegConfig, LegId, Owner, Place, Prompt, RecordConfig,
    RecordingId, Track, rtp, tones,
};
use net::media::{Media, MediaConfig, OpenError, OpenLeg};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);

fn start(threads: usize, ports: std::ops::RangeInclusive<u16>, legs_max: usize) -> Media {
    Media::start(MediaConfig { threads, bind: HOST, ports, legs_max }).expect("threads")
}

/// A phone: a socket, and the leg that it speaks with.
struct Phone {
    socket: UdpSocket,
    leg: LegId,
    to: SocketAddr,
    law: Law,
    sequence: u16,
    ssrc: u32,
}

type Sender = UnboundedSender<(Owner, Event)>;
type Receiver = UnboundedReceiver<(Owner, Event)>;

impl Phone {
    async fn call(media: &Media, law: Law, events: &Sender) -> Self {
        let socket = UdpSocket::bind((HOST, 0)).await.expect("a port");
        let remote = socket.local_addr().ok();
        let config = LegConfig { law, remote, send_silence: false, ..LegConfig::default() };
        let opened =
            media.open(OpenLeg { config, beside: None, events: events.clone() }).expect("a leg");
        assert_eq!(opened.rtp_port % 2, 0);
        let to = SocketAddr::new(HOST, opened.rtp_port);
        let ssrc = u32::from(opened.rtp_port);
        Self { socket, leg: opened.leg, to, law, sequence: u16::MAX - 5, ssrc }
    }

    async fn send(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let packet = rtp::Packet {
            payload_type,
            marker: false,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut out = [0; 400];
        let len = rtp::write(&packet, &mut out);
        self.socket.send_to(&out[..len], self.to).await.expect("sent");
    }

    /// Says a tone, in real time.
    async fn say(&mut self, hertz: f32, frames: u32) {
        let mut samples = Vec::new();
        tones::mix(&[(hertz, 0.4)], frames * 20, &mut samples);
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for (at, frame) in samples.chunks_exact(160).enumerate() {
            tick.tick().await;
            let mut octets = [0; 160];
            self.law.encode_into(frame, &mut octets);
            self.send(self.law.payload_type(), at as u32 * 160, &octets).await;
        }
    }

    /// The next packet: sequence, timestamp, samples.
    async fn hear(&self) -> (u16, u32, Vec<i16>) {
        let mut data = [0; 400];
        let len = timeout(PATIENCE, self.socket.recv(&mut data)).await.expect("in time");
        let packet = rtp::parse(&data[..len.expect("received")]).expect("RTP");
        assert_eq!(packet.payload_type, self.law.payload_type());
        let mut samples = vec![0; packet.payload.len()];
        self.law.decode_into(packet.payload, &mut samples);
        (packet.sequence, packet.timestamp, samples)
    }

    /// So many packets, which must be one stream without gaps.
    async fn listen(&self, count: usize) -> Vec<i16> {
        let mut all = Vec::new();
        let mut before: Option<(u16, u32)> = None;
        for _ in 0..count {
            let (sequence, timestamp, samples) = self.hear().await;
            if let Some((last, time)) = before {
                assert_eq!(sequence, last.wrapping_add(1), "no gap in the sequence");
                assert_eq!(timestamp, time.wrapping_add(160), "nor in time");
            }
            before = Some((sequence, timestamp));
            all.extend(samples);
        }
        all
    }
}

/// How much of the samples is one tone.
fn share(samples: &[i16], hertz: f32) -> f32 {
    let turn = std::f32::consts::TAU * hertz / 8_000.0;
    let (mut re, mut im, mut energy) = (0.0f64, 0.0f64, 1.0f64);
    for (at, sample) in samples.iter().enumerate() {
        let angle = f64::from(turn) * at as f64;
        re += f64::from(*sample) * angle.cos();
        im += f64::from(*sample) * angle.sin();
        energy += f64::from(*sample).powi(2);
    }
    ((re * re + im * im) / (energy * samples.len() as f64 / 2.0)) as f32
}

async fn event(events: &mut Receiver, mut wanted: impl FnMut(&Owner, &Event) -> bool) -> Event {
    loop {
        let (owner, event) =
            timeout(PATIENCE, events.recv()).await.expect("in time").expect("open");
        if wanted(&owner, &event) {
            return event;
        }
    }
}

#[tokio::test]
async fn a_prompt_is_heard_and_digits_are_told() {
    let media = start(1, 42_000..=42_099, 0);
    let (sender, mut events) = unbounded_channel();
    let mut phone = Phone::call(&media, Law::A, &sender).await;
    let mut samples = Vec::new();
    tones::mix(&[(440.0, 0.4)], 500, &mut samples);
    let prompt = Arc::new(Prompt::from_samples(&samples));
    media.tell(Command::Play(phone.leg, vec![Item::prompt(7, prompt.clone())]));
    let heard = phone.listen(25).await;
    assert!(share(&heard, 440.0) > 0.98, "{}", share(&heard, 440.0));
    let done = event(&mut events, |_, event| matches!(event, Event::Finished { .. })).await;
    assert_eq!(done, Event::Finished { item: 7, played_ms: 500, completed: true });

    media.tell(Command::Play(phone.leg, vec![Item::forever(8, prompt)]));
    phone.hear().await;
    // In one go, and nothing after them: no packet that would wake anybody.
    for (duration, end) in [(160u16, 0u8), (320, 0), (480, 0x80), (480, 0x80), (480, 0x80)] {
        let [high, low] = duration.to_be_bytes();
        phone.send(101, 5_000, &[5, end | 10, high, low]).await;
    }
    let digit = event(&mut events, |_, event| matches!(event, Event::Digit { .. })).await;
    assert_eq!(digit, Event::Digit { digit: '5' });
    media.tell(Command::Stop(phone.leg));
    let digit = event(&mut events, |_, event| !matches!(event, Event::Finished { .. })).await;
    assert_eq!(digit, Event::DigitEnded { digit: '5', duration_ms: 60 });
    media.tell(Command::Close(phone.leg));
    let Event::Closed(numbers) =
        event(&mut events, |_, event| matches!(event, Event::Closed(_))).await
    else {
        unreachable!("asked for");
    };
    assert_eq!((numbers.received, numbers.lost), (5, 0));
    assert_eq!(media.legs(), 0);
}

/// A socket that is being tied to its peer loses nothing that is there by then, and does not take
/// what strangers have sent for the peer's.
#[tokio::test]
async fn what_waits_while_a_leg_latches_is_read_and_judged() {
    let media = start(1, 42_400..=42_499, 0);
    let (sender, mut events) = unbounded_channel();
    let mut phone = Phone::call(&media, Law::Mu, &sender).await;
    let stranger = UdpSocket::bind((HOST, 0)).await.expect("a port");
    let packet = rtp::Packet {
        payload_type: 0,
        marker: false,
        sequence: 1,
        timestamp: 0,
        ssrc: 1,
        payload: &[0xff; 160],
    };
    let mut strange = [0; 400];
    let len = rtp::write(&packet, &mut strange);
    for at in 0..20 {
        phone.send(0, at * 160, &[0xff; 160]).await;
        stranger.send_to(&strange[..len], phone.to).await.expect("sent");
    }
    let numbers = loop {
        media.tell(Command::Statistics(phone.leg));
        let told = event(&mut events, |_, event| matches!(event, Event::Statistics(_))).await;
        if let Event::Statistics(numbers) = told
            && numbers.received + numbers.dropped >= 40
        {
            break numbers;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((numbers.received, numbers.lost, numbers.dropped), (20, 0, 20));
}

#[tokio::test]
async fn legs_on_two_threads_are_bridged_and_recorded() {
    let media = start(2, 42_100..=42_199, 0);
    let (sender, mut events) = unbounded_channel();
    let mut caller = Phone::call(&media, Law::Mu, &sender).await;
    let mut callee = Phone::call(&media, Law::A, &sender).await;
    let record = RecordConfig { channels: Channels::Dual, track: Track::Both, max_ms: 0 };
    let owner = Owner::Leg(caller.leg);
    media.tell(Command::Record(owner, RecordingId(1), record));
    media.tell(Command::Bridge { a: caller.leg, b: callee.leg, pass_digits: true });
    let (leg, other) = (caller.leg, callee.leg);
    let (caller_heard, callee_heard) = {
        let (from, to) = (&mut caller, &mut callee);
        tokio::join!(from.say(500.0, 60), to.say(900.0, 60));
        tokio::join!(caller.listen(60), callee.listen(60))
    };
    assert!(share(&caller_heard, 900.0) > 0.97, "{}", share(&caller_heard, 900.0));
    assert!(share(&callee_heard, 500.0) > 0.97, "{}", share(&callee_heard, 500.0));
    let Event::Recorded { octets, .. } =
        event(&mut events, |_, event| matches!(event, Event::Recorded { .. })).await
    else {
        unreachable!("asked for");
    };
    let channel = |at: usize| -> Vec<i16> {
        let frames = octets.chunks_exact(4);
        frames.map(|four| i16::from_le_bytes([four[at * 2], four[at * 2 + 1]])).collect()
    };
    // Somewhere within the second both speak.
    let best = |samples: &[i16], hertz| {
        samples.windows(1_600).step_by(400).map(|part| share(part, hertz)).fold(0.0, f32::max)
    };
    assert!(best(&channel(0), 500.0) > 0.95 && best(&channel(1), 900.0) > 0.95);
    media.tell(Command::Close(leg));
    media.tell(Command::Close(other));
    let ended = event(&mut events, |_, event| matches!(event, Event::RecordingEnded { .. })).await;
    assert!(matches!(ended, Event::RecordingEnded { duration_ms: 1_000.., .. }));
    event(&mut events, |owner, event| {
        *owner == Owner::Leg(other) && matches!(event, Event::Closed(_))
    })
    .await;
}

#[tokio::test]
async fn a_conference_gathers_legs_of_all_threads_and_lets_them_go() {
    let media = start(3, 42_400..=42_499, 0);
    let (sender, mut events) = unbounded_channel();
    let mut phones = Vec::new();
    for law in [Law::Mu, Law::A, Law::Mu] {
        phones.push(Phone::call(&media, law, &sender).await);
    }
    let mixer = media.open_mixer(None, sender.clone());
    for phone in &phones {
        media.tell(Command::Join(phone.leg, mixer, Place::default()));
    }
    let [one, two, three] = &mut phones[..] else { unreachable!("three") };
    let (_, _, heard) = tokio::join!(one.say(500.0, 80), two.say(900.0, 80), three.listen(70));
    let last = &heard[heard.len() - 4_000..];
    assert!(share(last, 500.0) > 0.4 && share(last, 900.0) > 0.4, "both");
    // Two of them leave it for a bridge.
    media.tell(Command::Bridge { a: one.leg, b: three.leg, pass_digits: true });
    media.tell(Command::CloseMixer(mixer));
    media.tell(Command::Statistics(three.leg));
    event(&mut events, |_, event| matches!(event, Event::Statistics(_))).await;
    one.say(700.0, 20).await;
    let mut later = Vec::new();
    loop {
        later.extend(three.hear().await.2);
        if share(&later[later.len().saturating_sub(1_600)..], 700.0) > 0.9 {
            break;
        }
    }
}

#[tokio::test]
async fn limits_of_legs_and_ports_are_told() {
    let (sender, _events) = unbounded_channel();
    let open = |media: &Media| {
        let config = LegConfig::default();
        media.open(OpenLeg { config, beside: None, events: sender.clone() })
    };
    let media = start(1, 42_200..=42_299, 1);
    let first = open(&media).expect("room");
    assert!(matches!(open(&media), Err(OpenError::Full(1))));
    media.tell(Command::Close(first.leg));
    open(&media).expect("room again");
    let small = start(1, 42_300..=42_303, 0);
    open(&small).expect("room");
    open(&small).expect("room");
    let error = open(&small).expect_err("full");
    assert_eq!(error.to_string(), "no pair of ports is free between 42300 and 42303");
}
