//! White space of relaxed bodies (3.4.4 a): none at line ends, one SP for every other run.
//!
//! The rule needs no look back: an octet of white space is dropped if white space or CRLF follows it, else it is written
//! as SP. So only a TAB, and a SP before SP, TAB or CR, make work. They are searched 64 octets at a time, in plain loops
//! over arrays that compile to vector instructions; what lies between is copied 64 octets at a time, and long runs of
//! octets without white space (base64) are not copied at all.

use memchr::memchr2;

/// Octets collected before the sink gets them.
const BLOCK: usize = 4 * 1024;
/// Octets searched at once, one bit each.
const WINDOW: usize = 64;
/// Octets squeezed in one go: first all is searched, then all is copied, which the processor likes better than turns.
const STRETCH: usize = 1024;
/// A stretch, what decides about its last octets, and what a copy from there takes along.
const VIEW: usize = STRETCH + 2 * WINDOW;
/// Octets without white space that go to the sink directly rather than through the block.
const DIRECT: usize = 256;

/// Squeezes the white space of a stream of chunks.
pub(super) struct Squeeze {
    held: Held,
    /// `BLOCK` octets, and room for one stretch more.
    block: Vec<u8>,
    /// Octets of `block` in use; at most `BLOCK` between stretches.
    filled: usize,
}

/// The end of the last chunk, where the next chunk decides what becomes of it. Earlier white space before it is gone.
#[derive(Clone, Copy)]
enum Held {
    Nothing,
    /// SP or TAB.
    Blank,
    /// SP or TAB, then CR.
    BlankCr,
}

impl Squeeze {
    pub(super) fn new() -> Self {
        Self { held: Held::Nothing, block: vec![0; BLOCK + VIEW], filled: 0 }
    }

    pub(super) fn push(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        if chunk.is_empty() {
            return;
        }
        if let (Held::Blank, b"\r") = (self.held, chunk) {
            self.held = Held::BlankCr;
            return;
        }
        self.write_held(chunk, sink);
        let (held, held_len) = match chunk {
            [.., b' ' | b'\t'] => (Held::Blank, 1),
            [.., b' ' | b'\t', b'\r'] => (Held::BlankCr, 2),
            _ => (Held::Nothing, 0),
        };
        self.held = held;
        self.squeeze(chunk, chunk.len() - held_len, sink);
    }

    /// The body has ended, which ends its last line too: white space there goes.
    pub(super) fn finish(mut self, sink: &mut impl FnMut(&[u8])) {
        if let Held::BlankCr = self.held {
            self.write(b" \r", sink);
        }
        self.flush(sink);
    }

    /// Decides about the end of the last chunk, now that its continuation is here.
    fn write_held(&mut self, next: &[u8], sink: &mut impl FnMut(&[u8])) {
        match (self.held, next) {
            (Held::Nothing, _) | (Held::Blank, [b' ' | b'\t', ..] | [b'\r', b'\n', ..]) => {}
            (Held::Blank, _) => self.write(b" ", sink),
            (Held::BlankCr, [b'\n', ..]) => self.write(b"\r", sink),
            (Held::BlankCr, _) => self.write(b" \r", sink),
        }
    }

    /// Squeezes the octets before `end`; those behind are only looked at.
    fn squeeze(&mut self, chunk: &[u8], end: usize, sink: &mut impl FnMut(&[u8])) {
        let mut rest = chunk.get(..end).unwrap_or(chunk);
        let mut behind = chunk;
        while !rest.is_empty() {
            let clean = memchr2(b' ', b'\t', rest).unwrap_or(rest.len());
            let len = if clean >= DIRECT { clean } else { rest.len().min(STRETCH) };
            let (stretch, later) = rest.split_at_checked(len).unwrap_or((rest, b""));
            if clean >= DIRECT {
                self.flush(sink);
                sink(stretch);
            } else {
                self.squeeze_stretch(behind, len, sink);
            }
            rest = later;
            behind = behind.get(len..).unwrap_or_default();
        }
    }

