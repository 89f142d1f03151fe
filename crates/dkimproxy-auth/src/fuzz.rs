//! Bodies of the fuzz targets: what must hold for any input. They panic where it does not.

use crate::results::{AuthenticationResults, AuthservId, ResultEntry, authserv_id_of, claims_to_be, parse};

/// No field passes as foreign whose id is ours to a reader that obeys RFC 8601.
pub fn authserv_id(input: &[u8]) {
    let Ok(ours) = AuthservId::new("mx.example.org") else { return };
    let claims = claims_to_be(std::slice::from_ref(&ours), input);
    assert!(claims || authserv_id_of(input).is_some());
    if let Ok(field) = parse(input) {
        assert!(claims || !field.authserv_id.eq_ignore_ascii_case(ours.as_str()));
    }
}

/// Whatever goes into a result, one result comes out of the field, and the field is well-formed.
pub fn results(input: &[u8]) {
    let Ok(ours) = AuthservId::new("mx.example.org") else { return };
    let text = String::from_utf8_lossy(input);
    let mut entry =
        ResultEntry::new("dkim", "fail").with("header", "i", text.clone()).with("header", "d", text.clone());
    entry.reason = Some(text.clone().into_owned());
    entry.comment = Some(text.into_owned());
    for utf8 in [false, true] {
        let mut results = AuthenticationResults::new(ours.clone(), utf8);
        results.extend([entry.clone()]);
        let field = results.field();
        assert!(field.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
        let body = field.strip_prefix(b"Authentication-Results:").unwrap_or_default();
        let read = parse(body);
        assert!(read.is_ok_and(|read| read.results.len() == 1 && read.results.iter().all(|one| one.result == "fail")));
        assert!(claims_to_be(std::slice::from_ref(&ours), body));
        let fold = |window: &[u8]| window.first() == Some(&b'\n') && !window.starts_with(b"\n\t");
        assert!(!field.windows(2).any(fold));
    }
}
