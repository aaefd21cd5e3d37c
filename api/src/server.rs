//! The listener: one task per connection, headers and reads bounded in time, a graceful end.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::FromRequestParts, http::request::Parts};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::client::Peer;

/// A client gets this long to send the head of a request, from the end of the one before: longer
/// than the minute for which proxies keep connections to us, since a request that meets a
/// connection that is just being closed is lost.
const HEADERS: Duration = Duration::from_secs(75);
/// Requests in flight get this long to end when the process is told to stop.
const GRACE: Duration = Duration::from_secs(15);

/// Comes with each request, for answers that would go on after the process was told to stop.
#[derive(Clone, Debug, Default)]
pub struct Stopping(pub CancellationToken);

impl<S: Send + Sync> FromRequestParts<S> for Stopping {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Binds the address.
///
/// # Errors
/// It is taken or not ours.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop` is cancelled, then lets requests in flight end.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = open.watcher();
                let (service, stopping) = (router.clone(), Stopping(stop.clone()));
                tokio::spawn(async move {
                    answer(stream, (peer, stopping), service, connection).await;
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: closing connections will free some.
                tracing::warn!(%error, "a connection was not taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

async fn answer(
    stream: TcpStream,
    (peer, stopping): (SocketAddr, Stopping),
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let _ = stream.set_nodelay(true);
    let service = router.map_request(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(stopping.clone());
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        tracing::trace!(%error, "a connection ended early");
    }
}
