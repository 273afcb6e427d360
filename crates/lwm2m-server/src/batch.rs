//! Datagrams in batches: one system call for many, where the system has it.

use std::array;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::ops::Range;

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A socket that is read and written in batches.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// Room for a batch of received datagrams. The system may join datagrams of one sender into one
/// buffer, so each holds the longest that there can be.
#[derive(Debug)]
pub(crate) struct Inbox {
    memory: Box<[u8]>,
    meta: [RecvMeta; BATCH_SIZE],
}

/// Where a datagram goes and where it stands.
pub(crate) type Outgoing = (SocketAddr, Range<usize>);

/// Cuts a batch into neighbours of one length to one address, of at most `most` datagrams; most runs
/// have one.
fn runs(datagrams: &[Outgoing], most: usize) -> impl Iterator<Item = &[Outgoing]> {
    let alike = |a: &Outgoing, b: &Outgoing| a.0 == b.0 && a.1.len() == b.1.len();
    datagrams.chunk_by(alike).flat_map(move |run| {
        let len = run.first().map_or(1, |(_, range)| range.len().max(1));
        run.chunks(most.min(LONGEST_RUN / len).max(1))
    })
}

/// Bytes of a run: the system takes no more at once than fits into one datagram.
const LONGEST_RUN: usize = 65_000;
/// The longest datagram that UDP has.
const LONGEST: usize = 65_536;

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            memory: vec![0; BATCH_SIZE * LONGEST].into_boxed_slice(),
            meta: [RecvMeta::default(); BATCH_SIZE],
        }
    }
}

impl Listener {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// For a task to wait until there is something to read.
    pub(crate) fn poll_readable(
        &self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        self.socket.poll_recv_ready(cx)
    }

    /// Reads what one system call gives; how many buffers that filled, 0 when there was nothing.
    pub(crate) fn receive(
        &self,
        inbox: &mut Inbox,
        mut take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> usize {
        let Inbox { memory, meta } = inbox;
        let mut chunks = memory.chunks_mut(LONGEST);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let received = self.socket.try_io(Interest::READABLE, || {
            self.state.recv((&self.socket).into(), &mut buffers, meta)
        });
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return 0,
            // An ICMP error about a datagram sent earlier says nothing about what is to be read.
            Err(_) => return 1,
        };
        for (meta, buffer) in meta.iter().zip(&mut buffers).take(count) {
            let bytes = buffer.get_mut(..meta.len).unwrap_or_default();
            for datagram in bytes.chunks_mut(meta.stride.max(1)) {
                take(meta.addr, datagram);
            }
        }
        count
    }

    /// Sends datagrams that stand in `memory`: several of one length to one address in one piece that
    /// the system cuts, the others by one system call. What the system does not take is lost as if on
    /// the way; what matters is sent again by its retransmission.
    pub(crate) fn send(&self, datagrams: &[Outgoing], memory: &[u8]) {
        let mut piece = Vec::new();
        let (mut singles, mut at) = (0, 0);
        for run in runs(datagrams, self.state.max_gso_segments()) {
            let end = at + run.len();
            if run.len() > 1 {
                self.send_each(datagrams.get(singles..at).unwrap_or_default(), memory);
                self.send_run(run, memory, &mut piece);
                singles = end;
            }
            at = end;
        }
        self.send_each(datagrams.get(singles..).unwrap_or_default(), memory);
    }

    fn send_run(&self, run: &[Outgoing], memory: &[u8], piece: &mut Vec<u8>) {
        let Some((address, first)) = run.first() else {
            return;
        };
        piece.clear();
        for (_, range) in run {
            piece.extend_from_slice(memory.get(range.clone()).unwrap_or_default());
        }
        // An interface that cannot send such a piece may still take the datagrams one by one.
        if self.transmit(*address, piece, Some(first.len())).is_err() {
            self.send_each(run, memory);
        }
    }

