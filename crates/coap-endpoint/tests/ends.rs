//! Every request has one end, and it is told.

use coap_codec::{Code, Request};
use coap_endpoint::{Config, Endpoint, Event, Failure, PeerInfo, RequestOptions};
use sansio::{Instant, Peer};

#[test]
fn an_observation_that_is_ended_before_it_began_is_told_as_cancelled() {
    let (now, peer) = (Instant::ZERO, Peer::new(0, 1));
    let mut endpoint = Endpoint::new(Config::default(), [1; 32], now);
    assert!(endpoint.open_peer(now, peer, PeerInfo::default()));
    let observe = Request::new(Code::GET).path("/3303").observe(0);
    let asked = endpoint
        .request(now, peer, observe, RequestOptions::default())
        .unwrap();
    endpoint.cancel_observation(now, asked, true).unwrap();
    let event = endpoint.poll_event();
    assert!(
        matches!(event, Some(Event::Failed { request, failure: Failure::Cancelled, .. }) if request == asked),
        "{event:?}"
    );
    assert!(endpoint.poll_event().is_none());
    assert!(endpoint.cancel_observation(now, asked, true).is_err());
}
