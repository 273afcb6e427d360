use bytes::Bytes;
use coap_codec::{Block, BlockSize, OptionNumber, OptionsBuf, Response};
use sansio::{Instant, TimerId};

use super::asked::{Asked, CacheKey};
use crate::hash::Hasher;
use crate::peer::PeerState;
use crate::shared::{Shared, TimerKind};

/// A body that the peer fetches in blocks (Block2, RFC 7959 §2.4), or an answer that is withheld
/// until the peer has proven its address.
#[derive(Debug)]
pub(crate) struct Download {
    serial: u64,
    key: CacheKey,
    response: Response,
    withheld: bool,
    timer: TimerId,
}

/// What of a response goes into one message.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) options: OptionsBuf,
    pub(crate) payload: Bytes,
}

impl PeerState {
    /// Cuts out the block that was asked for, or the first, and keeps the whole when there is more.
    /// `None` when the block lies past the end.
    pub(crate) fn cut(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        key: CacheKey,
        asked: Option<Block>,
        response: Response,
    ) -> Option<Cut> {
        let total = response.payload.len();
        let options = response.options.encoded_len();
        let wanted = self.block_size(cx, options);
        let size = asked.map_or(wanted, |block| block.size().min(wanted));
        if asked.is_none() && self.fits_whole(cx, options, total) {
            return Some(Cut {
                options: response.options,
                payload: response.payload,
            });
        }
        let offset = asked.map_or(0, Block::offset);
        if offset > 0 && offset >= total {
            return None;
        }
        let end = offset.saturating_add(size.bytes()).min(total);
        let more = end < total;
        let block = block_at(offset, more, size)?;
        let mut response = response;
        if (more || offset > 0) && response.options.as_options().etag().is_none() {
            // Eight bytes fit into an option.
            let etag = etag(cx, &response);
            let _ = response.options.set(OptionNumber::ETAG, &etag);
        }
        let mut options = response.options.clone();
        options.set_block(OptionNumber::BLOCK2, block);
        if offset == 0 && more {
            let total = u32::try_from(total).unwrap_or(u32::MAX);
            options.set_uint(OptionNumber::SIZE2, total);
        }
        let payload = response.payload.slice(offset..end);
        if more || offset > 0 {
            self.keep(cx, now, key, response, more);
        }
        Some(Cut { options, payload })
    }

    /// Keeps a body for the requests to come; one that is kept already is kept for longer.
    fn keep(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        key: CacheKey,
        response: Response,
        more: bool,
    ) {
        let known = self
            .downloads
            .iter()
            .find(|download| !download.withheld && key.continues(download.key));
        if let Some(download) = known {
            let etag =
                |response: &Response| response.options.as_options().etag().map(<[u8]>::to_vec);
            if etag(&download.response) == etag(&response) {
                cx.wheel.reset(download.timer, now + cx.config.body_timeout);
                return;
            }
            let serial = download.serial;
            self.drop_download(cx, serial);
        }
        if more {
            self.store(cx, now, key, response, false);
        }
    }

    /// Keeps the answer to a request that must not be carried out again, until it comes again with
    /// a proof of the address.
    pub(crate) fn withhold(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        key: CacheKey,
        response: Response,
    ) {
        self.store(cx, now, key, response, true);
    }

    fn store(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        key: CacheKey,
        response: Response,
        withheld: bool,
    ) {
        if self.downloads.len() >= cx.config.limits.downloads_per_peer.max(1)
            && let Some(oldest) = self.downloads.first().map(|download| download.serial)
        {
            self.evict_download(cx, oldest);
        }
        let serial = cx.serial();
        let timer = self.timer(TimerKind::Download(serial));
        let len = response.payload.len();
        self.downloads.push(Download {
            serial,
            key,
            response,
            withheld,
            timer: cx.wheel.set(now + cx.config.body_timeout, timer),
        });
        cx.downloads_order.push_back((self.peer, serial));
        cx.tables.downloads = cx.tables.downloads.saturating_add(1);
        cx.tables.download_bytes = cx.tables.download_bytes.saturating_add(len);
    }

    /// The body of which a request asks a later block.
    pub(crate) fn stored(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        asked: &Asked,
    ) -> Option<Response> {
        let download = self
            .downloads
            .iter()
            .rev()
            .find(|download| !download.withheld && asked.key.continues(download.key))?;
        cx.wheel.reset(download.timer, now + cx.config.body_timeout);
        Some(download.response.clone())
    }

    /// The answer that was withheld from this very request.
    pub(crate) fn take_withheld(&mut self, cx: &mut Shared, asked: &Asked) -> Option<Response> {
        let download = self
            .downloads
            .iter()
            .find(|download| download.withheld && download.key == asked.key)?;
        let (serial, response) = (download.serial, download.response.clone());
        self.drop_download(cx, serial);
        Some(response)
    }

    pub(crate) fn has_download(&self, serial: u64) -> bool {
        self.downloads
            .iter()
            .any(|download| download.serial == serial)
    }

    /// Drops a body before its time.
    pub(crate) fn evict_download(&mut self, cx: &mut Shared, serial: u64) {
        if self.has_download(serial) {
            cx.stats.bodies_evicted = cx.stats.bodies_evicted.wrapping_add(1);
            self.drop_download(cx, serial);
        }
    }

    #[cfg(test)]
    pub(crate) fn download_bytes(&self) -> usize {
        let kept = self.downloads.iter();
        kept.map(|download| download.response.payload.len()).sum()
    }

    pub(crate) fn drop_download(&mut self, cx: &mut Shared, serial: u64) {
        if let Some(index) = self
            .downloads
            .iter()
            .position(|download| download.serial == serial)
        {
            // The others stay in the order of their coming.
            let download = self.downloads.remove(index);
            let len = download.response.payload.len();
            cx.wheel.cancel(download.timer);
            cx.tables.downloads = cx.tables.downloads.saturating_sub(1);
            cx.tables.download_bytes = cx.tables.download_bytes.saturating_sub(len);
        }
    }

    pub(crate) fn clear_downloads(&mut self, cx: &mut Shared) {
        while let Some(serial) = self.downloads.last().map(|download| download.serial) {
            self.drop_download(cx, serial);
        }
    }
}

/// The block of `size` at `offset`; `None` when its number has no room.
pub(crate) fn block_at(offset: usize, more: bool, size: BlockSize) -> Option<Block> {
    let num = offset.checked_div(size.bytes())?;
    Block::new(u32::try_from(num).ok()?, more, size)
}

/// An entity-tag that follows from the body, so that a body made anew for a later block has the same.
fn etag(cx: &Shared, response: &Response) -> [u8; 8] {
    let mut hasher = Hasher::new(cx.hash_key);
    let options = response.options.as_options();
    let format = options
        .get(OptionNumber::CONTENT_FORMAT)
        .unwrap_or_default();
    hasher.write_piece(OptionNumber::CONTENT_FORMAT.0, format);
    hasher.write(&[response.code.0]);
    hasher.write(&response.payload);
    hasher.finish().to_be_bytes()
}
