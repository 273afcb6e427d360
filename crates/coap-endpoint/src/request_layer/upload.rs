use alloc::vec::Vec;

use bytes::Bytes;
use coap_codec::{Block, Code, ContentFormat, Message, OptionNumber, Response};
use sansio::{Instant, TimerId};

use super::asked::Asked;
use crate::peer::PeerState;
use crate::shared::{Shared, TimerKind};

/// A body that the peer is sending us in blocks (Block1, RFC 7959 §2.5).
#[derive(Debug)]
pub(crate) struct Upload {
    serial: u64,
    target: u64,
    format: Option<ContentFormat>,
    body: Vec<u8>,
    timer: TimerId,
}

/// What came of a request's payload.
pub(crate) enum Assembly {
    /// The body is complete.
    Whole(Bytes),
    /// It is not, and this is to be answered.
    Answer(Response),
}

impl PeerState {
    /// Puts the block of a request to those that came before.
    pub(crate) fn assemble(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        message: &Message<'_>,
        asked: &Asked,
    ) -> Assembly {
        let payload = message.payload();
        let Some(block) = asked.block1 else {
            return Assembly::Whole(Bytes::copy_from_slice(payload));
        };
        // Every block but the last is full, and no block is more than full.
        let size = block.size().bytes();
        if payload.len() > size || (block.more() && payload.len() != size) {
            return self.abandon(cx, asked, Response::new(Code::BAD_REQUEST));
        }
        let max = cx.config.body_max;
        let end = block.offset().saturating_add(payload.len());
        let announced = message.options().size1().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if end > max || (block.num() == 0 && announced > max) {
            return self.abandon(cx, asked, too_large(max));
        }
        if block.num() == 0 {
            // A first block begins anew; what came for the same target before is void.
            self.drop_upload_of(cx, asked.key.target);
            if !block.more() {
                return Assembly::Whole(Bytes::copy_from_slice(payload));
            }
            self.begin_upload(cx, now, message, asked);
            return self.go_on(cx, message, block);
        }
        let format = message.options().content_format();
        let Some(upload) = self
            .uploads
            .iter_mut()
            .find(|upload| upload.target == asked.key.target)
        else {
            return Assembly::Answer(Response::new(Code::REQUEST_ENTITY_INCOMPLETE));
        };
        if upload.format != format {
            return self.abandon(cx, asked, Response::new(Code::REQUEST_ENTITY_INCOMPLETE));
        }
        if block.offset() != upload.body.len() {
            // The last block once more, in a new message: its answer may have been lost.
            let repeated = block.more()
                && end == upload.body.len()
                && upload.body.get(block.offset()..) == Some(payload);
            return match repeated {
                true => self.go_on(cx, message, block),
                false => Assembly::Answer(Response::new(Code::REQUEST_ENTITY_INCOMPLETE)),
            };
        }
        upload.body.extend_from_slice(payload);
        cx.tables.upload_bytes = cx.tables.upload_bytes.saturating_add(payload.len());
        if !block.more() {
            let body = core::mem::take(&mut upload.body);
            cx.tables.upload_bytes = cx.tables.upload_bytes.saturating_sub(body.len());
            self.drop_upload_of(cx, asked.key.target);
            return Assembly::Whole(body.into());
        }
        cx.wheel.reset(upload.timer, now + cx.config.body_timeout);
        self.go_on(cx, message, block)
    }

    fn abandon(&mut self, cx: &mut Shared, asked: &Asked, response: Response) -> Assembly {
        self.drop_upload_of(cx, asked.key.target);
        Assembly::Answer(response)
    }

    fn begin_upload(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        message: &Message<'_>,
        asked: &Asked,
    ) {
        if self.uploads.len() >= cx.config.limits.uploads_per_peer.max(1)
            && let Some(oldest) = self.uploads.first().map(|upload| upload.serial)
        {
            self.evict_upload(cx, oldest);
        }
        let serial = cx.serial();
        let timer = self.timer(TimerKind::Upload(serial));
        self.uploads.push(Upload {
            serial,
            target: asked.key.target,
            format: message.options().content_format(),
            body: message.payload().to_vec(),
            timer: cx.wheel.set(now + cx.config.body_timeout, timer),
        });
        cx.uploads_order.push_back((self.peer, serial));
        cx.tables.uploads = cx.tables.uploads.saturating_add(1);
        cx.tables.upload_bytes = cx
            .tables
            .upload_bytes
            .saturating_add(message.payload().len());
    }

    /// 2.31, asking for smaller blocks when these are larger than we like.
    fn go_on(&self, cx: &Shared, message: &Message<'_>, block: Block) -> Assembly {
        let wanted = self.block_size(cx, message.options().as_bytes().len());
        let size = block.size().min(wanted);
        let echoed = Block::new(block.num(), true, size).unwrap_or(block);
        Assembly::Answer(Response::new(Code::CONTINUE).block1(echoed))
    }

    pub(crate) fn has_upload(&self, serial: u64) -> bool {
        self.uploads.iter().any(|upload| upload.serial == serial)
    }

    /// Drops a body before its time.
    pub(crate) fn evict_upload(&mut self, cx: &mut Shared, serial: u64) {
        if self.has_upload(serial) {
            cx.stats.bodies_evicted = cx.stats.bodies_evicted.wrapping_add(1);
            self.drop_upload(cx, serial);
        }
    }

    #[cfg(test)]
    pub(crate) fn upload_bytes(&self) -> usize {
        self.uploads.iter().map(|upload| upload.body.len()).sum()
    }

    fn drop_upload_of(&mut self, cx: &mut Shared, target: u64) {
        let known = self.uploads.iter().find(|upload| upload.target == target);
        if let Some(serial) = known.map(|upload| upload.serial) {
            self.drop_upload(cx, serial);
        }
    }

    pub(crate) fn drop_upload(&mut self, cx: &mut Shared, serial: u64) {
        if let Some(index) = self
            .uploads
            .iter()
            .position(|upload| upload.serial == serial)
        {
            // The others stay in the order of their coming.
            let upload = self.uploads.remove(index);
            cx.wheel.cancel(upload.timer);
            cx.tables.uploads = cx.tables.uploads.saturating_sub(1);
            cx.tables.upload_bytes = cx.tables.upload_bytes.saturating_sub(upload.body.len());
        }
    }

    pub(crate) fn clear_uploads(&mut self, cx: &mut Shared) {
        while let Some(serial) = self.uploads.last().map(|upload| upload.serial) {
            self.drop_upload(cx, serial);
        }
    }
}

/// 4.13 with the largest body that would do.
fn too_large(max: usize) -> Response {
    let mut response = Response::new(Code::REQUEST_ENTITY_TOO_LARGE);
    let max = u32::try_from(max).unwrap_or(u32::MAX);
    response.options.insert_uint(OptionNumber::SIZE1, max);
    response
}
