//! One hash for each signature: over its header fields, then the body.

use super::canonicalize::{Body, DomainKeysCanonicalization};
use crate::{crypto::Sha1, header::Header};
use std::collections::HashMap;

/// Which header fields a signature covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coverage<'a> {
    /// Position of the signature field, of which only what stands below is covered. None: it is still to be written on
    /// top.
    pub(super) signature: Option<usize>,
    /// h=. None: all fields.
    pub(super) names: Option<&'a [Vec<u8>]>,
}

/// Hashes the header, and then a body that arrives in chunks, for all signatures at once; each canonicalization runs
/// once.
#[derive(Debug)]
pub struct DomainKeysHasher {
    streams: Vec<Stream>,
    count: usize,
}

/// One canonicalization, and the hashes that it feeds with their numbers.
#[derive(Debug)]
struct Stream {
    body: Body,
    hashes: Vec<(usize, Sha1)>,
}

impl DomainKeysHasher {
    pub(super) fn new<'a>(
        header: &Header,
        signatures: impl Iterator<Item = (DomainKeysCanonicalization, Coverage<'a>)>,
    ) -> Self {
        let mut count = 0;
        let mut simple = Vec::new();
        let mut nofws = Vec::new();
        for (canonicalization, coverage) in signatures {
            let hashes = match canonicalization {
                DomainKeysCanonicalization::Simple => &mut simple,
                DomainKeysCanonicalization::NoFws => &mut nofws,
            };
            let orders = coverage.orders(header);
            hashes.extend(orders.iter().map(|order| (count, header_hash(header, canonicalization, order))));
            count += 1;
        }
        let streams = [(DomainKeysCanonicalization::Simple, simple), (DomainKeysCanonicalization::NoFws, nofws)];
        let streams = streams.into_iter().filter(|(_, hashes)| !hashes.is_empty());
        let streams = streams.map(|(canonicalization, hashes)| Stream { body: Body::new(canonicalization), hashes });
        Self { streams: streams.collect(), count }
    }

    /// Takes the next piece of the body, in network form (CRLF line ends, no dot-stuffing).
    pub fn update(&mut self, chunk: &[u8]) {
        for Stream { body, hashes } in &mut self.streams {
            body.update(chunk, &mut |octets| update_all(hashes, octets));
        }
    }

    /// The body has ended.
    pub fn finish(self) -> DomainKeysHashes {
        let mut finished = vec![Vec::new(); self.count];
        for Stream { body, mut hashes } in self.streams {
            body.finish(&mut |octets| update_all(&mut hashes, octets));
            for (number, hash) in hashes {
                if let Some(hashes) = finished.get_mut(number) {
                    hashes.push(hash.finish());
                }
            }
        }
        DomainKeysHashes { hashes: finished }
    }
}

/// The answers of a [`DomainKeysHasher`].
#[derive(Debug)]
pub struct DomainKeysHashes {
    hashes: Vec<Vec<[u8; 20]>>,
}

impl DomainKeysHashes {
    /// The hashes of a signature, by its place among those that the hasher was made for: one for each order of its
    /// header fields, the order of the message first. None if the hasher was made for others.
    pub(super) fn get(&self, number: usize) -> Option<&[[u8; 20]]> {
        self.hashes.get(number).map(Vec::as_slice)
    }
}

