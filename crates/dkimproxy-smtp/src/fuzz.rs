//! Bodies of the fuzz targets: what must hold for any input. They panic where it does not.
//!
//! Where a body tests chunking, the first octet of its input says where to cut the rest.

use bytes::{Bytes, BytesMut};

use crate::{
    command::{Command, Verb},
    data::{DataDecoder, DataEncoder, StrayNewlines},
    extension::{Extensions, Terms},
    line::{LineError, LineReader},
    reply::{Reply, ReplyError, ReplyReader},
    xforward::{Attribute, Attributes, Update},
};

/// A command goes out as it came, holds no control character that could split it, and its path is part of it.
pub fn command(input: &[u8]) {
    let line = Bytes::copy_from_slice(input);
    let Ok(command) = Command::parse(line) else { return };
    assert_eq!(command.to_wire(), [input, b"\r\n"].concat());
    assert!(!input.iter().any(|octet| b"\r\n\0".contains(octet)));
    if let Some(path) = command.path() {
        assert!(matches!(command.verb(), Verb::Mail | Verb::Rcpt));
        assert!(path.is_null() || contains(input, path.as_bytes()));
        assert!(contains(path.as_bytes(), path.domain().unwrap_or_default()));
        assert!(contains(path.as_bytes(), path.local_part()));
    }
}

/// Lines are the same however they are cut, within the limit, and clean.
pub fn line(input: &[u8]) {
    const LIMIT: usize = 16;
    let (front, back) = cut(input);
    let lines = read_lines(&[front, back], LIMIT);
    assert_eq!(lines, read_lines(&[&[front, back].concat()], LIMIT));
    for line in lines.into_iter().flatten() {
        assert!(line.len() + 2 <= LIMIT);
        assert!(!line.iter().any(|octet| b"\r\n\0".contains(octet)));
    }
}

/// Replies are the same however they are cut; good ones are the octets that were read.
pub fn reply(input: &[u8]) {
    let (front, back) = cut(input);
    let whole = [front, back].concat();
    let replies = read_replies(&[front, back]);
    assert_eq!(replies, read_replies(&[&whole]));
    let good: Vec<&Reply> = replies.iter().map_while(|reply| reply.as_ref().ok()).collect();
    let wire: Vec<u8> = good.iter().flat_map(|reply| reply.as_bytes()).copied().collect();
    assert!(whole.starts_with(&wire));
    for reply in good {
        assert!((200..600).contains(&reply.code()));
        assert_eq!(reply.lines().count(), reply.as_bytes().split(|octet| *octet == b'\n').count() - 1);
        let _ = reply.enhanced();
    }
}

/// Mail data is the same message however it is cut, without bare CR or LF, and encodes to mail data with one end.
pub fn data(input: &[u8]) {
    let (front, back) = cut(input);
    let whole = [front, back].concat();
    let decoded = decode(StrayNewlines::Normalize, &[front, back]);
    assert_eq!(decoded, decode(StrayNewlines::Normalize, &[&whole]));
    let (message, taken, ended) = decoded;
    let rejected = decode(StrayNewlines::Reject, &[front, back]);
    assert_eq!(rejected, decode(StrayNewlines::Reject, &[&whole]));
    assert!(message.starts_with(&rejected.0) && (taken, ended) == (rejected.1, rejected.2));
    if ended {
        assert!(message.is_empty() || message.ends_with(b"\r\n"));
    }
    let strict = String::from_utf8_lossy(&message).replace("\r\n", "");
    assert!(!strict.contains(['\r', '\n']), "bare CR or LF");

    let mut wire = Vec::new();
    let mut encoder = DataEncoder::new();
    encoder.encode(&message, |piece| wire.extend_from_slice(piece));
    wire.extend_from_slice(encoder.finish());
    let (again, taken, ended) = decode(StrayNewlines::Reject, &[&wire]);
    assert!(ended && taken == wire.len() && again.starts_with(&message));
}

/// XFORWARD that we read is clean, and reads back the same when we send it.
pub fn xforward(input: &[u8]) {
    let Ok(update) = Update::parse(input) else { return };
    let mut client = Attributes::default();
    client.apply(update.clone());
    let mut again = Attributes::default();
    for command in client.commands(Attribute::ALL.into_iter().collect()) {
        assert!(command.len() <= Update::MAX_COMMAND && command.ends_with(b"\r\n"));
        let line = Command::parse(command.slice(..command.len() - 2)).ok();
        let sent = line.and_then(|line| Update::parse(line.argument()).ok());
        again.apply(sent.unwrap_or_default());
    }
    // A value that xtext makes too long for a command is not sent.
    if input.iter().filter(|octet| b"+=".contains(octet)).count() < 80 {
        assert_eq!(client, again);
    }
    assert!(update.commands(update.named()).len() <= Attribute::ALL.len());
}

