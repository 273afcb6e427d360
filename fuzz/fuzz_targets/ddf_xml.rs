#![no_main]
//! A definition file is refused at a place in it, or all that it defines can be looked up.

use libfuzzer_sys::fuzz_target;
use lwm2m_model::Models;
use lwm2m_model::ddf::{Limits, parse};

fuzz_target!(|xml: &[u8]| {
    let defs = match fuzz::bounded(xml.len(), FACTOR, || parse(xml, &Limits::default())) {
        Ok(defs) => defs,
        Err(fault) => {
            assert!(fault.line >= 1 && fault.column >= 1, "{fault}");
            return assert!(fault.line + fault.column <= xml.len() + 3, "{fault}");
        }
    };
    let mut models = Models::empty();
    assert_eq!(models.load_xml(xml).as_ref(), Ok(&defs));
    for def in &defs {
        let choice = models.object(def.id(), Some(def.version()));
        assert!(choice.exact);
        let found = choice.def.expect("what was loaded is there");
        assert_eq!((found.id(), found.version()), (def.id(), def.version()));
        assert!(models.by_name(def.name()).is_some());
        assert!(models.by_urn(&def.urn()).is_some(), "{}", def.urn());
        assert!(
            def.resources()
                .map(|resource| resource.id())
                .is_sorted_by(|a, b| a < b)
        );
        for resource in def.resources() {
            assert_eq!(def.resource(resource.id()), Some(resource));
        }
    }
});

/// An `<Object>` of 200 bytes, without resources, becomes an `ObjectDef` of nearly as many, in a list that grows.
const FACTOR: usize = 8;
