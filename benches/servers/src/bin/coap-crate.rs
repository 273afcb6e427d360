//! The crate `coap` on one thread: GET of anything.

#![forbid(unsafe_code)]

use std::{error::Error, net::SocketAddr};

use coap::Server;
use coap_lite::{CoapRequest, ContentFormat};
use servers::{PAYLOAD, bind};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("usage: PORT")?.parse()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let socket = bind(port)?;
            socket.set_nonblocking(true)?;
            let socket = tokio::net::UdpSocket::from_std(socket)?;
            let listener = coap::server::UdpCoapListener::from_socket(socket);
            let mut server = Server::from_listeners(vec![Box::new(listener)]);
            server.automatic_observe_handling(true).await;
            server.run(answer).await?;
            Ok(())
        })
}

async fn answer(mut request: Box<CoapRequest<SocketAddr>>) -> Box<CoapRequest<SocketAddr>> {
    if let Some(response) = &mut request.response {
        response
            .message
            .set_content_format(ContentFormat::TextPlain);
        response.message.payload = PAYLOAD.to_vec();
    }
    request
}
