//! "Did you mean ...?"

/// The candidate most like `word`, if one is so much like it that the other was probably meant: at most one change in
/// three letters.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64; // the distance takes the product of both lengths
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let (distance, candidate) = candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .min_by_key(|&(distance, _)| distance)?;
    (distance <= word.len().div_ceil(3)).then_some(candidate)
}

/// Levenshtein's: how many letters must be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        let (first, rest) = match row.split_first_mut() {
            Some(split) => split,
            None => return a.len(),
        };
        *first = before;
        for (cell, right) in rest.iter_mut().zip(b.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("listen", "listen", 0),
            ("lsiten", "listen", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_likely_name_is_found_and_no_other() {
        let names = ["listen", "relay", "reject_error", "selector"];
        for (word, expected) in [
            ("lisen", Some("listen")),
            ("Relay", Some("relay")),
            ("reject-eror", Some("reject_error")),
            ("selektor", Some("selector")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), names), None);
    }
}
