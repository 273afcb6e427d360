//! What several tests share.
#![allow(dead_code, unreachable_pub)] // each test takes a part of it

/// Bytes from hexadecimal digits; white space between them does not count.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The answer to a read of /3/0 in the specification (LwM2M Core §7.4), 121 bytes.
pub fn device_tlv() -> Vec<u8> {
    hex("C80014 4F70656E204D6F62696C6520416C6C69616E6365
         C80116 4C69676874776569676874204D324D20436C69656E74
         C80209 333435303030313233
         C303 312E30
         8606 410001 410105
         880708 42000ED8 42011388
         8708 41007D 42010384
         C10964 C10A0F 830B 410000 C40D 5182428F C60E 2B30323A3030 C11055")
}

/// The same content in the SenML CBOR of the specification, 196 bytes.
pub fn device_senml_cbor() -> Vec<u8> {
    hex("90
         A3 21 65 2F332F302F 00 61 30 03 74 4F70656E204D6F62696C6520416C6C69616E6365
         A2 00 61 31 03 76 4C69676874776569676874204D324D20436C69656E74
         A2 00 61 32 03 69 333435303030313233
         A2 00 61 33 03 63 312E30
         A2 00 63 362F30 02 01
         A2 00 63 362F31 02 05
         A2 00 63 372F30 02 19 0ED8
         A2 00 63 372F31 02 19 1388
         A2 00 63 382F30 02 18 7D
         A2 00 63 382F31 02 19 0384
         A2 00 61 39 02 18 64
         A2 00 62 3130 02 0F
         A2 00 64 31312F30 02 00
         A2 00 62 3133 02 1A 5182428F
         A2 00 62 3134 03 66 2B30323A3030
         A2 00 62 3136 03 61 55")
}

/// The same content in the SenML JSON of the specification.
pub const DEVICE_SENML_JSON: &str = r#"[{"bn":"/3/0/","n":"0","vs":"Open Mobile Alliance"},
{"n":"1","vs":"Lightweight M2M Client"},
{"n":"2","vs":"345000123"},
{"n":"3","vs":"1.0"},
{"n":"6/0","v":1},
{"n":"6/1","v":5},
{"n":"7/0","v":3800},
{"n":"7/1","v":5000},
{"n":"8/0","v":125},
{"n":"8/1","v":900},
{"n":"9","v":100},
{"n":"10","v":15},
{"n":"11/0","v":0},
{"n":"13","v":1367491215},
{"n":"14","vs":"+02:00"},
{"n":"16","vs":"U"}]"#;
