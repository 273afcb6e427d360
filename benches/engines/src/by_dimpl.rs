use std::sync::Arc;
use std::time::Instant;

use dimpl::crypto::Dtls12CipherSuite;
use dimpl::{Config, Dtls, Output, PskResolver};

use crate::{Clock, Engine, IDENTITY, KEY, TEXT};

/// The crate `dimpl`: pre-shared keys with CCM_8. It has no extended master secret switch, no connection ids.
pub struct Dimpl {
    client: Arc<Config>,
    server: Arc<Config>,
    pair: Option<(Dtls, Dtls)>,
}

struct OneKey;

impl PskResolver for OneKey {
    fn resolve(&self, identity: &[u8]) -> Option<Vec<u8>> {
        (identity == IDENTITY).then(|| KEY.to_vec())
    }
}

impl Dimpl {
    #[must_use]
    pub fn new() -> Self {
        let build = |server: bool| {
            let builder = Config::builder()
                .dtls12_cipher_suites(&[Dtls12CipherSuite::PSK_AES128_CCM_8])
                .use_server_cookie(true);
            let builder = match server {
                true => builder.with_psk_server(None, Arc::new(OneKey)),
                false => builder.with_psk_client(IDENTITY.to_vec(), Arc::new(OneKey)),
            };
            Arc::new(builder.build().expect("a configuration"))
        };
        Self {
            client: build(false),
            server: build(true),
            pair: None,
        }
    }

    fn connect(&self, clock: &mut Clock) -> (Dtls, Dtls) {
        let now = Instant::now();
        let mut client = Dtls::new_12_psk(self.client.clone(), now);
        client.set_active(true);
        let mut server = clock.time(|| {
            let mut server = Dtls::new_12_psk(self.server.clone(), now);
            server.set_active(false);
            server.handle_timeout(now).expect("a start");
            drain(&mut server).0.clear();
            server
        });
        client.handle_timeout(now).expect("a start");
        let mut to_server = drain(&mut client).0;
        let mut done = (false, false);
        while done != (true, true) {
            let mut to_client = Vec::new();
            for bytes in to_server.drain(..) {
                let (out, connected) = clock.time(|| {
                    server.handle_packet(&bytes).expect("a packet");
                    drain(&mut server)
                });
                to_client.extend(out);
                done.0 |= connected;
            }
            for bytes in to_client {
                client.handle_packet(&bytes).expect("a packet");
                let (out, connected) = drain(&mut client);
                to_server.extend(out);
                done.1 |= connected;
            }
        }
        (server, client)
    }
}

impl Default for Dimpl {
    fn default() -> Self {
        Self::new()
    }
}

/// Everything that is to be sent, and whether it is connected.
fn drain(dtls: &mut Dtls) -> (Vec<Vec<u8>>, bool) {
    let mut out = Vec::new();
    let mut connected = false;
    let mut memory = [0; 2048];
    loop {
        match dtls.poll_output(&mut memory) {
            Output::Packet(bytes) => out.push(bytes.to_vec()),
            Output::Connected => connected = true,
            Output::Timeout(_) => return (out, connected),
            _ => {}
        }
    }
}

impl Engine for Dimpl {
    fn name(&self) -> &'static str {
        "dimpl"
    }

    fn handshake(&mut self, clock: &mut Clock) {
        let (server, _client) = self.connect(clock);
        clock.time(|| drop(server));
    }

    fn echo(&mut self, clock: &mut Clock, times: u32) {
        let (mut server, mut client) = match self.pair.take() {
            Some(pair) => pair,
            None => self.connect(clock),
        };
        let questions: Vec<Vec<u8>> = (0..times)
            .flat_map(|_| {
                client.send_application_data(&TEXT).expect("sent");
                drain(&mut client).0
            })
            .collect();
        let mut memory = [0; 2048];
        clock.time(|| {
            for bytes in &questions {
                server.handle_packet(bytes).expect("a packet");
                let mut text = [0; 64];
                loop {
                    match server.poll_output(&mut memory) {
                        Output::ApplicationData(data) => text.copy_from_slice(data),
                        Output::Timeout(_) => break,
                        _ => {}
                    }
                }
                server.send_application_data(&text).expect("sent");
                let mut sent = 0;
                loop {
                    match server.poll_output(&mut memory) {
                        Output::Packet(_) => sent += 1,
                        Output::Timeout(_) => break,
                        _ => {}
                    }
                }
                assert_eq!(sent, 1);
            }
        });
        self.pair = Some((server, client));
    }
}
