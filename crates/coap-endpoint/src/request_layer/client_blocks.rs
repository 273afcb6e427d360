use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use coap_codec::{Block, BlockSize, Code, Message, OptionNumber, OptionsBuf, Response, Type};
use sansio::Instant;

use super::asked::is_read;
use super::client::{ClientRequest, Outstanding, Progress, TooLarge, smaller};
use super::download::block_at;
use crate::Failure;
use crate::peer::PeerState;
use crate::shared::Shared;

/// What a message of a request is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// The whole request.
    Whole,
    /// A block of its body.
    Upload {
        offset: usize,
        len: usize,
        more: bool,
        size: BlockSize,
    },
    /// Asks for the block of the answer's body at `offset`.
    Fetch { offset: usize, size: BlockSize },
    /// Ends an observation.
    Deregister,
}

/// The sending of a body in blocks (Block1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upload {
    /// Whether it was begun anew because the peer had lost it.
    restarted: bool,
}

/// The body of an answer, as far as it has come (Block2).
#[derive(Debug)]
pub(crate) struct Download {
    code: Code,
    options: OptionsBuf,
    body: Vec<u8>,
}

impl PeerState {
    /// How a request begins: whole, or with the first block of its body.
    pub(crate) fn first_step(&self, cx: &mut Shared, running: &mut ClientRequest) -> Step {
        let options = running.request.options.encoded_len();
        if self.fits_whole(cx, options, running.request.payload.len()) {
            return Step::Whole;
        }
        let size = self.block_size(cx, options);
        let twin = self.requests.iter().any(|other| {
            other.upload.is_some()
                && other.request.code == running.request.code
                && other.request.options == running.request.options
        });
        if twin {
            running.request_tag = Some(cx.rng.next_u32().to_be_bytes());
        }
        running.upload = Some(Upload { restarted: false });
        upload_step(running, 0, size)
    }

    /// Adds to `options` what the step needs, and returns its payload.
    pub(crate) fn describe_step(
        &self,
        cx: &Shared,
        running: &ClientRequest,
        step: Step,
        options: &mut OptionsBuf,
    ) -> Bytes {
        let payload = &running.request.payload;
        if let Some(tag) = &running.request_tag {
            // Four bytes fit into an option.
            let _ = options.insert(OptionNumber::REQUEST_TAG, tag);
        }
        match step {
            Step::Whole => {
                // The options of an answer are few.
                let size = self.block_size(cx, 0);
                if size < BlockSize::B1024 && is_read(running.request.code) {
                    // Asks at once for what fits (RFC 7959 §2.4, early negotiation).
                    options.set_block(OptionNumber::BLOCK2, Block::first(size));
                }
                payload.clone()
            }
            Step::Upload {
                offset,
                len,
                more,
                size,
            } => {
                if let Some(block) = block_at(offset, more, size) {
                    options.set_block(OptionNumber::BLOCK1, block);
                }
                if offset == 0 {
                    let total = u32::try_from(payload.len()).unwrap_or(u32::MAX);
                    options.set_uint(OptionNumber::SIZE1, total);
                }
                payload.slice(offset..offset.saturating_add(len).min(payload.len()))
            }
            Step::Fetch { offset, size } => {
                // "the client retrieves the remaining blocks … with a request that does not
                // have an Observe Option" (RFC 7959 §2.6)
                options.remove(OptionNumber::OBSERVE);
                if let Some(block) = block_at(offset, false, size) {
                    options.set_block(OptionNumber::BLOCK2, block);
                }
                match running.request.code == Code::FETCH && running.upload.is_none() {
                    true => payload.clone(),
                    false => Bytes::new(),
                }
            }
            Step::Deregister => {
                options.set_uint(OptionNumber::OBSERVE, 1);
                match running.upload.is_none() {
                    true => payload.clone(),
                    false => Bytes::new(),
                }
            }
        }
    }

