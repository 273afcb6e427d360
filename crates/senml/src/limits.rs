//! How much a peer may send.

/// How deep values of unknown labels may nest before they are refused. Known labels do not nest.
pub const MAX_DEPTH: usize = 16;

/// How much a reader accepts. Readers copy and reserve nothing, so these bound the caller's work.
///
/// ```
/// let mut limits = senml::Limits::default();
/// limits.records = 100;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one payload. Default: 1 048 576.
    pub len: usize,
    /// Records of one pack. Default: 65 536.
    pub records: usize,
    /// Bytes of one name, base name and name together. Default: 255.
    pub name_len: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            len: 1 << 20,
            records: 1 << 16,
            name_len: 255,
        }
    }
}
