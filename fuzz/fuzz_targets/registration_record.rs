#![no_main]
//! Any bytes of a store are a registration or an error; one that is taken over is found, and expires.

use core::time::Duration;

use libfuzzer_sys::fuzz_target;
use lwm2m_store::{Key, Record, Version};
use registry_core::{Config, REGISTRATION_KIND, Registration, Registry};
use sansio::Instant;

fuzz_target!(|bytes: &[u8]| {
    let registration =
        match fuzz::within_bounds(bytes, |bytes| Registration::decode(bytes.to_vec())) {
            Ok(registration) => registration,
            Err(fault) => return assert!(fault.offset <= bytes.len()),
        };
    let mut config = Config::default();
    config.keep = false;
    let now = Instant::ZERO;
    let mut registry = Registry::new(config, 0, [7; 32], now);
    let key = Key::new(REGISTRATION_KIND, registration.endpoint().to_owned());
    let record = Record::new(key, Version::new(1), None, bytes.to_vec().into());
    registry.restore(now, record).expect("it was read before");
    assert_eq!(
        registry.by_endpoint(registration.endpoint()),
        Some(&registration)
    );
    assert_eq!(
        registry.by_address(registration.address()),
        Some(&registration)
    );
    assert_eq!(registry.by_id(&registration.id()), Some(&registration));
    let identity = registration.identity();
    assert!(identity.is_none() || registry.by_identity(&identity) == Some(&registration));
    let facts = fuzz::bounded(bytes.len(), FACTOR, || {
        (registration.objects(), registration.extra())
    });
    assert!(facts.0.objects.len() <= bytes.len() && facts.1.len() <= bytes.len());
    assert!(format!("{registration:?}").contains(&registration.id().to_string()));
    // Its lifetime ends, if it is not for ever.
    registry.handle_timeout(now + Duration::from_secs(1 << 40));
    assert_eq!(registry.is_empty(), !registration.lifetime().is_infinite());
});

/// As for `register_links`.
const FACTOR: usize = 96;