    /// The answer to the message `sent` has come.
    pub(crate) fn advance(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        sent: Outstanding,
        message: &Message<'_>,
    ) -> Progress {
        let crossing =
            message.ty() != Type::Acknowledgement && message.options().observe().is_some();
        if sent.step == Step::Deregister && crossing {
            // A notification that crossed our wish.
            return Progress::Runs;
        }
        self.stop_waiting(cx, running);
        if Self::accept_challenge(running, message) {
            return self.step(cx, now, running, sent.step);
        }
        let (block1, block2) = match blocks(message) {
            Ok(blocks) => blocks,
            Err(failure) => return self.fail(cx, running, failure),
        };
        match sent.step {
            Step::Deregister => {
                running.observation = None;
                running.answered = false;
                self.conclude(cx, now, running, sent, message, block2)
            }
            Step::Fetch { offset, size } => {
                self.fetched(cx, now, running, message, block2, (offset, size))
            }
            Step::Whole => {
                let size = self.block_size(cx, running.request.options.encoded_len());
                let retry = smaller(size, block1);
                if message.code() == Code::REQUEST_ENTITY_TOO_LARGE
                    && block1.is_some()
                    && running.request.payload.len() > retry.bytes()
                {
                    running.upload = Some(Upload { restarted: false });
                    return self.step(cx, now, running, upload_step(running, 0, retry));
                }
                self.conclude(cx, now, running, sent, message, block2)
            }
            Step::Upload {
                offset,
                len,
                more,
                size,
            } => {
                let smaller = smaller(size, block1);
                match message.code() {
                    // Too large a block, not too large a body.
                    Code::REQUEST_ENTITY_TOO_LARGE if offset == 0 && smaller < size => {
                        self.step(cx, now, running, upload_step(running, 0, smaller))
                    }
                    Code::REQUEST_ENTITY_INCOMPLETE => {
                        self.restart_upload(cx, now, running, sent, message, size)
                    }
                    code if code.is_success() && more => {
                        // The block that is acknowledged is counted in the size it was sent in.
                        let num = block_at(offset, more, size).map(Block::num);
                        if block1.map(Block::num) != num || num.is_none() {
                            return self.fail(cx, running, Failure::BlockMismatch);
                        }
                        let next = offset.saturating_add(len);
                        self.step(cx, now, running, upload_step(running, next, smaller))
                    }
                    _ => self.conclude(cx, now, running, sent, message, block2),
                }
            }
        }
    }

    /// 4.08: the peer has lost the blocks before. Once, the body is sent again, as another one.
    fn restart_upload(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        sent: Outstanding,
        message: &Message<'_>,
        size: BlockSize,
    ) -> Progress {
        match &mut running.upload {
            Some(upload) if !upload.restarted => {
                upload.restarted = true;
                running.request_tag = Some(cx.rng.next_u32().to_be_bytes());
                self.step(cx, now, running, upload_step(running, 0, size))
            }
            Some(_) | None => self.conclude(cx, now, running, sent, message, None),
        }
    }

    fn step(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        step: Step,
    ) -> Progress {
        match self.send_step(cx, now, running, step) {
            Ok(()) => Progress::Runs,
            Err(TooLarge) => self.fail(cx, running, Failure::BadOption),
        }
    }

    /// The request is done with; its answer has come, or begins to come.
    fn conclude(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        sent: Outstanding,
        message: &Message<'_>,
        block2: Option<Block>,
    ) -> Progress {
        if message.code() == Code::CONTINUE {
            return self.fail(cx, running, Failure::BlockMismatch);
        }
        if sent.step != Step::Deregister {
            self.begin_observation(now, running, sent.token, message);
        }
        self.take_body(cx, now, running, message, block2)
    }

    /// Tells a body that came whole, or fetches the rest of it.
    pub(crate) fn take_body(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        message: &Message<'_>,
        block2: Option<Block>,
    ) -> Progress {
        let payload = message.payload();
        let announced = message.options().size2().unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if payload.len() > running.max_body || announced > running.max_body {
            return self.fail(cx, running, Failure::BodyTooLarge);
        }
        let Some(block) = block2.filter(|block| block.num() > 0 || block.more()) else {
            running.download = None;
            return self.tell(
                cx,
                running,
                response(message, Bytes::copy_from_slice(payload)),
            );
        };
        if block.num() > 0 || payload.len() != block.size().bytes() {
            return self.fail(cx, running, Failure::BlockMismatch);
        }
        running.download = Some(Box::new(Download {
            code: message.code(),
            options: message.options().into(),
            body: payload.to_vec(),
        }));
        self.fetch(cx, now, running, payload.len(), block.size())
    }

