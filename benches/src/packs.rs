//! SenML packs: rows 21 and 22.

use std::hint::black_box;

use minicbor::{
    Decoder, Encoder,
    data::Type,
    encode::{Error, Write, write::Cursor},
};
use senml::{DecodeError, Fields, Record, cbor, json};
use serde::{Deserialize, Serialize};

use crate::{
    Case,
    messages::{CBOR, JSON, RECORDS, Value},
    repeat,
};

pub(crate) const CASES: &[Case] = &[
    Case::ours("senml-cbor-decode", |times| {
        repeat(times, || look_cbor(black_box(CBOR)));
    }),
    Case::owned("senml-cbor-decode", |times| {
        repeat(times, || own_cbor(black_box(CBOR)));
    }),
    Case::peer("senml-cbor-decode", "minicbor", |times| {
        repeat(times, || minicbor_decode(black_box(CBOR)).unwrap());
    }),
    Case::ours("senml-cbor-encode", |times| {
        let mut out = [0; 512];
        repeat(times, || {
            black_box(encode_cbor(&mut out, black_box(&RECORDS)).len())
        });
    }),
    Case::peer("senml-cbor-encode", "minicbor", |times| {
        let mut out = [0; 512];
        repeat(times, || {
            black_box(minicbor_encode(&mut out, black_box(&RECORDS)))
        });
    }),
    Case::peer("senml-cbor-encode", "minicbor-vec", |times| {
        repeat(times, || {
            let mut out = Vec::with_capacity(256);
            minicbor_write(&mut out, black_box(&RECORDS)).unwrap();
            out
        });
    }),
    Case::ours("senml-json-decode", |times| {
        repeat(times, || look_json(black_box(JSON)));
    }),
    Case::owned("senml-json-decode", |times| {
        repeat(times, || own_json(black_box(JSON)));
    }),
    Case::peer("senml-json-decode", "serde_json", |times| {
        repeat(times, || serde_decode(black_box(JSON)));
    }),
    Case::ours("senml-json-encode", |times| {
        let mut out = [0; 512];
        repeat(times, || {
            black_box(encode_json(&mut out, black_box(&RECORDS)).len())
        });
    }),
    Case::peer("senml-json-encode", "serde_json", |times| {
        let pack = serde_decode(JSON);
        repeat(times, || serde_json::to_vec(black_box(&pack)).unwrap());
    }),
];

/// Streams through a pack and looks at every name and value.
#[inline(always)]
fn look<'a>(mut next: impl FnMut(&mut Record<'a>) -> Result<bool, DecodeError>) -> f64 {
    let mut record = Record::default();
    let mut seen = 0.0;
    while next(&mut record).unwrap() {
        seen += record.name.len() as f64;
        seen += match &record.value {
            Some(senml::Value::Number(number)) => number.to_f64(),
            Some(senml::Value::String(text)) => text.len() as f64,
            _ => 0.0,
        };
    }
    seen
}

#[inline(always)]
fn look_cbor(pack: &[u8]) -> f64 {
    let mut reader = cbor::Reader::new(pack);
    look(|record| reader.read(record))
}

#[inline(always)]
fn look_json(pack: &[u8]) -> f64 {
    let mut reader = json::Reader::new(pack);
    look(|record| reader.read(record))
}

/// A record that owns what it holds: what a program without a streaming reader keeps.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    name: String,
    value: Held,
}

#[derive(Clone, Debug, PartialEq)]
enum Held {
    None,
    Integer(i64),
    Float(f64),
    Text(String),
}

#[inline(always)]
fn own<'a>(mut next: impl FnMut(&mut Record<'a>) -> Result<bool, DecodeError>) -> Vec<Owned> {
    let mut owned = Vec::with_capacity(10);
    let mut record = Record::default();
    while next(&mut record).unwrap() {
        let value = match &record.value {
            Some(senml::Value::Number(number)) if number.is_integer() => {
                number.to_i64().map_or(Held::None, Held::Integer)
            }
            Some(senml::Value::Number(number)) => Held::Float(number.to_f64()),
            Some(senml::Value::String(text)) => Held::Text(text.to_cow().into_owned()),
            _ => Held::None,
        };
        let name = record.name.to_cow().into_owned();
        owned.push(Owned { name, value });
    }
    owned
}

#[inline(always)]
fn own_cbor(pack: &[u8]) -> Vec<Owned> {
    let mut reader = cbor::Reader::new(pack);
    own(|record| reader.read(record))
}

#[inline(always)]
fn own_json(pack: &[u8]) -> Vec<Owned> {
    let mut reader = json::Reader::new(pack);
    own(|record| reader.read(record))
}

