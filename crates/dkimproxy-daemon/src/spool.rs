//! Where a message waits for its end: memory up to a size, then an unlinked file.
//!
//! File input and output block the thread, on purpose: pieces are large, the folder is meant to be a local one, and what
//! is written stays in the page cache for the seconds until it is read again. A hand-over to a helper thread per piece
//! costs more than the copy. Nothing is synced: the file is gone with the process anyway, and the client still has the
//! message until the relay has taken it.

use std::{
    fs::File,
    io::{self, Write},
    ops::Range,
    os::unix::fs::FileExt,
    path::PathBuf,
    vec,
};
use thiserror::Error;

/// Octets that are read from or written to the file at a time, and kept together in memory. Larger ones the allocator would
/// take from the system and give back, each time, and the system would clear them, page by page: that costs more than all
/// copying.
const PIECE: usize = 64 * 1024;

/// Why a message cannot be read back with the given cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CutError {
    /// Begins before the one before it has ended, or ends before it begins.
    #[error("cuts are not ascending and disjoint")]
    Order,
    /// Ends behind the end of the message.
    #[error("a cut ends at octet {end} of a message of {len}")]
    Beyond {
        /// End of the cut.
        end: u64,
        /// Length of the message.
        len: u64,
    },
}

/// A message as it comes in.
#[derive(Debug)]
pub struct Spool {
    /// All octets so far, or, if there is a file, those not yet written to it. All but the last are full pieces.
    memory: Vec<Vec<u8>>,
    in_memory: usize,
    file: Option<File>,
    written: u64,
    limit: usize,
    dir: PathBuf,
}

impl Spool {
    /// An empty spool that keeps up to `limit` octets in memory, and beyond that uses a file in `dir`.
    pub fn new(limit: usize, dir: impl Into<PathBuf>) -> Self {
        Self { memory: Vec::new(), in_memory: 0, file: None, written: 0, limit, dir: dir.into() }
    }

    /// Octets pushed.
    pub fn len(&self) -> u64 {
        self.written + self.in_memory as u64
    }

    /// True if nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `chunk`.
    ///
    /// # Errors
    ///
    /// The file cannot be made or written (disk full); the spool is of no use any more.
    pub fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        let threshold = if self.file.is_some() { PIECE } else { self.limit };
        if self.in_memory + chunk.len() > threshold {
            self.write_out()?;
        }
        match &mut self.file {
            Some(file) if chunk.len() >= PIECE => {
                file.write_all(chunk)?;
                self.written += chunk.len() as u64;
            }
            _ => self.keep(chunk),
        }
        Ok(())
    }

    fn keep(&mut self, mut chunk: &[u8]) {
        self.in_memory += chunk.len();
        while !chunk.is_empty() {
            if self.memory.last().is_none_or(|last| last.len() >= PIECE) {
                // Most messages are small: the first piece grows with them.
                self.memory.push(if self.memory.is_empty() { Vec::new() } else { Vec::with_capacity(PIECE) });
            }
            let Some(last) = self.memory.last_mut() else { return };
            let room = chunk.len().min(PIECE - last.len());
            let (now, later) = chunk.split_at_checked(room).unwrap_or((chunk, &[]));
            last.extend_from_slice(now);
            chunk = later;
        }
    }

    /// Moves what is in memory to the file, which is made if there is none.
    fn write_out(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.dir)?),
        };
        for piece in &self.memory {
            file.write_all(piece)?;
        }
        self.written += self.in_memory as u64;
        self.in_memory = 0;
        self.memory.truncate(1);
        self.memory.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// The message without the octets of `cuts`, in pieces.
    ///
    /// # Errors
    ///
    /// `cuts` are not ascending and disjoint ranges of this message.
    pub fn into_pieces(self, cuts: &[Range<u64>]) -> Result<Pieces, CutError> {
        let keep = complement(cuts, self.len())?;
        Ok(Pieces { spool: self, keep: keep.into_iter(), rest: 0..0, buffer: Vec::new() })
    }

    /// The octets of `range`, which lies either in the file or in one piece in memory.
    fn read<'a>(&'a self, range: Range<u64>, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        if let Some(start) = range.start.checked_sub(self.written) {
            let (start, len) = (start as usize, (range.end - range.start) as usize);
            let piece = self.memory.get(start / PIECE).and_then(|piece| piece.get(start % PIECE..start % PIECE + len));
            return piece.ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let file = self.file.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.resize((range.end - range.start) as usize, 0);
        file.read_exact_at(buffer, range.start)?;
        Ok(buffer)
    }
}

/// The ranges of 0..`len` that `cuts` leave, none of them empty.
fn complement(cuts: &[Range<u64>], len: u64) -> Result<Vec<Range<u64>>, CutError> {
    let mut keep = Vec::with_capacity(cuts.len() + 1);
    let mut at = 0;
    for cut in cuts {
        if cut.start < at || cut.end < cut.start {
            return Err(CutError::Order);
        }
        if cut.end > len {
            return Err(CutError::Beyond { end: cut.end, len });
        }
        keep.push(at..cut.start);
        at = cut.end;
    }
    keep.push(at..len);
    keep.retain(|range| !range.is_empty());
    Ok(keep)
}

