//! Messages of every kind, and a plain way to look into one.

/// A kind of message: its name and its octets. From: is `jean@example.net` in each.
pub struct Kind {
    /// One word.
    pub name: &'static str,
    /// The message, CRLF line ends.
    pub message: Vec<u8>,
    /// True if it has octets above 127.
    pub eight_bit: bool,
}

/// One message of each kind.
pub fn kinds() -> Vec<Kind> {
    let kind = |name, extra: &str, body: &str| {
        let message = text(name, extra, body).into_bytes();
        Kind { name, eight_bit: !message.is_ascii(), message }
    };
    let mut kinds = vec![
        kind("plain", "", "Hello,\n\nthis is a message.\n"),
        kind("multipart", MULTIPART, MULTIPART_BODY),
        kind(
            "8-bit",
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n",
            "Grüße, ça va?\n",
        ),
        kind("dot-lines", "", ".\n..\n...\n.a line\n. \n\n.\n"),
        kind("empty-body", "", ""),
        kind("blank-lines-at-end", "", "text \t \n\n\n\n \n\n"),
        kind("long-lines", "", &format!("{}\n{}\nend\n", "x".repeat(10_000), "long words ".repeat(1_000))),
        kind("folded-fields", "X-Folded: one\n\ttwo\n   three \nx-Case:  A  b\t c \n", "x\n"),
        kind("trailing-blanks", "", "a  b\t\tc  \n  leading\n \n"),
    ];
    let header_only = text("no-body-at-all", "", "");
    let header_only = header_only.strip_suffix("\r\n").expect("the blank line").as_bytes().to_vec();
    kinds.push(Kind { name: "no-body-at-all", message: header_only, eight_bit: false });
    kinds
}

/// A message from `jean@example.net` with this subject, further fields (LF line ends) and body (LF line ends).
pub fn text(subject: &str, fields: &str, body: &str) -> String {
    let text = format!(
        "From: Jean Kevin <jean@example.net>\nTo: Jean Pierre <pierre@example.org>\nSubject: {subject}\n\
         Date: Tue, 26 Jan 2010 12:57:07 +0100\nMessage-ID: <{subject}@example.net>\n{fields}\n{body}"
    );
    text.replace('\n', "\r\n")
}

/// A message of about `size` octets.
pub fn large(subject: &str, size: usize) -> Vec<u8> {
    let mut message = text(subject, "", "").into_bytes();
    let line = b"The quick brown fox jumps over the lazy dog, and does so for many megabytes.\r\n";
    while message.len() < size {
        message.extend_from_slice(line);
    }
    message
}

/// All field bodies of this name in the header of `message`, unfolded (line ends removed), blanks around removed, top first.
pub fn fields(message: &[u8], name: &str) -> Vec<String> {
    header(message)
        .iter()
        .filter_map(|field| {
            let (found, body) = field.split_once(':')?;
            found.trim().eq_ignore_ascii_case(name).then(|| body.trim().to_owned())
        })
        .collect()
}

/// The header's fields, unfolded, top first.
pub fn header(message: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&message[..blank_line(message).unwrap_or(message.len())]);
    let mut fields: Vec<String> = Vec::new();
    for line in text.split("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => field.push_str(line),
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

/// What stands behind the blank line. Empty without one.
pub fn body(message: &[u8]) -> &[u8] {
    blank_line(message).map_or(b"", |at| &message[at + 4..])
}

/// Where the last field's line end and the blank line begin.
fn blank_line(message: &[u8]) -> Option<usize> {
    message.windows(4).position(|octets| octets == b"\r\n\r\n")
}

const MULTIPART: &str = "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n\tboundary=\"=_cut\"\n";
const MULTIPART_BODY: &str = "preamble\n--=_cut\nContent-Type: text/plain\n\ntext\n\n--=_cut\n\
    Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nAAECAwQFBgcICQ==\n--=_cut--\nepilogue\n";
