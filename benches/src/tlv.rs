//! OMA TLV: row 20. Wakaama, its peer, is not a package anywhere: see `goals.tsv`.

use std::hint::black_box;

use lwm2m_tlv::{DecodeError, EncodeError, Kind, Reader, Writer};

use crate::{Case, messages::TLV, repeat};

pub(crate) const CASES: &[Case] = &[
    Case::ours("tlv-decode", |times| {
        repeat(times, || decode(black_box(TLV)));
    }),
    Case::owned("tlv-decode", |times| {
        repeat(times, || tree(Reader::new(black_box(TLV))).unwrap());
    }),
    Case::ours("tlv-encode", |times| {
        let mut out = [0; 256];
        repeat(times, || {
            black_box(encode(&mut out, black_box(DEVICE)).unwrap().len())
        });
    }),
];

/// A value of the Device instance.
#[derive(Clone, Copy, Debug)]
enum Value {
    Text(&'static str),
    Integer(i64),
    Integers(&'static [i64]),
}

const DEVICE: &[(u16, Value)] = &[
    (0, Value::Text("Open Mobile Alliance")),
    (1, Value::Text("Lightweight M2M Client")),
    (2, Value::Text("345000123")),
    (3, Value::Text("1.0")),
    (6, Value::Integers(&[1, 5])),
    (7, Value::Integers(&[3800, 5000])),
    (8, Value::Integers(&[125, 900])),
    (9, Value::Integer(100)),
    (10, Value::Integer(15)),
    (11, Value::Integers(&[0])),
    (13, Value::Integer(1_367_491_215)),
    (14, Value::Text("+02:00")),
    (16, Value::Text("U")),
];

/// Reads every entry, and every value as what the Device object says it is.
#[inline(always)]
fn decode(payload: &[u8]) -> u64 {
    let mut seen = 0_u64;
    for entry in Reader::new(payload) {
        let entry = entry.unwrap();
        seen = seen.wrapping_add(u64::from(entry.id));
        match entry.kind {
            Kind::MultipleResource => {
                for instance in entry.nested().unwrap() {
                    seen = seen.wrapping_add_signed(instance.unwrap().integer().unwrap());
                }
            }
            _ => match entry.id {
                0..=3 | 14 | 16 => seen = seen.wrapping_add(entry.text().unwrap().len() as u64),
                _ => seen = seen.wrapping_add_signed(entry.integer().unwrap()),
            },
        }
    }
    seen
}

/// The same as a tree that owns its values, each of the type that the Device object has for it.
#[derive(Debug, PartialEq)]
enum Held {
    Text(String),
    Integer(i64),
    Integers(Vec<(u16, i64)>),
}

fn tree(reader: Reader<'_>) -> Result<Vec<(u16, Held)>, DecodeError> {
    let mut entries = Vec::with_capacity(16);
    for entry in reader {
        let entry = entry?;
        let held = match (entry.kind, entry.id) {
            (Kind::MultipleResource, _) => {
                let mut instances = Vec::with_capacity(2);
                for instance in entry.nested()? {
                    let instance = instance?;
                    instances.push((instance.id, instance.integer()?));
                }
                Held::Integers(instances)
            }
            (_, 0..=3 | 14 | 16) => Held::Text(entry.text()?.to_owned()),
            _ => Held::Integer(entry.integer()?),
        };
        entries.push((entry.id, held));
    }
    Ok(entries)
}

#[inline(always)]
fn encode<'b>(out: &'b mut [u8], device: &[(u16, Value)]) -> Result<&'b [u8], EncodeError> {
    let mut writer = Writer::new(out);
    for (id, value) in device {
        match value {
            Value::Text(text) => writer.text(Kind::Resource, *id, text)?,
            Value::Integer(integer) => writer.integer(Kind::Resource, *id, *integer)?,
            Value::Integers(integers) => writer.multiple_resource(*id, |instances| {
                (0..).zip(*integers).try_for_each(|(id, integer)| {
                    instances.integer(Kind::ResourceInstance, id, *integer)
                })
            })?,
        }
    }
    Ok(writer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_device() {
        let ids = 6 + 6 + 7 + 8 + 9 + 10 + 11 + 13 + 14 + 16;
        let texts = 20 + 22 + 9 + 3 + 6 + 1;
        let integers = 6 + 8800 + 1025 + 115 + 1_367_491_215;
        assert_eq!(decode(TLV), ids + texts + integers);
        let tree = tree(Reader::new(TLV)).unwrap();
        assert_eq!(tree.len(), 13);
        assert_eq!(tree[6], (8, Held::Integers(vec![(0, 125), (1, 900)])));
        assert_eq!(encode(&mut [0; 256], DEVICE).unwrap(), TLV);
    }
}
