//! A line to a server that can be cut and mended.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Line {
    pub address: SocketAddr,
    is_cut: watch::Sender<bool>,
    /// Connections that lead over it.
    open: Arc<watch::Sender<usize>>,
}

impl Line {
    /// To a server at this address.
    pub async fn lay(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (is_cut, cut) = watch::channel(false);
        let open = Arc::new(watch::Sender::new(0));
        let (to, all) = (to.to_owned(), Arc::clone(&open));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (to, cut, open) = (to.clone(), cut.clone(), Arc::clone(&all));
                tokio::spawn(async move {
                    open.send_modify(|open| *open += 1);
                    pass_on(near, &to, cut).await;
                    open.send_modify(|open| *open -= 1);
                });
            }
        });
        Self { address, is_cut, open }
    }

    /// Nothing gets through any more when this returns.
    pub async fn cut(&self) {
        self.is_cut.send_replace(true);
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open == 0).await.expect("it is ours");
    }

    pub fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

/// Until either side closes, or the line is cut.
async fn pass_on(mut near: TcpStream, to: &str, mut cut: watch::Receiver<bool>) {
    let passing = async {
        if let Ok(mut far) = TcpStream::connect(to).await {
            let _ = copy_bidirectional(&mut near, &mut far).await;
        }
    };
    let cutting = async {
        let _ = cut.wait_for(|is_cut| *is_cut).await;
    };
    tokio::select! {
        biased;
        () = cutting => {}
        () = passing => {}
    }
}
