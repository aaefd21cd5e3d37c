//! How long connections are kept, by moments that are moved back.

use lettre::transport::smtp::extension::ClientId;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;
use crate::providers::smtp::config::Security;

/// With a server that agrees to everything.
async fn pool() -> Arc<Pool> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (read, mut write) = stream.split();
                let mut lines = BufReader::new(read).lines();
                let _ = write.write_all(b"220 mail.example\r\n").await;
                while let Ok(Some(_)) = lines.next_line().await {
                    let _ = write.write_all(b"250 mail.example\r\n").await;
                }
            });
        }
    });
    let server = Server {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        tls: None,
        hello: ClientId::Domain("otpost.example".to_owned()),
        credentials: None,
    };
    Arc::new(Pool::new(server, 2))
}

/// Whether it has carried something before.
async fn taken(pool: &Arc<Pool>) -> (bool, Held) {
    let held = pool.take(Instant::now() + Duration::from_secs(5)).await.ok().unwrap();
    (!held.is_new, held)
}

/// As if it had been parked so long ago.
fn grow_old(pool: &Pool, place: usize, by: Duration) {
    let since = &mut pool.lock()[place].since;
    *since = since.checked_sub(by).unwrap();
}

#[tokio::test]
async fn a_connection_is_used_again_until_it_is_too_old() {
    let pool = pool().await;
    let (was_used, held) = taken(&pool).await;
    assert!(!was_used);
    pool.park(held);
    grow_old(&pool, 0, IDLE.checked_sub(Duration::from_secs(5)).unwrap());
    let (was_used, held) = taken(&pool).await;
    assert!(was_used);
    pool.park(held);
    grow_old(&pool, 0, IDLE);
    assert!(!taken(&pool).await.0);
    assert!(pool.lock().is_empty());
}

#[tokio::test]
async fn a_look_closes_what_is_too_old_and_nothing_else() {
    let pool = pool().await;
    let ((_, old), (_, young)) = (taken(&pool).await, taken(&pool).await);
    pool.park(old);
    pool.park(young);
    grow_old(&pool, 0, IDLE);
    pool.close(IDLE).await;
    assert_eq!(pool.lock().len(), 1);
    assert!(taken(&pool).await.0, "the young one");
    assert_eq!(pool.places.available_permits(), 2, "and it was dropped");
    pool.close(Duration::ZERO).await;
    assert!(pool.lock().is_empty());
}
