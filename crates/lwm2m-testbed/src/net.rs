use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sansio::{Instant, Rng};

/// What a link does to datagrams, in percent and times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weather {
    /// Datagrams that vanish.
    pub loss: u32,
    /// Datagrams that come late, after others sent later.
    pub reorder: u32,
    /// Datagrams that come twice.
    pub duplicate: u32,
    /// The time every datagram takes.
    pub delay: Duration,
    /// More time, evenly between nothing and this.
    pub jitter: Duration,
}

impl Weather {
    /// Nothing is lost, and all comes in order after 20 ms.
    pub const FAIR: Self = Self {
        loss: 0,
        reorder: 0,
        duplicate: 0,
        delay: Duration::from_millis(20),
        jitter: Duration::ZERO,
    };

    /// Fair but for these percentages.
    pub const fn with(loss: u32, reorder: u32, duplicate: u32) -> Self {
        Self {
            loss,
            reorder,
            duplicate,
            jitter: Duration::from_millis(30),
            ..Self::FAIR
        }
    }
}

/// A datagram on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// The sender's address, as the receiver sees it.
    pub from: SocketAddr,
    /// The receiver's address.
    pub to: SocketAddr,
    /// What it carries.
    pub bytes: Vec<u8>,
}

/// A network in virtual time: what it does to a datagram is decided by the seed alone.
#[derive(Debug)]
pub struct Net {
    rng: Rng,
    weather: Weather,
    in_flight: BTreeMap<(Instant, u64), Datagram>,
    serial: u64,
    /// Datagrams given to the network.
    pub sent: u64,
    /// Datagrams that vanished.
    pub lost: u64,
}

impl Net {
    /// An empty network.
    pub fn new(seed: u64, weather: Weather) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            rng: Rng::from_seed(bytes),
            weather,
            in_flight: BTreeMap::new(),
            serial: 0,
            sent: 0,
            lost: 0,
        }
    }

    /// Changes the weather for what is sent from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Takes a datagram to be delivered, perhaps.
    pub fn send(&mut self, now: Instant, datagram: Datagram) {
        self.sent += 1;
        let weather = self.weather;
        if self.chance(weather.loss) {
            self.lost += 1;
            return;
        }
        if self.chance(weather.duplicate) {
            let at = self.arrival(now, weather);
            self.deliver(at, datagram.clone());
        }
        let at = self.arrival(now, weather);
        self.deliver(at, datagram);
    }

    /// When the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.keys().next().map(|&(at, _)| at)
    }

    /// The next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        let (&key, _) = self.in_flight.first_key_value()?;
        (key.0 <= now).then(|| self.in_flight.remove(&key))?
    }

    fn deliver(&mut self, at: Instant, datagram: Datagram) {
        self.serial += 1;
        self.in_flight.insert((at, self.serial), datagram);
    }

    fn arrival(&mut self, now: Instant, weather: Weather) -> Instant {
        let jitter = u32::try_from(weather.jitter.as_micros()).unwrap_or(u32::MAX);
        let mut at = now + weather.delay + Duration::from_micros(self.rng.below(jitter).into());
        if self.chance(weather.reorder) {
            at = at + Duration::from_millis(50 + u64::from(self.rng.below(450)));
        }
        at
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, weather: Weather) -> Vec<(u64, u8)> {
        let mut net = Net::new(seed, weather);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        for n in 0..100 {
            let now = Instant::ZERO + Duration::from_millis(u64::from(n));
            net.send(
                now,
                Datagram {
                    from: address,
                    to: address,
                    bytes: vec![n],
                },
            );
        }
        let mut seen = Vec::new();
        while let Some(now) = net.next_arrival() {
            while let Some(datagram) = net.receive(now) {
                seen.push((now.as_micros(), datagram.bytes[0]));
            }
        }
        seen
    }

    #[test]
    fn the_same_seed_is_the_same_network() {
        let weather = Weather::with(30, 10, 10);
        assert_eq!(run(7, weather), run(7, weather));
        assert_ne!(run(7, weather), run(8, weather));
    }

    #[test]
    fn fair_weather_keeps_everything_in_order() {
        let seen = run(1, Weather::FAIR);
        assert_eq!(seen.len(), 100);
        assert!(seen.is_sorted());
        assert_eq!(seen[0].0, 20_000);
    }

    #[test]
    fn bad_weather_loses_and_doubles() {
        let seen = run(3, Weather::with(50, 10, 0));
        assert!((30..70).contains(&seen.len()), "{}", seen.len());
        assert!(!seen.iter().map(|&(_, n)| n).is_sorted());
        assert!(run(3, Weather::with(0, 0, 50)).len() > 130);
    }
}
