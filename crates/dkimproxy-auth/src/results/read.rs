//! Reads the field as section 2.2 has it.

use thiserror::Error;

/// A whole field body, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedField {
    /// The authserv-id, unquoted.
    pub authserv_id: String,
    /// The version of the format, if one is written.
    pub version: Option<String>,
    /// The results; none where the field says `none`.
    pub results: Vec<ParsedResult>,
}

/// One result of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedResult {
    /// The check.
    pub method: String,
    /// The version of the method, if one is written.
    pub version: Option<String>,
    /// Its result.
    pub result: String,
    /// The value of `reason=`.
    pub reason: Option<String>,
    /// ptype, property and value, in the order written. A value is without its quotes. A property that some write
    /// without a ptype has an empty one.
    pub properties: Vec<(String, String, String)>,
    /// The comments in it, without parentheses.
    pub comments: Vec<String>,
}

/// Why a field body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReadError {
    /// A comment or a quoted-string has no end.
    #[error("a comment or a quoted string has no end")]
    Unterminated,
    /// There is no authserv-id.
    #[error("no authserv-id")]
    NoId,
    /// Something else stands where this is needed.
    #[error("expected {0}")]
    Expected(&'static str),
}

/// Reads a field body (all after the colon, folded or not).
pub fn parse(body: &[u8]) -> Result<ParsedField, ReadError> {
    let mut cursor = Cursor::new(body);
    cursor.skip_cfws()?;
    let is_quoted = cursor.rest.first() == Some(&b'"');
    let authserv_id = cursor.value()?.ok_or(ReadError::NoId)?;
    // A token is ASCII (RFC 2045 section 5.1); RFC 6532 does not widen it.
    if !is_quoted && !authserv_id.is_ascii() {
        return Err(ReadError::NoId);
    }
    cursor.skip_cfws()?;
    let version = cursor.take_while(|b| b.is_ascii_digit());
    let mut field = ParsedField { authserv_id, version, results: Vec::new() };
    cursor.skip_cfws()?;
    if cursor.rest.first() != Some(&b';') {
        return Err(ReadError::Expected("a semicolon after the authserv-id"));
    }
    while cursor.eat(b';') {
        cursor.skip_cfws()?;
        if cursor.rest.is_empty() && !field.results.is_empty() {
            return Ok(field); // a last semicolon, as many write it
        }
        match cursor.result()? {
            Some(result) => field.results.push(result),
            None if field.results.is_empty() => break,
            None => return Err(ReadError::Expected("a result")),
        }
    }
    cursor.skip_cfws()?;
    if cursor.rest.is_empty() { Ok(field) } else { Err(ReadError::Expected("the end of the field")) }
}

