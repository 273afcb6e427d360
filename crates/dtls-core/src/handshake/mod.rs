//! The messages of a handshake and their order.

mod client;
mod extension;
mod flight;
mod hello;
mod machine;
mod server;

pub(crate) use client::ClientStart;
pub use extension::{CertificateType, NamedGroup, SignatureScheme};
pub(crate) use hello::DTLS_1_0;
pub use hello::{ClientHello, ServerHello};
pub(crate) use machine::{FATAL, Machine, Surroundings, WARNING};
pub(crate) use server::ServerStart;

/// Handshake message types (RFC 5246 §7.4).
pub(crate) mod kind {
    use crate::Message;

    pub(crate) const HELLO_REQUEST: u8 = 0;
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
    pub(crate) const SERVER_HELLO_DONE: u8 = 14;
    pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
    pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub(crate) const FINISHED: u8 = 20;

    pub(crate) const fn of(message: Message) -> u8 {
        match message {
            Message::Certificate => CERTIFICATE,
            Message::ServerKeyExchange => SERVER_KEY_EXCHANGE,
            Message::CertificateRequest => CERTIFICATE_REQUEST,
            Message::ClientKeyExchange => CLIENT_KEY_EXCHANGE,
            Message::CertificateVerify => CERTIFICATE_VERIFY,
        }
    }
}
