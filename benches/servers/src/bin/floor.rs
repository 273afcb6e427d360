//! What the system alone costs: every datagram is answered with the same message, unread but for
//! message ID and token.

#![forbid(unsafe_code)]

use std::{error::Error, net::UdpSocket};

use servers::{Inbox, LEN, Mode, PAYLOAD, arguments, bind, send_many};

fn main() -> Result<(), Box<dyn Error>> {
    let (mode, port) = arguments()?;
    let socket = bind(port)?;
    match mode {
        Mode::Plain => plain(&socket),
        Mode::Batched => batched(&socket),
    }
}

/// ACK 2.05, the token of four bytes, Content-Format 0.
fn answer(request: &[u8], out: &mut [u8]) -> Option<usize> {
    let [_, _, a, b, c, d, e, f, ..] = *request else {
        return None;
    };
    let head = [0x64, 0x45, a, b, c, d, e, f, 0xc0, 0xff];
    out.get_mut(..10)?.copy_from_slice(&head);
    out.get_mut(10..22)?.copy_from_slice(PAYLOAD);
    Some(22)
}

fn plain(socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
    let mut inbox = [0; LEN];
    let mut out = [0; 64];
    loop {
        let (len, from) = socket.recv_from(&mut inbox)?;
        if let Some(len) = answer(&inbox[..len], &mut out) {
            socket.send_to(&out[..len], from)?;
        }
    }
}

fn batched(socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
    let mut inbox = Inbox::new(socket)?;
    let mut out = vec![0; 64 * 64];
    let mut batch = Vec::new();
    loop {
        batch.clear();
        inbox.receive(socket, |from, request| {
            let start = batch.len() * 64;
            let room = out.get_mut(start..).unwrap_or_default();
            if let Some(len) = answer(request, room) {
                batch.push((from, start..start + len));
            }
        })?;
        send_many(socket, &batch, &out);
    }
}