/// Reads from the front of what is left.
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
    /// The comments passed so far.
    comments: Vec<String>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, comments: Vec::new() }
    }

    /// One resinfo. None: it is the word `none`.
    fn result(&mut self) -> Result<Option<ParsedResult>, ReadError> {
        self.comments.clear();
        let method = self.keyword("a method")?;
        self.skip_cfws()?;
        let version = if self.eat(b'/') { Some(self.spaced(|c| c.digits())?) } else { None };
        self.skip_cfws()?;
        if !self.eat(b'=') {
            let none = method.eq_ignore_ascii_case("none");
            return if none { Ok(None) } else { Err(ReadError::Expected("\"=\" after the method")) };
        }
        // A Keyword; some write a URI or a number with a point.
        let wanted = |b| is_token_octet(b) || matches!(b, b'/' | b':');
        let result = self.spaced(|c| c.take_while(wanted).ok_or(ReadError::Expected("a result")))?;
        let mut result = ParsedResult { method, version, result, ..ParsedResult::default() };
        self.properties(&mut result)?;
        result.comments = std::mem::take(&mut self.comments);
        Ok(Some(result))
    }

    /// `reason=value` and `ptype.property=pvalue` up to the next semicolon.
    fn properties(&mut self, result: &mut ParsedResult) -> Result<(), ReadError> {
        loop {
            self.skip_cfws()?;
            if self.at_end() {
                return Ok(());
            }
            let word = self.keyword("a property")?;
            self.skip_cfws()?;
            if self.eat(b'.') {
                let name = self.spaced(|c| c.keyword("a property name"))?;
                self.expect(b'=', "\"=\" after the property")?;
                let value = self.spaced(Self::pvalue)?;
                result.properties.push((word, name, value));
            } else if word.eq_ignore_ascii_case("reason") && self.eat(b'=') {
                result.reason = Some(self.spaced(|c| c.value()?.ok_or(ReadError::Expected("a reason")))?);
            } else if self.eat(b'=') {
                let value = self.spaced(|c| if c.at_end() { Ok(String::new()) } else { c.pvalue() })?;
                result.properties.push((String::new(), word, value));
            } else {
                return Err(ReadError::Expected("a property"));
            }
        }
    }

    /// Nothing more of this result is left.
    fn at_end(&self) -> bool {
        matches!(self.rest.first(), None | Some(b';'))
    }

    /// Reads something with CFWS around it.
    fn spaced<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ReadError>) -> Result<T, ReadError> {
        self.skip_cfws()?;
        let read = read(self)?;
        self.skip_cfws()?;
        Ok(read)
    }

    /// A Keyword of RFC 5321, underscores tolerated.
    fn keyword(&mut self, what: &'static str) -> Result<String, ReadError> {
        self.take_while(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_').ok_or(ReadError::Expected(what))
    }

    fn digits(&mut self) -> Result<String, ReadError> {
        self.take_while(|b| b.is_ascii_digit()).ok_or(ReadError::Expected("a version"))
    }

    /// A value, or `[local-part]@domain`. In practice `/` and `=` stand in bare values too (base64 text in header.b).
    fn pvalue(&mut self) -> Result<String, ReadError> {
        let quoted = self.quoted_string()?;
        let bare = self.take_while(|b| is_token_octet(b) || matches!(b, b'@' | b'/' | b'=' | b':'));
        match (quoted, bare) {
            (None, None) => Err(ReadError::Expected("a value")),
            (quoted, bare) => Ok(quoted.unwrap_or_default() + &bare.unwrap_or_default()),
        }
    }

    /// A token or a quoted-string; None if neither begins here.
    pub(super) fn value(&mut self) -> Result<Option<String>, ReadError> {
        Ok(self.quoted_string()?.or_else(|| self.take_while(is_token_octet)))
    }

    /// The content of a quoted-string; None if none begins here.
    pub(super) fn quoted_string(&mut self) -> Result<Option<String>, ReadError> {
        if !self.eat(b'"') {
            return Ok(None);
        }
        let mut content = Vec::new();
        loop {
            match self.next().ok_or(ReadError::Unterminated)? {
                b'"' => return Ok(Some(String::from_utf8_lossy(&content).into_owned())),
                b'\\' => content.push(self.next().ok_or(ReadError::Unterminated)?),
                // A fold is not content; the white space after it is.
                b'\r' | b'\n' => {}
                other => content.push(other),
            }
        }
    }

    /// White space and comments, nested ones too. Any CR and LF counts as white space, as sloppy readers have it.
    pub(super) fn skip_cfws(&mut self) -> Result<(), ReadError> {
        loop {
            match self.rest.first() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => drop(self.next()),
                Some(b'(') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), ReadError> {
        let mut depth = 0_usize;
        let mut content = Vec::new();
        loop {
            let octet = self.next().ok_or(ReadError::Unterminated)?;
            match octet {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            match octet {
                b'\\' => content.push(self.next().ok_or(ReadError::Unterminated)?),
                b'(' if depth == 1 => {}
                _ if depth > 0 => content.push(octet),
                _ => {}
            }
            if depth == 0 {
                self.comments.push(String::from_utf8_lossy(&content).into_owned());
                return Ok(());
            }
        }
    }

    fn expect(&mut self, octet: u8, what: &'static str) -> Result<(), ReadError> {
        if self.eat(octet) { Ok(()) } else { Err(ReadError::Expected(what)) }
    }

    pub(super) fn eat(&mut self, octet: u8) -> bool {
        let eaten = self.rest.first() == Some(&octet);
        if eaten {
            self.next();
        }
        eaten
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The longest run of such octets; None if it is empty.
    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> Option<String> {
        let length = self.rest.iter().take_while(|b| wanted(**b)).count();
        let (run, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        if run.is_empty() { None } else { Some(String::from_utf8_lossy(run).into_owned()) }
    }
}

/// An octet of a token (RFC 2045 section 5.1), or of UTF-8 text (RFC 6532).
fn is_token_octet(b: u8) -> bool {
    b >= 0x80 || (b.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&b))
}
