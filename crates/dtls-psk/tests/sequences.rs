//! Every order of messages up to a length, good and bad ones, against both roles: connected only with a verified
//! Finished after everything that it covers, and no data before.

mod script;

use dtls_core::{Config, Connect, Path};
use dtls_psk::Psk;
use script::sequences::{ClientCase, FROM_CLIENT, FROM_SERVER, FromClient, FromServer, ServerCase};
use script::sequences::{all, lengths};
use script::*;

const IDENTITY: &[u8] = b"urn:dev:lamp";
const KEY: &[u8] = b"0123456789abcdef";

fn path() -> Path {
    Path {
        local_endpoint: 0,
        address: ([127, 0, 0, 1], 40_000).into(),
    }
}

const SERVER: ServerCase = ServerCase {
    server: || {
        let mut server = Side::server(Config::default(), Psk::server());
        server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
        server
    },
    client: || {
        let share = PskShare {
            identity: IDENTITY.to_vec(),
            key: KEY.to_vec(),
        };
        Client::new(path(), share)
    },
    flight: &[
        FromClient::HelloWithCookie,
        FromClient::KeyExchange,
        FromClient::Finished,
    ],
};

const CLIENT: ClientCase = ClientCase {
    start: || {
        let mut client = Side::client(Config::default());
        let mut server = FakeServer::new(path(), PskServerShare { key: KEY.to_vec() });
        let suites = Psk::client(IDENTITY, KEY).unwrap();
        client.connect(path(), suites, Connect::default());
        server.read(&client.take(path()));
        (client, server)
    },
    flights: &[
        &[FromServer::ServerHello, FromServer::HelloDone],
        // A hint, which is ignored.
        &[
            FromServer::ServerHello,
            FromServer::KeyExchange,
            FromServer::HelloDone,
        ],
    ],
};

#[test]
fn the_good_orders_connect() {
    let good = SERVER.good();
    assert_eq!(SERVER.play(&good), 1);
    assert_eq!(SERVER.play(&good.repeat(2)), 2, "a client that restarts");
    let good = CLIENT.good();
    assert_eq!(CLIENT.play(&good), 1);
    assert_eq!(CLIENT.play(&good[1..]), 1, "without a cookie");
}

#[test]
fn hostile_g10_every_sequence_to_a_server() {
    let good = SERVER.good();
    all(&FROM_CLIENT, &good, lengths(), |steps| SERVER.play(steps));
}

#[test]
fn hostile_g10_every_sequence_to_a_client() {
    let good = CLIENT.good();
    all(&FROM_SERVER, &good, lengths(), |steps| CLIENT.play(steps));
}