/// An offer made of the relay's EHLO reply is a good reply, and is offered unchanged the second time.
pub fn ehlo(input: &[u8]) {
    let Some(Ok(reply)) = read_replies(&[input]).into_iter().next() else { return };
    let terms = Terms { max_message_size: Some(1000), xforward_allowed: true, ..Terms::default() };
    let offer = Extensions::parse(&reply).offer(&terms);
    assert!(offer.eight_bit_mime || !offer.smtputf8);
    let sent = offer.ehlo_reply();
    assert_eq!(read_replies(&[sent.as_bytes()]), [Ok(sent.clone())]);
    let mut again = Extensions::parse(&sent).offer(&terms);
    again.greeting.clone_from(&offer.greeting);
    assert_eq!(again, offer);
    assert!(sent.as_bytes().split(|octet| *octet == b'\n').all(|line| line.len() < Reply::MAX_OWN_LINE));
}

fn cut(input: &[u8]) -> (&[u8], &[u8]) {
    let (first, rest) = input.split_first().unwrap_or((&0, &[]));
    rest.split_at(usize::from(*first).min(rest.len()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

fn read_lines(chunks: &[&[u8]], limit: usize) -> Vec<Result<Bytes, LineError>> {
    let mut reader = LineReader::new(limit);
    read(chunks, |input| reader.next_line(input))
}

fn read_replies(chunks: &[&[u8]]) -> Vec<Result<Reply, ReplyError>> {
    let mut reader = ReplyReader::new();
    read(chunks, |input| reader.next_reply(input))
}

fn read<T>(chunks: &[&[u8]], mut next: impl FnMut(&mut BytesMut) -> Option<T>) -> Vec<T> {
    let mut input = BytesMut::new();
    let mut items = Vec::new();
    for chunk in chunks {
        input.extend_from_slice(chunk);
        items.extend(std::iter::from_fn(|| next(&mut input)));
    }
    items
}

/// Message, octets taken, whether it ended.
fn decode(policy: StrayNewlines, chunks: &[&[u8]]) -> (Vec<u8>, usize, bool) {
    let mut decoder = DataDecoder::new(policy);
    let mut message = Vec::new();
    let mut taken = 0;
    for chunk in chunks {
        taken += decoder.decode(chunk, |piece| message.extend_from_slice(piece));
    }
    (message, taken, decoder.is_ended())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words that get a parser further than octets at random would.
    const WORDS: &[&str] = &[
        "\r\n",
        "\r",
        "\n",
        ".",
        "\0",
        " ",
        "\t",
        "MAIL FROM:",
        "RCPT TO:",
        "DATA",
        "<",
        ">",
        "@",
        "\"",
        "\\",
        "[",
        "]",
        ":",
        "a",
        "b.example",
        "SIZE",
        "=",
        "12",
        "250",
        "250-",
        "451 ",
        "4.7.1 ",
        "-",
        "XFORWARD ",
        "NAME=",
        "ADDR=",
        "IPV6:",
        "::1",
        "192.0.2.1",
        "HELO=",
        "PORT=",
        "SOURCE=",
        "[UNAVAILABLE]",
        "+",
        "+2B",
        "=",
        "8BITMIME",
        "SMTPUTF8",
        "é",
    ];

    proptest! {
        #[test]
        fn smoke(
            first in any::<u8>(),
            words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
            octets in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let text = [words.concat().as_bytes(), &octets].concat();
            let with_cut = [&[first % 64], &text[..]].concat();
            [line, reply, data].iter().for_each(|body| body(&with_cut));
            [command, xforward, ehlo].iter().for_each(|body| body(&text));
        }

        #[test]
        fn smoke_of_plausible_input(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..12)) {
            let text = words.concat();
            for (verb, blank) in [("MAIL FROM:<", ""), ("RCPT TO:", " ")] {
                command(format!("{verb}{blank}{text}").as_bytes());
            }
            let named = words.iter().zip(Attribute::ALL).map(|(word, name)| format!("{}={word}", name.name()));
            xforward(named.collect::<Vec<_>>().join(" ").as_bytes());
            let lines: String = words.iter().map(|word| format!("250-{word} {word}\r\n")).collect();
            ehlo(format!("{lines}250 DSN\r\n").as_bytes());
        }
    }
}
