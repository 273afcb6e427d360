use core::fmt;

/// A connection id of up to 16 bytes.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct Cid {
    len: u8,
    bytes: [u8; MAX_CID],
}

/// The longest id that is used here. Peers may want up to 255 bytes; they then do without.
pub(crate) const MAX_CID: usize = 16;

impl Cid {
    pub(crate) const EMPTY: Self = Self {
        len: 0,
        bytes: [0; MAX_CID],
    };

    pub(crate) fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_CID];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self {
            len: u8::try_from(id.len()).ok()?,
            bytes,
        })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_slice() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
