//! Measures what media costs: holds legs that play a prompt, or pairs of legs that are bridged,
//! while a second process speaks with them, and prints the CPU of a call-second and the memory of
//! a call. `bare` sends and receives as many packets without any engine: what is left when all of
//! ours is taken away.
//!
//! `media_load ivr|relay|record|bare CALLS SECONDS`, on Linux; pinned where `taskset` is there.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{
    Channels, Command, Event, Item, LegConfig, Owner, Prompt, RecordConfig, RecordingId, Track,
    rtp, tones,
};
use net::media::{Media, MediaConfig, OpenLeg};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FRAME: Duration = Duration::from_millis(20);
const WARM_UP: Duration = Duration::from_secs(2);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize, other| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(other);
    match words.first().map(String::as_str) {
        Some("generate") => generate(number(1, 1), number(2, 1)),
        Some("bare") => bare(number(1, 100), number(2, 10)),
        Some(kind @ ("ivr" | "relay" | "record")) => measure(kind, number(1, 100), number(2, 10)),
        _ => say("media_load ivr|relay|record|bare CALLS SECONDS"),
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Speaks with so many legs: reads their ports, prints its own first.
fn generate(legs: usize, seconds: usize) {
    let sockets: Vec<UdpSocket> = (0..legs)
        .map(|_| {
            let socket = UdpSocket::bind((HOST, 0)).expect("a port");
            socket.set_nonblocking(true).expect("a setting");
            socket
        })
        .collect();
    for socket in &sockets {
        say(&socket.local_addr().expect("bound").port().to_string());
    }
    let mut lines = std::io::stdin().lock().lines();
    for socket in &sockets {
        let line = lines.next().expect("a line").expect("text");
        let port: u16 = line.parse().expect("a port");
        socket.connect(SocketAddr::new(HOST, port)).expect("connected");
    }
    let begun = Instant::now();
    let mut heard = 0u64;
    let frames = (seconds * 50) as u32;
    let mut data = [0; 400];
    for at in 0..frames {
        // Legs take turns within the frame, in twenty groups.
        for group in 0..20 {
            let due = FRAME * at + FRAME / 20 * group as u32;
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            for (leg, socket) in sockets.iter().enumerate().filter(|(leg, _)| leg % 20 == group) {
                let packet = rtp::Packet {
                    payload_type: 0,
                    marker: at == 0,
                    sequence: at as u16,
                    timestamp: at * 160,
                    ssrc: leg as u32 + 1,
                    payload: &[0x55; 160],
                };
                let len = rtp::write(&packet, &mut data);
                let _ = socket.send(&data[..len]);
                while socket.recv(&mut data).is_ok() {
                    heard += 1;
                }
            }
        }
    }
    say(&heard.to_string());
}

/// As many packets as played prompts need, each way, by plain system calls.
fn bare(calls: usize, seconds: usize) {
    let mut child = generator(calls, seconds + 4);
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || output.next().expect("a line").expect("text");
    let sockets: Vec<UdpSocket> = (0..calls)
        .map(|_| {
            let socket = UdpSocket::bind((HOST, 0)).expect("a port");
            socket.set_nonblocking(true).expect("a setting");
            socket.connect(SocketAddr::new(HOST, next().parse().expect("a port"))).expect("a peer");
            socket
        })
        .collect();
    for socket in &sockets {
        writeln!(input, "{}", socket.local_addr().expect("bound").port()).expect("written");
    }
    let (begun, mut data) = (Instant::now(), [0; 172]);
    let (mut from, mut received) = ((Instant::now(), cpu()), 0u64);
    for at in 0..(seconds + 2) * 50 {
        if begun.elapsed() < WARM_UP {
            (from, received) = ((Instant::now(), cpu()), 0);
        }
        for (group, some) in sockets.chunks(calls.div_ceil(10)).enumerate() {
            let due = FRAME * at as u32 + FRAME / 10 * group as u32;
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            for socket in some {
                let _ = socket.send(&data);
                received += u64::from(socket.recv(&mut data).is_ok());
            }
        }
    }
    let (passed, used) = (from.0.elapsed(), cpu() - from.1);
    let call_seconds = passed.as_secs_f64() * calls as f64;
    say(&format!(
        "bare: {calls} calls, {:.4} ms of CPU a call-second, {:.1} packets a call-second came in",
        used.as_secs_f64() * 1_000.0 / call_seconds,
        received as f64 / call_seconds,
    ));
    child.wait().expect("it ends by itself");
}

/// A child on another core, where it can be pinned.
fn generator(legs: usize, seconds: usize) -> Child {
    let own = std::env::current_exe().expect("a path");
    let words = ["generate".to_owned(), legs.to_string(), seconds.to_string()];
    let pinned = Process::new("taskset").arg("-V").stdout(Stdio::null()).status().is_ok();
    let mut process = if pinned {
        let pid = std::process::id().to_string();
        let _ = Process::new("taskset").args(["-acp", "0", &pid]).stdout(Stdio::null()).status();
        let mut process = Process::new("taskset");
        process.args(["-c", "1"]).arg(own);
        process
    } else {
        Process::new(own)
    };
    process.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    process.spawn().expect("a process")
}

fn measure(kind: &str, calls: usize, seconds: usize) {
    let legs = if kind == "ivr" { calls } else { calls * 2 };
    let mut child = generator(legs, seconds + 4);
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || output.next().expect("a line").expect("text");
    let ports: Vec<u16> = (0..legs).map(|_| next().parse().expect("a port")).collect();
    let memory = resident();
    let config = MediaConfig { threads: 1, bind: HOST, ports: 20_000..=39_999, legs_max: 0 };
    let media = Media::start(config).expect("threads");
    let (events, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let drain = std::thread::spawn(move || {
        let (mut received, mut lost) = (0, 0);
        while let Some((_, event)) = heard.blocking_recv() {
            if let Event::Closed(numbers) = event {
                received += numbers.received;
                lost += numbers.lost;
            }
        }
        (received, lost)
    });
    let prompt = prompt();
    let opened: Vec<_> = ports
        .iter()
        .map(|port| {
            let remote = Some(SocketAddr::new(HOST, *port));
            let config = LegConfig { remote, ..LegConfig::default() };
            media.open(OpenLeg { config, beside: None, events: events.clone() }).expect("a leg")
        })
        .collect();
    if kind == "ivr" {
        for leg in &opened {
            media.tell(Command::Play(leg.leg, vec![Item::forever(1, prompt.clone())]));
        }
    } else {
        for (at, two) in opened.chunks_exact(2).enumerate() {
            media.tell(Command::Bridge { a: two[0].leg, b: two[1].leg, pass_digits: true });
            if kind == "record" {
                let config =
                    RecordConfig { channels: Channels::Dual, track: Track::Both, max_ms: 0 };
                let (owner, id) = (Owner::Leg(two[0].leg), RecordingId(at as u64));
                media.tell(Command::Record(owner, id, config));
            }
        }
    }
    for leg in &opened {
        writeln!(input, "{}", leg.rtp_port).expect("written");
    }
    std::thread::sleep(WARM_UP);
    let (before, begun) = (cpu(), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds as u64));
    let (used, passed) = (cpu() - before, begun.elapsed());
    let grown = resident() - memory;
    let packets: u64 = next().parse().expect("a number");
    child.wait().expect("it ends by itself");
    opened.iter().for_each(|leg| media.tell(Command::Close(leg.leg)));
    drop((media, events));
    let (received, lost) = drain.join().expect("drained");
    let call_seconds = passed.as_secs_f64() * calls as f64;
    let expected = legs * 50 * (seconds + 4);
    say(&format!(
        "{kind}: {calls} calls, {:.4} ms of CPU a call-second, {:.1} kB a call, {:.1} % of a core, \
         {packets} of about {expected} packets came back, {received} came in and {lost} were lost",
        used.as_secs_f64() * 1_000.0 / call_seconds,
        grown as f64 / 1_000.0 / calls as f64,
        used.as_secs_f64() / passed.as_secs_f64() * 100.0,
    ));
}

fn prompt() -> Arc<Prompt> {
    let mut samples = Vec::new();
    tones::mix(&[(440.0, 0.3)], 10_000, &mut samples);
    Arc::new(Prompt::from_samples(&samples))
}

/// CPU time of all threads so far, by the scheduler's own count.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let ran = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(ran.sum())
}

/// Octets of memory in use.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    pages * 4_096
}
