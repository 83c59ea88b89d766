//! An open connection, driven by whoever uses it: no task of its own, so an exchange costs no
//! wake-up between tasks.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

/// The half that reads and writes the socket; it ends with the connection.
type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection without a request under way.
pub(super) struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
}

impl Open {
    pub(super) fn new(sender: SendRequest<Full<Bytes>>, driver: Driver) -> Self {
        Self { sender, driver: Some(driver) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.driver.is_none() || self.sender.is_closed()
    }

    /// Whether it takes a request; looks whether the other side has closed it.
    pub(super) async fn is_ready(&mut self) -> bool {
        let Self { sender, driver } = self;
        along(driver, sender.ready()).await.is_ok() && driver.is_some()
    }

    /// Sends a request and waits for the head of its answer. The error says whether nothing of
    /// the request was written.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, bool> {
        let Self { sender, driver } = self;
        let sent = along(driver, sender.try_send_request(request)).await;
        sent.map_err(|mut failed| failed.take_message().is_some())
    }

    /// Keeps the connection going until `work`, which waits for something of it, is done.
    pub(super) async fn along<T>(&mut self, work: impl Future<Output = T>) -> T {
        along(&mut self.driver, work).await
    }
}

async fn along<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        // First the socket: what it brings may be what `work` waits for.
        if let Some(running) = driver
            && running.as_mut().poll(context).is_ready()
        {
            *driver = None;
        }
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        Poll::Pending
    })
    .await
}
