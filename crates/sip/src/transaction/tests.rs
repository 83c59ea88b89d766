//! Timers against RFC 3261's table 4.

use std::time::Duration;

use base::Instant;

use super::*;

const START: Instant = Instant::from_secs(1_000);

fn after_ms(ms: u64) -> Instant {
    START + Duration::from_millis(ms)
}

/// When a client does what, in milliseconds from its start, until it is over.
fn run(client: &mut Client) -> Vec<(u64, ClientDue)> {
    let mut seen = Vec::new();
    while let Some(at) = client.wake_at() {
        while let Some(due) = client.due(at) {
            seen.push((at.since(START).as_millis() as u64, due));
        }
    }
    seen
}

fn repeats(seen: &[(u64, ClientDue)]) -> Vec<u64> {
    seen.iter().filter(|(_, due)| *due == ClientDue::Repeat).map(|(at, _)| *at).collect()
}

#[test]
fn timers_a_and_b_of_an_invite_without_answer() {
    let seen = run(&mut Client::new(true, false, Timing::default(), START));
    assert_eq!(repeats(&seen), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(seen.last(), Some(&(32_000, ClientDue::TimedOut)));
    let seen = run(&mut Client::new(true, true, Timing::default(), START));
    assert_eq!(seen, [(32_000, ClientDue::TimedOut)], "a reliable transport repeats nothing");
}

#[test]
fn timers_e_and_f_of_another_request_without_answer() {
    let seen = run(&mut Client::new(false, false, Timing::default(), START));
    assert_eq!(
        repeats(&seen),
        [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
    );
    assert_eq!(seen.last(), Some(&(32_000, ClientDue::TimedOut)));
}

#[test]
fn a_provisional_response_stops_an_invite_and_slows_others() {
    let mut invite = Client::new(true, false, Timing::default(), START);
    assert_eq!(invite.heard(after_ms(100), 180), Heard::News);
    assert_eq!(invite.wake_at(), None, "it may ring for ever");
    invite.cancelled(after_ms(1_000));
    assert_eq!(invite.heard(after_ms(1_100), 180), Heard::News);
    let seen = run(&mut invite);
    assert_eq!(seen, [(33_000, ClientDue::TimedOut)], "not longer for a 180 behind the CANCEL");
    let mut other = Client::new(false, false, Timing::default(), START);
    other.heard(after_ms(100), 100);
    assert_eq!(repeats(&run(&mut other))[..2], [4_100, 8_100]);
}

#[test]
fn final_responses_linger_for_timers_d_k_and_m() {
    for (invite, reliable, status, first, again, over) in [
        (true, false, 486, Heard::NewsToAck, Heard::AckAgain, 32_000),
        (true, true, 486, Heard::NewsToAck, Heard::AckAgain, 0),
        (true, false, 200, Heard::News, Heard::News, 32_000),
        (true, true, 200, Heard::News, Heard::News, 32_000),
        (false, false, 200, Heard::News, Heard::Nothing, 5_000),
        (false, true, 404, Heard::News, Heard::Nothing, 0),
    ] {
        let mut client = Client::new(invite, reliable, Timing::default(), START);
        assert_eq!(client.heard(START, status), first);
        assert_eq!(client.heard(START, status), again);
        assert_eq!(client.heard(START, 180), Heard::Nothing);
        assert_eq!(run(&mut client), [(over, ClientDue::Over)], "{invite} {reliable} {status}");
    }
}

#[test]
fn timers_g_h_and_i_of_a_refused_invite() {
    let mut server = Server::new(true, false, Timing::default());
    assert!(server.answered(START, 100) && server.answered(START, 486));
    assert!(!server.answered(START, 200), "one final response");
    let mut seen = Vec::new();
    while let Some(at) = server.wake_at() {
        seen.extend(server.due(at).map(|due| (at.since(START).as_millis() as u64, due)));
    }
    let times: Vec<u64> = seen.iter().map(|(at, _)| *at).collect();
    assert_eq!(
        times,
        [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000]
    );
    assert_eq!(seen.last().map(|(_, due)| *due), Some(ServerDue::Unacknowledged));
    for (reliable, over) in [(false, 5_100), (true, 100)] {
        let mut server = Server::new(true, reliable, Timing::default());
        server.answered(START, 486);
        assert_eq!(server.repeated(), Repeat::Answer);
        server.acknowledged(after_ms(100));
        assert_eq!(server.repeated(), Repeat::Nothing);
        assert_eq!(server.wake_at(), Some(after_ms(over)));
        assert_eq!(server.due(after_ms(over)), Some(ServerDue::Over));
    }
}

#[test]
fn timers_l_and_j_of_other_answers() {
    for (invite, reliable, over) in
        [(true, false, 32_000), (true, true, 32_000), (false, false, 32_000), (false, true, 0)]
    {
        let mut server = Server::new(invite, reliable, Timing::default());
        server.answered(START, 200);
        assert_eq!(server.wake_at(), Some(after_ms(over)), "{invite} {reliable}");
        assert_eq!(server.due(after_ms(over)), Some(ServerDue::Over));
    }
}
