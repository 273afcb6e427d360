//! What the servers of the load figures have in common: sockets, and datagrams in batches.

#![forbid(unsafe_code)]

use std::{
    array,
    io::{self, IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::Range,
};

use bytes::Bytes;
use coap_codec::{Code, ContentFormat, Request, Response};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, addr::SocketAddrArg as _, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

/// The payload of every answer to GET: twelve bytes.
pub const PAYLOAD: &[u8; 12] = b"{\"v\":22.500}";

/// The key of every identity.
pub const KEY: &[u8] = b"key of the load figures";

/// Room for one datagram.
pub const LEN: usize = 2048;

/// How a server reads and writes its socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// A system call for each datagram.
    Plain,
    /// A system call for as many as there are.
    Batched,
}

/// Reads `plain|batched PORT` of the command line.
///
/// # Errors
/// What is wrong with it.
pub fn arguments() -> Result<(Mode, u16), String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [mode, port] = arguments.as_slice() else {
        return Err("usage: plain|batched PORT".to_owned());
    };
    let mode = match mode.as_str() {
        "plain" => Mode::Plain,
        "batched" => Mode::Batched,
        _ => return Err(format!("{mode} is neither plain nor batched")),
    };
    let port = port.parse().map_err(|_| format!("{port} is no port"))?;
    Ok((mode, port))
}

/// A socket on loopback with room for bursts.
///
/// # Errors
/// Those of the system.
pub fn bind(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(4 << 20)?;
    socket.set_send_buffer_size(4 << 20)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket.into())
}

/// The answer to a GET.
pub fn answer(request: &Request) -> Response {
    match request.options.as_options().uri_path().eq([Ok("temp")]) {
        true => Response::new(Code::CONTENT)
            .content_format(ContentFormat::TEXT)
            .payload(Bytes::from_static(PAYLOAD)),
        false => Response::new(Code::NOT_FOUND),
    }
}

/// Reads many datagrams at once.
#[derive(Debug)]
pub struct Inbox {
    state: UdpSocketState,
    memory: Box<[u8]>,
    meta: [RecvMeta; BATCH_SIZE],
}

impl Inbox {
    /// Prepares a socket, which does not wait any more.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(socket: &UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(socket.into())?;
        Ok(Self {
            state,
            memory: vec![0; BATCH_SIZE * LEN].into(),
            meta: [RecvMeta::default(); BATCH_SIZE],
        })
    }

    /// Hands over the datagrams that are there; where there are none, waits for some 100 ms at most.
    ///
    /// # Errors
    /// Those of the system.
    pub fn receive(
        &mut self,
        socket: &UdpSocket,
        mut take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> io::Result<()> {
        let mut chunks = self.memory.chunks_mut(LEN);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let received = self.state.recv(socket.into(), &mut buffers, &mut self.meta);
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let patience = Timespec {
                    tv_sec: 0,
                    tv_nsec: 100_000_000,
                };
                poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&patience))?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for (meta, buffer) in self.meta.iter().zip(&mut buffers).take(count) {
            let bytes = buffer.get_mut(..meta.len).unwrap_or_default();
            for datagram in bytes.chunks_mut(meta.stride.max(1)) {
                take(meta.addr, datagram);
            }
        }
        Ok(())
    }
}

/// Sends datagrams that stand in `memory` with one system call.
pub fn send_many(socket: &UdpSocket, datagrams: &[(SocketAddr, Range<usize>)], memory: &[u8]) {
    if datagrams.is_empty() {
        return;
    }
    let addresses: Vec<_> = datagrams.iter().map(|(to, _)| to.as_any()).collect();
    let slices: Vec<_> = datagrams
        .iter()
        .map(|(_, range)| [IoSlice::new(memory.get(range.clone()).unwrap_or_default())])
        .collect();
    let mut controls: Vec<_> = datagrams
        .iter()
        .map(|_| SendAncillaryBuffer::default())
        .collect();
    let mut messages: Vec<_> = addresses
        .iter()
        .zip(&slices)
        .zip(&mut controls)
        .map(|((address, slice), control)| MMsgHdr::new_with_addr(address, slice, control))
        .collect();
    let mut rest = messages.as_mut_slice();
    while !rest.is_empty() {
        let gone = sendmmsg(socket, rest, SendFlags::empty()).map_or(1, |count| count.max(1));
        rest = rest.get_mut(gone..).unwrap_or_default();
    }
}

impl Inbox {
    /// Sends datagrams that stand in `memory` as `lwm2m-server` does: neighbours of one length to one address in one
    /// piece that the system cuts, the others with one system call. At most 64 of at most 1000 bytes.
    pub fn send(
        &self,
        socket: &UdpSocket,
        datagrams: &[(SocketAddr, Range<usize>)],
        memory: &[u8],
    ) {
        let mut piece = Vec::new();
        let (mut singles, mut at) = (0, 0);
        for run in datagrams.chunk_by(|a, b| a.0 == b.0 && a.1.len() == b.1.len()) {
            let end = at + run.len();
            if run.len() > 1 {
                send_many(socket, &datagrams[singles..at], memory);
                piece.clear();
                for (_, range) in run {
                    piece.extend_from_slice(&memory[range.clone()]);
                }
                let transmit = quinn_udp::Transmit {
                    destination: run[0].0,
                    ecn: None,
                    contents: &piece,
                    segment_size: Some(run[0].1.len()),
                    src_ip: None,
                };
                let _ = self.state.try_send(socket.into(), &transmit);
                singles = end;
            }
            at = end;
        }
        send_many(socket, &datagrams[singles..], memory);
    }
}
