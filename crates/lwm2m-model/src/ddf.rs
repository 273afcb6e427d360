//! Object definition files: the XML that the OMA registry and vendors publish.
//!
//! The reader trusts nothing: a document type declaration, an entity that XML does not predefine and XInclude are
//! refused before anything is expanded, and [`Limits`] bound what a file can cost. It is tolerant where real files
//! differ: a byte order mark, white space, elements and attributes it does not know, absent versions (1.0).

mod error;
mod parser;

use alloc::vec::Vec;

pub use self::error::{DdfError, DdfErrorKind};
use crate::{Models, ObjectDef};

/// What one file may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the whole file. The largest one of the registry has 33 538.
    pub max_bytes: usize,
    /// Attributes of one element, namespace declarations counted.
    pub max_attributes: usize,
    /// Elements inside one another.
    pub max_depth: usize,
    /// Objects of one file.
    pub max_objects: usize,
    /// Resources of one object.
    pub max_resources: usize,
    /// Bytes of one name, range or unit.
    pub max_text: usize,
}

impl Default for Limits {
    /// 1 MiB, 16 attributes, 16 levels, 64 objects, 4096 resources, 1024 bytes of text.
    fn default() -> Self {
        Self {
            max_bytes: 1 << 20,
            max_attributes: 16,
            max_depth: 16,
            max_objects: 64,
            max_resources: 4096,
            max_text: 1024,
        }
    }
}

/// Reads the objects that a file defines.
///
/// ```
/// use lwm2m_model::ddf::{Limits, parse};
///
/// let file = br#"<LWM2M><Object ObjectType="MODefinition">
///     <Name>Valve</Name><ObjectID>33000</ObjectID>
///     <MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory>
///     <Resources><Item ID="0">
///         <Name>Opening</Name><Operations>RW</Operations>
///         <MultipleInstances>Single</MultipleInstances><Mandatory>Mandatory</Mandatory>
///         <Type>Float</Type><RangeEnumeration>0..100</RangeEnumeration><Units>/100</Units>
///     </Item></Resources>
/// </Object></LWM2M>"#;
/// let objects = parse(file, &Limits::default())?;
/// assert_eq!(objects[0].name(), "Valve");
/// # Ok::<(), lwm2m_model::ddf::DdfError>(())
/// ```
///
/// # Errors
/// [`DdfError`] with line and column. A file is taken whole or not at all.
///
/// # Specification
/// LwM2M Core 1.2 Appendix D and the schemas `LWM2M.xsd` (1.0.1) and `LWM2M-v1_1.xsd`.
pub fn parse(xml: &[u8], limits: &Limits) -> Result<Vec<ObjectDef>, DdfError> {
    parser::parse(xml, limits)
}

impl Models {
    /// Adds the objects that a definition file defines, in place of equal versions, and returns them.
    ///
    /// # Errors
    /// As [`parse`] with the default [`Limits`]; nothing is added then.
    pub fn load_xml(&mut self, xml: impl AsRef<[u8]>) -> Result<Vec<ObjectDef>, DdfError> {
        let defs = parse(xml.as_ref(), &Limits::default())?;
        self.extend(defs.iter().cloned());
        Ok(defs)
    }
}

#[cfg(test)]
mod tests;
