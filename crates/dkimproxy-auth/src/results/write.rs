//! The one door to the field: everything that is not a constant of this program is quoted here.

use super::{Property, ResultEntry};

/// "Each line of characters ... SHOULD be no more than 78 characters, excluding the CRLF" (RFC 5322 section 2.1.1).
const LINE: usize = 78;

/// Longest value of a property, as written. It never needs more (a domain name has 253 octets, a local part 64) and a
/// quoted string cannot be folded, while a line must not exceed 998 octets: a longer one is left out.
const MAX_VALUE: usize = 400;

/// Longest reason or comment, in characters, before quoting: the rest is cut off.
const MAX_TEXT: usize = 200;

/// A piece that is never broken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    text: String,
    /// It begins a result: a semicolon stands before it, and a line begins with it.
    new_result: bool,
}

impl Word {
    pub(super) fn first(text: String) -> Self {
        Self { text, new_result: false }
    }

    pub(super) fn of_new_result(text: String) -> Self {
        Self { text, new_result: true }
    }
}

/// The words of one result, in the order of section 2.2: method and result, comment, reason, properties.
pub(super) fn entry(entry: &ResultEntry, utf8: bool) -> Vec<Word> {
    let mut words = vec![Word::of_new_result(format!("{}={}", entry.method, entry.result))];
    let mut push = |text| words.push(Word { text, new_result: false });
    if let Some(text) = &entry.comment {
        push(comment(text, utf8));
    }
    if let Some(text) = &entry.reason {
        push(format!("reason={}", quoted(&clean(text, utf8, MAX_TEXT))));
    }
    for Property { ptype, name, value } in &entry.properties {
        let value = pvalue(value, utf8);
        if value.len() <= MAX_VALUE {
            push(format!("{ptype}.{name}={value}"));
        }
    }
    words
}

/// `Name: word (comment)`.
pub(super) fn word_field(name: &str, word: &str, text: Option<&str>) -> Vec<u8> {
    let words = [Some(word.to_owned()), text.map(|text| comment(text, false))];
    folded(&format!("{name}:"), &words.into_iter().flatten().map(Word::first).collect::<Vec<_>>())
}

/// `key=value` of Received-SPF (RFC 7208 section 9.1): a dot-atom, or a quoted-string. None: the value is empty, or
/// longer than any that means something.
pub(super) fn pair(key: &str, text: &str) -> Option<String> {
    let text = clean(text, false, usize::MAX);
    let is_atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let value = if is_dotted(&text) && text.bytes().all(is_atext) { text } else { quoted(&text) };
    (value != "\"\"" && value.len() <= MAX_VALUE).then(|| format!("{key}={value}"))
}

/// The field with this name and colon, folded, with its final CRLF.
pub(super) fn folded(name: &str, words: &[Word]) -> Vec<u8> {
    let one_line = format!("{name} {}", unfolded(words));
    if one_line.len() <= LINE {
        return format!("{one_line}\r\n").into_bytes();
    }
    let mut out = String::from(name);
    let mut column = out.len();
    for (word, next) in words.iter().zip(words.iter().skip(1).map(Some).chain([None])) {
        let semicolon = usize::from(next.is_some_and(|next| next.new_result));
        let fold = word.new_result || (column > 1 && column + 1 + word.text.len() + semicolon > LINE);
        // Never before the first word: an old reader might take the field for empty.
        if fold && column != name.len() {
            out.push_str("\r\n\t");
            column = 1;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(&word.text);
        out.push_str(if semicolon == 1 { ";" } else { "" });
        column += word.text.len() + semicolon;
    }
    out.push_str("\r\n");
    out.into_bytes()
}

/// The field body on one line.
pub(super) fn unfolded(words: &[Word]) -> String {
    let mut out = String::new();
    for word in words {
        match (out.is_empty(), word.new_result) {
            (true, _) => {}
            (false, true) => out.push_str("; "),
            (false, false) => out.push(' '),
        }
        out.push_str(&word.text);
    }
    out
}

/// `value` of RFC 2045: a token if it can be one, else a quoted-string.
pub(super) fn value(text: &str, utf8: bool) -> String {
    let text = clean(text, utf8, usize::MAX);
    if is_token(&text) { text } else { quoted(&text) }
}

/// `pvalue` of section 2.2: a value, or `[local-part]@domain`.
///
/// A local part is quoted although RFC 5321 would not need it where it is no token, too: a bare `x=y` or `a/b` in a
/// value confuses readers that split at "=".
fn pvalue(text: &str, utf8: bool) -> String {
    match text.rsplit_once('@') {
        Some((local, domain)) if is_domain(domain, utf8) => {
            let local = clean(local, utf8, usize::MAX);
            let plain = local.is_empty() || (is_token(&local) && is_dotted(&local));
            if plain { format!("{local}@{domain}") } else { format!("{}@{domain}", quoted(&local)) }
        }
        _ => value(text, utf8),
    }
}

/// A comment of RFC 5322: parentheses and backslashes in it are escaped, so that it ends where it should.
fn comment(text: &str, utf8: bool) -> String {
    format!("({})", escaped(&clean(text, utf8, MAX_TEXT), &['(', ')', '\\']))
}

/// A quoted-string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text, &['"', '\\']))
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// At most `max` characters; each that has no place in a header becomes `?`: control characters, line separators,
/// what turns the direction of writing around, and all beyond ASCII unless the message may carry UTF-8.
pub(super) fn clean(text: &str, utf8: bool, max: usize) -> String {
    text.chars()
        .take(max)
        .map(|c| if c.is_ascii_graphic() || c == ' ' || (utf8 && is_text(c)) { c } else { '?' })
        .collect()
}

/// Beyond ASCII: neither control character nor separator of lines nor formatting of direction.
fn is_text(c: char) -> bool {
    !c.is_ascii()
        && !c.is_control()
        && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// `token` of RFC 2045 section 5.1.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&b))
}

/// Dots stand between something (the dot-string of RFC 5321).
fn is_dotted(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty())
}

/// Labels of letters, digits, hyphens and underscores, in A-labels unless UTF-8 may stand in the header.
fn is_domain(text: &str, utf8: bool) -> bool {
    let is_label_char = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (utf8 && c.is_alphanumeric());
    !text.is_empty() && is_dotted(text) && text.chars().all(|c| c == '.' || is_label_char(c))
}
