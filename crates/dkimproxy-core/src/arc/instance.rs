//! The instance tag (section 4.2.1): `instance = [CFWS] %s"i" [CFWS] "=" [CFWS] position` (section 3.9).

use super::MAX_INSTANCES;

/// The instance of an ARC-Authentication-Results field, which stands first there, and what follows its ";".
pub(super) fn of_results(body: &[u8]) -> Option<(u32, &[u8])> {
    let rest = skip_cfws(body)?.strip_prefix(b"i")?;
    let rest = skip_cfws(rest)?.strip_prefix(b"=")?;
    let (position, rest) = position(skip_cfws(rest)?)?;
    let payload = skip_cfws(rest)?.strip_prefix(b";")?;
    Some((position, payload))
}

/// The instance that is the value of i= in a tag list.
pub(super) fn of_tag(value: &[u8]) -> Option<u32> {
    let (position, rest) = position(skip_cfws(value)?)?;
    skip_cfws(rest)?.is_empty().then_some(position)
}

/// The value without comments and white space around it.
pub(super) fn without_cfws(value: &[u8]) -> Option<&[u8]> {
    let start = skip_cfws(value)?;
    let len = start.iter().take_while(|octet| octet.is_ascii_alphanumeric()).count();
    let (word, rest) = start.split_at_checked(len)?;
    skip_cfws(rest)?.is_empty().then_some(word)
}

/// `position = 1*2DIGIT ; 1 - 50`
fn position(text: &[u8]) -> Option<(u32, &[u8])> {
    let len = text.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(len).filter(|_| (1..=2).contains(&len))?;
    let number = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    (1..=MAX_INSTANCES).contains(&number).then_some((number as u32, rest))
}

/// Comments (RFC 5322 section 3.2.2, they nest) and folding white space. None: a comment that does not end.
fn skip_cfws(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        rest = match rest {
            [b'(', tail @ ..] => {
                depth += 1;
                tail
            }
            [b')', tail @ ..] if depth > 0 => {
                depth -= 1;
                tail
            }
            [b'\\', _, tail @ ..] if depth > 0 => tail,
            [b' ' | b'\t' | b'\r' | b'\n', tail @ ..] => tail,
            [_, tail @ ..] if depth > 0 => tail,
            _ => return (depth == 0).then_some(rest),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac1_the_instance_stands_first_in_results() {
        const CASES: &[(&str, Option<(u32, &str)>)] = &[
            (" i=1; a.example; none", Some((1, " a.example; none"))),
            ("i=50;a.example", Some((50, "a.example"))),
            (" (x) i (y(z\\)) ) =\r\n\t07 (w) ;", Some((7, ""))),
            (" a.example; i=1; none", None),
            (" i=0; a.example", None),
            (" i=51; a.example", None),
            (" i=001; a.example", None),
            (" i=; a.example", None),
            (" i=1x; a.example", None),
            (" i=1 a.example", None),
            (" I=1; a.example", None),
            (" (i=1; a.example", None),
            (" (", None),
            ("", None),
        ];
        for (body, expected) in CASES {
            let expected = expected.map(|(instance, payload)| (instance, payload.as_bytes()));
            assert_eq!(of_results(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn ac4_instances_from_1_to_50() {
        for (value, expected) in [
            ("1", Some(1)),
            ("50", Some(50)),
            ("01", Some(1)),
            ("2 (two)", Some(2)),
            ("", None),
            ("0", None),
            ("51", None),
            ("100", None),
            ("-1", None),
            ("1 2", None),
            ("4294967297", None),
        ] {
            assert_eq!(of_tag(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn words_may_have_comments_around_them() {
        for (value, expected) in
            [("pass", Some("pass")), ("(a) pass (b)", Some("pass")), ("pass fail", None), ("(", None), ("", Some(""))]
        {
            assert_eq!(without_cfws(value.as_bytes()), expected.map(str::as_bytes), "{value}");
        }
    }
}
