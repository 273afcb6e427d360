//! What hyper and our own serving decide: through a real socket.

use core::time::Duration;
use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use super::{Console, TOKEN};
use crate::{ServeLimits, serve};

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn run(console: &Console, configure: impl FnOnce(&mut ServeLimits)) -> Running {
    let mut limits = ServeLimits::default();
    configure(&mut limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = console.router.clone();
    let task = tokio::spawn(async move {
        serve(listener, router, limits, async { drop(stopped.await) }).await
    });
    Running {
        address,
        stop,
        task,
    }
}

/// Sends bytes and reads until the server closes the connection or is silent for a while.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> (String, bool) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut answer))
        .await
        .is_ok();
    (String::from_utf8_lossy(&answer).into_owned(), closed)
}

/// RUSTSEC-2021-0078, -0079, RUSTSEC-2020-0031: a request whose length can be read in two ways is no request.
#[tokio::test]
async fn m02_ambiguous_lengths_are_400_and_close() {
    let console = Console::new();
    let running = run(&console, |_| ()).await;
    let heads = [
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
    ];
    for head in heads {
        let request = format!(
            "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n{{\"a\":1}}"
        );
        let (answer, closed) = exchange(running.address, request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400") && closed,
            "{head:?}: {answer:?} {closed}"
        );
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{head:?}: {answer:?}"
        );
    }
    let chunks = [
        "FFFFFFFFFFFFFFFFF\r\nx",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "5 \r\x0bhello",
        "zz\r\n",
    ];
    for chunk in chunks {
        let request = format!(
            "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
        );
        let (answer, closed) = exchange(running.address, request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400") && closed,
            "{chunk:?}: {answer:?} {closed}"
        );
    }
    // Both lengths: RFC 9112 §6.1 lets a server take the chunks, but then it must close the connection.
    let both = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (answer, closed) = exchange(running.address, both.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && closed && answer.matches("HTTP/1.1").count() == 1,
        "{answer:?} {closed}"
    );
}

/// Idle half-requests are closed, and others are served meanwhile.
#[tokio::test]
async fn m13_half_requests_are_closed_in_time() {
    let console = Console::new();
    let running = run(&console, |limits| {
        limits.header_timeout = Duration::from_millis(300)
    })
    .await;
    let mut idle = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let half = if n % 2 == 0 {
            "GET /healthz HTTP/1.1\r\nX-"
        } else {
            ""
        };
        stream.write_all(half.as_bytes()).await.unwrap();
        idle.push(stream);
    }
    let (answer, _) = exchange(
        running.address,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for mut stream in idle {
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest))
            .await
            .unwrap()
            .ok();
    }
    assert!(ServeLimits::default().header_timeout <= Duration::from_secs(10));
}

/// The cap on connections holds, and a connection that ends makes room.
#[tokio::test]
async fn m13_connections_are_capped() {
    let console = Console::new();
    let running = run(&console, |limits| {
        limits.max_connections = 1;
        limits.header_timeout = Duration::from_millis(300);
    })
    .await;
    let _first = TcpStream::connect(running.address).await.unwrap();
    let begun = std::time::Instant::now();
    let (answer, _) = exchange(
        running.address,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        begun.elapsed() >= Duration::from_millis(200),
        "served beside the first connection"
    );
}

/// Whoever asks, and takes nothing of the answers, is let go: else such connections would take all places.
#[tokio::test]
async fn m13_answers_that_nobody_takes_are_given_up() {
    let console = Console::new();
    let running = run(&console, |limits| {
        limits.max_connections = 1;
        limits.write_timeout = Duration::from_millis(300);
    })
    .await;
    let mut greedy = TcpStream::connect(running.address).await.unwrap();
    let ask = "GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50);
    // Until the sockets of both ends are full of answers, so that the server has to wait with the next.
    let full = async { while greedy.write_all(ask.as_bytes()).await.is_ok() {} };
    let closed = tokio::time::timeout(Duration::from_secs(20), full).await;
    assert!(closed.is_ok(), "the server closes the connection");
    let (answer, _) = exchange(
        running.address,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A body that dribbles in is given up too.
#[tokio::test]
async fn m13_a_slow_body_is_408() {
    let console = Console::with(crate::fake::Fake::new(), |config| {
        config.body_timeout = Duration::from_millis(100)
    });
    let running = run(&console, |_| ()).await;
    let head = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"to";
    let (answer, _) = exchange(running.address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_cuts_streams() {
    let console = Console::new();
    let running = run(&console, |limits| limits.grace = Duration::from_millis(200)).await;
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    running.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), running.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .ok();
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// The server tells the router who calls, so that guesses are counted per address.
#[tokio::test]
async fn the_callers_address_reaches_the_router() {
    let console = Console::with(crate::fake::Fake::new(), |config| {
        config.max_failed_logins = 1
    });
    let running = run(&console, |_| ()).await;
    let guess = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer guess-guess-guess-guess\r\n\r\n";
    assert!(
        exchange(running.address, guess.as_bytes())
            .await
            .0
            .starts_with("HTTP/1.1 401")
    );
    assert!(
        exchange(running.address, guess.as_bytes())
            .await
            .0
            .starts_with("HTTP/1.1 429")
    );
    // Without an address (the router called directly) nobody is barred by what 127.0.0.1 did.
    assert_eq!(console.get("/metrics").await.status, 200);
}
