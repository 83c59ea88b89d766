//! Twilio's parameters of calls, recordings, conferences, participants and queues
//! (`data/voice_parameters.tsv`: method, path, name): each is read by the file that serves its
//! path, or refused there.

const TABLE: &str = include_str!("../../../data/voice_parameters.tsv");

/// The files that serve a path: where it ends, and what reads the parameters.
const FILES: &[(&str, &[&str])] = &[
    ("/Calls", &[include_str!("calls.rs")]),
    ("/Calls/{Sid}", &[include_str!("calls.rs")]),
    ("/Calls/{CallSid}/Recordings", &[include_str!("calls.rs"), include_str!("recordings.rs")]),
    ("/Conferences/{ConferenceSid}/Recordings", &[include_str!("recordings.rs")]),
    ("/Recordings", &[include_str!("recordings.rs")]),
    ("/Recordings/{Sid}", &[include_str!("recordings.rs")]),
    ("/Conferences", &[include_str!("conferences.rs")]),
    ("/Conferences/{Sid}", &[include_str!("conferences.rs")]),
    (
        "/Participants",
        &[
            include_str!("participate.rs"),
            include_str!("participants.rs"),
            include_str!("calls.rs"),
        ],
    ),
    ("/Participants/{CallSid}", &[include_str!("participants.rs")]),
    ("/Members/{CallSid}", &[include_str!("members.rs")]),
    ("/OutgoingCallerIds", &[include_str!("caller_ids.rs")]),
];

#[test]
fn no_parameter_is_passed_over_in_silence() {
    let mut missing = Vec::new();
    for line in TABLE.lines() {
        let [method, path, name] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a row of three: {line}");
        };
        let serves = |(end, _): &&(&str, &[&str])| path.ends_with(end);
        let files = FILES.iter().filter(serves).max_by_key(|(end, _)| end.len());
        let (_, files) = files.unwrap_or_else(|| panic!("nobody serves {path}"));
        if !files.iter().any(|file| file.contains(&format!("\"{name}\""))) {
            missing.push(format!("{method} {path} {name}"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(TABLE.lines().count() > 100);
}
