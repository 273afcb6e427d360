//! How much one payload may hold.

/// How much one payload may hold, as a few of its bytes can become a node of many.
///
/// ```
/// use lwm2m_model::{Context, Models, payload::Limits};
///
/// let models = Models::builtin();
/// let mut limits = Limits::default();
/// limits.entries = 500;
/// let small = Context::new(&models).with_limits(limits);
/// # assert_eq!(small.limits.entries, 500);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// TLV entries of all levels together, or SenML records. One more is
    /// [`PayloadErrorKind::TooManyEntries`](super::PayloadErrorKind::TooManyEntries). Default 16 384.
    pub entries: usize,
    /// Quirks that are told of one payload; the last one of more is [`QuirkKind::More`](super::QuirkKind::More).
    /// Default 256.
    pub quirks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 16_384,
            quirks: 256,
        }
    }
}