    fn fetch(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        offset: usize,
        size: BlockSize,
    ) -> Progress {
        let wanted = self.block_size(cx, running.request.options.encoded_len());
        let mut size = size.min(wanted);
        // The offset stays a multiple of the size: both are powers of two, and the offset one of
        // the larger.
        if block_at(offset, false, size).is_none() {
            size = BlockSize::B1024;
        }
        if block_at(offset, false, size).is_none() {
            return self.fail(cx, running, Failure::BodyTooLarge);
        }
        self.step(cx, now, running, Step::Fetch { offset, size })
    }

    /// A block that was asked for has come.
    fn fetched(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        message: &Message<'_>,
        block2: Option<Block>,
        (offset, size): (usize, BlockSize),
    ) -> Progress {
        let code = message.code();
        if !code.is_success() {
            return self.fail(cx, running, Failure::BlockRefused(code));
        }
        let Some(mut download) = running.download.take() else {
            // The download was begun anew.
            return self.take_body(cx, now, running, message, block2);
        };
        let Some(block) = block2.filter(|block| block.offset() == offset && block.size() <= size)
        else {
            return self.fail(cx, running, Failure::BlockMismatch);
        };
        let (head, options) = (download.options.as_options(), message.options());
        if code != download.code
            || head.etag() != options.etag()
            || head.content_format() != options.content_format()
        {
            // Another body than the one that was begun.
            let again = matches!(running.request.code, Code::GET | Code::FETCH);
            if !again || running.restarts >= cx.config.body_restarts {
                return self.fail(cx, running, Failure::BlockMismatch);
            }
            running.restarts = running.restarts.saturating_add(1);
            return self.fetch(cx, now, running, 0, size);
        }
        let payload = message.payload();
        let full = block.size().bytes();
        if payload.len() > full || (block.more() && payload.len() != full) {
            return self.fail(cx, running, Failure::BlockMismatch);
        }
        if download.body.len().saturating_add(payload.len()) > running.max_body {
            return self.fail(cx, running, Failure::BodyTooLarge);
        }
        download.body.extend_from_slice(payload);
        if block.more() {
            let next = download.body.len();
            running.download = Some(download);
            return self.fetch(cx, now, running, next, block.size());
        }
        let mut whole = Response {
            code: download.code,
            options: download.options,
            payload: download.body.into(),
        };
        strip(&mut whole.options);
        self.tell(cx, running, whole)
    }
}

/// The next block of the body of a request.
fn upload_step(running: &ClientRequest, offset: usize, size: BlockSize) -> Step {
    let rest = running.request.payload.len().saturating_sub(offset);
    Step::Upload {
        offset,
        len: rest.min(size.bytes()),
        more: rest > size.bytes(),
        size,
    }
}

type Blocks = (Option<Block>, Option<Block>);

fn blocks(message: &Message<'_>) -> Result<Blocks, Failure> {
    let options = message.options();
    let block1 = options.block1().transpose();
    let block2 = options.block2().transpose();
    match (block1, block2) {
        (Ok(block1), Ok(block2)) => Ok((block1, block2)),
        (Err(_), _) | (_, Err(_)) => Err(Failure::BadOption),
    }
}

/// The response for the user, without the options that this layer has dealt with.
pub(crate) fn response(message: &Message<'_>, payload: Bytes) -> Response {
    let mut response = Response {
        code: message.code(),
        options: message.options().into(),
        payload,
    };
    strip(&mut response.options);
    response
}

fn strip(options: &mut OptionsBuf) {
    for number in [
        OptionNumber::BLOCK1,
        OptionNumber::BLOCK2,
        OptionNumber::SIZE2,
    ] {
        options.remove(number);
    }
}

/// The Block2 of a notification, if it can be read.
pub(crate) fn block2(message: &Message<'_>) -> Result<Option<Block>, Failure> {
    blocks(message).map(|(_, block2)| block2)
}