impl Coverage<'_> {
    /// The positions of the fields to hash, in the orders that a verifier should try.
    ///
    /// "Each line of the email is presented to the signing algorithm in the order it occurs in the complete email"
    /// (section 3.4.2.1), but h= lists them "in the order presented to the signing algorithm" (section 3.3). The two
    /// differ where fields were reordered on the way, and where h= lists a name once that occurs several times. Both
    /// cover the same fields.
    fn orders(&self, header: &Header) -> Vec<Vec<usize>> {
        let below = header.fields().skip(self.signature.map_or(0, |position| position + 1));
        let Some(names) = self.names else { return vec![below.map(|field| field.index()).collect()] };
        let mut listed: HashMap<Vec<u8>, Listed> = HashMap::new();
        for name in names {
            listed.entry(name.to_ascii_lowercase()).or_default().times += 1;
        }
        let mut in_message = Vec::new();
        for field in below {
            if let Some(listed) = listed.get_mut(&field.name().to_ascii_lowercase()) {
                listed.positions.push(field.index());
                in_message.push(field.index());
            }
        }
        let take = |name: &Vec<u8>| listed.get_mut(&name.to_ascii_lowercase()).map(Listed::take);
        let as_listed: Vec<usize> = names.iter().filter_map(take).flatten().collect();
        if as_listed == in_message { vec![in_message] } else { vec![in_message, as_listed] }
    }
}

/// A name in h=.
#[derive(Default)]
struct Listed {
    /// How often it is listed from here on.
    times: usize,
    /// Where its fields stand, top to bottom; "a verifier must include all occurrences of that header" (section 3.3).
    positions: Vec<usize>,
}

impl Listed {
    /// The fields that the next mention stands for: one, so that the last mention has the last field, but the first
    /// mention stands for all that are more.
    fn take(&mut self) -> Vec<usize> {
        self.times = self.times.saturating_sub(1);
        let count = self.positions.len().saturating_sub(self.times);
        self.positions.drain(..count).collect()
    }
}

fn header_hash(header: &Header, canonicalization: DomainKeysCanonicalization, order: &[usize]) -> Sha1 {
    let mut hash = Sha1::default();
    for field in order.iter().filter_map(|position| header.field(*position)) {
        canonicalization.header_field(field, &mut |octets| hash.update(octets));
    }
    hash
}

fn update_all(hashes: &mut [(usize, Sha1)], octets: &[u8]) {
    for (_, hash) in hashes {
        hash.update(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "A: 0\r\nS: 1\r\nA: 2\r\nB: 3\r\na: 4\r\nC: 5\r\nA: 6\r\n";

    /// What, h= of the signature at position 1, the order of the message, the order of h= where it is another.
    type Order = (&'static str, Option<&'static str>, &'static [usize], Option<&'static [usize]>);

    const ORDERS: &[Order] = &[
        ("DK5 all below", None, &[2, 3, 4, 5, 6], None),
        ("DK5 only those named", Some("B:C"), &[3, 5], None),
        ("DK5 all occurrences", Some("a"), &[2, 4, 6], None),
        ("DK5 not the order of h=", Some("c:b"), &[3, 5], Some(&[5, 3])),
        ("each occurrence listed", Some("a:b:a:c:a"), &[2, 3, 4, 5, 6], None),
        ("the first mention stands for all that are more", Some("a:b:a"), &[2, 3, 4, 6], Some(&[2, 4, 3, 6])),
        ("listed too often", Some("c:c:b"), &[3, 5], Some(&[5, 3])),
        ("nothing of that name", Some("x:b:y"), &[3], None),
    ];

    #[test]
    fn dk5_which_fields_in_which_order() {
        let header = Header::parse(SECTION.into());
        for (what, names, in_message, as_listed) in ORDERS {
            let names = names.map(|names| names.split(':').map(|name| name.into()).collect::<Vec<Vec<u8>>>());
            let coverage = Coverage { signature: Some(1), names: names.as_deref() };
            let expected: Vec<&[usize]> = [Some(*in_message), *as_listed].into_iter().flatten().collect();
            assert_eq!(coverage.orders(&header), expected, "{what}");
        }
    }

    /// 1,000 names over 100,000 fields: quadratic work would take minutes, not milliseconds.
    #[test]
    fn x_many_names_over_many_fields() {
        let header = Header::parse(b"a:\r\n".repeat(100_000));
        let names = vec![b"a".to_vec(); 1000];
        let orders = Coverage { signature: None, names: Some(&names) }.orders(&header);
        assert_eq!(orders.iter().map(Vec::len).collect::<Vec<_>>(), [100_000]);
    }
}
