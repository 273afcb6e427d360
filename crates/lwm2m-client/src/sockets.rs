//! The UDP sockets of a client: one for each address family that the system has.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// One socket for IPv4, one for IPv6, or only one of them.
#[derive(Debug)]
pub(crate) struct Sockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
}

/// A datagram that came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) local_endpoint: u16,
    pub(crate) from: SocketAddr,
    pub(crate) len: usize,
}

impl Sockets {
    /// Opens a socket at `local`, or one of each family at a free port.
    pub(crate) fn open(local: Option<SocketAddr>) -> io::Result<Self> {
        if let Some(local) = local {
            let socket = Some(bind(local)?);
            return Ok(match local {
                SocketAddr::V4(_) => Self {
                    v4: socket,
                    v6: None,
                },
                SocketAddr::V6(_) => Self {
                    v4: None,
                    v6: socket,
                },
            });
        }
        let v4 = bind((Ipv4Addr::UNSPECIFIED, 0).into());
        let v6 = bind((Ipv6Addr::UNSPECIFIED, 0).into());
        match (v4, v6) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self {
                v4: v4.ok(),
                v6: v6.ok(),
            }),
        }
    }

    /// Whether an address can be reached at all.
    pub(crate) const fn speaks(&self, to: SocketAddr) -> bool {
        self.socket_for(to).is_some()
    }

    pub(crate) async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let socket = self.socket_for(to).ok_or(io::ErrorKind::AddrNotAvailable)?;
        socket.send_to(bytes, to).await.map(|_| ())
    }

    /// Waits for a datagram on either socket.
    pub(crate) async fn receive(
        &self,
        v4: &mut [u8],
        v6: &mut [u8],
    ) -> (io::Result<Received>, bool) {
        tokio::select! {
            result = receive(self.v4.as_ref(), v4, V4) => (result, true),
            result = receive(self.v6.as_ref(), v6, V6) => (result, false),
        }
    }

    /// The addresses that the sockets are bound to.
    pub(crate) fn local_addresses(&self) -> Vec<SocketAddr> {
        let sockets = [&self.v4, &self.v6].into_iter().flatten();
        sockets
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }

    const fn socket_for(&self, to: SocketAddr) -> Option<&UdpSocket> {
        match to {
            SocketAddr::V4(_) => self.v4.as_ref(),
            SocketAddr::V6(_) => self.v6.as_ref(),
        }
    }
}

async fn receive(
    socket: Option<&UdpSocket>,
    bytes: &mut [u8],
    local_endpoint: u16,
) -> io::Result<Received> {
    let Some(socket) = socket else {
        return std::future::pending().await;
    };
    let (len, from) = socket.recv_from(bytes).await?;
    Ok(Received {
        local_endpoint,
        from,
        len,
    })
}

fn bind(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv6() {
        // IPv4 has its own socket.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    UdpSocket::from_std(socket.into())
}

const V4: u16 = 0;
const V6: u16 = 1;
