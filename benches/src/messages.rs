//! The bytes that all codecs read and write. `c/libcoap.c` has the same.

/// CON GET, message id 0x1234, token of 4 bytes, Uri-Path "temp": 13 bytes, 1 option.
pub const GET: &[u8] = b"\x44\x01\x12\x34\xca\xfe\xba\xbe\xb4temp";

/// CON POST, token of 8 bytes; 127 bytes, 6 options: Uri-Path "rd", Content-Format 40, Uri-Query
/// `ep=urn:imei:490154203237518`, `lt=3600`, `lwm2m=1.1`, `b=U`; a payload of six links.
pub const REG: &[u8] = b"\x48\x02\x12\x34\x01\x02\x03\x04\x05\x06\x07\x08\
    \xb2rd\x11\x28\x3d\x0eep=urn:imei:490154203237518\x07lt=3600\x09lwm2m=1.1\x03b=U\
    \xff</>;ct=11544,</1/0>,</3/0>,</4/0>,</6/0>,</3303/0>;ver=1.1";

/// CON 2.05, token of 8 bytes; 44 bytes, 2 options: Observe 0x1234, Content-Format 112; a payload
/// of one SenML record, `[{0: "/3303/0/5700", 2: 22.5}]`.
pub const NTF: &[u8] = b"\x48\x45\x12\x34\x01\x02\x03\x04\x05\x06\x07\x08\
    \x62\x12\x34\x61\x70\
    \xff\x81\xa2\x00\x6c/3303/0/5700\x02\xfb\x40\x36\x80\0\0\0\0\0";

/// The instance of the Device object in the LwM2M specification (1.0 §6.4.3.1, 1.2 Core §7.4.3.2):
/// 121 bytes, 13 resources, 4 of them with several instances.
pub const TLV: &[u8] = b"\xc8\x00\x14Open Mobile Alliance\
    \xc8\x01\x16Lightweight M2M Client\
    \xc8\x02\x09345000123\
    \xc3\x031.0\
    \x86\x06\x41\x00\x01\x41\x01\x05\
    \x88\x07\x08\x42\x00\x0e\xd8\x42\x01\x13\x88\
    \x87\x08\x41\x00\x7d\x42\x01\x03\x84\
    \xc1\x09\x64\
    \xc1\x0a\x0f\
    \x83\x0b\x41\x00\x00\
    \xc4\x0d\x51\x82\x42\x8f\
    \xc6\x0e+02:00\
    \xc1\x10U";

/// Ten SenML records, 239 bytes.
pub const JSON: &[u8] = br#"[{"bn":"/","n":"3/0/0","vs":"Acme"},{"n":"3/0/3","vs":"1.0"},{"n":"3/0/6/0","v":1},{"n":"3/0/9","v":100},{"n":"3/0/10","v":15},{"n":"4/0/0","v":21},{"n":"4/0/2","v":-67},{"n":"6/0/0","v":57.1},{"n":"6/0/1","v":18.06},{"n":"6/0/6","v":1.5}]"#;

/// The same ten records, 140 bytes.
pub const CBOR: &[u8] = b"\x8a\
    \xa3\x21\x61/\x00\x653/0/0\x03\x64Acme\
    \xa2\x00\x653/0/3\x03\x631.0\
    \xa2\x00\x673/0/6/0\x02\x01\
    \xa2\x00\x653/0/9\x02\x18\x64\
    \xa2\x00\x663/0/10\x02\x0f\
    \xa2\x00\x654/0/0\x02\x15\
    \xa2\x00\x654/0/2\x02\x38\x42\
    \xa2\x00\x656/0/0\x02\xfb\x40\x4c\x8c\xcc\xcc\xcc\xcc\xcd\
    \xa2\x00\x656/0/1\x02\xfb\x40\x32\x0f\x5c\x28\xf5\xc2\x8f\
    \xa2\x00\x656/0/6\x02\xfb\x3f\xf8\0\0\0\0\0\0";

/// The value of a record above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Text(&'static str),
    Integer(i64),
    Float(f64),
}

/// The records of [`JSON`] and [`CBOR`], without the base name "/".
pub const RECORDS: [(&str, Value); 10] = [
    ("3/0/0", Value::Text("Acme")),
    ("3/0/3", Value::Text("1.0")),
    ("3/0/6/0", Value::Integer(1)),
    ("3/0/9", Value::Integer(100)),
    ("3/0/10", Value::Integer(15)),
    ("4/0/0", Value::Integer(21)),
    ("4/0/2", Value::Integer(-67)),
    ("6/0/0", Value::Float(57.1)),
    ("6/0/1", Value::Float(18.06)),
    ("6/0/6", Value::Float(1.5)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_table() {
        let lengths = [GET, REG, NTF, TLV, JSON, CBOR].map(<[u8]>::len);
        assert_eq!(lengths, [13, 127, 44, 121, 239, 140]);
    }
}