/// A complete message, read back piece by piece.
#[derive(Debug)]
pub struct Pieces {
    spool: Spool,
    keep: vec::IntoIter<Range<u64>>,
    /// What is still to come of the range taken last from `keep`.
    rest: Range<u64>,
    buffer: Vec<u8>,
}

impl Pieces {
    /// The next octets, at most 64 KiB; None at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_piece(&mut self) -> io::Result<Option<&[u8]>> {
        if self.rest.is_empty() {
            match self.keep.next() {
                Some(range) => self.rest = range,
                None => return Ok(None),
            }
        }
        let mut end = self.rest.end.min(self.rest.start + PIECE as u64);
        // A piece comes from one place: up to the end of the file, or to the end of a piece in memory.
        let written = self.spool.written;
        end = end.min(match self.rest.start.checked_sub(written) {
            None => written,
            Some(start) => written + (start / PIECE as u64 + 1) * PIECE as u64,
        });
        let piece = self.rest.start..end;
        self.rest.start = end;
        self.spool.read(piece, &mut self.buffer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(limit: usize, chunks: &[Vec<u8>]) -> Spool {
        let mut spool = Spool::new(limit, std::env::temp_dir());
        for chunk in chunks {
            spool.push(chunk).unwrap();
        }
        spool
    }

    fn read_all(mut pieces: Pieces) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = pieces.next_piece().unwrap() {
            assert!(!piece.is_empty() && piece.len() <= PIECE);
            all.extend_from_slice(piece);
        }
        all
    }

    proptest! {
        #[test]
        fn what_went_in_comes_out_without_the_cuts(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            limit in 0_usize..2000,
            mut marks in prop::collection::vec(0_u64..4000, 0..8),
        ) {
            let whole = chunks.concat();
            marks.iter_mut().for_each(|mark| *mark = (*mark).min(whole.len() as u64));
            marks.sort_unstable();
            let cuts: Vec<_> = marks.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect();
            let expected: Vec<u8> = (0_u64..)
                .zip(&whole)
                .filter(|(at, _)| !cuts.iter().any(|cut| cut.contains(at)))
                .map(|(_, &octet)| octet)
                .collect();
            let spool = filled(limit, &chunks);
            prop_assert_eq!(spool.len(), whole.len() as u64);
            prop_assert_eq!(read_all(spool.into_pieces(&cuts).unwrap()), expected);
        }
    }

    #[test]
    fn a_large_message_leaves_memory() {
        let chunk: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        let spool = filled(1000, &vec![chunk.clone(); 20]);
        let capacity: usize = spool.memory.iter().map(Vec::capacity).sum();
        assert!(capacity <= 2 * PIECE, "{capacity} octets in memory");
        assert_eq!(read_all(spool.into_pieces(&[]).unwrap()), chunk.repeat(20));
    }

    #[test]
    fn cuts_may_lie_at_the_ends_of_pieces() {
        let whole: Vec<u8> = (0..300_000_u32).map(|n| (n / 251) as u8).collect();
        let chunks: Vec<Vec<u8>> = whole.chunks(50_001).map(<[u8]>::to_vec).collect();
        let end = PIECE as u64;
        for limit in [0, PIECE, 200_000, 1 << 20] {
            for cut in [end - 1..end, end..end + 1, end - 1..end + 1, 0..2 * end, 2 * end..4 * end + 1, 0..0] {
                let expected = [&whole[..cut.start as usize], &whole[cut.end as usize..]].concat();
                let pieces = filled(limit, &chunks).into_pieces(std::slice::from_ref(&cut)).unwrap();
                assert!(read_all(pieces) == expected, "limit {limit}, cut {cut:?}");
            }
        }
    }

    #[test]
    fn a_small_message_makes_no_file() {
        let spool = filled(4, &[b"ab".to_vec(), b"cd".to_vec()]);
        assert!(spool.file.is_none());
        assert_eq!(read_all(spool.into_pieces(&[]).unwrap()), b"abcd");
    }

    #[test]
    fn wrong_cuts_are_refused() {
        let pieces = |cuts: &[Range<u64>]| filled(10, &[b"abcd".to_vec()]).into_pieces(cuts).map(|_| ());
        assert_eq!(pieces(&[2..3, 1..2]), Err(CutError::Order));
        assert_eq!(pieces(&[0..2, 1..3]), Err(CutError::Order));
        assert_eq!(pieces(&[Range { start: 3, end: 2 }]), Err(CutError::Order));
        assert_eq!(pieces(&[0..1, 2..5]), Err(CutError::Beyond { end: 5, len: 4 }));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let mut spool = Spool::new(2, "/nonexistent/spool");
        spool.push(b"ab").unwrap();
        assert!(spool.push(b"c").is_err());
    }
}
