//! The requests, byte for byte.

use coap_codec::{Code, ContentFormat, EncodeError, Encoder, Message, OptionNumber, Type};

/// What the devices ask for.
#[derive(Debug)]
pub(crate) enum Work {
    /// A small resource.
    Get { path: Vec<String> },
    /// A registration of an endpoint that was not there before.
    Register,
    /// An update of the registration that the device made: its Location-Path.
    Update { locations: Vec<Vec<String>> },
}

/// The six links of a registration.
const LINKS: &[u8] = b"</1/0>,</2/0>,</3/0>,</4/0>,</5/0>,</3303/0>";

impl Work {
    pub(crate) fn get(path: &str) -> Self {
        let path = path.split('/').filter(|segment| !segment.is_empty());
        Self::Get {
            path: path.map(str::to_owned).collect(),
        }
    }

    pub(crate) const fn update() -> Self {
        Self::Update {
            locations: Vec::new(),
        }
    }

    /// Writes a request; `number` is one that no request had before.
    pub(crate) fn encode(
        &self,
        device: usize,
        number: u64,
        (message_id, token): (u16, [u8; 4]),
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let code = match self {
            Self::Get { .. } => Code::GET,
            Self::Register | Self::Update { .. } => Code::POST,
        };
        let mut message = Encoder::new(out, Type::Confirmable, code, message_id, &token)?;
        match self {
            Self::Get { path } => {
                for segment in path {
                    message.option(OptionNumber::URI_PATH, segment.as_bytes())?;
                }
            }
            Self::Update { locations } if let Some(location) = locations.get(device) => {
                for segment in location {
                    message.option(OptionNumber::URI_PATH, segment.as_bytes())?;
                }
            }
            Self::Register | Self::Update { .. } => {
                let mut endpoint = *b"ep=urn:imei:000000000000000";
                let mut rest = number;
                for digit in endpoint.iter_mut().rev().take(15) {
                    *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                    rest /= 10;
                }
                message
                    .option(OptionNumber::URI_PATH, b"rd")?
                    .option_uint(OptionNumber::CONTENT_FORMAT, ContentFormat::LINK.0.into())?
                    .option(OptionNumber::URI_QUERY, &endpoint)?
                    .option(OptionNumber::URI_QUERY, b"lt=86400")?
                    .option(OptionNumber::URI_QUERY, b"lwm2m=1.1")?
                    .option(OptionNumber::URI_QUERY, b"b=U")?
                    .payload(LINKS)?;
            }
        }
        message.finish()
    }

    /// Keeps what an answer says about a device.
    pub(crate) fn answered(&mut self, device: usize, message: &Message<'_>) {
        if let Self::Update { locations } = self
            && message.code() == Code::CREATED
        {
            let segments = message.options().location_path();
            let location = segments.filter_map(Result::ok).map(str::to_owned).collect();
            if locations.len() <= device {
                locations.resize(device + 1, Vec::new());
            }
            if let Some(place) = locations.get_mut(device) {
                *place = location;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_is_the_request_of_the_table() {
        let mut out = [0; 256];
        let len = Work::Register
            .encode(0, 490_154_203_237_518, (1, [1, 2, 3, 4]), &mut out)
            .unwrap();
        let message = Message::decode(&out[..len]).unwrap();
        assert_eq!(message.options().iter().count(), 6);
        let mut queries = message.options().uri_query();
        assert_eq!(queries.next(), Some(Ok("ep=urn:imei:490154203237518")));
        assert_eq!(message.payload().split(|byte| *byte == b',').count(), 6);
        assert!((110..=125).contains(&len), "{len}");
    }

    #[test]
    fn update_goes_where_the_registration_was_told_to() {
        let mut work = Work::update();
        work.answered(1, &Message::decode(b"\x60\x41\0\x01\x82rd\x02ab").unwrap());
        let mut out = [0; 64];
        let len = work.encode(1, 9, (7, [0; 4]), &mut out).unwrap();
        let message = Message::decode(&out[..len]).unwrap();
        assert!(message.options().uri_path().eq([Ok("rd"), Ok("ab")]));
        assert!(message.payload().is_empty());
    }
}
