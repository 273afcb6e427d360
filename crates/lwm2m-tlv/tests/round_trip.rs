//! Whatever decodes, encodes, and decodes to the same.
#![cfg(feature = "alloc")]

mod common;

use common::walk;
use lwm2m_tlv::{EncodeError, Kind, Reader, Tlv, Writer, to_vec};
use proptest::prelude::*;

/// An entry with everything in it.
#[derive(Clone, Debug, PartialEq)]
enum Owned {
    Value(Kind, u16, Vec<u8>),
    Entries(Kind, u16, Vec<Self>),
}

fn read(reader: Reader<'_>) -> Option<Vec<Owned>> {
    reader
        .map(|entry| {
            let entry: Tlv<'_> = entry.ok()?;
            Some(match entry.nested() {
                Ok(inside) => Owned::Entries(entry.kind, entry.id, read(inside)?),
                Err(_) => Owned::Value(entry.kind, entry.id, entry.value.to_vec()),
            })
        })
        .collect()
}

fn write(writer: &mut Writer<'_>, entries: &[Owned]) -> Result<(), EncodeError> {
    for entry in entries {
        match entry {
            Owned::Value(kind, id, value) => writer.opaque(*kind, *id, value)?,
            Owned::Entries(Kind::ObjectInstance, id, inside) => {
                writer.object_instance(*id, |inner| write(inner, inside))?;
            }
            Owned::Entries(_, id, inside) => {
                writer.multiple_resource(*id, |inner| write(inner, inside))?;
            }
        }
    }
    Ok(())
}

fn value(kind: Kind) -> impl Strategy<Value = Owned> {
    let len = prop_oneof![8 => 0..12_usize, 2 => 240..270_usize, 1 => 65_500..65_600_usize];
    (
        any::<u16>(),
        len.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len)),
    )
        .prop_map(move |(id, value)| Owned::Value(kind, id, value))
}

fn resource() -> impl Strategy<Value = Owned> {
    let multiple = (
        any::<u16>(),
        prop::collection::vec(value(Kind::ResourceInstance), 0..4),
    )
        .prop_map(|(id, inside)| Owned::Entries(Kind::MultipleResource, id, inside));
    prop_oneof![value(Kind::Resource), multiple]
}

fn payload() -> impl Strategy<Value = Vec<Owned>> {
    let instance = (any::<u16>(), prop::collection::vec(resource(), 0..4))
        .prop_map(|(id, inside)| Owned::Entries(Kind::ObjectInstance, id, inside));
    prop_oneof![
        prop::collection::vec(instance, 0..4),
        prop::collection::vec(resource(), 0..4),
        prop::collection::vec(value(Kind::ResourceInstance), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn entries_survive(entries in payload()) {
        let bytes = to_vec(|writer| write(writer, &entries)).unwrap();
        prop_assert_eq!(read(Reader::new(&bytes)), Some(entries));
    }

    #[test]
    fn decoded_bytes_encode_no_longer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(walk(&bytes).depth <= 3);
        if let Some(entries) = read(Reader::new(&bytes)) {
            let again = to_vec(|writer| write(writer, &entries)).unwrap();
            prop_assert!(again.len() <= bytes.len());
            prop_assert_eq!(read(Reader::new(&again)), Some(entries));
        }
    }

    #[test]
    fn numbers_survive(integer in any::<i64>(), shift in 0..64, float in any::<f64>()) {
        let (integer, unsigned) = (integer >> shift, integer.cast_unsigned() >> shift);
        let bytes = to_vec(|writer| {
            writer.integer(Kind::Resource, 0, integer)?;
            writer.unsigned(Kind::Resource, 1, unsigned)?;
            writer.float(Kind::Resource, 2, float)
        })
        .unwrap();
        let values: Vec<_> = Reader::new(&bytes).map(Result::unwrap).collect();
        prop_assert_eq!(values[0].integer(), Ok(integer));
        prop_assert_eq!(values[1].unsigned(), Ok(unsigned));
        prop_assert_eq!(values[2].float(), Ok(float));
    }
}
