use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;

use crate::batch::Listener;

/// Bytes that the kernel may hold for a socket each way: a burst of some thousand datagrams.
const BUFFER: usize = 4 << 20;

/// Binds `shards` sockets to one address, so that the kernel spreads the peers over them.
///
/// The first one fixes the port when `address` has port 0. Where the system has no `SO_REUSEPORT`
/// the list has one socket, and one shard serves all.
pub(crate) fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<Listener>> {
    let first = open(address, shards > 1)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    while sockets.len() < shards && cfg!(unix) {
        sockets.push(open(address, true)?);
    }
    Ok(sockets)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<Listener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        // Each family has a listener of its own, so that an address means one device.
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    if shared {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    let _ = shared;
    // The system may grant less; then bursts are lost sooner and retransmitted.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    Listener::new(UdpSocket::from_std(socket.into())?)
}