/// What one would write by hand: only what this pack needs, base name and all.
fn minicbor_decode(pack: &[u8]) -> Result<Vec<Owned>, minicbor::decode::Error> {
    let missing = || minicbor::decode::Error::message("indefinite length");
    let mut decoder = Decoder::new(pack);
    let records = decoder.array()?.ok_or_else(missing)?;
    let mut owned = Vec::with_capacity(records.min(64) as usize);
    let mut base = "";
    for _ in 0..records {
        let mut name = "";
        let mut value = Held::None;
        for _ in 0..decoder.map()?.ok_or_else(missing)? {
            match decoder.i8()? {
                -2 => base = decoder.str()?,
                0 => name = decoder.str()?,
                2 => {
                    value = match decoder.datatype()? {
                        Type::F16 | Type::F32 | Type::F64 => Held::Float(decoder.f64()?),
                        _ => Held::Integer(decoder.i64()?),
                    }
                }
                3 => value = Held::Text(decoder.str()?.to_owned()),
                _ => decoder.skip()?,
            }
        }
        let mut whole = String::with_capacity(base.len() + name.len());
        whole.push_str(base);
        whole.push_str(name);
        owned.push(Owned { name: whole, value });
    }
    Ok(owned)
}

fn fields<'a>(index: usize, name: &'a str, value: &Value) -> Fields<'a> {
    let fields = Fields::named(name);
    let fields = match index {
        0 => fields.base_name("/"),
        _ => fields,
    };
    match *value {
        Value::Text(text) => fields.value(text),
        Value::Integer(integer) => fields.value(integer),
        Value::Float(float) => fields.value(float),
    }
}

#[inline(always)]
fn encode_cbor<'b>(out: &'b mut [u8], records: &[(&str, Value)]) -> &'b [u8] {
    let mut writer = cbor::Writer::new(out);
    for (index, (name, value)) in records.iter().enumerate() {
        writer.record(&fields(index, name, value)).unwrap();
    }
    writer.finish().unwrap()
}

#[inline(always)]
fn encode_json<'b>(out: &'b mut [u8], records: &[(&str, Value)]) -> &'b [u8] {
    let mut writer = json::Writer::new(out);
    for (index, (name, value)) in records.iter().enumerate() {
        writer.record(&fields(index, name, value)).unwrap();
    }
    writer.finish().unwrap()
}

#[inline(always)]
fn minicbor_encode(out: &mut [u8], records: &[(&str, Value)]) -> usize {
    let mut cursor = Cursor::new(out);
    minicbor_write(&mut cursor, records).unwrap();
    cursor.position()
}

#[inline(always)]
fn minicbor_write<W: Write>(out: W, records: &[(&str, Value)]) -> Result<(), Error<W::Error>> {
    let mut encoder = Encoder::new(out);
    encoder.array(records.len() as u64)?;
    for (index, (name, value)) in records.iter().enumerate() {
        if index == 0 {
            encoder.map(3)?.i8(-2)?.str("/")?;
        } else {
            encoder.map(2)?;
        }
        encoder.i8(0)?.str(name)?;
        match *value {
            Value::Text(text) => encoder.i8(3)?.str(text)?,
            Value::Integer(integer) => encoder.i8(2)?.i64(integer)?,
            Value::Float(float) => encoder.i8(2)?.f64(float)?,
        };
    }
    Ok(())
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Derived {
    #[serde(skip_serializing_if = "Option::is_none")]
    bn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vs: Option<String>,
}

#[inline(always)]
fn serde_decode(pack: &[u8]) -> Vec<Derived> {
    serde_json::from_slice(pack).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_read_the_same() {
        let expected: Vec<_> = RECORDS
            .iter()
            .map(|(name, value)| Owned {
                name: format!("/{name}"),
                value: match *value {
                    Value::Text(text) => Held::Text(text.to_owned()),
                    Value::Integer(integer) => Held::Integer(integer),
                    Value::Float(float) => Held::Float(float),
                },
            })
            .collect();
        assert_eq!(own_cbor(CBOR), expected);
        assert_eq!(own_json(JSON), expected);
        assert_eq!(minicbor_decode(CBOR).unwrap(), expected);
        assert_eq!(serde_decode(JSON).len(), 10);
        assert_eq!(look_cbor(CBOR), look_json(JSON));
    }

    #[test]
    fn all_write_the_same() {
        assert_eq!(encode_cbor(&mut [0; 512], &RECORDS), CBOR);
        assert_eq!(encode_json(&mut [0; 512], &RECORDS), JSON);
        let mut out = [0; 512];
        assert_eq!(minicbor_encode(&mut out, &RECORDS), CBOR.len());
        assert_eq!(&out[..CBOR.len()], CBOR);
        assert_eq!(serde_json::to_vec(&serde_decode(JSON)).unwrap(), JSON);
    }
}
