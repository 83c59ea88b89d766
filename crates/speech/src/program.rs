//! Engines that are programs: no shell, text by their input, bounded in time and output.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::SpeakError;

/// Octets of output at most: ten minutes at 22,050 Hz.
pub(crate) const OUTPUT_MAX: usize = 27 << 20;

/// How long one piece may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The first program of a name in `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a program with a text as its input. What it wrote.
pub(crate) fn run(program: &Path, arguments: &[&str], input: &str) -> Result<Vec<u8>, SpeakError> {
    run_with(program, arguments, input.as_bytes().to_vec(), TIMEOUT, OUTPUT_MAX)
}

/// Runs a program with octets as its input, for so long at most. What it wrote, of so many octets
/// at most.
pub(crate) fn run_with(
    program: &Path,
    arguments: &[&str],
    input: Vec<u8>,
    timeout: Duration,
    most: usize,
) -> Result<Vec<u8>, SpeakError> {
    let failed =
        |why: &dyn std::fmt::Display| SpeakError::Engine(format!("{}: {why}", program.display()));
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let deadline = Instant::now() + timeout;
    let done = converse(&mut child, input, most, deadline);
    let ended = finish(&mut child, done.is_some(), deadline).map_err(|error| failed(&error))?;
    match (done, ended) {
        (Some(output), Some(status)) if status.success() => Ok(output),
        (Some(_), Some(status)) => Err(failed(&status)),
        _ => Err(failed(&"it took too long, or wrote too much")),
    }
}

/// Writes and reads on threads of their own, so that neither waits for the other.
fn converse(child: &mut Child, input: Vec<u8>, most: usize, deadline: Instant) -> Option<Vec<u8>> {
    let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || stdin.write_all(&input));
    std::thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.take(most as u64 + 1).read_to_end(&mut output);
        // Nobody listens any more when it took too long.
        let _ = sender.send(read.map(|_| output));
    });
    let output =
        receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?.ok()?;
    (output.len() <= most).then_some(output)
}

/// How it ended. Its output is closed by now, so the end is near; who does not end in time, or was
/// disorderly before, is killed.
fn finish(
    child: &mut Child,
    orderly: bool,
    deadline: Instant,
) -> std::io::Result<Option<ExitStatus>> {
    while orderly && Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_sh(script: &str, input: &str, ms: u64) -> Result<Vec<u8>, SpeakError> {
        let (input, timeout) = (input.as_bytes().to_vec(), Duration::from_millis(ms));
        run_with(Path::new("/bin/sh"), &["-c", script], input, timeout, OUTPUT_MAX)
    }

    #[test]
    fn text_goes_in_and_output_comes_out() {
        let long = "x".repeat(300_000);
        assert_eq!(run_sh("cat", &long, 10_000), Ok(long.into_bytes()));
        assert_eq!(run_sh("echo done", "unread", 10_000), Ok(b"done\n".to_vec()));
    }

    #[test]
    fn failures_are_told_and_bounded() {
        for script in
            ["exit 3", "cat >/dev/null; exec sleep 60", "exec cat /dev/zero", "exec sleep 60 >&-"]
        {
            let answer = run_sh(script, "", 300);
            assert!(matches!(answer, Err(SpeakError::Engine(_))), "{script}");
        }
        let answer = run(Path::new("/nonexistent"), &[], "");
        assert!(matches!(answer, Err(SpeakError::Engine(_))));
    }
}