    fn send_each(&self, datagrams: &[Outgoing], memory: &[u8]) {
        #[cfg(target_os = "linux")]
        if datagrams.len() > 1 {
            self.send_many(datagrams, memory);
            return;
        }
        for (address, range) in datagrams {
            let contents = memory.get(range.clone()).unwrap_or_default();
            let _ = self.transmit(*address, contents, None);
        }
    }

    fn transmit(
        &self,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let transmit = quinn_udp::Transmit {
            destination,
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }

    #[cfg(target_os = "linux")]
    fn send_many(&self, datagrams: &[Outgoing], memory: &[u8]) {
        use std::io::IoSlice;

        use rustix::net::addr::SocketAddrArg as _;
        use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

        let addresses: Vec<_> = datagrams
            .iter()
            .map(|(address, _)| address.as_any())
            .collect();
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
            let gone = match sendmmsg(&self.socket, rest, SendFlags::empty()) {
                Ok(count) => count.max(1),
                Err(error) if error == rustix::io::Errno::WOULDBLOCK => return,
                // The first one cannot be sent; those behind it may.
                Err(_) => 1,
            };
            rest = rest.get_mut(gone..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair() -> (Listener, Listener) {
        let bind = async || {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            Listener::new(socket).unwrap()
        };
        (bind().await, bind().await)
    }

    #[test]
    fn runs_have_one_address_and_one_length_and_fit() {
        let [a, b] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let of = |address, len| (address, 0..len);
        let lengths = |batch: &[Outgoing], most| -> Vec<usize> {
            runs(batch, most).map(<[Outgoing]>::len).collect()
        };
        let mixed = [of(a, 5), of(a, 5), of(b, 5), of(a, 5), of(a, 6), of(a, 6)];
        assert_eq!(lengths(&mixed, 64), [2, 1, 1, 2]);
        assert_eq!(lengths(&mixed, 1), [1; 6], "a system without this");
        assert_eq!(lengths(&vec![of(a, 22); 100], 64), [64, 36]);
        assert_eq!(lengths(&vec![of(a, 1152); 64], 64), [56, 8]);
        assert_eq!(lengths(&[of(a, 0), of(a, 0)], 64), [2]);
        assert_eq!(lengths(&[of(a, 65_507), of(a, 65_507)], 64), [1, 1]);
    }

    #[tokio::test]
    async fn runs_arrive_as_the_datagrams_that_they_are() {
        let (from, to) = pair().await;
        let memory: Vec<u8> = (0..=255).cycle().take(1400).collect();
        let address = to.local_addr().unwrap();
        let batch: Vec<_> = [7, 7, 7, 9, 1200, 1200, 1200, 3]
            .iter()
            .zip(0..)
            .map(|(&len, start)| (address, start..start + len))
            .collect();
        from.send(&batch, &memory);
        let mut inbox = Inbox::new();
        let mut seen = Vec::new();
        while seen.len() < batch.len() {
            to.socket.readable().await.unwrap();
            to.receive(&mut inbox, |_, bytes| seen.push(bytes.to_vec()));
        }
        for ((_, range), bytes) in batch.iter().zip(&seen) {
            assert_eq!(memory[range.clone()], bytes[..]);
        }
    }

    #[tokio::test]
    async fn a_batch_arrives_whole_and_in_order() {
        let (from, to) = pair().await;
        let memory: Vec<u8> = (0..100).collect();
        let address = to.local_addr().unwrap();
        let batch: Vec<_> = (0..50).map(|n| (address, n..n * 2 + 1)).collect();
        from.send(&batch, &memory);
        let mut inbox = Inbox::new();
        let mut seen = Vec::new();
        while seen.len() < batch.len() {
            to.socket.readable().await.unwrap();
            to.receive(&mut inbox, |sender, bytes| {
                assert_eq!(sender, from.local_addr().unwrap());
                seen.push(bytes.to_vec());
            });
        }
        for ((_, range), bytes) in batch.iter().zip(&seen) {
            assert_eq!(memory[range.clone()], bytes[..]);
        }
        assert_eq!(to.receive(&mut inbox, |_, _| panic!("nothing is left")), 0);
    }
}
