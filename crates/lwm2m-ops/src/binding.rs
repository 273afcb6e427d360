use core::fmt;

use lwm2m_model::Lwm2mVersion;

use crate::refusal::Reason;

/// The transports a client can be reached by: the value of `b` and of /1/x/7.
///
/// A set: the order of the letters means nothing. In LwM2M 1.0 the letter `Q` (queue mode)
/// stands in it too; from 1.1 on that is a parameter of its own.
///
/// # Specification
/// LwM2M 1.0 §5.2.1.1 and Server object; LwM2M 1.1 and 1.2, client registration interface.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Binding(u8);

impl Binding {
    /// UDP alone, the default.
    pub const UDP: Self = Self(1);

    /// The set of these transports, or `None` for the empty set, which is no binding.
    #[must_use]
    pub fn new(transports: &[Transport]) -> Option<Self> {
        let set = transports
            .iter()
            .fold(0, |set, transport| set | transport.bit());
        (set != 0).then_some(Self(set))
    }

    /// Reads letters: each known and at most once, at least one transport.
    ///
    /// # Errors
    /// [`Reason::BadBinding`]. Whether the letters fit a version is told by
    /// [`check`](Self::check).
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let mut set = 0;
        for letter in text.chars() {
            let bit = match letter {
                'Q' => QUEUE,
                letter => match Transport::ALL.iter().find(|t| t.letter() == letter) {
                    Some(transport) => transport.bit(),
                    None => return Err(Reason::BadBinding),
                },
            };
            if set & bit != 0 {
                return Err(Reason::BadBinding);
            }
            set |= bit;
        }
        match set & !QUEUE {
            0 => Err(Reason::BadBinding),
            _ => Ok(Self(set)),
        }
    }

    /// Tells whether a client of this version may say so: U, S and Q in 1.0; U, T, S, N in
    /// 1.1; M and H as well in 1.2.
    ///
    /// # Errors
    /// [`Reason::BindingNotInVersion`].
    pub fn check(self, version: Lwm2mVersion) -> Result<(), Reason> {
        let legal = match version {
            Lwm2mVersion::V1_0 => Transport::Udp.bit() | Transport::Sms.bit() | QUEUE,
            Lwm2mVersion::V1_1 => V1_1,
            _ => V1_1 | Transport::Mqtt.bit() | Transport::Http.bit(),
        };
        match self.0 & !legal {
            0 => Ok(()),
            _ => Err(Reason::BindingNotInVersion),
        }
    }

    /// Whether the transport is in the set.
    #[must_use]
    pub const fn contains(self, transport: Transport) -> bool {
        self.0 & transport.bit() != 0
    }

    /// Whether the letter Q of LwM2M 1.0 is there.
    #[must_use]
    pub const fn queue(self) -> bool {
        self.0 & QUEUE != 0
    }

    /// The same transports with or without the letter Q of LwM2M 1.0.
    #[must_use]
    pub const fn with_queue(self, queue: bool) -> Self {
        match queue {
            true => Self(self.0 | QUEUE),
            false => Self(self.0 & !QUEUE),
        }
    }
}

impl Default for Binding {
    fn default() -> Self {
        Self::UDP
    }
}

/// The letters: Q follows U where there is one, as in the values LwM2M 1.0 lists (`UQS`, `SQ`).
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut queue = self.queue();
        for transport in Transport::ALL {
            if self.contains(*transport) {
                write!(f, "{}", transport.letter())?;
            }
            if *transport == Transport::Udp && queue && self.contains(Transport::Udp) {
                f.write_str("Q")?;
                queue = false;
            }
        }
        match queue {
            true => f.write_str("Q"),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({self})")
    }
}

/// One way to reach a client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// CoAP over UDP: U.
    Udp,
    /// CoAP over TCP: T (1.1).
    Tcp,
    /// SMS: S.
    Sms,
    /// Non-IP (LoRaWAN, cellular IoT): N (1.1).
    NonIp,
    /// MQTT: M (1.2).
    Mqtt,
    /// HTTP: H (1.2).
    Http,
}

impl Transport {
    /// Every transport, in the order in which [`Binding`] prints them.
    pub const ALL: &'static [Self] = &[
        Self::Udp,
        Self::Tcp,
        Self::Sms,
        Self::NonIp,
        Self::Mqtt,
        Self::Http,
    ];

    /// The letter that stands for it in `b`.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Udp => 'U',
            Self::Tcp => 'T',
            Self::Sms => 'S',
            Self::NonIp => 'N',
            Self::Mqtt => 'M',
            Self::Http => 'H',
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Udp => 0x01,
            Self::Tcp => 0x02,
            Self::Sms => 0x04,
            Self::NonIp => 0x08,
            Self::Mqtt => 0x10,
            Self::Http => 0x20,
        }
    }
}

const QUEUE: u8 = 0x40;
const V1_1: u8 =
    Transport::Udp.bit() | Transport::Tcp.bit() | Transport::Sms.bit() | Transport::NonIp.bit();

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn prints_the_values_that_1_0_lists() {
        for text in ["U", "UQ", "S", "SQ", "US", "UQS"] {
            assert_eq!(Binding::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn order_means_nothing() {
        assert_eq!(Binding::parse("SU"), Binding::parse("US"));
        assert_eq!(Binding::parse("USQ"), Binding::parse("UQS"));
    }
}
