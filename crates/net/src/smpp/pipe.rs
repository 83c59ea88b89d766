//! Octets of one connection, in and out, as messages.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Octets in one read at most.
const READ_MAX: usize = 64 * 1_024;

/// Carries octets until either end closes: what comes in goes to `received`, what comes from the
/// answered sender goes out. Dropping the sender closes the connection once all is written.
pub(super) fn open<S, F, Fut>(stream: S, received: F) -> mpsc::UnboundedSender<Vec<u8>>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
    F: Fn(Option<Vec<u8>>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (mut reading, mut writing) = tokio::io::split(stream);
    let (sender, mut outgoing) = mpsc::unbounded_channel::<Vec<u8>>();
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
        let mut buffer = vec![0; READ_MAX];
        loop {
            let count = tokio::select! {
                read = reading.read(&mut buffer) => read.unwrap_or(0),
                _ = until_closed.recv() => 0,
            };
            if count == 0 {
                return received(None).await;
            }
            received(Some(buffer[..count].to_vec())).await;
        }
    });
    sender
}
