//! Which fields an h= tag means (section 5.4.2).

use super::{Field, Header};

/// Picks header fields in the order of h=, for signer and verifier alike.
///
/// "The Signer MUST sign such header fields in order from the bottom of the header field block to the top": the first
/// pick of a name is its last field, the next pick the one above it, and so on.
#[derive(Debug)]
pub struct FieldPicker<'a> {
    header: &'a Header,
    excluded: Option<usize>,
    /// How many fields of a name are used up, at the position of that name's topmost field.
    used: Vec<usize>,
}

impl<'a> FieldPicker<'a> {
    /// Picks among all fields but the one at position `excluded` ([`Field::index`]): the signature that is being
    /// verified, which "is always implied to be included" and never picked by its own h= (section 3.7).
    pub fn new(header: &'a Header, excluded: Option<usize>) -> Self {
        Self { header, excluded, used: vec![0; header.fields().len()] }
    }

    /// The field that the next occurrence of `name` in h= means. None if there is no such field (any more), which
    /// contributes nothing to the hash and so seals the name against additions.
    pub fn pick(&mut self, name: &[u8]) -> Option<Field<'a>> {
        let named = self.header.all_named(name);
        let used = self.used.get_mut(named.first()?.index)?;
        let mut left = named.iter().rev().skip(*used).map(|named| named.index);
        let mut index = left.next()?;
        *used += 1;
        if Some(index) == self.excluded {
            index = left.next()?;
            *used += 1;
        }
        self.header.field(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "A: 0\r\nB: 1\r\na : 2\r\nDKIM-Signature: 3\r\ngarbage\r\nDKIM-Signature: 5\r\nA: 6\r\n";

    /// h=, the excluded field, the positions picked.
    const PICKS: &[(&str, &str, Option<usize>, &[usize])] = &[
        ("H1 names are case-insensitive", "A:dkim-SIGNATURE", None, &[6, 5]),
        ("H2 order of h=", "b:a", None, &[1, 6]),
        ("H3 bottom up", "a:a:a", None, &[6, 2, 0]),
        ("H3 one counter per name, whatever its case", "a:b:A:a", None, &[6, 1, 2, 0]),
        ("H4 no instance", "x:a:x", None, &[6]),
        ("H4 no more instances", "b:b:b:a", None, &[1, 6]),
        ("H5 not itself", "dkim-signature", Some(5), &[3]),
        ("H5 not itself, from above", "dkim-signature:dkim-signature", Some(3), &[5]),
        ("H5 not itself, last of three picks", "a:a:a", Some(0), &[6, 2]),
        ("an empty name means no field", ":", None, &[]),
    ];

    #[test]
    fn h1_to_h5_which_fields_are_picked() {
        let header = Header::parse(SECTION.as_bytes().to_vec());
        for (what, names, excluded, expected) in PICKS {
            let mut picker = FieldPicker::new(&header, *excluded);
            let picked: Vec<usize> =
                names.split(':').filter_map(|name| picker.pick(name.as_bytes())).map(|field| field.index()).collect();
            assert_eq!(&picked, expected, "{what}");
        }
    }

    /// 1,000 names over 100,000 fields: quadratic work would take minutes, not milliseconds.
    #[test]
    fn x_many_names_over_many_fields() {
        let header = Header::parse(b"a:\r\n".repeat(100_000));
        let mut picker = FieldPicker::new(&header, None);
        for count in 1..=100_000 {
            assert_eq!(picker.pick(b"A").map(|field| field.index()), Some(100_000 - count));
        }
        assert!(picker.pick(b"a").is_none());
        assert!((0..1000).all(|number| picker.pick(format!("x{number}").as_bytes()).is_none()));
    }
}
