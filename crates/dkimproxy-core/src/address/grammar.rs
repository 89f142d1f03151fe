//! The grammar of section 3.4 and 4.4, over words.

use super::{Mailbox, token::Token};

/// `address-list`, empty elements allowed (section 4.4). None: the text is none.
pub(super) fn address_list(tokens: &[Token<'_>]) -> Option<Vec<Mailbox>> {
    let mut mailboxes = Vec::new();
    let mut rest = tokens;
    let mut in_group = false;
    while !rest.is_empty() {
        let end = rest.iter().position(ends_element).unwrap_or(rest.len());
        let (element, after) = rest.split_at_checked(end)?;
        let (mailbox, after) = match after.first() {
            Some(Token::Special(b':')) => {
                // A group begins: `display-name ":"`. There is none within another.
                let named = !element.is_empty() && element.iter().all(is_phrase_word) && !in_group;
                in_group = named.then_some(true)?;
                rest = after.get(1..)?;
                continue;
            }
            Some(Token::Special(b'<')) => angle_addr(element, after.get(1..)?)?,
            _ if element.is_empty() => (None, after),
            _ => (Some(addr_spec(element)?), after),
        };
        mailboxes.extend(mailbox);
        (rest, in_group) = after_element(after, in_group)?;
    }
    (!in_group).then_some(mailboxes)
}

fn ends_element(token: &Token<'_>) -> bool {
    matches!(token, Token::Special(b',' | b';' | b':' | b'<' | b'>'))
}

/// The comma or semicolon after a mailbox. None: something else stands there.
fn after_element<'t, 'a>(tokens: &'t [Token<'a>], in_group: bool) -> Option<(&'t [Token<'a>], bool)> {
    match tokens.split_first() {
        None => Some((tokens, in_group)),
        Some((Token::Special(b','), rest)) => Some((rest, in_group)),
        // After a group stands a comma, or nothing more.
        Some((Token::Special(b';'), rest)) if in_group => match rest.split_first() {
            None => Some((rest, false)),
            Some((Token::Special(b','), rest)) => Some((rest, false)),
            Some(_) => None,
        },
        Some(_) => None,
    }
}

/// `[display-name] "<" [obs-route] addr-spec ">"`, with what follows it; `tokens` begin after the "<".
fn angle_addr<'t, 'a>(name: &[Token<'a>], tokens: &'t [Token<'a>]) -> Option<(Option<Mailbox>, &'t [Token<'a>])> {
    // An "@" has no place in a phrase, but stands in many; the address is in the brackets all the same.
    let is_name = |token: &Token<'_>| is_phrase_word(token) || *token == Token::Special(b'@');
    let end = tokens.iter().position(|token| *token == Token::Special(b'>'))?;
    let (inside, after) = tokens.split_at_checked(end)?;
    let mailbox = addr_spec(without_route(inside)?)?;
    name.iter().all(is_name).then_some((Some(mailbox), after.get(1..)?))
}

/// `obs-route = *("," / "@" domain) ":"` (section 4.4).
fn without_route<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    if !matches!(tokens.first(), Some(Token::Special(b'@' | b','))) {
        return Some(tokens);
    }
    let colon = tokens.iter().position(|token| *token == Token::Special(b':'))?;
    tokens.get(colon + 1..)
}

/// `word *("." word) "@" (atom *("." atom) / domain-literal)`.
fn addr_spec(tokens: &[Token<'_>]) -> Option<Mailbox> {
    let at = tokens.iter().position(|token| *token == Token::Special(b'@'))?;
    let (local, domain) = tokens.split_at_checked(at)?;
    let local_part = dotted(local, |token| matches!(token, Token::Atom(_) | Token::Quoted(_)))?;
    let domain = match domain.get(1..)? {
        [Token::Literal(text)] => std::str::from_utf8(text).ok()?.to_owned(),
        domain => dotted(domain, |token| matches!(token, Token::Atom(_)))?,
    };
    Some(Mailbox { local_part, domain })
}

/// The words, which dots separate, as one text.
fn dotted(tokens: &[Token<'_>], is_word: fn(&Token<'_>) -> bool) -> Option<String> {
    let mut text = String::new();
    let mut parts = tokens.split(|token| *token == Token::Special(b'.'));
    parts.try_for_each(|part| match part {
        [token @ (Token::Atom(word) | Token::Quoted(word))] if is_word(token) => {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(std::str::from_utf8(word).ok()?);
            Some(())
        }
        _ => None,
    })?;
    Some(text)
}

/// A word of a display name; the dot is obsolete syntax (section 4.1).
fn is_phrase_word(token: &Token<'_>) -> bool {
    matches!(token, Token::Atom(_) | Token::Quoted(_) | Token::Special(b'.'))
}
