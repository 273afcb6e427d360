use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;

use crate::batch::Listener;

/// Bytes that the kernel may hold for a socket each way: a burst of some thousand datagrams.
const BUFFER: usize = 4 << 20;

/// Binds `shards` sockets to one address, so that the kernel spreads the peers over them.
///
/// Port 0 takes a free one. Where the system has no `SO_REUSEPORT` the list has one socket, and one
/// shard serves all.
pub(crate) fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<Listener>> {
    // Sockets that share a port would also share it with another server of the same user, and each
    // would get some of the other's devices. So the port must first be had alone.
    let alone = open(address, false)?;
    if shards <= 1 || !cfg!(unix) {
        return Ok(vec![listener(alone)?]);
    }
    let address = alone.local_addr()?.as_socket().unwrap_or(address);
    drop(alone);
    (0..shards)
        .map(|_| listener(open(address, true)?))
        .collect()
}

fn listener(socket: Socket) -> io::Result<Listener> {
    Listener::new(UdpSocket::from_std(socket.into())?)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<Socket> {
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
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_port_that_another_server_shares_among_its_shards_is_in_use() {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let ours = bind(free, 2).unwrap();
        let address = ours.first().unwrap().local_addr().unwrap();
        assert_eq!(ours.get(1).unwrap().local_addr().unwrap(), address);
        for shards in [1, 2] {
            let error = bind(address, shards).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
        drop(ours);
        assert!(bind(address, 2).is_ok());
    }
}
