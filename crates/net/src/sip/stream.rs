//! One connection: messages in, octets out.

use std::time::Duration;

use sip::frame::{Framer, Piece};
use sip::io::FlowId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::driver::Arrived;

/// Messages that wait to be written at most; a peer that reads more slowly is cut off.
pub(super) const WRITES_MAX: usize = 1_024;

/// A connection without a sign of life is closed after this time.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// Octets in one read at most.
const READ_MAX: usize = 16 * 1_024;

/// Carries messages until either end closes, or nothing comes for long. Dropping the sender
/// closes the connection once all is written.
pub(super) fn carry<S>(
    stream: S,
    flow: FlowId,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    answers: mpsc::WeakSender<Vec<u8>>,
    arrived: mpsc::Sender<Arrived>,
) where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reading, mut writing) = tokio::io::split(stream);
    let (closed, mut until_closed) = mpsc::channel::<()>(1);
    tokio::spawn(async move {
        while let Some(mut octets) = outgoing.recv().await {
            while let Ok(more) = outgoing.try_recv() {
                octets.extend(more);
            }
            if writing.write_all(&octets).await.is_err() {
                break;
            }
        }
        // Whatever this says, the connection is over.
        let _ = writing.shutdown().await;
        drop(closed);
    });
    tokio::spawn(async move {
        let (mut framer, mut buffer) = (Framer::default(), vec![0; READ_MAX]);
        loop {
            let count = tokio::select! {
                read = tokio::time::timeout(IDLE_MAX, reading.read(&mut buffer)) => {
                    read.unwrap_or(Ok(0)).unwrap_or(0)
                }
                _ = until_closed.recv() => 0,
            };
            framer.push(&buffer[..count]);
            if count == 0 || !deliver(&mut framer, flow, &answers, &arrived).await {
                // Without a driver there is nobody to tell.
                let _ = arrived.send(Arrived::Closed(flow)).await;
                return;
            }
        }
    });
}

/// Hands on what is whole; false when the stream is no SIP.
async fn deliver(
    framer: &mut Framer,
    flow: FlowId,
    answers: &mpsc::WeakSender<Vec<u8>>,
    arrived: &mpsc::Sender<Arrived>,
) -> bool {
    loop {
        match framer.next_piece() {
            Ok(Some(Piece::Message(octets))) => {
                if arrived.send(Arrived::Message(flow, octets)).await.is_err() {
                    return false;
                }
            }
            Ok(Some(Piece::Ping)) => {
                // RFC 5626 §4.4.1. One that does not read its answers needs none.
                if let Some(answers) = answers.upgrade() {
                    let _ = answers.try_send(b"\r\n".to_vec());
                }
            }
            Ok(Some(Piece::Pong)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