    /// Squeezes the first `count` octets, at most `STRETCH`.
    fn squeeze_stretch(&mut self, octets: &[u8], count: usize, sink: &mut impl FnMut(&[u8])) {
        if let Some(target) = self.block.get_mut(self.filled..).and_then(|rest| rest.first_chunk_mut()) {
            self.filled += match octets.first_chunk() {
                Some(view) => squeeze(view, count, target),
                None => {
                    let mut view = [0; VIEW];
                    if let Some(start) = view.get_mut(..octets.len()) {
                        start.copy_from_slice(octets);
                    }
                    squeeze(&view, count, target)
                }
            };
        }
        if self.filled > BLOCK {
            self.flush(sink);
        }
    }

    fn write(&mut self, octets: &[u8], sink: &mut impl FnMut(&[u8])) {
        self.flush(sink);
        sink(octets);
    }

    fn flush(&mut self, sink: &mut impl FnMut(&[u8])) {
        if self.filled > 0 {
            sink(self.block.get(..self.filled).unwrap_or_default());
            self.filled = 0;
        }
    }
}

/// Writes the first `count` octets, squeezed, and returns how many that are.
fn squeeze(view: &[u8; VIEW], count: usize, target: &mut [u8; VIEW]) -> usize {
    let mut work = [0_u64; STRETCH / WINDOW];
    for (index, work) in work.iter_mut().enumerate().take(count.div_ceil(WINDOW)) {
        *work = view.get(index * WINDOW..).and_then(|rest| rest.first_chunk()).map_or(0, places_of_work);
    }
    let mut from = 0;
    let mut len = 0;
    for (index, mut work) in work.into_iter().enumerate() {
        while work != 0 {
            let at = index * WINDOW + work.trailing_zeros() as usize;
            if at >= count {
                break;
            }
            len = copy(view, from, at, target, len);
            if !is_dropped(view, at) {
                if let Some(space) = target.get_mut(len) {
                    *space = b' ';
                }
                len += 1;
            }
            from = at + 1;
            work &= work - 1;
        }
    }
    copy(view, from, count, target, len)
}

/// Appends `view[from..end]` to the first `len` octets of `target`, and returns their number then. Copies are of one
/// size, which is fast; the surplus is overwritten by what comes next.
#[inline(always)]
fn copy(view: &[u8; VIEW], mut from: usize, end: usize, target: &mut [u8; VIEW], len: usize) -> usize {
    let new_len = len + (end - from);
    let mut to = len;
    while to < new_len {
        let source = view.get(from..).and_then(|rest| rest.first_chunk::<WINDOW>());
        let target = target.get_mut(to..).and_then(|rest| rest.first_chunk_mut::<WINDOW>());
        if let (Some(source), Some(target)) = (source, target) {
            *target = *source;
        }
        from += WINDOW;
        to += WINDOW;
    }
    new_len
}

/// One bit for each octet of the window, the first one lowest, that is a TAB, or a SP before a SP or control character.
#[inline(always)]
fn places_of_work(view: &[u8; WINDOW + 1]) -> u64 {
    let mut found = [0_u8; WINDOW];
    for ((found, &octet), &next) in found.iter_mut().zip(view).zip(view.iter().skip(1)) {
        *found = u8::from((octet == b'\t') | ((octet == b' ') & (next <= b' ')));
    }
    let (eights, _) = found.as_chunks::<8>();
    let mut bits = 0;
    for (index, eight) in eights.iter().enumerate() {
        // Moves the lowest bit of octet n to bit n of the topmost octet.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= gathered << (8 * index);
    }
    bits
}

/// Whether the white space at `at` is dropped rather than written as SP.
#[inline(always)]
fn is_dropped(view: &[u8; VIEW], at: usize) -> bool {
    matches!(view.get(at + 1..), Some([b' ' | b'\t', ..] | [b'\r', b'\n', ..]))
}
