use alloc::boxed::Box;

use super::{ContentType, Record};
use crate::cid::Cid;

/// A record that is put aside, to be opened later or by other keys.
pub(crate) struct Kept {
    content_type: ContentType,
    epoch: u16,
    sequence: u64,
    cid: Cid,
    fragment: Box<[u8]>,
}

impl Kept {
    pub(crate) fn new(record: &Record<'_>) -> Option<Self> {
        Some(Self {
            content_type: record.content_type,
            epoch: record.epoch,
            sequence: record.sequence,
            cid: Cid::new(record.cid)?,
            fragment: (&*record.fragment).into(),
        })
    }

    pub(crate) fn as_record(&mut self) -> Record<'_> {
        Record {
            content_type: self.content_type,
            epoch: self.epoch,
            sequence: self.sequence,
            cid: self.cid.as_slice(),
            fragment: &mut self.fragment,
        }
    }
}
